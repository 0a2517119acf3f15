import { describe, expect, test } from "bun:test";
import { COMMANDS, findCommand, pathOf } from "../../../src/cli/command_list.ts";
import { commandHelp } from "../../../src/cli/help.ts";

describe("help of one command", () => {
  test.each(COMMANDS.map((command) => [pathOf(command), command] as const))(
    "%s: paragraphs are one block each, and tables have straight columns",
    (_, command) => {
      const text = commandHelp(command);
      const [, flags = ""] = /Flags:\n\n((?: .*\n)+)/.exec(text) ?? [];
      const columns = flags
        .trimEnd()
        .split("\n")
        .map((line) => /^ {2}-\S.*? {2,}/.exec(line)?.[0].length);
      expect(new Set(columns).size).toBe(1);
      // Indentation and line breaks of the source must not show.
      const prose = text.slice(0, text.indexOf("Exit status:"));
      expect(prose).not.toMatch(/ {2,}/);
      expect(text).not.toMatch(/\n- /);
      expect(text).not.toContain("\n\n\n");
    },
  );

  test("shows how the command is called, and examples with the program's name", () => {
    const command = findCommand(["delete"]);
    expect(command === undefined ? "" : commandHelp(command)).toStartWith(
      [
        "Delete a backup, whatever state it is in",
        "",
        "Usage: milvus-backup delete [FLAGS]",
        "",
        "Works on complete, interrupted and damaged backups.",
        "",
        "Exit status:",
        "",
        "  0 done",
      ].join("\n"),
    );
    expect(command === undefined ? "" : commandHelp(command)).toEndWith(
      "Examples:\n\n  Delete one backup:\n    milvus-backup delete -n my_backup\n",
    );
  });
});
