import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RenewedTokens } from "../../../../drivers/gcs/tokens.ts";
import { objectKey } from "../../../../src/storage/key.ts";
import type { FakeGcs, FakeGcsOptions } from "../../../support/fake_gcs.ts";
import { makeServiceAccount } from "../../../support/service_account.ts";
import { bodyOf, failureOf, fake, never, openOn, serve } from "./support.ts";

const signal = never;
const key = objectKey("x");
const account = makeServiceAccount();
let folder = "";
let files = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "milvus-backup-gcs-tokens-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function written(content: unknown): Promise<string> {
  const path = join(folder, `${files++}.json`);
  await writeFile(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

function guarded(options: Omit<FakeGcsOptions, "buckets"> = {}): FakeGcs {
  return fake({ publicKey: account.publicKey, ...options });
}

const asAccount = async (service: FakeGcs): Promise<Record<string, string>> => ({
  "auth.type": "serviceAccount",
  "auth.credentialsFile": await written(account.file(`${service.url}/token`)),
});
const tokenCalls = (service: FakeGcs): number => service.seen.filter((line) => line === "POST /token").length;

describe("a service account's key file", () => {
  test("is exchanged for a token once, which calls at the same time share and later ones use", async () => {
    await using service = guarded();
    const driver = await openOn(service.port, await asAccount(service));
    expect(service.seen).toEqual([]);
    await Promise.all(["a", "b", "c", "d"].map((name) => driver.put(objectKey(name), bodyOf(name), { signal })));
    await driver.stat(objectKey("a"), { signal });
    expect(tokenCalls(service)).toBe(1);
  });

  test("a token that the service refuses in mid-run is replaced once, unseen", async () => {
    await using service = guarded();
    const driver = await openOn(service.port, await asAccount(service));
    await driver.put(key, bodyOf("first"), { signal });
    service.tokens.clear();
    await driver.put(key, bodyOf("again"), { signal });
    expect((await driver.stat(key, { signal })).size).toBe(5);
    expect(tokenCalls(service)).toBe(2);
  });

  test("a service that refuses every token denies access after two", async () => {
    await using service = guarded({
      before: (line) => (line.includes("/storage/v1/") ? new Response("ya29 unknown", { status: 401 }) : undefined),
    });
    const driver = await openOn(service.port, await asAccount(service));
    expect(await failureOf(driver.stat(key, { signal }))).toMatchObject({ code: "ACCESS_DENIED", retriable: false });
    expect(tokenCalls(service)).toBe(2);
  });

  test("a revoked key is named, with what the service says and without the key", async () => {
    await using service = guarded({ publicKey: makeServiceAccount().publicKey });
    const driver = await openOn(service.port, await asAccount(service));
    const failure = await failureOf(driver.stat(key, { signal }));
    expect(failure).toMatchObject({ code: "ACCESS_DENIED", retriable: false });
    expect(failure.message).toContain("gives no token (400 invalid_grant Invalid JWT Signature.); check that the key");
    expect(Bun.inspect(failure.error, { depth: 8 })).not.toContain(account.secret);
  });

  test("a token service that fails is UNAVAILABLE, one that repeats what it was sent tells nothing", async () => {
    for (const [status, code] of [
      [503, "UNAVAILABLE"],
      [400, "ACCESS_DENIED"],
    ] as const) {
      let sent = "";
      await using service = guarded();
      await using tokens = serve(async (_, __, request) => {
        sent = new URLSearchParams(await request.text()).get("assertion") ?? "";
        return Response.json({ error: "bad", error_description: `cannot read ${sent}` }, { status });
      });
      const path = await written(account.file(`http://127.0.0.1:${tokens.port}/token`));
      const driver = await openOn(service.port, { "auth.type": "serviceAccount", "auth.credentialsFile": path });
      const failure = await failureOf(driver.stat(key, { signal }));
      expect(failure.code).toBe(code);
      expect(sent.split(".")).toHaveLength(3);
      expect(Bun.inspect(failure.error, { depth: 8 })).not.toContain(sent);
    }
  });

  test("an abort ends the wait for a token at once", async () => {
    await using tokens = serve(() => new Promise<Response>(() => {}));
    const path = await written(account.file(`http://127.0.0.1:${tokens.port}/token`));
    const driver = await openOn(tokens.port, { "auth.type": "serviceAccount", "auth.credentialsFile": path });
    const abort = new AbortController();
    setTimeout(() => abort.abort(), 30);
    expect((await failureOf(driver.stat(key, { signal: abort.signal }))).code).toBe("ABORTED");
  });

  const wrong: readonly (readonly [string, unknown, RegExp])[] = [
    ["that is no JSON", `private ${account.secret}`, /is not a JSON object$/],
    ["without an address", { type: "service_account", private_key_id: "1" }, /lacks the field client_email/],
    [
      "whose key is none",
      { type: "service_account", private_key_id: "1", client_email: "a@b", private_key: account.secret },
      /holds a private_key that is no PEM key/,
    ],
    ["of a user", { type: "authorized_user" }, /use auth\.type default/],
  ];
  test.each(wrong)("a file %s is named, without its content", async (_, content, message) => {
    const path = await written(content);
    const driver = await openOn(1, { "auth.type": "serviceAccount", "auth.credentialsFile": path });
    const failure = await failureOf(driver.stat(key, { signal }));
    expect(failure).toMatchObject({ code: "CONFIG_INVALID", retriable: false });
    expect(failure.message).toMatch(message);
    expect(failure.message).toContain(path);
    expect(Bun.inspect(failure.error, { depth: 8 })).not.toContain(account.secret);
  });

  test("a file that is absent is named", async () => {
    const driver = await openOn(1, { "auth.credentialsFile": "/no/such/key.json", "auth.type": "serviceAccount" });
    expect((await failureOf(driver.stat(key, { signal }))).message).toContain("/no/such/key.json cannot be read");
  });
});

/** Opens a root with these options on a service that accepts only `token`, and says what the token service was asked. */
async function opensWith(
  token: string,
  options: (url: string) => Promise<Record<string, string>>,
  answer: (line: string, request: Request) => Promise<Response> | Response,
): Promise<void> {
  await using service = serve((line, _, request) => {
    if (!line.includes("/storage/v1/")) return answer(line, request);
    const isAccepted = request.headers.get("authorization") === `Bearer ${token}`;
    return isAccepted ? Response.json({ size: "1" }) : new Response("", { status: 401 });
  });
  const driver = await openOn(service.port, {
    "auth.type": "default",
    ...(await options(`http://127.0.0.1:${service.port}`)),
  });
  expect((await driver.stat(key, { signal })).size).toBe(1);
}

describe("default credentials", () => {
  test("are those of the metadata server without a file", async () => {
    await opensWith(
      "from-metadata",
      async (url) => ({ "auth.endpoint": url }),
      (line, request) => {
        expect(line).toStartWith("GET /computeMetadata/v1/instance/service-accounts/default/token");
        expect(request.headers.get("metadata-flavor")).toBe("Google");
        return Response.json({ access_token: "from-metadata", expires_in: 3599 });
      },
    );
  });

  test("a machine without a service account is told what to do", async () => {
    await using service = serve(() => new Response("not found", { status: 404 }));
    const endpoint = `127.0.0.1:${service.port}`;
    const driver = await openOn(service.port, { "auth.type": "default", "auth.endpoint": endpoint });
    const failure = await failureOf(driver.stat(key, { signal }));
    expect(failure.code).toBe("ACCESS_DENIED");
    expect(failure.message).toContain("give this machine or pod a service account, or set auth.credentialsFile");
  });

  test("a place without a metadata server is told what to do", async () => {
    const driver = await openOn(1, { "auth.type": "default", "auth.endpoint": "127.0.0.1:1" });
    const failure = await failureOf(driver.stat(key, { signal }));
    expect(failure).toMatchObject({ code: "UNAVAILABLE", retriable: true });
    expect(failure.message).toEndWith("; outside Google Cloud set auth.credentialsFile");
  });

  test("are a user's refresh token", async () => {
    const user = { type: "authorized_user", client_id: "id", client_secret: "secret", refresh_token: "refresh" };
    await opensWith(
      "of-user",
      async (url) => ({ "auth.credentialsFile": await written({ ...user, token_uri: `${url}/token` }) }),
      async (_, request) => {
        const form = Object.fromEntries(new URLSearchParams(await request.text()));
        const { type: _type, ...sent } = user;
        expect(form).toEqual({ grant_type: "refresh_token", ...sent });
        return Response.json({ access_token: "of-user", expires_in: 3599 });
      },
    );
  });

  test("are a workload identity: a token from a file or URL, exchanged, and exchanged again for an account's", async () => {
    const subject = await written({ token: "of-cluster" });
    const format = { type: "json", subject_token_field_name: "token" };
    for (const source of [
      () => ({ file: subject, format }),
      (url: string) => ({ url: `${url}/subject`, headers: { a: "b" } }),
    ]) {
      await opensWith(
        "of-account",
        async (url) => ({
          "auth.credentialsFile": await written({
            type: "external_account",
            audience: "//iam.googleapis.com/pool",
            subject_token_type: "urn:ietf:params:oauth:token-type:jwt",
            token_url: `${url}/exchange`,
            credential_source: source(url),
            service_account_impersonation_url: `${url}/impersonate`,
          }),
        }),
        async (line, request) => {
          if (line === "GET /subject") return new Response("of-cluster\n");
          if (line === "POST /exchange") {
            const form = new URLSearchParams(await request.text());
            expect(form.get("subject_token")).toBe("of-cluster");
            expect(form.get("audience")).toBe("//iam.googleapis.com/pool");
            return Response.json({ access_token: "federated", expires_in: 3599 });
          }
          expect(request.headers.get("authorization")).toBe("Bearer federated");
          return Response.json({
            accessToken: "of-account",
            expireTime: new Date(Date.now() + 3_600_000).toISOString(),
          });
        },
      );
    }
  });

  test("of a kind that is not known are UNSUPPORTED", async () => {
    for (const content of [
      { type: "gdch_service_account" },
      {
        type: "external_account",
        token_url: "http://x",
        audience: "a",
        subject_token_type: "t",
        credential_source: {},
      },
    ]) {
      const path = await written(content);
      const driver = await openOn(1, { "auth.type": "default", "auth.credentialsFile": path });
      expect((await failureOf(driver.stat(key, { signal }))).code).toBe("UNSUPPORTED");
    }
  });
});

describe("tokens", () => {
  test("are renewed before they end, and asked for again after a failure", async () => {
    let now = 0;
    let fetched = 0;
    const tokens = new RenewedTokens(
      async () => {
        fetched += 1;
        if (fetched === 2) throw new Error("for once");
        return { value: `token ${fetched}`, expiresAt: now + 3_600_000 };
      },
      () => now,
    );
    expect(await tokens.get(signal)).toBe("token 1");
    now = 3_300_000;
    expect(tokens.get(signal)).toBe("token 1");
    now = 3_400_000;
    const failing = Promise.resolve(tokens.get(signal));
    expect(await failing.catch((error: Error) => error.message)).toBe("for once");
    expect(await tokens.get(signal)).toBe("token 3");
    tokens.drop("token 1");
    expect(tokens.get(signal)).toBe("token 3");
    tokens.drop("token 3");
    expect(await tokens.get(signal)).toBe("token 4");
  });
});
