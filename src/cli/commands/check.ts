import { Command } from "clipanion";
import { toAppError } from "../../base/errors.ts";
import { configTable } from "../../config/show.ts";
import { type CheckReport, runCheck } from "../../operations/check.ts";
import { BaseCommand, EXIT_STATUS_HELP } from "../base_command.ts";
import { formatTable, parametersJson } from "../format.ts";
import type { View } from "../view.ts";

export class CheckCommand extends BaseCommand {
  static override paths = [["check"]];
  static override usage = Command.Usage({
    category: "Setup",
    description: "Prove step by step that backups can work with this configuration",
    details: `
      Reads only on the Milvus side; on the backup side it writes a few small probe objects and removes them. A root path
      that holds nothing while Milvus declares rows is an error that names the likely right one.

      ${EXIT_STATUS_HELP}
    `,
    examples: [["Before the first backup", "$0 check"]],
  });

  readonly commandName = "check";

  protected override async run(view: View): Promise<void> {
    await this.withSession(view, async (session) => {
      const { runtime } = this.context;
      const report = await runCheck({
        connectMilvus: () => session.connectMilvus(),
        openSourceRoot: () => session.openMilvusRoot({ readonly: true }),
        openSourceRootAt: (rootPath) => session.openMilvusRoot({ readonly: true, rootPath }),
        openBackupRoot: () => session.openBackupRoot(),
        transferMode: session.loaded.config.transfer.mode,
        progress: view.silent(),
        log: session.log,
        now: runtime.now,
        signal: runtime.signal,
      });
      const data = {
        milvus_version: report.milvusVersion,
        steps: report.steps,
        parameters: parametersJson(session.loaded.entries),
      };
      const text = (): string => toText(configTable(session.loaded.entries), report);
      view.result(data, text);
      if (report.failure !== undefined) throw toAppError(report.failure);
    });
  }
}

const MARK = { ok: "ok", warning: "WARNING", failed: "FAILED", skipped: "skipped" } as const;

function toText(configuration: string, report: CheckReport): string {
  const steps = report.steps.map((step) => [MARK[step.state], step.name, step.message]);
  const version = report.milvusVersion === undefined ? [] : [`Milvus version: ${report.milvusVersion}`, ""];
  const end = report.failure === undefined ? ["Success!"] : [];
  return ["Configuration:", configuration, "", formatTable(steps), "", ...version, ...end].join("\n");
}
