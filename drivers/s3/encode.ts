/** Percent-encoding as Signature Version 4 defines it: everything but A-Z a-z 0-9 - . _ ~. */

const RESERVED = /[!'()*]/g;
const PLAIN_PATH = /^[A-Za-z0-9\-._~/]*$/;

/** One path segment or query value. */
export function encodeComponent(text: string): string {
  return encodeURIComponent(text).replace(RESERVED, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** A key with its "/" kept: each segment is encoded by itself. */
export function encodeKey(key: string): string {
  // Binlog keys hold digits, letters and "/" only; for those, which are nearly all, nothing needs to be split.
  return PLAIN_PATH.test(key) ? key : key.split("/").map(encodeComponent).join("/");
}

/** "a=1&b=" with names in order, as it is signed and sent; "" for no parameters. */
export function encodeQuery(parameters: Readonly<Record<string, string>>): string {
  return Object.entries(parameters)
    .map(([name, value]) => `${encodeComponent(name)}=${encodeComponent(value)}`)
    .sort()
    .join("&");
}

/** Undoes encoding-type=url of a listing, where a space may come as "+". @throws URIError for broken escapes */
export function decodeListed(text: string): string {
  return decodeURIComponent(text.replaceAll("+", "%20"));
}
