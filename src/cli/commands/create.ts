import { randomUUID } from "node:crypto";
import { Command, Option } from "clipanion";
import { AppError } from "../../base/errors.ts";
import { defaultBackupName, validateBackupName } from "../../meta/backup_name.ts";
import { type CollectionFilter, filterFromSelectors } from "../../meta/filter.ts";
import type { FlushStrategy } from "../../operations/create/collection.ts";
import { type CreateBackupReport, createBackup } from "../../operations/create/create.ts";
import { BaseCommand, EXIT_STATUS_HELP } from "../base_command.ts";
import { formatBytes } from "../format.ts";
import { milvusContext } from "../milvus_context.ts";
import type { View } from "../view.ts";

const STRATEGIES: readonly FlushStrategy[] = ["serial_flush", "skip_flush", "meta_only"];

export class CreateCommand extends BaseCommand {
  static override paths = [["create"]];
  static override usage = Command.Usage({
    category: "Backups",
    description: "Back up collections of a running Milvus",
    details: `
      Flushes the collections, copies their data from the Milvus root path to the backup root path, checks every object and
      commits the backup last: one that is interrupted never looks like a backup.

      Without a selection everything is backed up. Rules of --filter, joined by commas: \`db.*\` (all of a database),
      \`db.coll\`, \`coll\` (in the default database), \`db.\` (the database alone).

      ${EXIT_STATUS_HELP}
    `,
    examples: [
      ["Everything, under a generated name", "$0 create"],
      ["Two collections", "$0 create -n my_backup --filter coll,db1.other"],
      ["The same in the older way", "$0 create -n my_backup -c coll,db1.other"],
    ],
  });

  readonly commandName = "create";
  name = Option.String("-n,--name", { description: "Backup name; generated from the time when left out." });
  filter = Option.String("--filter", { description: "Which databases and collections (default: everything)." });
  colls = Option.String("-c,--colls", { description: "Collections, comma separated: coll or db.coll." });
  databases = Option.String("-d,--databases", { description: "Whole databases, comma separated." });
  databaseCollections = Option.String("-a,--database_collections", {
    description: 'JSON: {"db1":["c1"],"db2":[]}; an empty list selects the whole database.',
  });
  strategy = Option.String("--strategy", {
    description: `When data is flushed: ${STRATEGIES.join(", ")} (default: serial_flush).`,
  });
  format = Option.String("--format", { description: "Backup format: auto or binlog." });
  force = Option.Boolean("-f,--force", false, { description: "Same as --strategy skip_flush." });
  metaOnly = Option.Boolean("--meta_only", false, { description: "Same as --strategy meta_only." });
  rbac = Option.Boolean("--rbac", false, { hidden: true });
  indexExtra = Option.Boolean("--backup_index_extra", false, { hidden: true });

  protected override async run(view: View): Promise<void> {
    refuseUnavailable({ "--rbac": this.rbac, "--backup_index_extra": this.indexExtra });
    const strategy = this.#strategy();
    requireBinlog(this.format);
    const filter = this.#selection();
    const name = validateBackupName(this.name ?? defaultBackupName(this.context.runtime.now()));
    const { tool } = this.context.runtime;
    await this.withSession(view, async (session) => {
      const { backup } = session.loaded.config;
      await using context = await milvusContext(this.context.runtime, session, {
        progress: view.progress(),
        write: false,
      });
      const report = await createBackup(context, {
        name,
        id: randomUUID(),
        ...(filter === undefined ? {} : { filter }),
        strategy,
        pauseGc: backup.pauseGC && strategy !== "meta_only",
        collections: backup.concurrency.collections,
        tool: `milvus-backup ${tool.version} (${tool.commit})`,
      });
      view.result(toJson(report), () => toText(report));
    });
  }

  #strategy(): FlushStrategy {
    const given = [
      ...(this.strategy === undefined || this.strategy === "" ? [] : [this.strategy]),
      ...(this.force ? ["skip_flush"] : []),
      ...(this.metaOnly ? ["meta_only"] : []),
    ];
    if (new Set(given).size > 1) throw new AppError("USAGE", "--strategy, --force and --meta_only exclude each other");
    const [wanted = "serial_flush"] = given;
    const known = STRATEGIES.find((strategy) => strategy === wanted);
    if (known !== undefined) return known;
    if (wanted === "bulk_flush") {
      throw new AppError("UNSUPPORTED", "--strategy bulk_flush is not available in this version; use serial_flush");
    }
    if (wanted === "snapshot") throw new AppError("USAGE", "--strategy snapshot: snapshot is a format, not a strategy");
    throw new AppError(
      "USAGE",
      `--strategy ${JSON.stringify(wanted)} is unknown; choose one of ${STRATEGIES.join(", ")}`,
    );
  }

  #selection(): CollectionFilter | undefined {
    return filterFromSelectors({
      filter: this.filter,
      collections: this.colls,
      databases: this.databases,
      databaseCollections: this.databaseCollections,
    });
  }
}

/** Flags of milvus-backup that this version does not carry out are refused, never ignored. @throws UNSUPPORTED */
export function refuseUnavailable(flags: Readonly<Record<string, boolean>>): void {
  for (const [flag, given] of Object.entries(flags)) {
    if (given) throw new AppError("UNSUPPORTED", `${flag} is not available in this version; leave it out`);
  }
}

function requireBinlog(format: string | undefined): void {
  if (format === undefined || format === "" || format === "auto" || format === "binlog") return;
  if (format === "snapshot")
    throw new AppError("UNSUPPORTED", "--format snapshot is not available in this version; use binlog");
  throw new AppError("USAGE", `--format ${JSON.stringify(format)} is unknown; choose auto or binlog`);
}

function toText(report: CreateBackupReport): string {
  const { meta, totals, copied } = report;
  const rows = rowsOf(report);
  const via = copied.via.direct > 0 ? `${copied.via.direct} by the storage service, ` : "";
  const unproven = copied.evidence.size > 0 ? `; ${copied.evidence.size} objects checked by size only` : "";
  return [
    `backup ${meta.name}: ${meta.collections.length} collections, ${rows} rows, ${totals.objects} objects, ${formatBytes(totals.bytes)}`,
    `copied ${via}${copied.via.streaming} through this machine; proved ${copied.evidence.digest} by digest, ${copied.evidence.service} by the service${unproven}`,
    "create backup success",
    `duration:${report.seconds.toFixed(2)} s`,
  ].join("\n");
}

function toJson(report: CreateBackupReport): object {
  const { meta, totals, copied } = report;
  return {
    name: meta.name,
    id: meta.id,
    milvus_version: meta.milvusVersion,
    collections: meta.collections.map((collection) => ({
      db_name: collection.databaseName,
      collection_name: collection.collectionName,
      collection_id: collection.collectionId,
      rows: collectionRows(collection.partitions),
      size: collection.size,
    })),
    rows: rowsOf(report),
    objects: totals.objects,
    size: meta.size,
    copied_by: copied.via,
    evidence: copied.evidence,
    external_skipped: report.external,
    dropped_meanwhile: report.dropped,
    seconds: report.seconds,
  };
}

function rowsOf(report: CreateBackupReport): bigint {
  return report.meta.collections.reduce((sum, collection) => sum + collectionRows(collection.partitions), 0n);
}

function collectionRows(partitions: CreateBackupReport["meta"]["collections"][number]["partitions"]): bigint {
  return partitions.reduce(
    (sum, partition) => sum + partition.segments.reduce((rows, segment) => rows + segment.rows, 0n),
    0n,
  );
}
