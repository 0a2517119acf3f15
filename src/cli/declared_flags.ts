/** The flags that a command class declares, hidden ones included: the parser's own list leaves those out. */

import { Command, type CommandClass } from "clipanion";
import type { CliContext } from "./runtime.ts";

export interface DeclaredFlag {
  /** "-n", "--name". */
  readonly names: readonly string[];
  /** 0 for flags without a value. */
  readonly arity: number;
  readonly hidden: boolean;
  /** One sentence; "" for hidden ones. */
  readonly description: string;
}

interface Declaration {
  readonly names?: string[];
  readonly nameSet?: string[];
  readonly arity?: number;
  readonly hidden?: boolean;
  readonly description?: string;
}

interface OptionDeclaration {
  definition(builder: { addOption(declaration: Declaration): void }): void;
}

export function declaredFlags(command: CommandClass<CliContext>): readonly DeclaredFlag[] {
  const flags: DeclaredFlag[] = [];
  const builder = {
    addOption: ({ names, nameSet, arity = 0, hidden = false, description = "" }: Declaration): void => {
      flags.push({ names: names ?? nameSet ?? [], arity, hidden, description });
    },
  };
  for (const value of Object.values(new command())) {
    if (isOptionDeclaration(value)) value.definition(builder);
  }
  return flags;
}

/** Before a command runs, its fields hold what the parser will replace by values; this is how the parser tells them. */
function isOptionDeclaration(value: unknown): value is OptionDeclaration {
  return typeof value === "object" && value !== null && Command.isOption in value;
}
