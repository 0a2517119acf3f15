/** The parser's errors in our words, with the nearest command or flag. */

import type { CommandClass } from "clipanion";
import { AppError, toAppError } from "../base/errors.ts";
import { nearestName } from "../base/nearest.ts";
import { BINARY_NAME, COMMANDS, flagsOf, pathOf } from "./command_list.ts";
import { declaredFlags } from "./declared_flags.ts";
import type { CliContext } from "./runtime.ts";

/** A command of milvus-backup's Go tool that is not here. */
export function unavailableCommand(name: string): AppError {
  return new AppError(
    "UNSUPPORTED",
    `this version does not have the command ${name} of milvus-backup's Go tool; ${see()} for those it has`,
    { details: { command: name } },
  );
}

export function unknownCommand(words: readonly string[]): AppError {
  const names = COMMANDS.map(pathOf);
  const [first = ""] = words;
  const group = names.filter((name) => name.startsWith(`${first} `));
  if (group.length > 0) {
    const what = words.length > 1 ? `unknown command ${quoted(words.slice(0, 2).join(" "))}` : `${first} is not whole`;
    return new AppError("USAGE", `${what}; write ${group.join(" or ")} (${see()})`);
  }
  const near = nearestName(first, names);
  const hint = near === undefined ? "" : `; did you mean ${near}?`;
  return new AppError("USAGE", `unknown command ${quoted(first)}${hint} (${see()})`);
}

export function unexpectedArgument(text: string, command: CommandClass<CliContext>): AppError {
  const name = pathOf(command);
  return new AppError("USAGE", `unexpected argument ${quoted(text)}; ${name} takes flags only (${see(name)})`);
}

/** @param error what the parser threw, or anything else, which passes through */
export function parserError(error: unknown, command: CommandClass<CliContext>): AppError {
  if (!(error instanceof Error) || !("clipanion" in error)) return toAppError(error);
  const extra = /Extraneous positional argument \("(.*)"\)/s.exec(error.message)?.[1];
  if (extra !== undefined) return unexpectedArgument(extra, command);
  return new AppError("USAGE", `${explain(error.message, command)} (${see(pathOf(command))})`, { cause: error });
}

function explain(message: string, command: CommandClass<CliContext>): string {
  const unknown = /(?:Unsupported|Invalid) option name \("(.+)"\)/s.exec(message)?.[1];
  if (unknown !== undefined) return unknownFlag(unknown, command);
  const withoutValue = /Not enough arguments to option (\S+?)\.?(?:\s|$)/.exec(message)?.[1];
  if (withoutValue !== undefined) {
    return `${withoutValue} needs a value; one that begins with "-" is written ${longOf(withoutValue, command)}=VALUE`;
  }
  const [first = message] = message.split("\n");
  return first.replace(/\.$/, "");
}

/** The nearest flag of this command; else who has a flag of this name. */
function unknownFlag(flag: string, command: CommandClass<CliContext>): string {
  const [name = flag] = flag.split("=");
  const own = declaredFlags(command).flatMap(({ names }) => names);
  if (own.includes(name)) return `${name} takes no value${flag === name ? "" : ` other than true and false`}`;
  const near = name.startsWith("--") ? nearestName(name, own) : undefined;
  if (near !== undefined) return `unknown flag ${name}; did you mean ${near}?`;
  const owners = COMMANDS.filter((other) => flagsOf(other).some(({ names }) => names.includes(name)));
  const hint =
    owners.length === 0 ? "" : `; ${owners.map(pathOf).join(" and ")} ${owners.length > 1 ? "have" : "has"} it`;
  return `unknown flag ${name} of ${pathOf(command)}${hint}`;
}

function longOf(name: string, command: CommandClass<CliContext>): string {
  const flag = declaredFlags(command).find(({ names }) => names.includes(name));
  return flag?.names.find((candidate) => candidate.startsWith("--")) ?? name;
}

function see(command = ""): string {
  return `see ${[BINARY_NAME, command, "--help"].filter((word) => word !== "").join(" ")}`;
}

function quoted(text: string): string {
  return JSON.stringify(text);
}
