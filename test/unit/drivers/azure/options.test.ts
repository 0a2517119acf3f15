import { describe, expect, test } from "bun:test";
import { parseConnectionString } from "../../../../drivers/azure/connection_string.ts";
import { accountOf, serviceUrl } from "../../../../drivers/azure/endpoint.ts";
import { OPTIONS, readSettings } from "../../../../drivers/azure/options.ts";
import { isAppError } from "../../../../src/base/errors.ts";
import { Secret } from "../../../../src/base/secret.ts";
import { type RawOptions, validateOptions } from "../../../../src/storage/options.ts";

const KEY = Buffer.from("a key that nobody may see").toString("base64");
const NONE = { accountName: "acct", address: "", port: 0, blobEndpoint: "" };

function settings(options: RawOptions, rootPath = "/a/b/") {
  const all = { bucketName: "box", accountName: "acct", "auth.accountKey": new Secret(KEY), ...options };
  return readSettings(validateOptions(OPTIONS, all, "driver azure"), rootPath);
}

async function refusal(run: () => unknown): Promise<string> {
  try {
    await run();
  } catch (error) {
    if (isAppError(error)) return `${error.code}: ${error.message} ${Bun.inspect(error.cause)}`;
    throw error;
  }
  return "it was accepted";
}

describe("the service's URL", () => {
  test.each([
    [{}, "https://acct.blob.core.windows.net"],
    [{ address: "core.chinacloudapi.cn", port: 443 }, "https://acct.blob.core.chinacloudapi.cn"],
    [{ address: "Core.Windows.Net", port: 8443 }, "https://acct.blob.core.windows.net:8443"],
    [{ address: "blob.core.windows.net" }, "https://acct.blob.core.windows.net"],
    [{ blobEndpoint: "http://127.0.0.1:10000/devstoreaccount1/" }, "http://127.0.0.1:10000/devstoreaccount1"],
    [
      { blobEndpoint: "https://acct.privatelink.example.com/", address: "ignored" },
      "https://acct.privatelink.example.com",
    ],
  ])("of %p is %s", (options, url) => {
    expect(serviceUrl({ ...NONE, ...options })).toBe(url);
  });

  test.each([
    [{ accountName: "" }, "accountName is missing"],
    [{ accountName: "a/b" }, "not an account's name"],
    [{ address: "https://core.windows.net" }, "set blobEndpoint"],
    [{ address: "core.windows.net:443" }, "set blobEndpoint"],
    [{ blobEndpoint: "core.windows.net" }, "is not a URL"],
    [{ blobEndpoint: "ftp://x" }, "is not a URL"],
    [{ blobEndpoint: "https://x/?sv=1&sig=verysecret" }, "auth.sasToken"],
  ])("of %p is refused", async (options, why) => {
    const message = await refusal(() => serviceUrl({ ...NONE, ...options }));
    expect(message).toStartWith("CONFIG_INVALID");
    expect(message).toContain(why);
    expect(message).not.toContain("verysecret");
  });

  test("names its account", () => {
    expect(accountOf("https://acct.blob.core.windows.net")).toBe("acct");
    expect(accountOf("http://127.0.0.1:10000/devstoreaccount1")).toBe("devstoreaccount1");
    expect(accountOf("https://storage.example.com")).toBe("");
  });
});

describe("connection strings", () => {
  test("with a key, whose own = stay", () => {
    const parsed = parseConnectionString(
      `DefaultEndpointsProtocol=https;AccountName=acct;AccountKey=${KEY};EndpointSuffix=core.usgovcloudapi.net`,
    );
    expect(parsed).toMatchObject({ url: "https://acct.blob.core.usgovcloudapi.net", accountName: "acct" });
    expect(parsed.accountKey?.reveal()).toBe(KEY);
  });

  test("with a signature and an endpoint", () => {
    const parsed = parseConnectionString(
      "BlobEndpoint=https://acct.blob.core.windows.net/;SharedAccessSignature=?sv=1&sig=a%3D",
    );
    expect(parsed).toMatchObject({ url: "https://acct.blob.core.windows.net", accountName: "acct" });
    expect(parsed.sasToken?.reveal()).toBe("sv=1&sig=a%3D");
  });

  test.each([
    ["AccountName=acct", "neither AccountKey nor SharedAccessSignature"],
    [`AccountKey=${KEY}`, "neither AccountName nor BlobEndpoint"],
    [`DefaultEndpointsProtocol=http;AccountName=acct;AccountKey=${KEY}`, "asks for http"],
    [`BlobEndpoint=https://storage.example.com;AccountKey=${KEY}`, "has no AccountName"],
  ])("%s is refused and not repeated", async (text, why) => {
    const message = await refusal(() => parseConnectionString(text));
    expect(message).toContain(why);
    expect(message).not.toContain(KEY);
  });
});

describe("settings", () => {
  test("have their defaults, and no copy in one request above Azure's 256 MiB", async () => {
    expect(await settings({ multipartCopyThresholdMiB: 500 })).toMatchObject({
      url: "https://acct.blob.core.windows.net",
      container: "box",
      rootPrefix: "a/b/",
      auth: { type: "sharedKey", accountName: "acct" },
      partBytes: 8 * 1024 ** 2,
      copyThresholdBytes: 256 * 1024 ** 2,
      timeoutMs: 60_000,
    });
    expect((await settings({ multipartCopyThresholdMiB: 64 }, "")).rootPrefix).toBe("");
  });

  test("take a signature with or without its question mark", async () => {
    const token = new Secret("?sv=1&sig=x");
    const { auth } = await settings({ "auth.type": "sas", "auth.sasToken": token });
    expect(auth.type === "sas" && auth.sasToken.reveal()).toBe("sv=1&sig=x");
  });

  test.each<[RawOptions, string]>([
    [{ "auth.accountKey": new Secret("") }, "auth.accountKey is missing"],
    [{ "auth.accountKey": new Secret("not base 64!") }, "auth.accountKey is not base64"],
    [{ "auth.type": "sas" }, "auth.sasToken is missing"],
    [{ "auth.type": "sas", "auth.sasToken": new Secret("a-key-by-mistake") }, "no shared access signature"],
    [{ "auth.type": "connectionString" }, "auth.connectionString is missing"],
    [{ "auth.type": "default", blobEndpoint: "http://127.0.0.1:1/a" }, "needs a blobEndpoint with https"],
    [{ partSizeMiB: 1 }, "partSizeMiB is 1"],
    [{ caCertPath: "/does/not/exist" }, "caCertPath /does/not/exist cannot be read"],
  ])("%p are refused", async (options, why) => {
    const message = await refusal(() => settings(options));
    expect(message).toStartWith("CONFIG_INVALID");
    expect(message).toContain(why);
    for (const secret of [KEY, "not base 64!", "a-key-by-mistake"]) expect(message).not.toContain(secret);
  });
});
