/** The only place that writes for people and machines: results on standard output, everything else on standard error. */

import type { Writable } from "node:stream";
import { type AppError, exitStatus, toAppError } from "../base/errors.ts";
import { stringifyJsonExact } from "../base/json.ts";
import { type ProgressEvent, type ProgressReporter, silentProgress } from "../transfer/progress.ts";
import { ProgressDisplay } from "./progress_display.ts";

export interface Warning {
  readonly code: string;
  readonly message: string;
}

export interface ViewOptions {
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** One JSON document on standard output instead of text. */
  readonly json: boolean;
  readonly stderrIsTerminal: boolean;
  readonly width: () => number;
  readonly now: () => Date;
  readonly command: string;
}

/** One command's output. */
export class View {
  readonly #options: ViewOptions;
  readonly #warnings: Warning[] = [];
  #display: ProgressDisplay | undefined;

  constructor(options: ViewOptions) {
    this.#options = options;
  }

  get json(): boolean {
    return this.#options.json;
  }

  get warnings(): readonly Warning[] {
    return this.#warnings;
  }

  /** A bar on a terminal, plain lines elsewhere; warnings are kept for the JSON envelope too. */
  progress(): ProgressReporter {
    const display = new ProgressDisplay({
      write: (text) => this.#options.stderr.write(text),
      terminal: this.#options.stderrIsTerminal,
      width: this.#options.width,
      now: this.#options.now,
    });
    this.#display = display;
    return {
      report: (event: ProgressEvent) => {
        if (event.type === "warning") this.warn(event.code, event.message);
        else display.report(event);
      },
    };
  }

  silent(): ProgressReporter {
    return {
      report: (event) => {
        if (event.type === "warning") this.warn(event.code, event.message);
        else silentProgress.report(event);
      },
    };
  }

  warn(code: string, message: string): void {
    this.#warnings.push({ code, message });
    this.note(`warning: ${message}`);
  }

  /** A line on standard error, above the progress bar. */
  note(line: string): void {
    this.#display?.clear();
    this.#options.stderr.write(`${line}\n`);
    this.#display?.draw();
  }

  /** The command's result: `text` for people, `data` in the envelope for machines. */
  result(data: unknown, text: () => string): void {
    this.#display?.finish();
    if (this.json) this.#envelope({ ok: true, data });
    else this.#options.stdout.write(ensureLineEnd(text()));
  }

  /** @returns the exit status */
  failure(error: unknown, data?: unknown): number {
    this.#display?.finish();
    const failure = toAppError(error);
    const status = exitStatus(failure);
    this.#options.stderr.write(`error: ${describe(failure)}\n`);
    if (failure.code === "BUG")
      this.#options.stderr.write(`${failure.cause instanceof Error ? failure.cause.stack : ""}\n`);
    if (this.json) {
      this.#envelope({
        ok: false,
        ...(data === undefined ? {} : { data }),
        error: { code: failure.code, message: failure.message, exit_status: status, details: failure.details },
      });
    }
    return status;
  }

  #envelope(content: Readonly<Record<string, unknown>>): void {
    const envelope = { command: this.#options.command, ...content, warnings: this.#warnings };
    this.#options.stdout.write(`${stringifyJsonExact(envelope)}\n`);
  }
}

function describe(error: AppError): string {
  return `${error.message} (${error.code})`;
}

function ensureLineEnd(text: string): string {
  return text === "" || text.endsWith("\n") ? text : `${text}\n`;
}
