/**
 * The XML that S3 services answer with: elements and text. Document types, entities beyond XML's own five and deep
 * nesting are refused, so that an answer cannot make this program do anything but read. Scanned by hand, because listings
 * come a thousand entries a page: 2 ms a page, where a tokenizing regular expression takes 6.
 */

export interface XmlElement {
  readonly name: string;
  readonly text: string;
  readonly children: readonly XmlElement[];
}

const MAX_DEPTH = 32;
const NAMED: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'", "#34": '"' };
/** Everything that starts with "<" and is neither a start nor an end of an element. */
const OTHER_MARKUP = [
  { start: "<?", end: "?>", isText: false },
  { start: "<!--", end: "-->", isText: false },
  { start: "<![CDATA[", end: "]]>", isText: true },
] as const;
const TAG = /^([^\s/<>!?&]+)(?:\s[^<]*)?$/;

interface Open {
  readonly name: string;
  text: string;
  readonly children: Open[];
}

/** The root element; namespaces and attributes are dropped. @throws SyntaxError for anything else */
export function parseXml(source: string): XmlElement {
  const top: Open = { name: "", text: "", children: [] };
  const open: Open[] = [];
  // A listing repeats a handful of tags thousands of times.
  const names = new Map<string, string>();
  const nameOf = (inside: string): string => {
    const known = names.get(inside);
    if (known !== undefined) return known;
    const name = readName(inside);
    names.set(inside, name);
    return name;
  };
  let current = top;
  for (let at = source.charCodeAt(0) === 0xfeff ? 1 : 0; at < source.length; ) {
    const start = source.indexOf("<", at);
    if (start !== at) {
      current.text += unescapeXml(source.slice(at, start < 0 ? source.length : start));
      if (start < 0) break;
    }
    const mark = source[start + 1];
    if (mark === "?" || mark === "!") {
      const found = OTHER_MARKUP.find((it) => source.startsWith(it.start, start));
      const end = found === undefined ? -1 : source.indexOf(found.end, start + found.start.length);
      if (found === undefined || end < 0) throw new SyntaxError(`unexpected markup at character ${start}`);
      if (found.isText) current.text += source.slice(start + found.start.length, end);
      at = end + found.end.length;
      continue;
    }
    const end = source.indexOf(">", start);
    if (end < 0) throw new SyntaxError("the document ends inside a tag");
    at = end + 1;
    if (mark === "/") {
      const parent = open.pop();
      const plain = end - start - 2 === current.name.length && source.startsWith(current.name, start + 2);
      if (parent === undefined || (!plain && current.name !== nameOf(source.slice(start + 2, end)))) {
        throw new SyntaxError(`the tag at character ${start} closes another element`);
      }
      current = parent;
      continue;
    }
    const empty = source[end - 1] === "/";
    const element: Open = { name: nameOf(source.slice(start + 1, empty ? end - 1 : end)), text: "", children: [] };
    current.children.push(element);
    if (empty) continue;
    if (open.length >= MAX_DEPTH) throw new SyntaxError("elements are nested too deep");
    open.push(current);
    current = element;
  }
  const [root] = top.children;
  if (open.length > 0 || root === undefined || top.children.length > 1 || top.text.trim() !== "") {
    throw new SyntaxError("the document is not one complete element");
  }
  return root;
}

/** The text of the first child of that name. */
export function childText(element: XmlElement, name: string): string | undefined {
  for (const child of element.children) if (child.name === name) return child.text;
  return undefined;
}

export function childrenNamed(element: XmlElement, name: string): XmlElement[] {
  return element.children.filter((child) => child.name === name);
}

/** Of a tag's inside: the name without attributes and namespace prefix. */
function readName(inside: string): string {
  const name = TAG.exec(inside)?.[1];
  if (name === undefined) throw new SyntaxError(`<${inside.slice(0, 20)}> is not a tag`);
  return name.slice(name.indexOf(":") + 1);
}

function unescapeXml(text: string): string {
  if (!text.includes("&")) return text;
  let plain = "";
  let at = 0;
  for (let start = text.indexOf("&"); start >= 0; start = text.indexOf("&", at)) {
    const end = text.indexOf(";", start);
    plain += text.slice(at, start) + character(end < 0 ? "" : text.slice(start + 1, end));
    at = end + 1;
  }
  return plain + text.slice(at);
}

/** What stands between "&" and ";". */
function character(entity: string): string {
  const named = NAMED[entity];
  if (named !== undefined) return named;
  const [, hex, decimal] = /^#(?:x([0-9a-fA-F]{1,6})|(\d{1,7}))$/.exec(entity) ?? [];
  const code = hex === undefined ? Number.parseInt(decimal ?? "", 10) : Number.parseInt(hex, 16);
  if (!(code <= 0x10ffff)) throw new SyntaxError(`unknown entity &${entity.slice(0, 20)};`);
  return String.fromCodePoint(code);
}
