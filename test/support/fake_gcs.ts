/**
 * Cloud Storage's JSON interface as its documentation has it, in memory, for what the emulator lacks: tokens, preconditions
 * (ifGenerationMatch), pages, checksums that are refused, rewrites that take several calls, uploads that are interrupted.
 */

import { createHash, createVerify } from "node:crypto";
import { crc32c, crc32cBase64 } from "../../src/base/crc32c.ts";

interface Stored {
  readonly content: Uint8Array;
  readonly generation: number;
  readonly updated: string;
}

interface Session {
  readonly bucket: string;
  readonly name: string;
  readonly size: number;
  readonly ifAbsent: boolean;
  received: Uint8Array;
}

export interface FakeGcsOptions {
  readonly buckets: readonly string[];
  /** Entries of a page; 1,000 when left out. */
  readonly pageSize?: number;
  /** Bytes that one rewrite call copies; all when left out. */
  readonly rewriteBytes?: number;
  /** PEM: signatures of token requests are checked with it, and calls must carry a token. */
  readonly publicKey?: string;
  /** Of tokens; 3,600 when left out. */
  readonly expiresIn?: number;
  /** Answers instead of the service, before it has done anything. */
  readonly before?: (seen: string, request: Request) => Response | undefined;
  /** What the caller gets instead of the service's answer. */
  readonly after?: (seen: string, answer: Response) => Response | Promise<Response>;
}

export interface FakeGcs extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
  /** "PUT /upload/...?..." of each request, in order. */
  readonly seen: string[];
  readonly headers: Headers[];
  /** Tokens given so far; taking one out of it withdraws it. */
  readonly tokens: Set<string>;
  readonly sessions: ReadonlyMap<string, unknown>;
  /** Changes stored bytes without the service's knowledge. */
  damage(bucket: string, name: string): void;
  /** Of the bucket's objects. */
  names(bucket: string): readonly string[];
}

export function startFakeGcs(options: FakeGcsOptions): FakeGcs {
  const service = new Service(options);
  const seen: string[] = [];
  const headers: Headers[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 60,
    fetch: async (request) => {
      const url = new URL(request.url);
      const line = `${request.method} ${url.pathname}${url.search}`;
      seen.push(line);
      headers.push(new Headers(request.headers));
      const instead = options.before?.(line, request);
      if (instead !== undefined) return instead;
      const answer = await service.answer(request, url);
      return (await options.after?.(line, answer)) ?? answer;
    },
  });
  return {
    port: server.port ?? 0,
    url: `http://127.0.0.1:${server.port}`,
    seen,
    headers,
    tokens: service.tokens,
    sessions: service.sessions,
    damage: (bucket, name) => service.damage(bucket, name),
    names: (bucket) => service.names(bucket),
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}

/** An error answer of the API. */
export function gcsRefusal(status: number, reason: string, message = "said by the service"): Response {
  return Response.json(
    { error: { code: status, message, errors: [{ domain: "global", reason, message }] } },
    { status },
  );
}

class Service {
  readonly tokens = new Set<string>();
  readonly sessions = new Map<string, Session>();
  readonly #options: FakeGcsOptions;
  readonly #buckets: ReadonlyMap<string, Map<string, Stored>>;
  #generation = 1_700_000_000_000_000;

  constructor(options: FakeGcsOptions) {
    this.#options = options;
    this.#buckets = new Map(options.buckets.map((name) => [name, new Map()]));
  }

  #next(): number {
    this.#generation += 1;
    return this.#generation;
  }

  damage(bucket: string, name: string): void {
    const stored = this.#buckets.get(bucket)?.get(name);
    if (stored !== undefined) stored.content[0] = (stored.content[0] ?? 0) ^ 1;
  }

  names(bucket: string): readonly string[] {
    return [...(this.#buckets.get(bucket)?.keys() ?? [])];
  }

  async answer(request: Request, url: URL): Promise<Response> {
    const query = url.searchParams;
    const body = await request.bytes();
    if (url.pathname === "/token") return this.#token(Buffer.from(body).toString());
    const token = request.headers.get("authorization")?.replace("Bearer ", "") ?? "";
    if (this.#options.publicKey !== undefined && !this.tokens.has(token)) {
      return gcsRefusal(401, "authError", `Invalid Credentials ${token}`);
    }
    const upload = /^\/upload\/storage\/v1\/b\/([^/]+)\/o$/.exec(url.pathname)?.[1];
    const [, bucketName = upload ?? "", name, target] =
      /^\/storage\/v1\/b\/([^/]+)\/o(?:\/([^/]+)(?:\/rewriteTo\/(.+))?)?$/.exec(url.pathname) ?? [];
    const bucket = this.#buckets.get(bucketName);
    if (bucket === undefined) return gcsRefusal(404, "notFound", "The specified bucket does not exist.");
    if (upload !== undefined) return this.#upload(bucketName, request, query, body);
    if (name === undefined) return this.#list(bucket, query);
    const native = decodeURIComponent(name);
    const stored = bucket.get(native);
    if (stored === undefined) return gcsRefusal(404, "notFound", `No such object: ${bucketName}/${native}`);
    if (target !== undefined) return this.#rewrite(stored, target, query);
    if (request.method === "DELETE") {
      const wanted = query.get("ifGenerationMatch");
      if (wanted !== null && wanted !== String(stored.generation)) return gcsRefusal(412, "conditionNotMet");
      bucket.delete(native);
      return new Response(null, { status: 204 });
    }
    if (query.get("alt") === "media") return media(stored, request.headers.get("range"));
    return Response.json(resourceOf(native, stored));
  }

  #token(form: string): Response {
    const { assertion = "", grant_type } = Object.fromEntries(new URLSearchParams(form));
    const [head = "", claims = "", signature = ""] = assertion.split(".");
    const isSigned = createVerify("sha256")
      .update(`${head}.${claims}`)
      .verify(this.#options.publicKey ?? "", signature, "base64url");
    if (!isSigned || grant_type !== "urn:ietf:params:oauth:grant-type:jwt-bearer") {
      return Response.json({ error: "invalid_grant", error_description: "Invalid JWT Signature." }, { status: 400 });
    }
    const token = `ya29.token-${this.#next()}-secret`;
    this.tokens.add(token);
    return Response.json({ access_token: token, expires_in: this.#options.expiresIn ?? 3600, token_type: "Bearer" });
  }

  #list(bucket: Map<string, Stored>, query: URLSearchParams): Response {
    const prefix = query.get("prefix") ?? "";
    const from = Buffer.from(query.get("pageToken") ?? query.get("startOffset") ?? "");
    const names = [...bucket.keys()]
      .filter((name) => name.startsWith(prefix) && Buffer.compare(Buffer.from(name), from) >= 0)
      .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    const delimiter = query.get("delimiter");
    const directory = (name: string): string | undefined => {
      const end = delimiter === null ? -1 : name.indexOf(delimiter, prefix.length);
      return end < 0 ? undefined : name.slice(0, end + 1);
    };
    const page = new Set<string>();
    let next: string | undefined;
    for (const name of names) {
      const entry = directory(name) ?? name;
      // A page goes on behind whole directories.
      if (page.size >= (this.#options.pageSize ?? 1000) && !page.has(entry)) {
        next = name;
        break;
      }
      page.add(entry);
    }
    const items = [...page].flatMap((name) => {
      const stored = delimiter !== null && name.endsWith("/") ? undefined : bucket.get(name);
      return stored === undefined ? [] : [resourceOf(name, stored)];
    });
    const prefixes = [...page].filter((name) => delimiter !== null && name.endsWith("/"));
    return Response.json({
      kind: "storage#objects",
      ...(items.length === 0 ? {} : { items }),
      ...(prefixes.length === 0 ? {} : { prefixes }),
      ...(next === undefined ? {} : { nextPageToken: next }),
    });
  }

  #upload(bucket: string, request: Request, query: URLSearchParams, body: Uint8Array): Response {
    const id = query.get("upload_id");
    if (id !== null) return this.#session(id, request, body);
    const ifAbsent = query.get("ifGenerationMatch") === "0";
    if (query.get("uploadType") === "resumable") {
      const name = query.get("name") ?? "";
      if (ifAbsent && this.#buckets.get(bucket)?.has(name)) return gcsRefusal(412, "conditionNotMet");
      const session = `session-${this.#next()}`;
      const size = Number(request.headers.get("x-upload-content-length"));
      this.sessions.set(session, { bucket, name, size, ifAbsent, received: new Uint8Array(0) });
      return new Response("", { headers: { location: `${request.url}&upload_id=${session}` } });
    }
    const boundary = /boundary=(\S+)/.exec(request.headers.get("content-type") ?? "")?.[1] ?? "";
    const whole = Buffer.from(body);
    const metadataAt = whole.indexOf("\r\n\r\n") + 4;
    const metadataEnd = whole.indexOf(`\r\n--${boundary}`, metadataAt);
    const contentAt = whole.indexOf("\r\n\r\n", metadataEnd) + 4;
    const content = new Uint8Array(whole.subarray(contentAt, whole.lastIndexOf(`\r\n--${boundary}--`)));
    const metadata = JSON.parse(whole.toString("utf8", metadataAt, metadataEnd)) as { name: string; crc32c?: string };
    return this.#store({ bucket, name: metadata.name, ifAbsent }, content, metadata.crc32c);
  }

  #session(id: string, request: Request, body: Uint8Array): Response {
    const session = this.sessions.get(id);
    if (session === undefined) return gcsRefusal(404, "notFound", "No such upload");
    if (request.method === "DELETE") {
      this.sessions.delete(id);
      return new Response("", { status: 499 });
    }
    const range = /^bytes (?:(\d+)-(\d+)|\*)\/(\d+)$/.exec(request.headers.get("content-range") ?? "");
    if (range?.[1] !== undefined) {
      const start = Number(range[1]);
      if (start !== session.received.length || Number(range[2]) !== start + body.length - 1) {
        return gcsRefusal(503, "backendError", "chunk out of order");
      }
      session.received = Buffer.concat([session.received, body]);
    }
    const got = session.received.length;
    if (got < session.size) {
      return new Response("", { status: 308, headers: got === 0 ? {} : { range: `bytes=0-${got - 1}` } });
    }
    const declared = /crc32c=(\S+)/.exec(request.headers.get("x-goog-hash") ?? "")?.[1];
    return this.#store(session, new Uint8Array(session.received), declared);
  }

  #store(
    { bucket, name, ifAbsent }: { readonly bucket: string; readonly name: string; readonly ifAbsent: boolean },
    content: Uint8Array,
    declared: string | undefined,
  ): Response {
    const objects = this.#buckets.get(bucket);
    const actual = crc32cBase64(crc32c(content));
    if (declared !== undefined && declared !== actual) {
      return gcsRefusal(400, "invalid", `Provided CRC32C "${declared}" doesn't match calculated CRC32C "${actual}".`);
    }
    if (ifAbsent && objects?.has(name)) return gcsRefusal(412, "conditionNotMet");
    const stored = { content, generation: this.#next(), updated: new Date().toISOString() };
    objects?.set(name, stored);
    return Response.json(resourceOf(name, stored));
  }

  #rewrite(source: Stored, target: string, query: URLSearchParams): Response {
    const wanted = query.get("ifSourceGenerationMatch");
    if (wanted !== null && wanted !== String(source.generation)) return gcsRefusal(412, "conditionNotMet");
    const [, bucket = "", name = ""] = /^b\/([^/]+)\/o\/([^/]+)$/.exec(target) ?? [];
    const copied = Number(query.get("rewriteToken") ?? 0) + (this.#options.rewriteBytes ?? source.content.length);
    const answer = { kind: "storage#rewriteResponse", objectSize: String(source.content.length) };
    if (copied < source.content.length) {
      return Response.json({
        ...answer,
        done: false,
        totalBytesRewritten: String(copied),
        rewriteToken: String(copied),
      });
    }
    const to = { bucket: decodeURIComponent(bucket), name: decodeURIComponent(name) };
    const stored = {
      content: source.content.slice(),
      generation: this.#next(),
      updated: new Date().toISOString(),
    };
    this.#buckets.get(to.bucket)?.set(to.name, stored);
    return Response.json({ ...answer, done: true, resource: resourceOf(to.name, stored) });
  }
}

/** Kept by the content that was stored, so that damaged bytes differ from it. */
const digests = new WeakMap<Uint8Array, { readonly crc32c: string; readonly md5Hash: string }>();

function digestsOf(content: Uint8Array): { readonly crc32c: string; readonly md5Hash: string } {
  const known = digests.get(content);
  if (known !== undefined) return known;
  const made = { crc32c: crc32cBase64(crc32c(content)), md5Hash: createHash("md5").update(content).digest("base64") };
  digests.set(content, made);
  return made;
}

function resourceOf(name: string, { content, generation, updated }: Stored): Record<string, unknown> {
  return { name, size: String(content.length), generation: String(generation), updated, ...digestsOf(content) };
}

function media({ content, generation, updated }: Stored, range: string | null): Response {
  const { crc32c: crc, md5Hash } = digestsOf(content);
  const headers = {
    "x-goog-hash": `crc32c=${crc},md5=${md5Hash}`,
    "x-goog-generation": String(generation),
    "x-goog-stored-content-length": String(content.length),
    "last-modified": new Date(updated).toUTCString(),
  };
  const wanted = /^bytes=(\d+)-(\d*)$/.exec(range ?? "");
  if (wanted === null) return new Response(content as Uint8Array<ArrayBuffer>, { headers });
  const start = Number(wanted[1]);
  if (start >= content.length) return gcsRefusal(416, "requestedRangeNotSatisfiable");
  const end = wanted[2] === "" ? content.length : Math.min(Number(wanted[2]) + 1, content.length);
  return new Response(content.slice(start, end), {
    status: 206,
    headers: { ...headers, "content-range": `bytes ${start}-${end - 1}/${content.length}` },
  });
}
