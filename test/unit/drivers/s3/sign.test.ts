import { describe, expect, test } from "bun:test";
import { Signer } from "../../../../drivers/s3/sign.ts";

// The examples of "Signature Calculations for the Authorization Header" in the Amazon S3 API reference.
const CREDENTIALS = {
  accessKeyId: "AKIAIOSFODNN7EXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
};
const EMPTY_BODY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const NOW = Date.UTC(2013, 4, 24);
const signExample = (query: string): string | undefined =>
  new Signer("us-east-1").sign(
    {
      method: "GET",
      host: "examplebucket.s3.amazonaws.com",
      path: "/",
      query,
      headers: { "x-amz-content-sha256": EMPTY_BODY },
    },
    CREDENTIALS,
    NOW,
  ).authorization;

describe("Signer", () => {
  test("gives the signatures of Amazon's published examples", () => {
    const prefix =
      "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=";
    expect(signExample("lifecycle=")).toBe(`${prefix}fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543`);
    expect(signExample("max-keys=2&prefix=J")).toBe(
      `${prefix}34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7`,
    );
  });

  test("signs x-amz headers in order and sends the others unsigned", () => {
    const headers = new Signer("us-east-1").sign(
      {
        method: "PUT",
        host: "h",
        path: "/b/k",
        query: "",
        headers: { "x-amz-copy-source": "/b/x", range: "bytes=0-1", "x-amz-checksum-crc32": "AAAAAA==" },
      },
      { ...CREDENTIALS, sessionToken: "token" },
      NOW,
    );
    expect(headers.authorization).toContain(
      "SignedHeaders=host;x-amz-checksum-crc32;x-amz-content-sha256;x-amz-copy-source;x-amz-date;x-amz-security-token,",
    );
    expect(headers.range).toBe("bytes=0-1");
    expect(headers["x-amz-date"]).toBe("20130524T000000Z");
    expect(headers["x-amz-content-sha256"]).toBe("UNSIGNED-PAYLOAD");
  });

  test("derives a new key when the day or the secret changes", () => {
    const signer = new Signer("us-east-1");
    const request = { method: "GET", host: "h", path: "/", query: "", headers: {} };
    const sign = (secretAccessKey: string, now: number): string | undefined =>
      signer.sign(request, { accessKeyId: "a", secretAccessKey }, now).authorization;
    const fresh = (secretAccessKey: string, now: number): string | undefined =>
      new Signer("us-east-1").sign(request, { accessKeyId: "a", secretAccessKey }, now).authorization;
    sign("one", NOW);
    expect(sign("one", NOW + 86_400_000)).toBe(fresh("one", NOW + 86_400_000));
    expect(sign("two", NOW + 86_400_000)).toBe(fresh("two", NOW + 86_400_000));
    expect(sign("two", NOW + 86_400_000)).not.toBe(fresh("one", NOW + 86_400_000));
  });
});
