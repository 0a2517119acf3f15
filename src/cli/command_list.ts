/** The commands, in the order in which help and documentation show them, and how words on a command line name them. */

import type { CommandClass } from "clipanion";
import type { FlagTable } from "./arguments.ts";
import { CheckCommand } from "./commands/check.ts";
import { CheckConfigCommand } from "./commands/check_config.ts";
import { ConfigMigrateCommand } from "./commands/config_migrate.ts";
import { ConfigShowCommand } from "./commands/config_show.ts";
import { CopyCommand } from "./commands/copy.ts";
import { CreateCommand } from "./commands/create.ts";
import { DeleteCommand } from "./commands/delete.ts";
import { DriversCommand, DriversTestCommand } from "./commands/drivers.ts";
import { GetCommand } from "./commands/get.ts";
import { ListCommand } from "./commands/list.ts";
import { RestoreCommand } from "./commands/restore.ts";
import { VerifyCommand } from "./commands/verify.ts";
import { type DeclaredFlag, declaredFlags } from "./declared_flags.ts";
import type { CliContext } from "./runtime.ts";

export const BINARY_NAME = "milvus-backup";

export const COMMANDS: readonly CommandClass<CliContext>[] = [
  CheckCommand,
  ConfigMigrateCommand,
  ConfigShowCommand,
  CopyCommand,
  CreateCommand,
  DeleteCommand,
  DriversCommand,
  DriversTestCommand,
  GetCommand,
  ListCommand,
  RestoreCommand,
  VerifyCommand,
];

/** Understood, and shown nowhere. */
export const HIDDEN_COMMANDS: readonly CommandClass<CliContext>[] = [CheckConfigCommand];

/** Commands of milvus-backup that are not carried out here; a command of ours by the same name goes first. */
const UNAVAILABLE: readonly string[] = ["l0compact", "migrate", "restore secondary", "server"];

/** "config show". */
export function pathOf(command: CommandClass<CliContext>): string {
  return (command.paths?.[0] ?? []).join(" ");
}

/** The command that the first words name, the longest name first. */
export function findCommand(words: readonly string[]): CommandClass<CliContext> | undefined {
  const all = [...COMMANDS, ...HIDDEN_COMMANDS].toSorted((a, b) => pathOf(b).length - pathOf(a).length);
  return all.find((command) => startsWith(words, pathOf(command)));
}

/** The command of milvus-backup's Go tool that the words name and that is missing here. */
export function findUnavailable(words: readonly string[]): string | undefined {
  const name = UNAVAILABLE.find((candidate) => startsWith(words, candidate));
  const ours = findCommand(words);
  return name === undefined || (ours !== undefined && pathOf(ours) === name) ? undefined : name;
}

function startsWith(words: readonly string[], path: string): boolean {
  return path.split(" ").every((part, index) => part === words[index]);
}

/** Flags of one command, or of all of them. */
export function flagsOf(command: CommandClass<CliContext> | undefined): readonly DeclaredFlag[] {
  return (command === undefined ? [...COMMANDS, ...HIDDEN_COMMANDS] : [command]).flatMap(declaredFlags);
}

/** What the commands declare, as the arguments' normalisation needs it. */
export function flagTable(flags: readonly DeclaredFlag[]): FlagTable {
  const booleans = new Set<string>();
  const values = new Set<string>();
  const shortValues = new Map<string, string>();
  for (const { names, arity } of flags) {
    const long = names.find((name) => name.startsWith("--"))?.slice(2) ?? "";
    for (const name of names) {
      if (name.startsWith("--")) (arity > 0 ? values : booleans).add(name.slice(2));
      else if (arity > 0) shortValues.set(name.slice(1), long);
    }
  }
  return { booleans, values, shortValues };
}
