import { Command, Option } from "clipanion";
import { AppError } from "../../base/errors.ts";
import type { BackupRootContext } from "../../operations/context.ts";
import {
  DamagedBackupError,
  type RecordManifestReport,
  recordBackupManifest,
} from "../../operations/record_manifest.ts";
import { type BackupFinding, damaged } from "../../operations/verify/finding.ts";
import { parseSubset, type Subset } from "../../operations/verify/subset.ts";
import { VERIFY_DEPTHS, type VerifyBackupReport, type VerifyDepth, verifyBackup } from "../../operations/verify.ts";
import { BaseCommand, EXIT_STATUS_HELP, requireName } from "../base_command.ts";
import { formatBytes, formatTable } from "../format.ts";
import type { Session } from "../runtime.ts";
import type { View } from "../view.ts";

/** Findings that the text shows; `--json` has all. */
const SHOWN_FINDINGS = 100;

export class VerifyCommand extends BaseCommand {
  static override paths = [["verify"]];
  static override usage = Command.Usage({
    category: "Backups",
    description: "Compare a stored backup with what it records of itself",
    details: `
      Needs no Milvus and writes nothing (but for --record). Level \`meta\` looks at the documents: all there, unchanged, in
      agreement with each other. \`list\` also at every object's presence, size and, where one is recorded, ETag, and at
      objects that do not belong. \`data\` also reads and hashes every object.

      Every finding is named, and any finding ends in status 8; status 0 means that everything holds. A backup that was
      never finished ends in status 3.

      --subset 3/30 reads the third of thirty parts of the objects; which part an object belongs to never changes, so
      thirty runs read everything.

      Backups of milvus-backup's Go tool carry no digests: --record reads and hashes their objects and writes a manifest
      beside their documents, which stay as they are.

      ${EXIT_STATUS_HELP}
    `,
    examples: [
      ["Quickly", "$0 verify -n my_backup"],
      ["Every byte", "$0 verify -n my_backup --level data"],
      ["Every byte within a month", "$0 verify -n my_backup --subset $(date +%-d)/31"],
      ["Digests for a backup of the Go tool", "$0 verify -n my_backup --record"],
    ],
  });

  readonly commandName = "verify";
  name = Option.String("-n,--name", { description: "Backup name." });
  level = Option.String("--level", {
    description: `How deep: ${VERIFY_DEPTHS.join(", ")} (default: list; data with --subset).`,
  });
  subset = Option.String("--subset", { description: "Read only the n-th of m parts of the objects: n/m." });
  record = Option.Boolean("--record", false, {
    description: "Write a manifest for a backup that has none, from what is stored now.",
  });
  storage = Option.String("--storage", {
    description: "Where the backup is: a name below `storages:` (default: backup.storage).",
  });

  protected override async run(view: View): Promise<void> {
    const name = requireName(this.name);
    const { level, subset } = this.#depth();
    await this.withSession(view, async (session) => {
      await using root = await session.openBackupRoot({
        readonly: !this.record,
        ...(this.storage === undefined ? {} : { storage: this.storage }),
      });
      const { runtime } = this.context;
      const context = {
        backupRoot: root,
        backups: session.backups(root),
        progress: view.progress(),
        log: session.log,
        now: runtime.now,
        signal: runtime.signal,
      };
      if (this.record) return await this.#record(view, session, context);
      const { concurrency } = session.loaded.config.transfer;
      const report = await verifyBackup(context, {
        name,
        level,
        concurrency,
        ...(subset === undefined ? {} : { subset }),
      });
      view.result(toJson(report), () => toText(report));
      if (report.findings.length > 0) throw damaged(name, report.findings);
    });
  }

  #depth(): { readonly level: VerifyDepth; readonly subset?: Subset } {
    const subset = this.subset === undefined ? undefined : parseSubset(this.subset);
    const wanted = this.level ?? (subset === undefined ? "list" : "data");
    const level = VERIFY_DEPTHS.find((it) => it === wanted);
    if (level === undefined) {
      const known = VERIFY_DEPTHS.join(", ");
      throw new AppError("USAGE", `--level ${JSON.stringify(wanted)} is unknown; choose one of ${known}`);
    }
    if (subset !== undefined && level !== "data") {
      throw new AppError("USAGE", `--subset reads objects, --level ${level} does not; leave one of them out`);
    }
    if (this.record && (this.level ?? this.subset) !== undefined) {
      throw new AppError("USAGE", "--record reads everything; leave --level and --subset out");
    }
    return { level, ...(subset === undefined ? {} : { subset }) };
  }

  async #record(view: View, session: Session, context: BackupRootContext): Promise<void> {
    const { tool } = this.context.runtime;
    try {
      const report = await recordBackupManifest(context, {
        name: requireName(this.name),
        concurrency: session.loaded.config.transfer.concurrency,
        tool: `milvus-backup ${tool.version} (${tool.commit})`,
      });
      view.result(recordedJson(report), () => recordedText(report));
    } catch (error) {
      if (!(error instanceof DamagedBackupError)) throw error;
      view.result({ findings: error.findings }, () => findingsText(error.findings).join("\n"));
      throw error;
    }
  }
}

function toText(report: VerifyBackupReport): string {
  const { backup, collections, objects, bytes, documents, proven, read, findings, subset } = report;
  const part = subset === undefined ? "" : ` ${subset.part}/${subset.of}`;
  const looked = report.level !== "meta" && proven.digest + proven.service + proven.size > 0;
  const lines = [
    `backup ${backup}, level ${report.level}${part}: ${documents} documents, ${collections} collections, ${objects} objects, ${formatBytes(bytes)}`,
    ...(read.objects === 0 ? [] : [`read ${read.objects} objects, ${formatBytes(read.bytes)}`]),
    ...(looked
      ? [`proved ${proven.digest} by digest, ${proven.service} by the service, ${proven.size} by size only`]
      : []),
  ];
  const end = findings.length === 0 ? ["verify backup success"] : findingsText(findings);
  return [...lines, ...end, `duration:${report.seconds.toFixed(2)} s`].join("\n");
}

function findingsText(findings: readonly BackupFinding[]): readonly string[] {
  const rows = findings.slice(0, SHOWN_FINDINGS).map(({ kind, key, message }) => [kind, key, message]);
  const more = findings.length - rows.length;
  const rest = more > 0 ? [`and ${more} more; --json names all`] : [];
  return [formatTable([["FINDING", "OBJECT", "WHAT"], ...rows]), ...rest];
}

function toJson(report: VerifyBackupReport): object {
  return {
    backup: report.backup,
    level: report.level,
    ...(report.subset === undefined ? {} : { subset: report.subset }),
    manifest: report.hasManifest,
    documents: report.documents,
    collections: report.collections,
    objects: report.objects,
    size: BigInt(report.bytes),
    read: { objects: report.read.objects, size: BigInt(report.read.bytes) },
    proven: report.proven,
    findings: report.findings,
    seconds: report.seconds,
  };
}

function recordedText({ backup, collections, documents, totals, seconds }: RecordManifestReport): string {
  return [
    `backup ${backup}: recorded ${collections} collections, ${totals.objects} objects, ${formatBytes(totals.bytes)}, ${documents} documents`,
    "record manifest success",
    `duration:${seconds.toFixed(2)} s`,
  ].join("\n");
}

function recordedJson({ backup, collections, documents, totals, seconds }: RecordManifestReport): object {
  const recorded = { collections, documents, objects: totals.objects, size: BigInt(totals.bytes) };
  return { backup, recorded, seconds };
}
