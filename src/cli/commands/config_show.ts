import { Command } from "clipanion";
import { configTable } from "../../config/show.ts";
import { BaseCommand, EXIT_STATUS_HELP } from "../base_command.ts";
import { parametersJson } from "../format.ts";
import type { View } from "../view.ts";

export class ConfigShowCommand extends BaseCommand {
  static override paths = [["config", "show"]];
  static override usage = Command.Usage({
    category: "Setup",
    description: "Print the effective configuration, with the source of each value",
    details: `Secrets are masked.\n\n${EXIT_STATUS_HELP}`,
    examples: [["What is in force", "$0 config show"]],
  });

  readonly commandName = "config show";

  protected override async run(view: View): Promise<void> {
    await this.withSession(view, async ({ loaded }) => {
      const data = { file: loaded.file, parameters: parametersJson(loaded.entries) };
      view.result(data, () => configTable(loaded.entries));
    });
  }
}
