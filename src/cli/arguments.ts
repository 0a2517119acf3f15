/**
 * Arguments as people and scripts of milvus-backup write them, turned into the one form the commands declare: dashes and
 * underscores in flag names both, global flags in front of the command, `--flag=false`, `-nNAME` and `-n=NAME`.
 */

export interface FlagTable {
  /** Long names without dashes, as declared: "rebuild_index". */
  readonly booleans: ReadonlySet<string>;
  readonly values: ReadonlySet<string>;
  /** Letters of short flags that take a value. */
  readonly shortValues: ReadonlySet<string>;
}

const TRUE = new Set(["1", "t", "T", "TRUE", "true", "True"]);
const FALSE = new Set(["0", "f", "F", "FALSE", "false", "False"]);

/** Unknown flags are left as they are, for the parser to refuse. */
export function normalizeArguments(argv: readonly string[], table: FlagTable): string[] {
  const { leading, rest } = splitLeadingFlags(argv, table);
  const normalized: string[] = [];
  let literal = false;
  for (const word of [...rest, ...leading]) {
    literal ||= word === "--";
    normalized.push(...(literal ? [word] : normalizeWord(word, table)));
  }
  return normalized;
}

/** Flags in front of the command belong behind it. */
function splitLeadingFlags(argv: readonly string[], table: FlagTable): { leading: string[]; rest: readonly string[] } {
  const leading: string[] = [];
  let index = 0;
  while (index < argv.length) {
    const word = argv[index] ?? "";
    const name = longName(word);
    if (name === undefined || !hasCommand(argv, index)) break;
    const value = known(name, table.values);
    if (value === undefined && known(name, table.booleans) === undefined) break;
    leading.push(word);
    index += 1;
    if (value !== undefined && !word.includes("=")) {
      leading.push(argv[index] ?? "");
      index += 1;
    }
  }
  return { leading, rest: argv.slice(index) };
}

function hasCommand(argv: readonly string[], from: number): boolean {
  return argv.slice(from).some((word) => !word.startsWith("-"));
}

function longName(word: string): string | undefined {
  return /^--([A-Za-z][\w-]*)(?:=.*)?$/s.exec(word)?.[1];
}

function normalizeWord(word: string, table: FlagTable): readonly string[] {
  const name = longName(word);
  if (name === undefined) return normalizeShort(word, table);
  const value = word.includes("=") ? word.slice(word.indexOf("=") + 1) : undefined;
  const flag = known(name, table.booleans);
  if (flag !== undefined) {
    if (value === undefined || TRUE.has(value)) return [`--${flag}`];
    return FALSE.has(value) ? [`--no-${flag}`] : [word];
  }
  const negated = /^no[-_](.+)$/.exec(name)?.[1];
  const negatedFlag = negated === undefined ? undefined : known(negated, table.booleans);
  if (negatedFlag !== undefined && value === undefined) return [`--no-${negatedFlag}`];
  const option = known(name, table.values);
  if (option === undefined) return [word];
  return [value === undefined ? `--${option}` : `--${option}=${value}`];
}

function normalizeShort(word: string, table: FlagTable): readonly string[] {
  const [, letter, rest] = /^-([A-Za-z])(.+)$/s.exec(word) ?? [];
  if (letter === undefined || rest === undefined || !table.shortValues.has(letter)) return [word];
  return [`-${letter}`, rest.startsWith("=") ? rest.slice(1) : rest];
}

/** The declared spelling of a name that may be written with dashes or underscores. */
function known(name: string, declared: ReadonlySet<string>): string | undefined {
  const plain = name.replaceAll("-", "_");
  for (const candidate of declared) {
    if (candidate.replaceAll("-", "_") === plain) return candidate;
  }
  return undefined;
}
