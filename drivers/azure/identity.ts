/** The SDK's credential chain, apart from sdk.ts: only `auth.type: default` pays for it. */

export { DefaultAzureCredential } from "@azure/identity";
