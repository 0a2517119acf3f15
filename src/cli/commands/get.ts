import { Command, Option } from "clipanion";
import { stringifyJson } from "../../base/json.ts";
import { backupBrief } from "../../meta/brief.ts";
import { getBackup } from "../../operations/catalog.ts";
import { BaseCommand, EXIT_STATUS_HELP, requireName } from "../base_command.ts";
import type { View } from "../view.ts";

const INDENT = 4;

export class GetCommand extends BaseCommand {
  static override paths = [["get"]];
  static override usage = Command.Usage({
    category: "Backups",
    description: "Print what a backup holds, as JSON",
    details: `Standard output holds nothing but the JSON document; 64-bit ids are exact JSON numbers (strings with --json).\n\n${EXIT_STATUS_HELP}`,
    examples: [["One backup", "$0 get -n my_backup"]],
  });

  readonly commandName = "get";
  name = Option.String("-n,--name", { description: "Backup name." });
  detail = Option.Boolean("-d,--detail", false, { hidden: true });

  protected override async run(view: View): Promise<void> {
    const name = requireName(this.name);
    await this.withBackups(view, { readonly: true }, async (context) => {
      const details = await getBackup(context, name);
      const brief = backupBrief(details.meta, details.metaSize);
      const manifest = details.manifest;
      const ours = {
        created_by: details.meta.createdBy,
        created_at: details.meta.createdAt,
        objects: manifest?.totals.objects,
        checksums: manifest !== undefined,
      };
      view.result({ backup: brief, ...ours }, () => stringifyJson(brief, INDENT));
    });
  }
}
