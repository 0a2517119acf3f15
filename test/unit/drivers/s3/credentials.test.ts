import { afterEach, describe, expect, test } from "bun:test";
import { type ExpiringCredentials, renewing } from "../../../../drivers/s3/credentials.ts";
import { createLogger } from "../../../../src/base/log.ts";
import { Secret } from "../../../../src/base/secret.ts";
import { objectKey } from "../../../../src/storage/key.ts";
import { bodyOf, failureOf, never, openTestRoot, refusal, SECRET_KEY, SESSION_TOKEN, serve, xml } from "./support.ts";

const KEY = objectKey("a/b");
const signal = never;

describe("renewing", () => {
  const HOUR = 3_600_000;
  const keys = (id: string, expires?: number): ExpiringCredentials => ({
    accessKeyId: id,
    secretAccessKey: "s",
    ...(expires === undefined ? {} : { expiration: new Date(expires) }),
  });

  test("keeps keys that do not expire and those with enough time left, and gives them without a promise", async () => {
    let fetched = 0;
    let now = 0;
    const source = renewing(
      async () => keys(`k${++fetched}`, now + HOUR),
      () => now,
    );
    expect((await source()).accessKeyId).toBe("k1");
    now = HOUR - 6 * 60_000;
    expect(source()).toMatchObject({ accessKeyId: "k1" });
    now = HOUR - 4 * 60_000;
    expect((await source()).accessKeyId).toBe("k2");
    expect(fetched).toBe(2);
    const forever = renewing(
      async () => keys("f"),
      () => now,
    );
    await forever();
    now = Number.MAX_SAFE_INTEGER;
    expect(forever()).toMatchObject({ accessKeyId: "f" });
  });

  test("asks every few seconds, not for every request, while a provider keeps giving keys that end soon", async () => {
    let fetched = 0;
    let now = 0;
    const expires = 4 * 60_000;
    const source = renewing(
      async () => keys(`k${++fetched}`, expires),
      () => now,
    );
    for (let request = 0; request < 100; request += 1) await source();
    expect(fetched).toBe(1);
    for (now = 0; now < 60_000; now += 100) await source();
    expect(fetched).toBe(12);
    now = expires;
    await source();
    await source();
    expect(fetched).toBe(14);
  });

  test("goes on with valid keys while the provider cannot be asked, and no longer than they are valid", async () => {
    let now = 0;
    let broken = false;
    const source = renewing(
      async () => {
        if (broken) throw new Error("connection refused");
        return keys("k1", 60_000);
      },
      () => now,
    );
    await source();
    broken = true;
    now = 30_000;
    expect((await source()).accessKeyId).toBe("k1");
    now = 60_000;
    expect((await failureOf(Promise.resolve(source()))).message).toContain("connection refused");
  });

  test("fetches once for many callers at a time", async () => {
    let fetched = 0;
    const source = renewing(async () => {
      fetched += 1;
      await Bun.sleep(5);
      return keys("k", Date.now() + HOUR);
    }, Date.now);
    await Promise.all(Array.from({ length: 20 }, source));
    expect(fetched).toBe(1);
  });

  test("tries again after a failure, which says what was looked for", async () => {
    let fetched = 0;
    const source = renewing(async () => {
      fetched += 1;
      if (fetched === 1) throw new Error("nothing at 169.254.169.254");
      return keys("k");
    }, Date.now);
    const failure = await failureOf(Promise.resolve(source()));
    expect(failure.code).toBe("ACCESS_DENIED");
    expect(failure.message).toContain("169.254.169.254");
    expect((await source()).accessKeyId).toBe("k");
  });
});

describe("auth", () => {
  const NAMES = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"] as const;
  const before = NAMES.map((name) => [name, process.env[name]] as const);
  afterEach(() => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });

  test("static sends and signs the session token", async () => {
    await using service = serve(() => new Response(null, { headers: { "content-length": "1" } }));
    const options = { "auth.sessionToken": new Secret(SESSION_TOKEN) };
    const driver = await openTestRoot(service.port, { options });
    await driver.stat(KEY, { signal });
    expect(service.requests[0]?.headers.get("x-amz-security-token")).toBe(SESSION_TOKEN);
    expect(service.requests[0]?.headers.get("authorization")).toMatch(/SignedHeaders=[^,]*x-amz-security-token/);
  });

  test("default takes what the SDK's chain finds, for both halves of the driver", async () => {
    await using service = serve((request) =>
      request.method === "POST"
        ? xml("<InitiateMultipartUploadResult/>")
        : new Response(null, { headers: { "content-length": "1" } }),
    );
    delete process.env.AWS_PROFILE;
    process.env.AWS_ACCESS_KEY_ID = "FROMENVIRONMENT";
    process.env.AWS_SECRET_ACCESS_KEY = "s";
    process.env.AWS_SESSION_TOKEN = "t";
    const driver = await openTestRoot(service.port, { options: { "auth.type": "default", partSizeMiB: 8 } });
    await driver.stat(KEY, { signal });
    await failureOf(driver.put(KEY, { ...bodyOf("abc"), size: 9 * 1024 ** 2 }, { signal }));
    const users = service.requests.map((it) => /Credential=(\w+)/.exec(it.headers.get("authorization") ?? "")?.[1]);
    expect(users).toEqual(["FROMENVIRONMENT", "FROMENVIRONMENT"]);
  });

  test("iam with an endpoint asks the instance metadata service there", async () => {
    await using metadata = serve((request) => {
      const { pathname } = new URL(request.url);
      if (pathname === "/latest/api/token") return new Response("imds-token");
      if (request.headers.get("x-aws-ec2-metadata-token") !== "imds-token") return new Response("", { status: 401 });
      if (pathname.endsWith("/")) return new Response("the-role\n");
      return Response.json({
        Code: "Success",
        AccessKeyId: "FROMROLE",
        SecretAccessKey: "s",
        Token: "t",
        Expiration: new Date(Date.now() + 3_600_000).toISOString(),
      });
    });
    await using service = serve(() => new Response(null, { headers: { "content-length": "1" } }));
    const endpoint = `http://127.0.0.1:${metadata.port}`;
    const driver = await openTestRoot(service.port, { options: { "auth.type": "iam", "auth.endpoint": endpoint } });
    await driver.stat(KEY, { signal });
    await driver.stat(KEY, { signal });
    expect(service.requests[1]?.headers.get("authorization")).toContain("Credential=FROMROLE/");
    expect(metadata.seen).toEqual([
      "PUT /latest/api/token",
      "GET /latest/meta-data/iam/security-credentials/",
      "GET /latest/meta-data/iam/security-credentials/the-role",
    ]);
  });

  test("iam at an endpoint without a role says so", async () => {
    await using metadata = serve(() => new Response("", { status: 404 }));
    const endpoint = `127.0.0.1:${metadata.port}`;
    const driver = await openTestRoot(1, { options: { "auth.type": "iam", "auth.endpoint": endpoint } });
    const failure = await failureOf(driver.stat(KEY, { signal }));
    expect(failure.code).toBe("ACCESS_DENIED");
    expect(failure.message).toContain("answered 404");
  });

  test("static without keys is refused when the root is opened", async () => {
    for (const name of ["auth.accessKeyID", "auth.secretAccessKey"]) {
      const failure = await failureOf(openTestRoot(1, { options: { [name]: undefined } }));
      expect(failure).toMatchObject({ code: "CONFIG_INVALID", message: expect.stringContaining(`${name} is missing`) });
    }
  });
});

describe("credentials", () => {
  test("are in no error and no log line, also when the service repeats what it was sent", async () => {
    const lines: string[] = [];
    const log = createLogger({ level: "debug", write: (line) => lines.push(line) });
    const echo = (request: Request): Response => {
      const signature = /Signature=\w+/.exec(request.headers.get("authorization") ?? "")?.[0];
      const said = `${request.headers.get("x-amz-security-token")} ${SECRET_KEY} ${signature}`;
      return refusal(400, "Strange", said);
    };
    await using service = serve((request) =>
      request.headers.has("x-amz-copy-source") ? new Response(echo(request).body, { status: 200 }) : echo(request),
    );
    const options = { "auth.sessionToken": new Secret(SESSION_TOKEN), partSizeMiB: 8 };
    await using driver = await openTestRoot(service.port, { options, log });
    const source = { key: KEY, size: 1, checksums: {} };
    const calls = [
      driver.put(KEY, bodyOf("abc"), { signal }),
      driver.put(KEY, { ...bodyOf("abc"), size: 9 * 1024 ** 2 }, { signal }),
      driver.get(KEY, { signal }),
      driver.stat(KEY, { signal }),
      driver.delete(KEY, { signal }),
      driver.list("", { signal })[Symbol.asyncIterator]().next(),
      Promise.resolve(driver.copyFrom?.(driver, source, KEY, { signal })),
    ];
    const texts = (await Promise.allSettled(calls)).map((it) =>
      it.status === "rejected" ? Bun.inspect(it.reason, { depth: 10 }) : "it succeeded",
    );
    for (const text of [...texts, ...lines, Bun.inspect(driver, { depth: 10 }), driver.location, driver.backendId]) {
      expect(text).not.toContain("it succeeded");
      expect(text).not.toContain(SECRET_KEY);
      expect(text).not.toContain(SESSION_TOKEN);
      expect(text).not.toMatch(/Signature=[0-9a-f]/);
    }
    // HEAD answers have no body; all others repeat what was sent.
    expect(texts.filter((text) => text.includes("refused: *** *** Signature=***")).length).toBe(calls.length - 1);
  });
});
