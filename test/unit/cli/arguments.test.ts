import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type FlagTable, normalizeFlags, splitArguments } from "../../../src/cli/arguments.ts";
import { findCommand, flagsOf, flagTable } from "../../../src/cli/command_list.ts";

const ALL = flagTable(flagsOf(undefined));
const RESTORE = flagTable(flagsOf(findCommand(["restore"])));

const normalize = (...flags: string[]): readonly string[] => normalizeFlags(flags, RESTORE);

describe("splitArguments", () => {
  test("the command is what stands before the first flag", () => {
    expect(splitArguments(["config", "show", "--json"], ALL)).toEqual({ words: ["config", "show"], flags: ["--json"] });
  });

  test("flags in front of the command come behind it, with their values", () => {
    expect(splitArguments(["--config", "my.yaml", "--json", "create", "-n", "a"], ALL)).toEqual({
      words: ["create"],
      flags: ["--config", "my.yaml", "--json", "-n", "a"],
    });
    expect(splitArguments(["--config=my.yaml", "list"], ALL)).toEqual({ words: ["list"], flags: ["--config=my.yaml"] });
  });

  test("an empty value in front is a value", () => {
    expect(splitArguments(["--config", "", "list"], ALL)).toEqual({ words: ["list"], flags: ["--config", ""] });
  });

  test("a value that is missing at the end is left missing", () => {
    expect(splitArguments(["--config"], ALL)).toEqual({ words: [], flags: ["--config"] });
  });

  test("behind an unknown flag nothing is taken for a command", () => {
    expect(splitArguments(["--frob", "list"], ALL)).toEqual({ words: [], flags: ["--frob", "list"] });
  });

  test("words behind flags are left to the parser", () => {
    expect(splitArguments(["list", "--json", "more"], ALL)).toEqual({ words: ["list"], flags: ["--json", "more"] });
  });
});

describe("normalizeFlags", () => {
  test.each([
    [["--rebuild-index"], ["--rebuild_index"]],
    [["--rebuild_index"], ["--rebuild_index"]],
    [
      ["--stall_minutes", "5"],
      ["--stall-minutes", "5"],
    ],
    [["--database-collections={}"], ["--database_collections={}"]],
    [["--rebuild-index=false"], ["--no-rebuild_index"]],
    [["--rebuild_index=F"], ["--no-rebuild_index"]],
    [["--meta-only=true"], ["--meta_only"]],
    [["--meta_only=1"], ["--meta_only"]],
    [["--no-rebuild-index"], ["--no-rebuild_index"]],
    [["--no_rebuild_index"], ["--no-rebuild_index"]],
    [["-nNAME"], ["--name=NAME"]],
    [["-n=NAME"], ["--name=NAME"]],
    [
      ["-n", "NAME"],
      ["-n", "NAME"],
    ],
    [["-n=-x"], ["--name=-x"]],
    [["-n="], ["--name="]],
    [["-rdb1.*:db2.*"], ["--rename=db1.*:db2.*"]],
    [["--rename=a=b"], ["--rename=a=b"]],
  ])("%j becomes %j", (given, wanted) => {
    expect(normalize(...given)).toEqual(wanted);
  });

  test("unknown flags and values that are no truth are left for the parser to refuse", () => {
    for (const word of ["--frob", "--frob=1", "-z", "-zq", "--meta_only=maybe", "--no-name", "---", "--", "-"]) {
      expect(normalize(word)).toEqual([word]);
    }
  });

  test("a value is never changed, whatever it looks like", () => {
    expect(normalize("--name", "-nx", "--json")).toEqual(["--name", "-nx", "--json"]);
    expect(normalize("-n", "--rebuild-index")).toEqual(["-n", "--rebuild-index"]);
    expect(normalize("--set", "a-b=c_d")).toEqual(["--set", "a-b=c_d"]);
  });

  test("behind -- nothing is changed", () => {
    expect(normalize("--meta-only", "--", "--meta-only", "-nx")).toEqual(["--meta_only", "--", "--meta-only", "-nx"]);
  });

  test("a letter means what the command says: -d of get is no value flag", () => {
    const get = flagTable(flagsOf(findCommand(["get"])));
    expect(normalizeFlags(["-d", "-nx"], get)).toEqual(["-d", "--name=x"]);
    expect(normalizeFlags(["-dx"], get)).toEqual(["-dx"]);
  });

  test("normalising twice changes nothing more", () => {
    const word = fc.oneof(
      fc.constantFrom("--rebuild-index=false", "-nX", "--name=", "--", "-n", "--no_meta_only", "--filter", "a,b", ""),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.array(word), (words) => {
        const once = normalizeFlags(words, RESTORE);
        expect(once.length).toBe(words.length);
        expect(normalizeFlags(once, RESTORE)).toEqual(once);
      }),
    );
  });
});

test("a flag is never a value flag and a truth at once, within one command", () => {
  for (const command of ["check", "create", "restore", "get", "list", "delete", "drivers"]) {
    const table: FlagTable = flagTable(flagsOf(findCommand([command])));
    expect([...table.booleans].filter((name) => table.values.has(name))).toEqual([]);
  }
});
