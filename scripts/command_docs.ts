/**
 * Writes docs/commands.md from what the commands declare. `bun scripts/command_docs.ts`; test/unit/cli/docs.test.ts tells
 * when it is due.
 */

import { writeFile } from "node:fs/promises";
import type { CommandClass } from "clipanion";
import { EXIT_STATUS_MEANING, errorCodes } from "../src/base/errors.ts";
import { EXIT_STATUS_HELP } from "../src/cli/base_command.ts";
import { BINARY_NAME, COMMANDS, pathOf } from "../src/cli/command_list.ts";
import { type DeclaredFlag, declaredFlags } from "../src/cli/declared_flags.ts";
import type { CliContext } from "../src/cli/runtime.ts";

const FILE = new URL("../docs/commands.md", import.meta.url);

const HEAD = `# Commands

<!-- Written by scripts/command_docs.ts from what the commands declare. -->

\`${BINARY_NAME} COMMAND [FLAGS]\`. Results go to standard output and nothing else does; progress, warnings, errors and log
lines go to standard error. With \`--json\` the result is one JSON document: see [json.md](json.md).

Names of flags may be written with \`-\` or \`_\`. Flags may stand in front of the command. \`--flag=false\` and \`--no-flag\`
turn a flag off. \`-nNAME\`, \`-n NAME\` and \`-n=NAME\` are the same; a value that begins with \`-\` is written
\`--name=VALUE\`. No command takes arguments that are not flags.

\`${BINARY_NAME} COMMAND --help\`, \`${BINARY_NAME} help COMMAND\` and \`${BINARY_NAME} COMMAND -h\` explain one command,
\`${BINARY_NAME} --version\` tells version and commit.`;

/** The whole document. */
export function commandsDocument(): string {
  const shared = sharedFlags();
  const sections = COMMANDS.map((command) => commandSection(command, shared));
  return `${[HEAD, flagsSection(shared), ...sections, statusSection()].join("\n\n")}\n`;
}

/** Names of the flags that every command has. */
function sharedFlags(): readonly DeclaredFlag[] {
  const [first, ...others] = COMMANDS.map((command) => declaredFlags(command).filter((flag) => !flag.hidden));
  const isShared = (flag: DeclaredFlag): boolean =>
    others.every((flags) => flags.some((other) => other.names.join() === flag.names.join()));
  return (first ?? []).filter(isShared);
}

function flagsSection(flags: readonly DeclaredFlag[]): string {
  return `## Flags of every command\n\n${flagTable(flags)}`;
}

function commandSection(command: CommandClass<CliContext>, shared: readonly DeclaredFlag[]): string {
  const names = new Set(shared.map((flag) => flag.names.join()));
  const own = declaredFlags(command).filter((flag) => !flag.hidden && !names.has(flag.names.join()));
  const { description = "", details = "", examples = [] } = command.usage ?? {};
  return [
    `## ${pathOf(command)}`,
    `${description}.`,
    paragraphs(details),
    own.length === 0 ? "" : flagTable(own),
    examplesBlock(examples),
  ]
    .filter((part) => part !== "")
    .join("\n\n");
}

/** The details of a help text without the exit statuses, which the document has once. */
function paragraphs(details: string): string {
  return details
    .replace(EXIT_STATUS_HELP, "")
    .split(/\n\s*\n/)
    .map((paragraph) => paragraph.replaceAll(/\s+/g, " ").trim())
    .filter((paragraph) => paragraph !== "")
    .join("\n\n");
}

function examplesBlock(examples: readonly (readonly [string, string])[]): string {
  if (examples.length === 0) return "";
  const lines = examples.map(([what, line]) => `# ${what}\n${line.replaceAll("$0", BINARY_NAME)}`);
  return `\`\`\`sh\n${lines.join("\n")}\n\`\`\``;
}

function flagTable(flags: readonly DeclaredFlag[]): string {
  const rows = flags.map(({ names, arity, description }) => {
    const value = arity > 0 ? " VALUE" : "";
    return `| ${names.map((name) => `\`${name}\``).join(", ")}${value} | ${description.replaceAll("|", "\\|")} |`;
  });
  return ["| Flag | Meaning |", "| --- | --- |", ...rows].join("\n");
}

function statusSection(): string {
  const codes = Map.groupBy(errorCodes(), ([, status]) => status);
  const rows = Object.entries(EXIT_STATUS_MEANING).map(([status, meaning]) => {
    const named = (codes.get(Number(status)) ?? []).map(([code]) => `\`${code}\``).join(", ");
    return `| ${status} | ${meaning} | ${named} |`;
  });
  return [
    "## Exit statuses",
    "Every error has a permanent code, which standard error shows in brackets and the JSON document as `error.code`.",
    ["| Status | Meaning | Codes |", "| --- | --- | --- |", ...rows].join("\n"),
  ].join("\n\n");
}

if (import.meta.main) await writeFile(FILE, commandsDocument());
