/** From arguments to an exit status: parse, run one command, put every error on standard error. */

import { Cli, type CommandClass } from "clipanion";
import { AppError } from "../base/errors.ts";
import { normalizeFlags, splitArguments } from "./arguments.ts";
import {
  BINARY_NAME,
  COMMANDS,
  findCommand,
  findUnavailable,
  flagsOf,
  flagTable,
  HIDDEN_COMMANDS,
  pathOf,
} from "./command_list.ts";
import { commandHelp, overview } from "./help.ts";
import type { CliContext } from "./runtime.ts";
import { parserError, unavailableCommand, unexpectedArgument, unknownCommand } from "./usage_errors.ts";
import { View } from "./view.ts";

/** @returns the exit status; nothing is thrown */
export async function runCli(argv: readonly string[], context: CliContext): Promise<number> {
  const [first] = argv;
  const { version, commit } = context.runtime.tool;
  if (first === "--version" || first === "-v" || first === "version") {
    return print(context, `${BINARY_NAME} ${version} (${commit})\n`);
  }
  const { words, flags } = splitArguments(argv, flagTable(flagsOf(undefined)));
  const help = wantsHelp(words, flags);
  const named = words[0] === "help" ? words.slice(1) : words;
  const command = findCommand(named);
  const normalized = normalizeFlags(flags, flagTable(flagsOf(command)));
  const fail = (error: unknown): number => failureView(context, normalized, command ?? named[0] ?? "").failure(error);

  const missing = findUnavailable(named);
  if (missing !== undefined) return fail(unavailableCommand(missing));
  if (command === undefined && named.length > 0) return fail(unknownCommand(named));
  if (command === undefined) {
    if (help) return print(context, overview());
    if (argv.length > 0) return fail(new AppError("USAGE", `there is no command (see ${BINARY_NAME} --help)`));
    context.stderr.write(overview());
    return NO_COMMAND;
  }
  if (help) return print(context, commandHelp(command));
  const cli = parser(context);
  try {
    return await cli.run(cli.process([...words, ...withoutSeparator(normalized, command)], context), context);
  } catch (error) {
    return fail(parserError(error, command));
  }
}

/** As USAGE; nothing was asked for, so the overview is all there is to say. */
const NO_COMMAND = 2;

function parser(context: CliContext): Cli<CliContext> {
  const { version, commit } = context.runtime.tool;
  const cli = new Cli<CliContext>({
    binaryLabel: "Backup and restore of Milvus",
    binaryName: BINARY_NAME,
    binaryVersion: `${version} (${commit})`,
    enableColors: false,
  });
  for (const command of [...COMMANDS, ...HIDDEN_COMMANDS]) cli.register(command);
  return cli;
}

/** No command takes arguments, so nothing may stand behind "--". @throws USAGE */
function withoutSeparator(normalized: readonly string[], command: CommandClass<CliContext>): readonly string[] {
  const at = normalized.indexOf("--");
  if (at === -1) return normalized;
  const [argument] = normalized.slice(at + 1);
  if (argument !== undefined) throw unexpectedArgument(argument, command);
  return normalized.slice(0, at);
}

function print(context: CliContext, text: string): number {
  context.stdout.write(text);
  return 0;
}

function wantsHelp(words: readonly string[], flags: readonly string[]): boolean {
  const before = flags.includes("--") ? flags.slice(0, flags.indexOf("--")) : flags;
  return before.includes("--help") || before.includes("-h") || words[0] === "help";
}

/** For failures before a command has its own view. */
function failureView(
  context: CliContext,
  normalized: readonly string[],
  command: CommandClass<CliContext> | string,
): View {
  return new View({
    stdout: context.stdout,
    stderr: context.stderr,
    json: normalized.lastIndexOf("--json") > normalized.lastIndexOf("--no-json"),
    stderrIsTerminal: context.stderrIsTerminal,
    width: context.terminalWidth,
    now: context.runtime.now,
    command: typeof command === "string" ? command : pathOf(command),
  });
}
