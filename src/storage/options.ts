/** Configured values against a driver's option table. */

import { AppError } from "../base/errors.ts";
import { didYouMean } from "../base/nearest.ts";
import { Secret } from "../base/secret.ts";
import type { OptionSpec, OptionTable, OptionValues } from "./driver.ts";

export type RawOption = string | number | boolean | Secret;
export type RawOptions = Readonly<Record<string, RawOption | undefined>>;

/**
 * Checked and completed values: secrets wrapped, enums in their canonical spelling, defaults filled in.
 * Texts are read as integers and booleans where the table wants those ("9000", "true"); "" counts as not given,
 * except for an optional string.
 * @param what whose options these are, for the message: "driver s3"
 * @throws CONFIG_INVALID naming every problem at once, never a secret's value.
 */
export function validateOptions(table: OptionTable, raw: RawOptions, what: string): OptionValues {
  const problems: string[] = [];
  const values: Record<string, string | number | boolean | Secret> = {};
  for (const name of Object.keys(raw)) {
    if (raw[name] !== undefined && !Object.hasOwn(table, name)) {
      problems.push(`unknown option ${JSON.stringify(name)}${didYouMean(name, Object.keys(table))}`);
    }
  }
  for (const [name, spec] of Object.entries(table)) {
    const given = Object.hasOwn(raw, name) ? raw[name] : undefined;
    if (given === undefined || isEmpty(given, spec)) {
      if (spec.default !== undefined)
        values[name] = spec.type === "secret" ? new Secret(String(spec.default)) : spec.default;
      else if (spec.required === true) problems.push(`option ${JSON.stringify(name)} is missing (${spec.description})`);
      continue;
    }
    const read = readOption(given, spec);
    if (read === undefined)
      problems.push(`option ${JSON.stringify(name)} must be ${wanted(spec)}, not ${shown(given, spec)}`);
    else values[name] = read;
  }
  if (problems.length === 0) return values;
  throw new AppError("CONFIG_INVALID", `${what}: ${problems.join("; ")}`, { details: { problems: problems.length } });
}

/** Every secret among the values, revealed: what must not appear in any text. */
export function secretsOf(values: OptionValues): string[] {
  return Object.values(values).flatMap((value) => (value instanceof Secret ? [value.reveal()] : []));
}

function isEmpty(given: RawOption, spec: OptionSpec): boolean {
  if (given instanceof Secret) return given.reveal() === "";
  return given === "" && (spec.type !== "string" || spec.required === true);
}

function readOption(given: RawOption, spec: OptionSpec): string | number | boolean | Secret | undefined {
  if (spec.type === "secret") {
    if (given instanceof Secret) return given;
    return typeof given === "string" ? new Secret(given) : undefined;
  }
  if (given instanceof Secret) return undefined;
  if (spec.type === "integer") return readInteger(given);
  if (spec.type === "boolean") return readBoolean(given);
  if (typeof given !== "string") return undefined;
  if (spec.type === "string") return given;
  return spec.choices?.find((choice) => choice.toLowerCase() === given.toLowerCase());
}

function readInteger(given: string | number | boolean): number | undefined {
  if (typeof given === "boolean") return undefined;
  if (typeof given === "string" && !/^-?\d+$/.test(given)) return undefined;
  const value = Number(given);
  return Number.isSafeInteger(value) ? value : undefined;
}

function readBoolean(given: string | number | boolean): boolean | undefined {
  if (typeof given === "boolean") return given;
  const text = String(given).toLowerCase();
  return text === "true" ? true : text === "false" ? false : undefined;
}

function wanted(spec: OptionSpec): string {
  if (spec.type === "enum") return `one of ${(spec.choices ?? []).join(", ")}`;
  if (spec.type === "integer") return "an integer";
  if (spec.type === "boolean") return "true or false";
  return spec.type === "secret" ? "a text (put it in quotes)" : "a text (put numbers in quotes)";
}

function shown(given: RawOption, spec: OptionSpec): string {
  if (given instanceof Secret || spec.type === "secret")
    return `a ${given instanceof Secret ? "secret" : typeof given}`;
  return JSON.stringify(given);
}
