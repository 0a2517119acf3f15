import { Command, Option } from "clipanion";
import { deleteBackup } from "../../operations/catalog.ts";
import { BaseCommand, EXIT_STATUS_HELP, requireName } from "../base_command.ts";
import type { View } from "../view.ts";

export class DeleteCommand extends BaseCommand {
  static override paths = [["delete"]];
  static override usage = Command.Usage({
    category: "Backups",
    description: "Delete a backup, whatever state it is in",
    details: `Works on complete, interrupted and damaged backups.\n\n${EXIT_STATUS_HELP}`,
    examples: [["Delete one backup", "$0 delete -n my_backup"]],
  });

  readonly commandName = "delete";
  name = Option.String("-n,--name", { description: "Backup name." });

  protected override async run(view: View): Promise<void> {
    const name = requireName(this.name);
    await this.withBackups(view, { readonly: false }, async (context) => {
      const report = await deleteBackup(context, name);
      view.result(report, () => `deleted ${report.objects} objects of ${name}\ndelete backup done`);
    });
  }
}
