import { Command } from "clipanion";
import { BaseCommand } from "../base_command.ts";
import type { View } from "../view.ts";

const NOTICE = "check config is deprecated and checks nothing; use `config show`, or `check` for the whole setup";

/** milvus-backup kept this word as a stub that succeeds, and scripts call it. */
export class CheckConfigCommand extends BaseCommand {
  static override paths = [["check", "config"]];
  static override usage = Command.Usage({ description: "Deprecated; `config show` and `check` took its place" });

  readonly commandName = "check config";

  protected override async run(view: View): Promise<void> {
    view.result({ deprecated: NOTICE }, () => NOTICE);
  }
}
