/**
 * Writes the tables of configuration keys into configs/README.md, between its markers, from the schema and the options
 * of the built-in drivers. `bun scripts/config_docs.ts`; test/configs.test.ts tells when it is due.
 */

import { readFile, writeFile } from "node:fs/promises";
import { builtinDrivers } from "../drivers/all.ts";
import type { KeySpec } from "../src/config/keys.ts";
import { DEAD_V1_KEYS, SILENT_V1_KEYS, V1_KEYS } from "../src/config/schema_v1.ts";
import { V2_KEYS, VERSION_KEY } from "../src/config/schema_v2.ts";
import { optionKey, SECTION_NAMES, STORAGE_NAMES } from "../src/config/storage_keys.ts";

const FILE = new URL("../configs/README.md", import.meta.url);

/** The document with its generated parts renewed. */
export function withGeneratedTables(document: string): string {
  const parts: Readonly<Record<string, string>> = { keys: keyTable(), drivers: driverTables(), v1: v1Table() };
  return Object.entries(parts).reduce((text, [name, table]) => {
    const begin = `<!-- ${name}: written by scripts/config_docs.ts -->`;
    const end = `<!-- ${name} end -->`;
    const from = text.indexOf(begin);
    const to = text.indexOf(end);
    if (from === -1 || to < from) throw new Error(`configs/README.md lacks the markers ${begin} and ${end}`);
    return `${text.slice(0, from + begin.length)}\n\n${table}\n\n${text.slice(to)}`;
  }, document);
}

function keyTable(): string {
  const rows = V2_KEYS.filter((spec) => !spec.key.startsWith("backup.storage.")).map((spec) => {
    const shared = spec.key.startsWith("milvus.storage.");
    const key = shared ? spec.key.replace("milvus.", "*.") : spec.key;
    const env = spec.env === undefined ? "" : `\`${shared ? spec.env.replace("MILVUS_", "*_") : spec.env}\``;
    const isRoot = spec.key === "milvus.storage.rootPath";
    const value = isRoot ? "`files`, for backups `backup`" : defaultText(spec);
    return [
      `\`${key}\``,
      typeText(spec),
      value,
      env,
      isRoot ? "Root path in the bucket; for local the directory" : spec.help,
    ];
  });
  const version = [`\`${VERSION_KEY}\``, "text", "", "", "`v2`; a file without it is read as v1"];
  return table(["Key", "Type", "Default", "Variable", "Meaning"], [version, ...rows]);
}

function driverTables(): string {
  return [...builtinDrivers]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap(({ name, options }) => {
      const own = Object.entries(options).filter(([it]) => !STORAGE_NAMES.includes(it) && !SECTION_NAMES.includes(it));
      if (own.length === 0) return [];
      const rows = own.map(([option, spec]) => {
        const key = optionKey("milvus", option, spec);
        return [`\`${option}\``, typeText(key), spec.default === undefined ? "" : defaultText(key), spec.description];
      });
      return [`Driver \`${name}\`:\n\n${table(["Option", "Type", "Default", "Meaning"], rows)}`];
    })
    .join("\n\n");
}

function v1Table(): string {
  const rows = V1_KEYS.map((spec) => [
    [spec.key, ...(spec.otherKeys ?? [])].map((key) => `\`${key}\``).join(", "),
    spec.env === undefined ? "" : `\`${spec.env}\``,
    spec.v2 === "" ? "none" : `\`${spec.v2}\`${spec.v2Hint === undefined ? "" : ` (${spec.v2Hint})`}`,
  ]);
  const silent = SILENT_V1_KEYS.map((key) => [`\`${key}\``, "", "none; not needed"]);
  const dead = DEAD_V1_KEYS.map((key) => [`\`${key}\``, "", "none; ignored with a warning"]);
  return table(["v1 key", "Variable", "v2 key"], [...rows, ...silent, ...dead]);
}

function typeText(spec: KeySpec): string {
  switch (spec.type) {
    case "enum":
      return (spec.choices ?? []).map((it) => `\`${it}\``).join(" ");
    case "string":
      return spec.secret === true ? "secret" : "text";
    case "integer":
      return "number";
    default:
      return spec.type;
  }
}

function defaultText(spec: KeySpec): string {
  if (typeof spec.default === "object") return `\`[${spec.default.join(", ")}]\``;
  return spec.default === "" ? '`""`' : `\`${String(spec.default)}\``;
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map((it) => it.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(header), line(header.map(() => "---")), ...rows.map(line)].join("\n");
}

if (import.meta.main) await writeFile(FILE, withGeneratedTables(await readFile(FILE, "utf8")));
