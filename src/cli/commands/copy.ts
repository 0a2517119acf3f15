import { Command, Option } from "clipanion";
import { AppError } from "../../base/errors.ts";
import { safeBackupName } from "../../meta/backup_name.ts";
import { type CopyBackupReport, copyBackup } from "../../operations/copy_backup.ts";
import { BaseCommand, EXIT_STATUS_HELP, requireName } from "../base_command.ts";
import { formatBytes } from "../format.ts";
import type { View } from "../view.ts";

const DEFAULT_STORAGE = "backup";

export class CopyCommand extends BaseCommand {
  static override paths = [["copy"]];
  static override usage = Command.Usage({
    category: "Backups",
    description: "Copy a backup to another storage",
    details: `
      Between any two storages: those that the configuration names below \`storages:\`, and \`backup\`, which is
      backup.storage. Needs no Milvus.

      Every object is compared with its recorded digest on the way, and a damaged backup is not copied. Backups of
      milvus-backup's Go tool, which record none, are hashed on the way, and their sizes are checked. The copy is
      committed last: one that was interrupted is listed as incomplete, and a name that is taken is refused.

      ${EXIT_STATUS_HELP}
    `,
    examples: [
      ["To the storage that the configuration calls disk", "$0 copy -n my_backup --to disk"],
      ["Back again, under another name", "$0 copy -n my_backup --from disk --to backup --as my_backup_2"],
    ],
  });

  readonly commandName = "copy";
  name = Option.String("-n,--name", { description: "Backup name." });
  to = Option.String("--to", { description: "Where to: a name below `storages:`, or backup." });
  from = Option.String("--from", { description: "Where the backup is (default: backup, which is backup.storage)." });
  as = Option.String("--as", { description: "Name of the copy (default: the same)." });

  protected override async run(view: View): Promise<void> {
    const name = requireName(this.name);
    const target = this.to;
    if (target === undefined || target === "") throw new AppError("USAGE", "a target is required: --to STORAGE");
    const targetName = this.as === undefined ? name : safeBackupName(this.as);
    await this.withSession(view, async (session) => {
      const { runtime } = this.context;
      await using from = await session.openBackupRoot({ readonly: true, storage: this.from ?? DEFAULT_STORAGE });
      await using to = await session.openBackupRoot({ storage: target });
      const { transfer } = session.loaded.config;
      const report = await copyBackup(
        {
          from,
          to,
          targetBackups: session.backups(to),
          transfer: { mode: transfer.mode, concurrency: transfer.concurrency, verify: transfer.verify },
          progress: view.progress(),
          log: session.log,
          now: runtime.now,
          signal: runtime.signal,
        },
        { name, targetName },
      );
      view.result(toJson(report), () => toText(report));
    });
  }
}

function toText(report: CopyBackupReport): string {
  const { backup, copy, from, to, collections, totals, copied, documents } = report;
  const name = copy === backup ? "" : ` as ${copy}`;
  const via = copied.via.direct > 0 ? `${copied.via.direct} by the storage service, ` : "";
  const unproven = copied.evidence.size > 0 ? `; ${copied.evidence.size} objects checked by size only` : "";
  return [
    `backup ${backup}: ${collections} collections, ${totals.objects} objects, ${formatBytes(totals.bytes)}, ${documents} documents`,
    `from ${from} to ${to}${name}`,
    `copied ${via}${copied.via.streaming} through this machine; proved ${copied.evidence.digest} by digest, ${copied.evidence.service} by the service${unproven}`,
    "copy backup success",
    `duration:${report.seconds.toFixed(2)} s`,
  ].join("\n");
}

function toJson(report: CopyBackupReport): object {
  return {
    backup: report.backup,
    copy: report.copy,
    from: report.from,
    to: report.to,
    manifest: report.hasManifest,
    collections: report.collections,
    objects: report.totals.objects,
    size: BigInt(report.totals.bytes),
    documents: report.documents,
    copied_by: report.copied.via,
    evidence: report.copied.evidence,
    seconds: report.seconds,
  };
}
