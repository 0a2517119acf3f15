import { randomBytes } from "node:crypto";
import { Command, Option } from "clipanion";
import { AppError } from "../../base/errors.ts";
import { type CollectionFilter, filterFromSelectors, parseFilter } from "../../meta/filter.ts";
import { formatNamespace } from "../../meta/namespace.ts";
import { targetMapping } from "../../meta/rename.ts";
import type { MilvusContext } from "../../operations/context.ts";
import {
  PartialRestoreError,
  type RestoreBackupRequest,
  type RestoreReport,
  type RestoreVerify,
} from "../../operations/restore/request.ts";
import { restoreBackup } from "../../operations/restore/restore.ts";
import { BaseCommand, EXIT_STATUS_HELP, requireName } from "../base_command.ts";
import { formatTable } from "../format.ts";
import { milvusContext } from "../milvus_context.ts";
import type { View } from "../view.ts";
import { refuseUnavailable } from "./create.ts";

const VERIFY_LEVELS: readonly RestoreVerify[] = ["auto", "data", "list", "none"];
const DEFAULT_STALL_MINUTES = 60;

export class RestoreCommand extends BaseCommand {
  static override paths = [["restore"]];
  static override usage = Command.Usage({
    category: "Backups",
    description: "Make collections of a backup anew in the target Milvus",
    details: `
      Checks the backup's objects first, fills each collection under a temporary name, compares its rows with what the
      backup promises, builds the indexes, and only then gives it its name.

      --filter chooses by the names after renaming, -c, -d and -a by the names in the backup. Pairs of --rename, joined by
      commas: \`a:b\`, \`db1.a:db2.b\`, \`db1.*:db2.*\`.

      ${EXIT_STATUS_HELP}
    `,
    examples: [
      ["Beside the originals, as name_bak", "$0 restore -n my_backup -s _bak"],
      ["One collection", "$0 restore -n my_backup -c coll"],
      ["Into another database", "$0 restore -n my_backup --rename 'default.*:db2.*'"],
    ],
  });

  readonly commandName = "restore";
  name = Option.String("-n,--name", { description: "Backup name." });
  filter = Option.String("--filter", { description: "Choose by the names after renaming." });
  collections = Option.String("-c,--collections", { description: "Choose collections by their names in the backup." });
  databases = Option.String("-d,--databases", { description: "Choose whole databases by their names in the backup." });
  databaseCollections = Option.String("-a,--database_collections", {
    description: 'JSON: {"db1":["c1"],"db2":[]}, names in the backup.',
  });
  suffix = Option.String("-s,--suffix", { description: "Appended to every collection's name." });
  rename = Option.String("-r,--rename", { description: "Pairs source:target, comma separated." });
  rebuildIndex = Option.Boolean("--rebuild_index", {
    description: "Build the indexes of the backup (default; --no-rebuild_index leaves them out).",
  });
  restoreIndex = Option.Boolean("--restore_index", { hidden: true });
  autoIndex = Option.Boolean("--use_auto_index", false, {
    description: "Vector indexes become AUTOINDEX with their metric.",
  });
  metaOnly = Option.Boolean("--meta_only", false, { description: "Schema, partitions and indexes without data." });
  dropExisting = Option.Boolean("--drop_exist_collection", false, {
    description: "Replace an existing collection, once the restored one has been checked.",
  });
  dropExistingIndex = Option.Boolean("--drop_exist_index", false, {
    description: "With --skip_create_collection: drop the target's indexes before building those of the backup.",
  });
  skipCreate = Option.Boolean("--skip_create_collection", false, {
    description: "Add the rows to an existing collection.",
  });
  verify = Option.String("--verify", "auto", {
    description: `How stored objects are checked first: ${VERIFY_LEVELS.join(", ")}. With none, Milvus is given unchecked files: a damaged one can crash it.`,
  });
  stallMinutes = Option.String("--stall-minutes", {
    description: `Fail when an import job makes no progress for so long (default ${DEFAULT_STALL_MINUTES}).`,
  });
  useV2 = Option.Boolean("--use_v2_restore", false, {
    description: "Accepted; the import protocol is chosen by what the server offers.",
  });
  rbac = Option.Boolean("--rbac", false, { hidden: true });

  protected override async run(view: View): Promise<void> {
    const name = requireName(this.name);
    refuseUnavailable({ "--rbac": this.rbac });
    const choices = this.#choices();
    const stallSeconds = 60 * this.#stallMinutes();
    await this.withSession(view, async (session) => {
      const { restore } = session.loaded.config;
      const write = !this.metaOnly;
      await using context = await milvusContext(this.context.runtime, session, { progress: view.progress(), write });
      const report = await restoreTelling(view, context, {
        name,
        id: randomBytes(6).toString("hex"),
        ...choices,
        autoIndex: this.autoIndex,
        metaOnly: this.metaOnly,
        replaceExisting: this.dropExisting,
        dropExistingIndex: this.dropExistingIndex,
        intoExisting: this.skipCreate,
        collections: restore.concurrency.collections,
        importJobs: restore.concurrency.importJobs,
        maxSegmentsPerImportJob: restore.maxSegmentsPerImportJob,
        keepTempFiles: restore.keepTempFiles,
        stallSeconds,
      });
      view.result(toJson(report), () => toText(report));
    });
  }

  #choices() {
    if (this.dropExisting && this.skipCreate) {
      throw new AppError("USAGE", "--drop_exist_collection and --skip_create_collection exclude each other");
    }
    const selection = filterFromSelectors({
      collections: this.collections,
      databases: this.databases,
      databaseCollections: this.databaseCollections,
    });
    const filter: CollectionFilter | undefined =
      this.filter === undefined || this.filter === "" ? undefined : parseFilter(this.filter);
    if (selection !== undefined && filter !== undefined) {
      throw new AppError("USAGE", "--filter and -c, -d, -a exclude each other; say everything in one --filter");
    }
    const verify = VERIFY_LEVELS.find((level) => level === this.verify);
    if (verify === undefined) {
      throw new AppError(
        "USAGE",
        `--verify ${JSON.stringify(this.verify)} is unknown; choose one of ${VERIFY_LEVELS.join(", ")}`,
      );
    }
    return {
      rebuildIndex: this.#rebuildIndex(),
      mapping: targetMapping({ suffix: this.suffix, rename: this.rename }),
      verify,
      ...(selection === undefined ? {} : { selection }),
      ...(filter === undefined ? {} : { filter }),
    };
  }

  /** --restore_index is the older name. */
  #rebuildIndex(): boolean {
    const given = new Set([this.rebuildIndex, this.restoreIndex].filter((value) => value !== undefined));
    if (given.size > 1) throw new AppError("USAGE", "--rebuild_index and --restore_index contradict each other");
    return !given.has(false);
  }

  #stallMinutes(): number {
    if (this.stallMinutes === undefined) return DEFAULT_STALL_MINUTES;
    const minutes = /^\d{1,9}$/.test(this.stallMinutes) ? Number(this.stallMinutes) : 0;
    if (minutes > 0) return minutes;
    throw new AppError(
      "USAGE",
      `--stall-minutes ${JSON.stringify(this.stallMinutes)} is not a number of minutes above 0`,
    );
  }
}

/** A failure says which collections were finished before it: they stay. */
async function restoreTelling(
  view: View,
  context: MilvusContext,
  request: RestoreBackupRequest,
): Promise<RestoreReport> {
  try {
    return await restoreBackup(context, request);
  } catch (error) {
    if (!(error instanceof PartialRestoreError)) throw error;
    for (const { target, rows } of error.finished.collections) {
      const count = rows === undefined ? "" : ` (${rows.restored} rows)`;
      view.note(`restored before the failure, and stays: ${formatNamespace(target)}${count}`);
    }
    view.result(toJson(error.finished), () => "");
    throw error;
  }
}

function toText(report: RestoreReport): string {
  const head = ["COLLECTION", "FROM", "ROWS IN BACKUP", "DELETED", "RESTORED", "OBJECTS", "INDEXES"];
  const rows = report.collections.map((entry) => [
    formatNamespace(entry.target),
    formatNamespace(entry.source),
    entry.rows === undefined ? "-" : entry.rows.backedUp.toString(),
    entry.rows === undefined ? "-" : deletedText(entry.rows.deleted),
    entry.rows === undefined ? "-" : entry.rows.restored.toString(),
    entry.objects.toString(),
    entry.indexes.toString(),
  ]);
  return [formatTable([head, ...rows]), "restore backup success", `duration:${report.seconds.toFixed(2)} s`].join("\n");
}

function deletedText(deleted: { readonly min: bigint; readonly max: bigint; readonly exact: boolean }): string {
  return deleted.exact ? deleted.min.toString() : `${deleted.min} to ${deleted.max}`;
}

function toJson(report: RestoreReport): object {
  return {
    backup: report.backup,
    collections: report.collections.map((entry) => ({
      source: formatNamespace(entry.source),
      target: formatNamespace(entry.target),
      ...(entry.rows === undefined
        ? {}
        : {
            rows_in_backup: entry.rows.backedUp,
            rows_deleted: entry.rows.deleted,
            rows_restored: entry.rows.restored,
          }),
      objects: entry.objects,
      size: BigInt(entry.bytes),
      read_from: entry.readFrom,
      indexes: entry.indexes,
    })),
    databases_created: report.databasesCreated,
    seconds: report.seconds,
  };
}
