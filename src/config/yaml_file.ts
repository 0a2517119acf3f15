/** A YAML file as a flat list of dotted keys with their positions; nothing in it is quoted in an error. */

import type { Document, LineCounter, Node, Pair, YAMLMap } from "yaml";
import { AppError } from "../base/errors.ts";
import type { Raw, RawValue } from "./raw.ts";

/** Key in lower case -> what the file says; `origin.name` keeps the spelling. */
export type FlatFile = ReadonlyMap<string, Raw>;

/** Configuration files are pages long; a nested alias bomb unfolds to millions of nodes. */
const MAX_NODES = 20_000;
const MAX_DEPTH = 32;
const MAX_BYTES = 1024 * 1024;

/**
 * @param shown the file's name for messages and positions
 * @throws CONFIG_INVALID with file, line and column. The text is never quoted: it may hold a password.
 */
export async function parseYamlFile(bytes: Uint8Array, shown: string): Promise<FlatFile> {
  if (bytes.length > MAX_BYTES) throw invalid(shown, "is larger than 1 MiB; is this a configuration file?");
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw invalid(shown, "is not UTF-8 text; save it as UTF-8", cause);
  }
  const yaml = await import("yaml");
  const lines = new yaml.LineCounter();
  const document = yaml.parseDocument(text, {
    intAsBigInt: true,
    lineCounter: lines,
    logLevel: "error",
    prettyErrors: false,
    // Doubled keys are found while flattening, with any letter case and as dotted keys too.
    uniqueKeys: false,
    version: "1.2",
  });
  const error = document.errors[0];
  if (error !== undefined) throw invalid(at(shown, lines, error.pos[0]), MEANING[error.code] ?? "is not valid YAML");
  return new Flattener(yaml, document, lines, shown).run();
}

type Yaml = typeof import("yaml");

class Flattener {
  readonly #yaml: Yaml;
  readonly #document: Document.Parsed;
  readonly #lines: LineCounter;
  readonly #shown: string;
  readonly #flat = new Map<string, Raw>();
  #nodes = 0;

  constructor(yaml: Yaml, document: Document.Parsed, lines: LineCounter, shown: string) {
    this.#yaml = yaml;
    this.#document = document;
    this.#lines = lines;
    this.#shown = shown;
  }

  run(): FlatFile {
    const root = this.#resolve(this.#document.contents, 0);
    if (this.#isNull(root)) return this.#flat;
    if (!this.#yaml.isMap(root)) {
      throw invalid(this.#at(root), 'must be a map of keys ("milvus:" and so on) at its top level');
    }
    this.#map(root, "", 0);
    return this.#flat;
  }

  #map(map: YAMLMap, prefix: string, depth: number): void {
    for (const [name, pair] of this.#pairs(map, depth)) {
      const key = prefix === "" ? name : `${prefix}.${name}`;
      const value = this.#resolve(pair.value as Node | null, depth + 1);
      if (this.#yaml.isMap(value) && value.items.length > 0) this.#map(value, key, depth + 1);
      else this.#leaf(key, pair.key as Node, value, depth);
    }
  }

  /** The pairs of a map by name, those merged in by "<<" last and only where the map has none itself. */
  #pairs(map: YAMLMap, depth: number): Map<string, Pair> {
    if (depth > MAX_DEPTH) throw invalid(this.#at(map), "is nested too deeply");
    const own = new Map<string, Pair>();
    const merged: Pair[] = [];
    for (const pair of map.items) {
      this.#count(map);
      const key = this.#resolve(pair.key as Node | null, depth);
      if (!this.#yaml.isScalar(key) || typeof key.value !== "string") {
        throw invalid(this.#at(key ?? map), "has a key that is not a text; put it in quotes");
      }
      if (key.value === "<<" && key.type === "PLAIN") {
        merged.push(pair);
        continue;
      }
      const lower = key.value.toLowerCase();
      for (const name of own.keys()) {
        if (name.toLowerCase() === lower) throw this.#doubled(key, lower);
      }
      own.set(key.value, pair);
    }
    const taken = new Set([...own.keys()].map((name) => name.toLowerCase()));
    for (const pair of merged) {
      const value = this.#resolve(pair.value as Node | null, depth);
      for (const item of this.#yaml.isSeq(value) ? value.items : [value]) {
        const source = this.#resolve(item as Node | null, depth);
        if (!this.#yaml.isMap(source)) throw invalid(this.#at(pair.key as Node), "merges something that is not a map");
        for (const [name, inner] of this.#pairs(source, depth + 1)) {
          if (taken.has(name.toLowerCase())) continue;
          taken.add(name.toLowerCase());
          own.set(name, inner);
        }
      }
    }
    return own;
  }

  #leaf(name: string, keyNode: Node, node: Node | null, depth: number): void {
    const lower = name.toLowerCase();
    if (this.#flat.has(lower)) throw this.#doubled(keyNode, lower);
    const where = this.#at(this.#isNull(node) || node === null ? keyNode : node);
    this.#flat.set(lower, { value: this.#value(node, depth), origin: { source: "config", name, where } });
  }

  #value(node: Node | null, depth: number): RawValue {
    if (this.#isNull(node)) return { kind: "null" };
    if (this.#yaml.isSeq(node)) {
      const items = node.items.map((item) => {
        const value = this.#value(this.#resolve(item as Node | null, depth + 1), MAX_DEPTH);
        return value.kind === "scalar" ? value.text : undefined;
      });
      return { kind: "list", items };
    }
    if (!this.#yaml.isScalar(node)) return { kind: "null" };
    const { value } = node;
    const isPlain = node.type === "PLAIN" && node.source !== undefined;
    if (typeof value === "string") return { kind: "scalar", value, text: value };
    // A plain 0123 or 1e5 stays what was written when the key wants a text, such as a password.
    const text = isPlain ? String(node.source) : String(value);
    const known = typeof value === "bigint" || typeof value === "number" || typeof value === "boolean";
    return { kind: "scalar", value: known ? value : text, text };
  }

  /** Follows aliases; counts every node, so that a bomb of aliases ends early. */
  #resolve(node: Node | null | undefined, depth: number): Node | null {
    let current: Node | null | undefined = node;
    for (let hops = 0; this.#yaml.isAlias(current); hops += 1) {
      if (hops > MAX_DEPTH || depth > MAX_DEPTH) throw invalid(this.#at(current), "has an alias that refers to itself");
      const target: Node | undefined = current.resolve(this.#document);
      if (target === undefined) throw invalid(this.#at(current), MEANING.BAD_ALIAS ?? "");
      current = target;
    }
    this.#count(current);
    return current ?? null;
  }

  #count(node: Node | null | undefined): void {
    this.#nodes += 1;
    if (this.#nodes > MAX_NODES)
      throw invalid(this.#at(node ?? null), "unfolds to too many values through its aliases");
  }

  #isNull(node: Node | null): boolean {
    if (node === null) return true;
    if (this.#yaml.isScalar(node)) return node.value === null;
    return this.#yaml.isMap(node) && node.items.length === 0;
  }

  #doubled(node: Node, key: string): AppError {
    return invalid(this.#at(node), `sets ${JSON.stringify(key)} twice; keep one`);
  }

  #at(node: Node | null): string {
    return at(this.#shown, this.#lines, node?.range?.[0] ?? 0);
  }
}

/** What the parser's error codes mean to the person at the editor. */
const MEANING: Readonly<Record<string, string>> = {
  ALIAS_PROPS: "has an alias (*name) with an anchor or tag; put a value that starts with * in quotes",
  BAD_ALIAS: "refers to an anchor that does not exist; put a value that starts with * in quotes",
  BAD_DQ_ESCAPE: "has an unknown escape in double quotes; use single quotes for a value with a backslash",
  BAD_INDENT: "is indented differently from its neighbours",
  BAD_SCALAR_START: "starts with a reserved character; put the value in quotes",
  BLOCK_AS_IMPLICIT_KEY: 'has a second ": " on the line; put a value that holds ": " in quotes',
  MISSING_CHAR: "lacks a closing quote, bracket, comma or a colon behind a key",
  MULTILINE_IMPLICIT_KEY: "lacks a colon behind a key",
  MULTIPLE_DOCS: 'holds more than one document; remove the line "---" and what follows it',
  RESOURCE_EXHAUSTION: "unfolds to too many values through its aliases",
  TAB_AS_INDENT: "is indented with a tab; YAML wants spaces",
  UNEXPECTED_TOKEN: "has something unexpected; put a value with special characters in quotes",
};

function at(shown: string, lines: LineCounter, offset: number): string {
  const { line, col } = lines.linePos(offset);
  return `${shown}:${Math.max(line, 1)}:${Math.max(col, 1)}`;
}

function invalid(where: string, what: string, cause?: unknown): AppError {
  return new AppError("CONFIG_INVALID", `configuration: ${where} ${what}`, cause === undefined ? {} : { cause });
}
