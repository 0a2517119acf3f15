/** How a secret is shown: enough to recognise it, as milvus-backup's Go tool does. */

/** "" stays "", up to four characters become `****`, longer ones keep two at each end: `mi****in`. */
export function maskedText(secret: string): string {
  if (secret === "") return "";
  const letters = [...secret];
  if (letters.length <= 4) return "****";
  return `${letters.slice(0, 2).join("")}****${letters.slice(-2).join("")}`;
}
