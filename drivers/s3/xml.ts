/**
 * The XML that S3 services answer with: elements and text. Document types, entities beyond XML's own five and deep
 * nesting are refused, so that an answer cannot make this program do anything but read.
 */

export interface XmlElement {
  readonly name: string;
  readonly text: string;
  readonly children: readonly XmlElement[];
}

const MAX_DEPTH = 32;
const TOKEN = /<!\[CDATA\[([\s\S]*?)\]\]>|<!--[\s\S]*?-->|<\?[\s\S]*?\?>|<(\/?)([^\s/<>!?]+)([^<>]*?)(\/?)>|([^<]+)/gy;
const NAMED: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" };

interface Open {
  readonly name: string;
  text: string;
  readonly children: XmlElement[];
}

/** The root element; namespaces and attributes are dropped. @throws SyntaxError for anything else */
export function parseXml(source: string): XmlElement {
  const top: Open = { name: "", text: "", children: [] };
  const open: Open[] = [top];
  TOKEN.lastIndex = source.charCodeAt(0) === 0xfeff ? 1 : 0;
  while (TOKEN.lastIndex < source.length) {
    const at = TOKEN.lastIndex;
    const token = TOKEN.exec(source);
    if (token === null) throw new SyntaxError(`unexpected markup at character ${at}`);
    const [, cdata, closing, tag, , empty, text] = token;
    const current = open.at(-1) ?? top;
    if (text !== undefined) current.text += unescapeXml(text);
    else if (cdata !== undefined) current.text += cdata;
    else if (tag === undefined) continue;
    else if (closing === "/") close(open, tag);
    else {
      const element: Open = { name: tag.slice(tag.indexOf(":") + 1), text: "", children: [] };
      current.children.push(element);
      if (empty === "/") continue;
      if (open.length >= MAX_DEPTH) throw new SyntaxError("elements are nested too deep");
      open.push(element);
    }
  }
  const [root] = top.children;
  if (open.length !== 1 || root === undefined || top.children.length !== 1 || top.text.trim() !== "") {
    throw new SyntaxError("the document is not one complete element");
  }
  return root;
}

/** The text of the first child of that name. */
export function childText(element: XmlElement, name: string): string | undefined {
  return element.children.find((child) => child.name === name)?.text;
}

export function childrenNamed(element: XmlElement, name: string): XmlElement[] {
  return element.children.filter((child) => child.name === name);
}

/** Text for an element's content. */
export function escapeXml(text: string): string {
  return text.replace(/[&<>]/g, (c) => (c === "&" ? "&amp;" : c === "<" ? "&lt;" : "&gt;"));
}

function close(open: Open[], tag: string): void {
  const ended = open.length > 1 ? open.pop() : undefined;
  if (ended?.name !== tag.slice(tag.indexOf(":") + 1)) throw new SyntaxError(`</${tag}> closes another element`);
}

function unescapeXml(text: string): string {
  if (!text.includes("&")) return text;
  return text.replace(/&([^;&]*);?/g, (whole, name: string) => {
    const named = NAMED[name];
    if (named !== undefined && whole.endsWith(";")) return named;
    const number = /^#(?:x([0-9a-fA-F]{1,6})|(\d{1,7}))$/.exec(name);
    const code = number === null ? Number.NaN : Number.parseInt(number[1] ?? number[2] ?? "", number[1] ? 16 : 10);
    if (!(code <= 0x10ffff)) throw new SyntaxError(`unknown entity ${whole.slice(0, 20)}`);
    return String.fromCodePoint(code);
  });
}
