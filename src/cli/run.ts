/** From arguments to an exit status: parse, run one command, put every error on standard error. */

import { Cli, type CommandClass } from "clipanion";
import { AppError, exitStatus, toAppError } from "../base/errors.ts";
import { nearestName } from "../base/nearest.ts";
import { type FlagTable, normalizeArguments } from "./arguments.ts";
import { EXIT_STATUS_HELP } from "./base_command.ts";
import { CheckCommand } from "./commands/check.ts";
import { ConfigMigrateCommand } from "./commands/config_migrate.ts";
import { ConfigShowCommand } from "./commands/config_show.ts";
import { CreateCommand } from "./commands/create.ts";
import { DeleteCommand } from "./commands/delete.ts";
import { DriversCommand, DriversTestCommand } from "./commands/drivers.ts";
import { GetCommand } from "./commands/get.ts";
import { ListCommand } from "./commands/list.ts";
import { RestoreCommand } from "./commands/restore.ts";
import { declaredFlags } from "./declared_flags.ts";
import { formatTable } from "./format.ts";
import type { CliContext, ToolVersion } from "./runtime.ts";
import { View } from "./view.ts";

const COMMANDS: readonly CommandClass<CliContext>[] = [
  CheckCommand,
  ConfigMigrateCommand,
  ConfigShowCommand,
  CreateCommand,
  DeleteCommand,
  DriversCommand,
  DriversTestCommand,
  GetCommand,
  ListCommand,
  RestoreCommand,
];

export const BINARY_NAME = "milvus-backup";

/** @returns the exit status; nothing is thrown */
export async function runCli(argv: readonly string[], context: CliContext): Promise<number> {
  const { tool } = context.runtime;
  const cli = new Cli<CliContext>({
    binaryLabel: "Backup and restore of Milvus",
    binaryName: BINARY_NAME,
    binaryVersion: `${tool.version} (${tool.commit})`,
    enableColors: false,
  });
  for (const command of COMMANDS) cli.register(command);
  const simple = answerSimply(argv, { tool, context });
  if (simple !== undefined) return simple;
  try {
    const normalized = normalizeArguments(argv, flagTable());
    if (wantsHelp(normalized)) return printHelp(cli, normalized, context);
    return await cli.run(cli.process(normalized, context), context);
  } catch (error) {
    return usageFailure(error, argv, context);
  }
}

/** `--version`, `help` and no arguments at all. */
function answerSimply(
  argv: readonly string[],
  { tool, context }: { readonly tool: ToolVersion; readonly context: CliContext },
): number | undefined {
  const [first] = argv;
  if (first === "--version" || first === "-v" || first === "version") {
    context.stdout.write(`${BINARY_NAME} ${tool.version} (${tool.commit})\n`);
    return 0;
  }
  if (argv.length === 1 && (first === "--help" || first === "-h" || first === "help")) {
    context.stdout.write(overview());
    return 0;
  }
  if (argv.length > 0) return undefined;
  context.stderr.write(overview());
  return exitStatus(new AppError("USAGE", "no command"));
}

function wantsHelp(argv: readonly string[]): boolean {
  const flags = argv.includes("--") ? argv.slice(0, argv.indexOf("--")) : argv;
  return flags.includes("--help") || flags.includes("-h") || flags[0] === "help";
}

/** One line a command. */
function overview(): string {
  const rows = COMMANDS.map((command) => [
    `  ${(command.paths?.[0] ?? []).join(" ")}`,
    command.usage?.description ?? "",
  ]);
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

/** The parser writes "#0" for a flag's value. */
function readable(usage: string): string {
  return usage.replaceAll(" #0", " VALUE");
}

/** Help of the command that the words before the first flag name; of everything when they name none. */
function printHelp(cli: Cli<CliContext>, argv: readonly string[], context: CliContext): number {
  const words = argv.filter((word) => word !== "help" && !word.startsWith("-"));
  const matching = COMMANDS.filter((command) =>
    command.paths?.some((path) => path.length <= words.length && path.every((part, index) => part === words[index])),
  ).toSorted((a, b) => (b.paths?.[0]?.length ?? 0) - (a.paths?.[0]?.length ?? 0));
  const [command] = matching;
  context.stdout.write(command === undefined ? overview() : readable(cli.usage(command, { detailed: true })));
  return 0;
}

/** What the commands declare, as normalizeArguments needs it. */
function flagTable(): FlagTable {
  const booleans = new Set<string>();
  const values = new Set<string>();
  const shortValues = new Set<string>();
  for (const { names, arity } of COMMANDS.flatMap(declaredFlags)) {
    for (const name of names) {
      if (name.startsWith("--")) (arity > 0 ? values : booleans).add(name.slice(2));
      else if (arity > 0) shortValues.add(name.slice(1));
    }
  }
  return { booleans, values, shortValues };
}

/** The parser's errors in our words, with the nearest command or flag. */
function usageFailure(error: unknown, argv: readonly string[], context: CliContext): number {
  const view = new View({
    stdout: context.stdout,
    stderr: context.stderr,
    json: argv.includes("--json"),
    stderrIsTerminal: context.stderrIsTerminal,
    width: context.terminalWidth,
    now: context.runtime.now,
    command: argv.find((word) => !word.startsWith("-")) ?? "",
  });
  if (!(error instanceof Error) || !("clipanion" in error)) return view.failure(toAppError(error));
  return view.failure(new AppError("USAGE", explain(error.message, argv), { cause: error }));
}

function explain(message: string, argv: readonly string[]): string {
  const words = argv.filter((word) => !word.startsWith("-"));
  const known = COMMANDS.map((command) => (command.paths?.[0] ?? []).join(" "));
  const command = known.find((name) => words.join(" ").startsWith(name)) ?? "";
  const see = `see ${[BINARY_NAME, command, "--help"].filter((word) => word !== "").join(" ")}`;
  const option = /Unsupported option name \("(.+)"\)/.exec(message)?.[1];
  if (option !== undefined) {
    const flags = COMMANDS.flatMap(declaredFlags).flatMap(({ names }) => names);
    const near = nearestName(option, flags);
    return `unknown flag ${option}${near === undefined ? "" : `; did you mean ${near}?`} (${see})`;
  }
  if (command === "") {
    const near = nearestName(words[0] ?? "", known);
    return `unknown command ${JSON.stringify(words[0] ?? "")}${near === undefined ? "" : `; did you mean ${near}?`} (${see})`;
  }
  const first = message.split("\n")[0] ?? message;
  return `${first.replace(/\.$/, "")} (${see})`;
}
