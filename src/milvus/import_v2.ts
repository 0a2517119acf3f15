/** Import jobs over REST (Milvus 2.4 and newer): many groups of directories a job. */

import { AppError, hasCode } from "../base/errors.ts";
import { isJsonObject } from "../base/json.ts";
import type { Importer, ImportPhase } from "./gateway.ts";
import type { RestClient } from "./http_clients.ts";
import { importOptions } from "./import_options.ts";

const JOBS = "/v2/vectordb/jobs/import";
/** The server's own limit (2.4 to 2.6). */
const MAX_GROUPS = 1024;
const PROBE_TIMEOUT_MS = 10_000;

const PHASES: Readonly<Record<string, ImportPhase>> = {
  Pending: "pending",
  Completed: "completed",
  Failed: "failed",
};

export function createRestImporter(rest: RestClient): Importer {
  return {
    importVersion: "v2",
    maxGroupsPerJob: MAX_GROUPS,

    startImport: async (request, signal) => {
      const { namespace, partition, groups } = request;
      const data = await rest.post(
        `${JOBS}/create`,
        {
          dbName: namespace.database,
          collectionName: namespace.collection,
          ...(partition === "" ? {} : { partitionName: partition }),
          files: groups,
          options: importOptions(request),
        },
        // A repeated request would be a second job: every row twice.
        { signal, repeatable: false, headers: { "request-timeout": "600" } },
      );
      const job = data.jobId;
      if (typeof job === "string" && job !== "") return job;
      throw new AppError("MILVUS_ERROR", `${rest.endpoint}${JOBS}/create named no job for an import`);
    },

    importProgress: async ({ database }, job, signal) => {
      const data = await rest.post(`${JOBS}/describe`, { dbName: database, jobId: job }, { signal });
      const { state, progress, reason, importedRows: rows } = data;
      if (typeof state !== "string") {
        throw new AppError("MILVUS_ERROR", `${rest.endpoint}${JOBS}/describe gives no state for job ${job}`);
      }
      return {
        // States between (Importing, and what newer servers add) are all "not yet".
        phase: PHASES[state] ?? "importing",
        percent: typeof progress === "bigint" || typeof progress === "number" ? Number(progress) : 0,
        state,
        reason: typeof reason === "string" ? reason : "",
        ...(typeof rows === "bigint" ? { rows } : {}),
      };
    },
  };
}

/** Whether the server has these routes: asking for job 0 gets an answer in JSON, whatever it says, and not 404. */
export async function hasRestImport(rest: RestClient, signal: AbortSignal): Promise<boolean> {
  try {
    const answer = await rest.post(`${JOBS}/describe`, { jobId: "0" }, { signal, timeoutMs: PROBE_TIMEOUT_MS });
    return isJsonObject(answer);
  } catch (error) {
    if (hasCode(error, "ABORTED")) throw error;
    return error instanceof AppError && error.details.serverCode !== undefined;
  }
}
