/** Is this value a driver definition, is this value a driver: checked where code from outside hands one over. */

import { DRIVER_API_VERSION, type DriverDefinition, type OptionType, type StorageDriver } from "./driver.ts";

const NAME = /^[a-z0-9][a-z0-9-]*$/;
const OPTION_TYPES: readonly OptionType[] = ["string", "integer", "boolean", "secret", "enum"];
const DRIVER_CALLS = ["stat", "list", "listDirectories", "get", "put", "delete", "nativePath"] as const;
const DRIVER_FLAGS = ["atomicPut", "ifAbsent", "rangeRead", "serverSideCopy", "durableChecksums"] as const;

/** What keeps `value` from being a driver definition of this version; empty when nothing does. */
export function definitionProblems(value: unknown): string[] {
  if (!isRecord(value)) return ["it is not an object"];
  if (value.apiVersion !== DRIVER_API_VERSION) {
    return [`apiVersion is ${JSON.stringify(value.apiVersion)}, this program has ${DRIVER_API_VERSION}`];
  }
  const problems: string[] = [];
  if (!isName(value.name)) problems.push('name must be lower-case letters, digits and "-"');
  if (value.aliases !== undefined && !(Array.isArray(value.aliases) && value.aliases.every(isName))) {
    problems.push('aliases must be a list of lower-case letters, digits and "-"');
  }
  if (typeof value.description !== "string") problems.push("description must be a text");
  if (typeof value.open !== "function") problems.push("open must be a function");
  if (!["prefix", "directory", undefined].includes(value.rootPathIs as string | undefined)) {
    problems.push('rootPathIs must be "prefix" or "directory"');
  }
  if (!isRecord(value.options)) problems.push("options must be an object");
  else for (const [name, spec] of Object.entries(value.options)) problems.push(...optionProblems(name, spec));
  return problems;
}

/** What keeps `value` from being the driver that `definition` promised; empty when nothing does. */
export function driverProblems(value: unknown, definition: DriverDefinition): string[] {
  if (!isRecord(value)) return ["open did not return an object"];
  const problems: string[] = [];
  const driver = value as Partial<Record<keyof StorageDriver, unknown>>;
  for (const call of DRIVER_CALLS) if (typeof driver[call] !== "function") problems.push(`${call} must be a function`);
  if (typeof driver[Symbol.asyncDispose] !== "function") problems.push("[Symbol.asyncDispose] must be a function");
  if (driver.name !== definition.name) problems.push(`name must be ${JSON.stringify(definition.name)}`);
  if (typeof driver.location !== "string") problems.push("location must be a text");
  if (typeof driver.backendId !== "string") problems.push("backendId must be a text");
  if (typeof driver.spaceId !== "string") problems.push("spaceId must be a text");
  if (!isRecord(driver.capabilities)) return [...problems, "capabilities must be an object"];
  for (const flag of DRIVER_FLAGS) {
    if (typeof driver.capabilities[flag] !== "boolean") problems.push(`capabilities.${flag} must be true or false`);
  }
  if (!Array.isArray(driver.capabilities.checksums)) problems.push("capabilities.checksums must be a list");
  const { connections } = driver.capabilities;
  if (!Number.isInteger(connections) || Number(connections) < 1)
    problems.push("capabilities.connections must be 1 or more");
  if ((driver.capabilities.serverSideCopy === true) !== (typeof driver.copyFrom === "function")) {
    problems.push("copyFrom must exist exactly if capabilities.serverSideCopy is true");
  }
  return problems;
}

function optionProblems(name: string, spec: unknown): string[] {
  if (!isRecord(spec)) return [`option ${name} must be an object`];
  const problems: string[] = [];
  if (!OPTION_TYPES.includes(spec.type as OptionType)) {
    problems.push(`option ${name}: type must be one of ${OPTION_TYPES.join(", ")}`);
  }
  if (typeof spec.description !== "string") problems.push(`option ${name}: description must be a text`);
  const choices: unknown = spec.choices;
  const hasChoices = Array.isArray(choices) && choices.length > 0 && choices.every((it) => typeof it === "string");
  if (spec.type === "enum" && !hasChoices) problems.push(`option ${name}: an enum needs a list of choices`);
  return problems;
}

function isName(value: unknown): value is string {
  return typeof value === "string" && NAME.test(value);
}

function isRecord(value: unknown): value is Record<PropertyKey, unknown> {
  return typeof value === "object" && value !== null;
}
