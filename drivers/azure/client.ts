/** The SDK's client of one container: made at the first call, its own retries off, each call limited and its errors translated. */

import type { ContainerClient, StoragePipelineOptions, StorageSharedKeyCredential } from "@azure/storage-blob";
import type { Settings } from "./options.ts";

/** The SDK, and what its credential can do for copies. */
export interface Client {
  readonly container: ContainerClient;
  /** For a service that is to read `blob` (its name in the container) from here. @throws what the SDK throws */
  sourceOf(blob: string): Promise<CopySourceUrl>;
}

export interface CopySourceUrl {
  /** Holds a signature, except beside `authorization`: never to be logged. */
  readonly url: string;
  readonly authorization?: { readonly scheme: "Bearer"; readonly value: string };
}

const SCOPE = "https://storage.azure.com/.default";
// Longer than any single copy request may take.
const SOURCE_SAS_MS = 2 * 60 * 60_000;

export async function createClient(settings: Settings): Promise<Client> {
  const sdk = await import("./sdk.ts");
  const { auth, container: containerName } = settings;
  // tlsOptions is an option of the pipeline below, which the SDK's own type leaves out and its code passes on.
  const options: StoragePipelineOptions & { tlsOptions?: { ca: string } } = {
    retryOptions: { maxTries: 1 },
    userAgentOptions: { userAgentPrefix: "milvus-backup" },
    ...(settings.ca === undefined ? {} : { tlsOptions: { ca: settings.ca } }),
  };
  if (auth.type === "sas") {
    const token = auth.sasToken.reveal();
    const pipeline = sdk.newPipeline(new sdk.AnonymousCredential(), options);
    const container = new sdk.BlobServiceClient(`${settings.url}?${token}`, pipeline).getContainerClient(containerName);
    return { container, sourceOf: async (blob) => ({ url: container.getBlobClient(blob).url }) };
  }
  if (auth.type === "sharedKey") {
    const credential = new sdk.StorageSharedKeyCredential(auth.accountName, auth.accountKey.reveal());
    const service = new sdk.BlobServiceClient(settings.url, sdk.newPipeline(credential, options));
    const container = service.getContainerClient(containerName);
    const sign = (blob: string): string => readSignature(sdk, credential, { containerName, blobName: blob });
    return {
      container,
      sourceOf: async (blob) => ({ url: `${container.getBlobClient(blob).url}?${sign(blob)}` }),
    };
  }
  const { DefaultAzureCredential } = await import("./identity.ts");
  const credential = new DefaultAzureCredential();
  const container = new sdk.BlobServiceClient(settings.url, sdk.newPipeline(credential, options)).getContainerClient(
    containerName,
  );
  return {
    container,
    async sourceOf(blob) {
      // The credential keeps its token until it is about to expire.
      const token = await credential.getToken(SCOPE);
      const authorization = { scheme: "Bearer", value: token.token } as const;
      return { url: container.getBlobClient(blob).url, authorization };
    },
  };
}

function readSignature(
  sdk: typeof import("./sdk.ts"),
  credential: StorageSharedKeyCredential,
  blob: { readonly containerName: string; readonly blobName: string },
): string {
  const permissions = sdk.BlobSASPermissions.parse("r");
  const expiresOn = new Date(Date.now() + SOURCE_SAS_MS);
  return sdk.generateBlobSASQueryParameters({ ...blob, permissions, expiresOn }, credential).toString();
}
