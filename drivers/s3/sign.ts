/**
 * AWS Signature Version 4 for requests whose body is not part of the signature (UNSIGNED-PAYLOAD): the body is covered
 * by checksums instead. Our own, because it is called for each object: 2 us a signature, where @smithy/signature-v4
 * takes 16 us (bench/s3_sign.ts).
 */

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** Text of the other side, which may echo what it was sent, without what must not be shown. */
export function hideCredentials(text: string, credentials: Credentials): string {
  const hidden = text
    .replace(/Signature=[0-9a-fA-F]+/g, "Signature=***")
    .replaceAll(credentials.secretAccessKey, "***");
  return credentials.sessionToken === undefined ? hidden : hidden.replaceAll(credentials.sessionToken, "***");
}

export interface Signable {
  readonly method: string;
  /** With port where it is not the scheme's own. */
  readonly host: string;
  /** Encoded, starting with "/". */
  readonly path: string;
  /** As encodeQuery makes it. */
  readonly query: string;
  /** Lower-case names; those starting with "x-amz-" are signed, the others are sent as they are. */
  readonly headers: Readonly<Record<string, string>>;
}

const ALGORITHM = "AWS4-HMAC-SHA256";
const UNSIGNED = "UNSIGNED-PAYLOAD";

/** Signs for one region and service; keeps the key derived from the credentials for as long as the day lasts. */
export class Signer {
  readonly #region: string;
  readonly #service: string;
  #derived: { readonly date: string; readonly secret: string; readonly hmac: Bun.CryptoHasher } | undefined;
  #clock: { readonly second: number; readonly stamp: string } = { second: -1, stamp: "" };

  constructor(region: string, service = "s3") {
    this.#region = region;
    this.#service = service;
  }

  /** All headers to send: the given ones, the signature and what it covers. Host is left to the caller. */
  sign(request: Signable, credentials: Credentials, now: number): Record<string, string> {
    const stamp = this.#stamp(now);
    const headers: Record<string, string> = { ...request.headers };
    headers["x-amz-content-sha256"] ??= UNSIGNED;
    headers["x-amz-date"] = stamp;
    if (credentials.sessionToken !== undefined) headers["x-amz-security-token"] = credentials.sessionToken;

    let names = "host";
    let lines = `host:${request.host}\n`;
    for (const name of Object.keys(headers).sort()) {
      if (!name.startsWith("x-amz-")) continue;
      names += `;${name}`;
      lines += `${name}:${headers[name]?.trim()}\n`;
    }
    const canonical = `${request.method}\n${request.path}\n${request.query}\n${lines}\n${names}\n${headers["x-amz-content-sha256"]}`;
    const scope = `${stamp.slice(0, 8)}/${this.#region}/${this.#service}/aws4_request`;
    const text = `${ALGORITHM}\n${stamp}\n${scope}\n${Bun.SHA256.hash(canonical, "hex")}`;
    const signature = this.#hmac(stamp.slice(0, 8), credentials.secretAccessKey).copy().update(text).digest("hex");
    headers.authorization = `${ALGORITHM} Credential=${credentials.accessKeyId}/${scope}, SignedHeaders=${names}, Signature=${signature}`;
    return headers;
  }

  /** "20260131T120000Z"; formatted once a second. */
  #stamp(now: number): string {
    const second = Math.floor(now / 1000);
    if (second !== this.#clock.second) {
      const stamp = new Date(second * 1000).toISOString().replace(/[-:]|\.000/g, "");
      this.#clock = { second, stamp };
    }
    return this.#clock.stamp;
  }

  #hmac(date: string, secret: string): Bun.CryptoHasher {
    if (this.#derived?.date !== date || this.#derived.secret !== secret) {
      let key: Uint8Array | string = `AWS4${secret}`;
      for (const part of [date, this.#region, this.#service, "aws4_request"]) {
        key = new Bun.CryptoHasher("sha256", key).update(part).digest();
      }
      this.#derived = { date, secret, hmac: new Bun.CryptoHasher("sha256", key) };
    }
    return this.#derived.hmac;
  }
}
