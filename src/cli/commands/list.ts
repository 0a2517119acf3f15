import { Command, Option } from "clipanion";
import { AppError } from "../../base/errors.ts";
import type { BackupSummary } from "../../meta/repository.ts";
import { listBackups } from "../../operations/catalog.ts";
import { BaseCommand, EXIT_STATUS_HELP } from "../base_command.ts";
import type { View } from "../view.ts";

export class ListCommand extends BaseCommand {
  static override paths = [["list"]];
  static override usage = Command.Usage({
    category: "Backups",
    description: "List the backups of the backup root path",
    details: `Complete backups are listed by name; what was interrupted or is damaged is listed apart, with the reason.\n\n${EXIT_STATUS_HELP}`,
    examples: [["Names of all backups", "$0 list"]],
  });

  readonly commandName = "list";
  collection = Option.String("-c,--collection", { hidden: true });

  protected override async run(view: View): Promise<void> {
    if (this.collection !== undefined) {
      throw new AppError(
        "USAGE",
        "--collection was removed in 0.6, listing backups by collection is no longer supported",
      );
    }
    await this.withBackups(view, { readonly: true }, async (context) => {
      const backups = await listBackups(context);
      view.result({ backups: backups.map(toJson) }, () => toText(backups));
    });
  }
}

function toText(backups: readonly BackupSummary[]): string {
  const complete = backups.filter((backup) => backup.state === "complete").map((backup) => backup.name);
  const others = backups
    .filter((backup) => backup.state !== "complete")
    .map((backup) => `${backup.name}: ${backup.state}, ${backup.reason ?? "no reason known"}`);
  const apart = others.length === 0 ? [] : [">> Not usable:", ...others];
  return [">> Backups:", ...complete, ...apart].join("\n");
}

function toJson(backup: BackupSummary): object {
  return {
    name: backup.name,
    state: backup.state,
    reason: backup.reason,
    id: backup.id,
    size: backup.size,
    milvus_version: backup.milvusVersion,
    created_at: backup.createdAt,
  };
}
