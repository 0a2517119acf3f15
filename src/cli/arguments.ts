/**
 * Arguments as people and scripts of milvus-backup write them, turned into the one form the commands declare: dashes and
 * underscores in flag names both, flags in front of the command, `--flag=false`, `-nNAME` and `-n=NAME`.
 */

export interface FlagTable {
  /** Long names without dashes, as declared: "rebuild_index". */
  readonly booleans: ReadonlySet<string>;
  readonly values: ReadonlySet<string>;
  /** Letters of short flags that take a value -> the long name. */
  readonly shortValues: ReadonlyMap<string, string>;
}

/** What a command line is made of before its flags are understood. */
export interface SplitArguments {
  /** Words up to the first flag that stands behind them: the command, and what should not be there. */
  readonly words: readonly string[];
  /** Flags that stood in front, then those behind. */
  readonly flags: readonly string[];
}

const TRUE = new Set(["1", "t", "T", "TRUE", "true", "True"]);
const FALSE = new Set(["0", "f", "F", "FALSE", "false", "False"]);

/** Flags in front of the command belong behind it. @param table flags of all commands */
export function splitArguments(argv: readonly string[], table: FlagTable): SplitArguments {
  const leading: string[] = [];
  let index = 0;
  for (; index < argv.length; index += 1) {
    const word = argv[index] ?? "";
    const name = longName(word);
    if (name === undefined) break;
    const takesValue = known(name, table.values) !== undefined;
    if (!takesValue && known(name, table.booleans) === undefined) break;
    leading.push(word);
    if (takesValue && !word.includes("=") && index + 1 < argv.length) {
      index += 1;
      leading.push(argv[index] ?? "");
    }
  }
  const rest = argv.slice(index);
  const firstFlag = rest.findIndex((word) => word.startsWith("-") && word !== "-");
  const words = firstFlag === -1 ? rest : rest.slice(0, firstFlag);
  return { words, flags: [...leading, ...rest.slice(words.length)] };
}

/** Unknown flags are left as they are, for the parser to refuse. @param table flags of the command */
export function normalizeFlags(flags: readonly string[], table: FlagTable): readonly string[] {
  const normalized: string[] = [];
  let literal = false;
  let isValue = false;
  for (const word of flags) {
    literal ||= word === "--" && !isValue;
    if (literal || isValue) {
      normalized.push(word);
      isValue = false;
      continue;
    }
    const one = normalizeWord(word, table);
    normalized.push(one);
    isValue = awaitsValue(one, table);
  }
  return normalized;
}

/** True for a value flag without its value: the next word is the value, whatever it looks like. */
function awaitsValue(word: string, table: FlagTable): boolean {
  if (word.includes("=")) return false;
  const letter = /^-([A-Za-z])$/.exec(word)?.[1];
  if (letter !== undefined) return table.shortValues.has(letter);
  const name = longName(word);
  return name !== undefined && table.values.has(name);
}

function longName(word: string): string | undefined {
  return /^--([A-Za-z][\w-]*)(?:=.*)?$/s.exec(word)?.[1];
}

function normalizeWord(word: string, table: FlagTable): string {
  const name = longName(word);
  if (name === undefined) return normalizeShort(word, table);
  const value = word.includes("=") ? word.slice(word.indexOf("=") + 1) : undefined;
  const flag = known(name, table.booleans);
  if (flag !== undefined) {
    if (value === undefined || TRUE.has(value)) return `--${flag}`;
    return FALSE.has(value) ? `--no-${flag}` : word;
  }
  const negated = /^no[-_](.+)$/.exec(name)?.[1];
  const negatedFlag = negated === undefined ? undefined : known(negated, table.booleans);
  if (negatedFlag !== undefined && value === undefined) return `--no-${negatedFlag}`;
  const option = known(name, table.values);
  if (option === undefined) return word;
  return value === undefined ? `--${option}` : `--${option}=${value}`;
}

/** `-nNAME` and `-n=NAME` in the long form, where the name may begin with "-". */
function normalizeShort(word: string, table: FlagTable): string {
  const [, letter, rest] = /^-([A-Za-z])(.+)$/s.exec(word) ?? [];
  if (letter === undefined || rest === undefined) return word;
  const name = table.shortValues.get(letter);
  if (name === undefined) return word;
  return `--${name}=${rest.startsWith("=") ? rest.slice(1) : rest}`;
}

/** The declared spelling of a name that may be written with dashes or underscores. */
function known(name: string, declared: ReadonlySet<string>): string | undefined {
  const plain = name.replaceAll("-", "_");
  for (const candidate of declared) {
    if (candidate.replaceAll("-", "_") === plain) return candidate;
  }
  return undefined;
}
