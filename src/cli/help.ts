/** Help texts: all commands in one overview, one command in detail. */

import type { CommandClass } from "clipanion";
import { EXIT_STATUS_HELP } from "./base_command.ts";
import { BINARY_NAME, COMMANDS, pathOf } from "./command_list.ts";
import { declaredFlags } from "./declared_flags.ts";
import { formatTable } from "./format.ts";
import type { CliContext } from "./runtime.ts";

/** Columns of running text; tables take what they need. */
const WIDTH = 100;

/** One line a command, and the exit statuses. */
export function overview(): string {
  const rows = COMMANDS.map((command) => [`  ${pathOf(command)}`, command.usage?.description ?? ""]);
  return [
    "Backup and restore of Milvus",
    "",
    `Usage: ${BINARY_NAME} COMMAND [FLAGS]`,
    "",
    formatTable(rows),
    "",
    `${BINARY_NAME} COMMAND --help explains one command; --version tells version and commit.`,
    "",
    statuses(EXIT_STATUS_HELP),
    "",
  ].join("\n");
}

/** Flags, examples and exit statuses of one command. */
export function commandHelp(command: CommandClass<CliContext>): string {
  const { description = "", details = "", examples = [] } = command.usage ?? {};
  const flags = declaredFlags(command)
    .filter(({ hidden }) => !hidden)
    .map(({ names, arity, description: text }) => [`  ${names.join(", ")}${arity > 0 ? " VALUE" : ""}`, text]);
  const called = examples.flatMap(([what, line]) => [`  ${what}:`, `    ${line.replaceAll("$0", BINARY_NAME)}`]);
  const parts = [
    description,
    `Usage: ${BINARY_NAME} ${pathOf(command)} [FLAGS]`,
    paragraphs(details),
    `Flags:\n\n${formatTable(flags)}`,
    ...(called.length === 0 ? [] : [`Examples:\n\n${called.join("\n")}`]),
  ];
  return `${parts.filter((part) => part !== "").join("\n\n")}\n`;
}

/** Details are written as indented paragraphs in the source; their lines are joined and broken anew, lists are kept. */
function paragraphs(details: string): string {
  const lines = details.split("\n").map((line) => line.trim());
  const blocks = lines
    .join("\n")
    .trim()
    .split(/\n{2,}/);
  return blocks
    .map((block) => (block.startsWith("- ") ? statuses(block) : wrapped(block.replaceAll("\n", " "))))
    .join("\n\n");
}

function statuses(list: string): string {
  return list.replaceAll(/^- /gm, "  ");
}

function wrapped(text: string): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = "";
    }
    line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line].join("\n");
}
