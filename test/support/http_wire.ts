/** HTTP/1.1 messages as bytes, whole: what a proxy needs that must be able to break them. */

import { connect, type Socket } from "node:net";

export interface WireMessage {
  /** "PUT /bucket/key HTTP/1.1" or "HTTP/1.1 200 OK". */
  readonly start: string;
  /** In their order, names as they came. */
  readonly headers: readonly (readonly [string, string])[];
  /** Without chunked encoding. */
  readonly body: Buffer;
}

const HEAD_END = Buffer.from("\r\n\r\n");
/** Of one connection only; or wrong once the body has another form. */
const HOP_HEADERS = ["connection", "keep-alive", "transfer-encoding", "content-length"];

export function headerOf(message: Pick<WireMessage, "headers">, name: string): string | undefined {
  return message.headers.find(([key]) => key.toLowerCase() === name)?.[1];
}

/** The first request on a connection; undefined when it ends before one is whole. */
export function readRequest(socket: Socket): Promise<WireMessage | undefined> {
  return new Promise((resolve) => {
    let bytes: Buffer = Buffer.alloc(0);
    socket.on("data", (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      const message = parse(bytes);
      if (message !== undefined) resolve(message);
    });
    socket.once("close", () => resolve(undefined));
    socket.once("end", () => resolve(undefined));
  });
}

/** Sends a request on a connection of its own and reads the answer to its end. */
export function exchange(
  to: { readonly host: string; readonly port: number },
  request: WireMessage,
): Promise<WireMessage> {
  return new Promise((resolve, reject) => {
    const socket = connect(to.port, to.host);
    const chunks: Buffer[] = [];
    socket.on("data", (chunk: Buffer) => chunks.push(chunk));
    socket.once("error", reject);
    socket.once("close", () => {
      const answer = parse(Buffer.concat(chunks), request.start.startsWith("HEAD "));
      if (answer === undefined) reject(new Error(`no whole answer to ${request.start}`));
      else resolve(answer);
    });
    socket.write(encodeHead(request, String(request.body.length)));
    socket.write(request.body);
  });
}

/** Start line and headers; the connection is to be closed after this message. */
export function encodeHead(message: WireMessage, contentLength: string | undefined): string {
  const kept = message.headers.filter(([name]) => !HOP_HEADERS.includes(name.toLowerCase()));
  const lines = [...kept.map(([name, value]) => `${name}: ${value}`), "Connection: close"];
  if (contentLength !== undefined) lines.push(`Content-Length: ${contentLength}`);
  return `${[message.start, ...lines].join("\r\n")}\r\n\r\n`;
}

function parse(bytes: Buffer, withoutBody = false): WireMessage | undefined {
  const end = bytes.indexOf(HEAD_END);
  if (end < 0) return undefined;
  const [start = "", ...lines] = bytes.subarray(0, end).toString("latin1").split("\r\n");
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon), line.slice(colon + 1).trim()];
  });
  const rest = bytes.subarray(end + HEAD_END.length);
  if (withoutBody) return { start, headers, body: Buffer.alloc(0) };
  if (headerOf({ headers }, "transfer-encoding") === "chunked") {
    const body = unchunk(rest);
    return body === undefined ? undefined : { start, headers, body };
  }
  const length = Number(headerOf({ headers }, "content-length") ?? 0);
  return rest.length < length ? undefined : { start, headers, body: rest.subarray(0, length) };
}

function unchunk(bytes: Buffer): Buffer | undefined {
  const parts: Buffer[] = [];
  for (let at = 0; ; ) {
    const lineEnd = bytes.indexOf("\r\n", at);
    if (lineEnd < 0) return undefined;
    const size = Number.parseInt(bytes.subarray(at, lineEnd).toString("latin1"), 16);
    if (size === 0) return Buffer.concat(parts);
    const start = lineEnd + 2;
    if (bytes.length < start + size + 2) return undefined;
    parts.push(bytes.subarray(start, start + size));
    at = start + size + 2;
  }
}
