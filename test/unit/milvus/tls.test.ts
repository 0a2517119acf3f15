import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as grpc from "@grpc/grpc-js";
import { type AppError, isAppError } from "../../../src/base/errors.ts";
import { readTlsSettings } from "../../../src/milvus/connection.ts";
import { createRestClient } from "../../../src/milvus/http_clients.ts";
import { makeCerts, type TestCerts } from "../../support/certs.ts";
import {
  type ConnectionChanges,
  connectionTo,
  connectTo,
  handshakeReplies,
  type ReplayServer,
  signal,
  startReplay,
} from "../../support/replay_milvus.ts";

let folder = "";
let certs: TestCerts;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "milvus-tls-"));
  certs = makeCerts(folder);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function startTls(mutual: boolean): Promise<ReplayServer> {
  const pair = { cert_chain: readFileSync(certs.serverCertPath), private_key: readFileSync(certs.serverKeyPath) };
  const credentials = grpc.ServerCredentials.createSsl(readFileSync(certs.caPath), [pair], mutual);
  return startReplay({ replies: handshakeReplies("2.5.8"), credentials });
}

type GrpcChanges = NonNullable<ConnectionChanges["grpc"]>;

async function connects(changes: GrpcChanges, mutual = false): Promise<AppError | "connected"> {
  await using server = await startTls(mutual);
  try {
    await using milvus = await connectTo(connectionTo(server.port, { grpc: changes, rest: "http://127.0.0.1:1" }));
    expect(milvus.server.version).toBe("2.5.8");
    return "connected";
  } catch (error) {
    if (isAppError(error)) return error;
    throw error;
  }
}

async function refused(changes: GrpcChanges, mutual = false): Promise<AppError> {
  const outcome = await connects(changes, mutual);
  if (outcome === "connected") throw new Error("it connected");
  return outcome;
}

describe("gRPC over TLS", () => {
  const server = (): GrpcChanges => ({ tlsMode: "server", caCertPath: certs.caPath });
  const mutual = (): GrpcChanges => ({
    ...server(),
    tlsMode: "mutual",
    mtlsCertPath: certs.clientCertPath,
    mtlsKeyPath: certs.clientKeyPath,
  });

  test("to an IP address that the certificate names", async () => {
    expect(await connects(server())).toBe("connected");
  });

  test("to a host name", async () => {
    expect(await connects({ ...server(), address: "localhost" })).toBe("connected");
  });

  test("to an IP address with the certificate's name as server name", async () => {
    expect(await connects({ ...server(), serverName: "localhost" })).toBe("connected");
  });

  test("a certificate for another name or another IP address is refused at once", async () => {
    for (const serverName of ["milvus.example", "127.0.0.2"]) {
      const error = await refused({ ...server(), serverName });
      expect(error.code).toBe("UNAVAILABLE");
      expect(error.retriable).toBe(false);
      expect(error.message).toContain("serverName");
    }
  });

  test("an authority that did not sign, or none but the system's, is refused", async () => {
    for (const caCertPath of [certs.otherCaPath, ""]) {
      const error = await refused({ ...server(), caCertPath });
      expect(error.code).toBe("UNAVAILABLE");
      expect(error.message).toContain("milvus.grpc.caCertPath");
    }
  });

  test("mutual, with the client's certificate, to an IP address", async () => {
    expect(await connects(mutual(), true)).toBe("connected");
  });

  test("mutual, without one, is refused", async () => {
    expect((await refused(server(), true)).code).toBe("UNAVAILABLE");
  });

  test("a client without TLS is told to look at the mode", async () => {
    const error = await refused({});
    expect(error.code).toBe("UNAVAILABLE");
    expect(error.message).toContain("milvus.grpc.tlsMode");
  });
});

describe("REST over TLS", () => {
  async function ask(changes: GrpcChanges, mutual = false): Promise<unknown> {
    const server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      tls: {
        cert: readFileSync(certs.serverCertPath),
        key: readFileSync(certs.serverKeyPath),
        ...(mutual ? { ca: readFileSync(certs.caPath), requestCert: true, rejectUnauthorized: true } : {}),
      },
      fetch: () => new Response('{"code":0,"data":{"ok":true}}'),
    });
    try {
      const connection = connectionTo(server.port ?? 0, { grpc: changes });
      const rest = createRestClient(connection, await readTlsSettings(connection.grpc), {
        attempts: 1,
        baseDelayMs: 1,
        maxDelayMs: 1,
      });
      return await rest.post("/v2/x", {}, { signal, timeoutMs: 5_000 });
    } catch (error) {
      return isAppError(error) ? error.code : error;
    } finally {
      server.stop(true);
    }
  }

  test("follows the gRPC settings: authority, name, client certificate", async () => {
    const settings: GrpcChanges = { tlsMode: "server", caCertPath: certs.caPath };
    expect(await ask(settings)).toEqual({ ok: true });
    expect(await ask({ ...settings, address: "localhost" })).toEqual({ ok: true });
    expect(await ask({ ...settings, serverName: "localhost" })).toEqual({ ok: true });
    expect(await ask({ ...settings, serverName: "milvus.example" })).toBe("UNAVAILABLE");
    expect(await ask({ ...settings, caCertPath: certs.otherCaPath })).toBe("UNAVAILABLE");
    const client = { tlsMode: "mutual", mtlsCertPath: certs.clientCertPath, mtlsKeyPath: certs.clientKeyPath } as const;
    expect(await ask({ ...settings, ...client }, true)).toEqual({ ok: true });
    expect(await ask(settings, true)).toBe("UNAVAILABLE");
  });
});
