/** What all commands share: global flags, one session, output and exit status. */

import { Command, Option } from "clipanion";
import { AppError, EXIT_STATUS_MEANING, throwIfAborted } from "../base/errors.ts";
import { safeBackupName } from "../meta/backup_name.ts";
import type { BackupRootContext } from "../operations/context.ts";
import type { CliContext, Session } from "./runtime.ts";
import { View } from "./view.ts";

/** Ends every command's help text. */
export const EXIT_STATUS_HELP = [
  "Exit status:\n",
  ...Object.entries(EXIT_STATUS_MEANING).map(([status, meaning]) => `- ${status} ${meaning}`),
].join("\n");

export abstract class BaseCommand extends Command<CliContext> {
  config = Option.String("--config", {
    description:
      'Configuration file (v1 or v2 schema); "" for none. Default: backup.yaml in $MILVUSCONF, ./configs or configs beside the executable.',
  });
  set = Option.Array("--set", [], { description: "One-run override KEY=VALUE; may be repeated." });
  plugin = Option.Array("--plugin", [], { description: "Plugin driver file to load; may be repeated." });
  jsonOutput = Option.Boolean("--json", false, { description: "One JSON document on standard output." });

  /** As in the JSON envelope. */
  abstract readonly commandName: string;

  /** The command's work. @throws whatever fails; the exit status follows from it */
  protected abstract run(view: View): Promise<void>;

  async execute(): Promise<number> {
    const view = new View({
      stdout: this.context.stdout,
      stderr: this.context.stderr,
      json: this.jsonOutput,
      stderrIsTerminal: this.context.stderrIsTerminal,
      width: this.context.terminalWidth,
      now: this.context.runtime.now,
      command: this.commandName,
    });
    try {
      await this.run(view);
      view.finish();
      // Work that ended well although somebody asked to stop has ended well.
      return 0;
    } catch (error) {
      return view.failure(preferAbort(error, this.context.runtime.signal));
    }
  }

  /** Opens a session, runs `work`, closes what was opened. */
  protected async withSession<T>(view: View, work: (session: Session) => Promise<T>): Promise<T> {
    const { runtime } = this.context;
    throwIfAborted(runtime.signal);
    await using session = await runtime.openSession({
      file: this.config,
      set: this.set,
      plugins: this.plugin,
      writeLog: (line) => view.note(line),
    });
    for (const warning of session.loaded.warnings) view.warn("CONFIG", warning);
    return await work(session);
  }

  /** The backup root alone: no connection to Milvus. */
  protected async withBackups<T>(
    view: View,
    options: { readonly readonly: boolean },
    work: (context: BackupRootContext, session: Session) => Promise<T>,
  ): Promise<T> {
    return await this.withSession(view, async (session) => {
      await using backupRoot = await session.openBackupRoot({ readonly: options.readonly });
      const { runtime } = this.context;
      const context = {
        backupRoot,
        backups: session.backups(backupRoot),
        progress: view.progress(),
        log: session.log,
        now: runtime.now,
        signal: runtime.signal,
      };
      return await work(context, session);
    });
  }
}

/** What was interrupted fails in many ways; the reason is the interruption. */
function preferAbort(error: unknown, signal: AbortSignal): unknown {
  return signal.aborted ? signal.reason : error;
}

/** `-n` is needed, and safe as a folder's name. @throws USAGE */
export function requireName(name: string | undefined): string {
  if (name === undefined || name === "") throw new AppError("USAGE", "backup name is required: --name NAME");
  return safeBackupName(name);
}
