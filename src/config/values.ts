/** From what a source spells to the type a key wants. */

import { didYouMean } from "../base/nearest.ts";
import type { KeySpec, Value } from "./keys.ts";
import type { RawValue } from "./raw.ts";

export type Converted = { readonly value: Value } | { readonly problem: string };

/**
 * The typed value, or what is wrong and what to write; a secret's value is never quoted.
 * A value of kind "null" is for the caller to take as not set.
 */
export function convert(raw: RawValue, spec: KeySpec): Converted {
  if (spec.type === "list") return toList(raw, spec);
  if (raw.kind === "list") return problem(`is a list; ${wanted(spec)}`);
  if (raw.kind === "null") return problem(`is empty; ${wanted(spec)}`);
  switch (spec.type) {
    case "string":
      return { value: raw.text };
    case "integer":
      return toInteger(raw, spec);
    case "boolean":
      return toBoolean(raw, spec);
    case "enum":
      return toChoice(raw.text, spec);
  }
}

type Scalar = Extract<RawValue, { kind: "scalar" }>;

function toInteger(raw: Scalar, spec: KeySpec): Converted {
  const { value, text } = raw;
  if (typeof value === "bigint" && /^[+-]?0\d/.test(text)) {
    return problem(`${quoted(text, spec)} starts with 0, which some readers take as octal; write it without`);
  }
  let number: number | undefined;
  if (typeof value === "bigint" || typeof value === "number") number = Number(value);
  else if (typeof value === "string" && /^[+-]?\d+$/.test(value)) number = Number(value);
  if (number === undefined || !Number.isInteger(number)) {
    // Kubernetes sets <SERVICE>_PORT=tcp://10.0.0.1:19530 in every pod beside a service named milvus or minio.
    const hint = text.startsWith("tcp://") ? " (Kubernetes made this variable: set enableServiceLinks: false)" : "";
    return problem(`${quoted(text, spec)} is not a whole number${hint}; ${wanted(spec)}`);
  }
  if (!Number.isSafeInteger(number)) return problem(`${quoted(text, spec)} is too large; ${wanted(spec)}`);
  const { min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER } = spec;
  if (number < min || number > max) return problem(`${quoted(text, spec)} is out of range; ${wanted(spec)}`);
  return { value: number };
}

const TRUE = new Set(["1", "t", "T", "TRUE", "true", "True"]);
const FALSE = new Set(["0", "f", "F", "FALSE", "false", "False"]);

function toBoolean(raw: Scalar, spec: KeySpec): Converted {
  if (typeof raw.value === "boolean") return { value: raw.value };
  if (typeof raw.value === "string") {
    if (TRUE.has(raw.value)) return { value: true };
    if (FALSE.has(raw.value)) return { value: false };
  }
  return problem(`${quoted(raw.text, spec)} is neither true nor false; ${wanted(spec)}`);
}

function toChoice(text: string, spec: KeySpec): Converted {
  const lower = text.toLowerCase();
  const choices = spec.choices ?? [];
  const found = choices.find((choice) => choice.toLowerCase() === lower);
  if (found !== undefined) return { value: found };
  const synonyms = spec.synonyms ?? {};
  const synonym = Object.hasOwn(synonyms, lower) ? synonyms[lower] : undefined;
  if (synonym !== undefined) return { value: synonym };
  const former = spec.formerWords?.[text];
  if (former !== undefined) return problem(`${quoted(text, spec)} is how v1 wrote it; v2 spells it "${former}"`);
  return problem(`invalid value ${quoted(text, spec)}${didYouMean(text, choices)}; ${wanted(spec)}`);
}

function toList(raw: RawValue, spec: KeySpec): Converted {
  if (raw.kind === "list") {
    const items: string[] = [];
    for (const [index, item] of raw.items.entries()) {
      if (item === undefined) return problem(`item ${index + 1} is not a plain value; ${wanted(spec)}`);
      if (item.trim() !== "") items.push(item);
    }
    return { value: items };
  }
  return problem(`must be a YAML list; ${wanted(spec)}`);
}

/** Comma-separated text as list items: how variables, `--set` and v1 files give a list. */
export function splitList(text: string): readonly string[] {
  return text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
}

function wanted(spec: KeySpec): string {
  switch (spec.type) {
    case "integer":
      if (spec.min === undefined) return "write a whole number";
      return spec.max === undefined
        ? `write a whole number, ${spec.min} or more`
        : `write a whole number from ${spec.min} to ${spec.max}`;
    case "boolean":
      return "write true or false";
    case "enum":
      return `want one of: ${(spec.choices ?? []).join(", ")}`;
    case "list":
      return 'write a list, such as ["a", "b"]';
    case "string":
      return "write one text";
  }
}

function quoted(text: string, spec: KeySpec): string {
  if (spec.secret === true) return "the value";
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 77)}...` : text);
}

function problem(text: string): Converted {
  return { problem: text };
}
