/** What text can be an object key. */

const MAX_KEY_BYTES = 1024;
const encoder = new TextEncoder();

/** Why `text` cannot be an object key, as the end of a sentence ('it holds "//"'); undefined when it can. */
export function keyProblem(text: string): string | undefined {
  if (text === "") return "it is empty";
  if (text.startsWith("/") || text.endsWith("/")) return 'it starts or ends with "/"';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused here
  if (/[\u0000-\u001f\u007f]/.test(text)) return "it holds a control character";
  if (encoder.encode(text).length > MAX_KEY_BYTES) return `it is longer than ${MAX_KEY_BYTES} bytes`;
  for (const part of text.split("/")) {
    if (part === "") return 'it holds "//"';
    if (part === "." || part === "..") return `it holds the part "${part}"`;
  }
  return undefined;
}
