/** Import jobs over gRPC: one group of directories a job; the only way before Milvus 2.4. */

import { AppError } from "../base/errors.ts";
import type { Importer, ImportPhase } from "./gateway.ts";
import type { GrpcChannel } from "./grpc_channel.ts";
import { serverReason } from "./grpc_errors.ts";
import { importOptions } from "./import_options.ts";

const DEADLINE_MS = 120_000;
/**
 * Milvus 2.3.5 crashes, the whole server, when a GetImportState is cancelled while it works on it (a nil pointer in its
 * proxy); a deadline that passes is the same to it. An Import that is cancelled leaves a job whose name nobody knows.
 */
const UNDISTURBED = { cancellable: false, deadlineMs: DEADLINE_MS } as const;

/** As 2.4 and newer, 2.3 and 2.2 say it; only the first has a code of its own, and it shares that with failed imports. */
const UNKNOWN_JOB = /import job does not exist|key not found\[key=\S*\/importtask\/|import task id doesn't exist/i;

/** common.ImportState */
const PHASES: Readonly<Record<number, ImportPhase>> = {
  0: "pending",
  1: "failed",
  2: "importing",
  5: "importing",
  6: "completed",
  // Failed, and what it had written is gone again.
  7: "failed",
  8: "importing",
};

export function createGrpcImporter(channel: GrpcChannel): Importer {
  return {
    importVersion: "v1",
    maxGroupsPerJob: 1,

    startImport: async (request, signal) => {
      const { namespace, partition, groups, l0 } = request;
      const [group, ...more] = groups;
      if (group === undefined || more.length > 0) {
        throw new AppError("BUG", `an import job over gRPC takes one group of directories, not ${groups.length}`);
      }
      // Without deletes the second directory is sent as "", which every server takes.
      const files = l0 || group.length > 1 ? [...group] : [...group, ""];
      const answer = await channel.call(
        "Import",
        {
          collection_name: namespace.collection,
          partition_name: partition,
          files,
          options: Object.entries(importOptions(request)).map(([key, value]) => ({ key, value })),
        },
        // A repeated request would be a second job: every row twice.
        { ...UNDISTURBED, signal, database: namespace.database, repeatable: false },
      );
      const [job] = answer.tasks;
      if (job === undefined) throw new AppError("MILVUS_ERROR", `Milvus ${channel.address} named no job for an import`);
      return job;
    },

    importProgress: async ({ database }, job, signal) => {
      try {
        const answer = await channel.call("GetImportState", { task: job }, { ...UNDISTURBED, database, signal });
        const info = (name: string) => answer.infos.find(({ key }) => key === name)?.value ?? "";
        const phase = PHASES[answer.state] ?? "importing";
        const percent = Number.parseInt(info("progress_percent"), 10);
        return {
          phase,
          percent: phase === "completed" ? 100 : Number.isFinite(percent) ? percent : 0,
          state: channel.proto.enumName("milvus.proto.common.ImportState", answer.state),
          reason: info("failed_reason"),
          // With the deltas applied; seen on 2.2 to 2.6. A job whose directory is missing completes with 0.
          rows: BigInt(answer.row_count),
        };
      } catch (cause) {
        if (!UNKNOWN_JOB.test(serverReason(cause))) throw cause;
        throw new AppError(
          "NOT_FOUND",
          `Milvus ${channel.address} does not know import job ${job}: ${serverReason(cause)}`,
          { cause },
        );
      }
    },
  };
}
