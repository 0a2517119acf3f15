/** Help texts: all commands in one overview, one command in detail. */

import type { Cli, CommandClass } from "clipanion";
import { EXIT_STATUS_HELP } from "./base_command.ts";
import { BINARY_NAME, COMMANDS, pathOf } from "./command_list.ts";
import { formatTable } from "./format.ts";
import type { CliContext } from "./runtime.ts";

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
    EXIT_STATUS_HELP.replaceAll(/^- /gm, "  "),
    "",
  ].join("\n");
}

/** Flags, examples and exit statuses of one command. */
export function commandHelp(cli: Cli<CliContext>, command: CommandClass<CliContext>): string {
  // The parser writes "#0" for a flag's value.
  return cli.usage(command, { detailed: true }).replaceAll(" #0", " VALUE");
}
