/** Progress as events: the terminal bar, plain lines, JSON lines and silence are reporters of the same union. */

import type { CopyTotals, CopyVia } from "./plan.ts";

export type Phase =
  | "connect"
  | "describe"
  | "flush"
  | "plan"
  | "copy"
  | "verify"
  | "commit"
  | "schema"
  | "stage"
  | "import"
  | "index"
  | "check"
  | "delete"
  | "cleanup";

export type ProgressEvent =
  /** `scope` is a collection's full name where the phase belongs to one. */
  | { readonly type: "phase"; readonly phase: Phase; readonly scope?: string }
  /** Work known so far; `final` once nothing more will be added. */
  | { readonly type: "totals"; readonly totals: CopyTotals; readonly final: boolean }
  /** Bytes on their way since the last such event; a retry may take some back with a negative number. */
  | { readonly type: "bytes"; readonly bytes: number }
  | { readonly type: "object"; readonly key: string; readonly size: number; readonly via: CopyVia | "verified" }
  /** A Milvus import job, 0 to 100. */
  | {
      readonly type: "job";
      readonly id: string;
      readonly scope: string;
      readonly percent: number;
      readonly state: string;
    }
  | { readonly type: "warning"; readonly code: string; readonly message: string }
  | { readonly type: "done"; readonly totals: CopyTotals; readonly seconds: number };

export interface ProgressReporter {
  /** Must not throw and must not block. */
  report(event: ProgressEvent): void;
}

export const silentProgress: ProgressReporter = { report: () => {} };
