import { describe, expect, test } from "bun:test";
import { type Attempt, type Refusal, readRefusal, refusalError } from "../../../../drivers/s3/errors.ts";
import { networkError } from "../../../../drivers/s3/network_errors.ts";

const ATTEMPT: Attempt = {
  operation: "put",
  target: "backup/x",
  bucket: "bkt",
  endpoint: "http://h:9000",
  region: "us-east-1",
};

describe("refusalError", () => {
  const cases: readonly (readonly [Refusal, string, boolean, RegExp])[] = [
    [
      { status: 403, code: "AccessDenied" },
      "ACCESS_DENIED",
      false,
      /^access denied \(403 AccessDenied\); check s3:PutObject for this prefix$/,
    ],
    [{ status: 403 }, "ACCESS_DENIED", false, /s3:PutObject/],
    [{ status: 403, code: "InvalidAccessKeyId" }, "ACCESS_DENIED", false, /auth\.accessKeyID/],
    [{ status: 403, code: "SignatureDoesNotMatch" }, "ACCESS_DENIED", false, /auth\.secretAccessKey/],
    [{ status: 400, code: "ExpiredToken" }, "ACCESS_DENIED", false, /auth\.sessionToken/],
    [{ status: 403, code: "RequestTimeTooSkewed" }, "ACCESS_DENIED", false, /clock/],
    [{ status: 404, code: "NoSuchKey" }, "NOT_FOUND", false, /no such object/],
    [{ status: 404 }, "NOT_FOUND", false, /no such object/],
    [{ status: 404, code: "NoSuchBucket" }, "NOT_FOUND", false, /bucket bkt does not exist.*bucketName.*never created/],
    [
      { status: 301, code: "PermanentRedirect", region: "eu-west-1" },
      "CONFIG_INVALID",
      false,
      /not in region us-east-1.*eu-west-1/,
    ],
    [{ status: 400, code: "AuthorizationHeaderMalformed", region: "eu-west-1" }, "CONFIG_INVALID", false, /eu-west-1/],
    [{ status: 400, region: "eu-west-1" }, "CONFIG_INVALID", false, /eu-west-1/],
    [{ status: 503, code: "SlowDown" }, "THROTTLED", true, /slow down/],
    [{ status: 429 }, "THROTTLED", true, /slow down/],
    [{ status: 500, code: "InternalError" }, "UNAVAILABLE", true, /failed/],
    [{ status: 502 }, "UNAVAILABLE", true, /failed \(502\)/],
    [{ status: 503 }, "UNAVAILABLE", true, /failed/],
    [{ status: 507, code: "XMinioStorageFull" }, "NO_SPACE", false, /no space/],
    [{ status: 507 }, "NO_SPACE", false, /no space/],
    [{ status: 400, code: "EntityTooLarge" }, "UNSUPPORTED", false, /size/],
    [{ status: 412, code: "PreconditionFailed" }, "ALREADY_EXISTS", false, /exists/],
    [{ status: 416, code: "InvalidRange" }, "INVALID_RANGE", false, /range/],
    [{ status: 400, code: "BadDigest" }, "CHECKSUM_MISMATCH", true, /damaged/],
    [{ status: 400, code: "XAmzContentChecksumMismatch" }, "CHECKSUM_MISMATCH", true, /damaged/],
    [{ status: 400, code: "IncompleteBody" }, "SHORT_BODY", true, /fewer bytes/],
    [{ status: 501, code: "NotImplemented" }, "UNSUPPORTED", false, /does not have/],
    [
      { status: 400, message: "Client sent an HTTP request to an HTTPS server.\n" },
      "CONFIG_INVALID",
      false,
      /http:\/\/h:9000 speaks TLS.*useSSL to true/,
    ],
    [
      { status: 400, code: "Odd", message: `first\nsecond ${"x".repeat(400)}` },
      "UNSUPPORTED",
      false,
      /^refused: first second x+\.\.\. \(400 Odd\)$/,
    ],
  ];
  for (const [refused, code, retriable, message] of cases) {
    test(`${refused.status} ${refused.code ?? "without a code"}${refused.region === undefined ? "" : " of another region"} is ${code}`, () => {
      const error = refusalError(ATTEMPT, refused);
      expect([error.code, error.retriable]).toEqual([code as typeof error.code, retriable]);
      expect(error.message).toMatch(message);
      expect(error.message).not.toMatch(/[\n{}]/);
    });
  }

  test("names the right the operation needs", () => {
    expect(refusalError({ ...ATTEMPT, operation: "list" }, { status: 403 }).message).toContain("s3:ListBucket");
    expect(refusalError({ ...ATTEMPT, operation: "copy" }, { status: 403 }).message).toContain("source");
  });

  test("of a copy: an absent object is the source, a failed precondition is a changed source", () => {
    const copy = { ...ATTEMPT, operation: "copy" } as const;
    expect(refusalError(copy, { status: 404, code: "NoSuchKey" }).message).toContain("source object is gone");
    const changed = refusalError(copy, { status: 412, code: "PreconditionFailed" });
    expect([changed.code, changed.message]).toEqual(["CHECKSUM_MISMATCH", expect.stringContaining("changed")]);
  });
});

describe("readRefusal", () => {
  test("reads code, message and region, and prefers the region of the header", () => {
    const body = "<Error><Code>C</Code><Message>m</Message><Region>r</Region></Error>";
    expect(readRefusal(400, body)).toEqual({ status: 400, code: "C", message: "m", region: "r" });
    expect(readRefusal(400, body, "h").region).toBe("h");
  });

  test("survives bodies that are not an S3 error", () => {
    expect(readRefusal(502, "<html>Bad gateway</html>").code).toBeUndefined();
    expect(readRefusal(500, "<Error><Code>C</Co").code).toBeUndefined();
    expect(readRefusal(500, "").status).toBe(500);
  });
});

describe("networkError", () => {
  const cases: readonly (readonly [string, string, RegExp])[] = [
    ["ECONNREFUSED", "UNAVAILABLE", /http:\/\/h:9000 refuses connections.*address and port/],
    ["ENOTFOUND", "UNAVAILABLE", /host name of http:\/\/h:9000 is unknown/],
    ["ECONNRESET", "UNAVAILABLE", /connection to http:\/\/h:9000 broke/],
    ["ETIMEDOUT", "UNAVAILABLE", /cannot be reached/],
    ["EPROTO", "CONFIG_INVALID", /does not speak TLS.*useSSL to false/],
    ["DEPTH_ZERO_SELF_SIGNED_CERT", "CONFIG_INVALID", /not trusted.*caCertPath/],
    ["ERR_TLS_CERT_ALTNAME_INVALID", "CONFIG_INVALID", /another host name/],
  ];
  for (const [code, expected, message] of cases) {
    test(`${code} is ${expected}`, () => {
      const error = networkError(ATTEMPT, Object.assign(new TypeError("x"), { code }));
      expect([error.code, error.retriable]).toEqual([expected as typeof error.code, expected === "UNAVAILABLE"]);
      expect(error.message).toMatch(message);
    });
  }
});
