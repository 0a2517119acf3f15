/** Values from environment variables and from the files their `_FILE` siblings name. */

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Problems } from "./problems.ts";
import type { Raw } from "./raw.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

export interface EnvironmentReader {
  /** The variable's value; a variable that is present but empty counts as set. */
  read(variable: string, options: { readonly file: boolean }): Raw | undefined;
}

/**
 * With `file`, `<variable>_FILE` may name a file instead, as container secrets are mounted; line ends at the end of the
 * file are not part of the value. Both set, or a file that cannot be read, is a problem.
 */
export function environmentReader(env: Environment, cwd: string, problems: Problems): EnvironmentReader {
  return {
    read(variable, { file }) {
      const text = env[variable];
      const sibling = `${variable}_FILE`;
      const path = file ? env[sibling] : undefined;
      if (path === undefined) return text === undefined ? undefined : scalar(variable, text);
      if (text !== undefined) {
        problems.add(sibling, "environment variable", `${variable} is set too; unset one of the two`);
        return scalar(variable, text);
      }
      try {
        return scalar(sibling, readFileSync(resolve(cwd, path), "utf8").replace(/[\r\n]+$/, ""));
      } catch (error) {
        const reason = path === "" ? "is empty" : `cannot be read (${codeOf(error)})`;
        problems.add(sibling, "environment variable", `the file it names ${reason}; name a readable file or unset it`);
        return scalar(sibling, "");
      }
    },
  };
}

function scalar(variable: string, text: string): Raw {
  return {
    value: { kind: "scalar", value: text, text },
    origin: { source: "env", name: variable, where: `environment variable ${variable}` },
  };
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unreadable";
}
