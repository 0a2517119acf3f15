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

/** Longer messages are cut: an argument of a megabyte is not worth repeating. */
const MAX_MESSAGE = 4000;
const SIGTERM_STATUS = 143;

/** What a configuration with several problems puts between them; in every other message a line end is shown, not sent. */
const PROBLEM_BREAK = "\n  ";
/** Between looks at whether something is to be said again. */
const TICK_MS = 1000;

/** One command's output. */
export class View {
  readonly #options: ViewOptions;
  readonly #warnings: Warning[] = [];
  #display: ProgressDisplay | undefined;
  #ticking: NodeJS.Timeout | undefined;
  #result: { readonly data: unknown; readonly text: () => string } | undefined;

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
    this.#ticking = setInterval(() => display.tick(), TICK_MS);
    this.#ticking.unref();
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
    this.#warnings.push({ code, message: shortened(message) });
    this.note(`warning: ${shortened(message)}`);
  }

  /** A line on standard error, above the progress bar. */
  note(line: string): void {
    this.#display?.clear();
    this.#options.stderr.write(`${oneLine(line)}\n`);
    this.#display?.draw();
  }

  /**
   * The command's result: `text` for people, `data` in the envelope for machines. It is written by finish(): closing what the
   * command opened may still fail, and there is one document a command.
   */
  result(data: unknown, text: () => string): void {
    this.#result = { data, text };
  }

  /** Writes the result, if there is one. */
  finish(): void {
    this.#endProgress();
    if (this.#result === undefined) return;
    if (this.json) this.#envelope({ ok: true, data: this.#result.data });
    else this.#writeText();
  }

  #endProgress(): void {
    clearInterval(this.#ticking);
    this.#display?.finish();
  }

  #writeText(): void {
    if (this.#result !== undefined) this.#options.stdout.write(ensureLineEnd(visible(this.#result.text())));
  }

  /** After a result: for people both are shown, the envelope carries its data. @returns the exit status */
  failure(error: unknown): number {
    this.#endProgress();
    if (!this.json) this.#writeText();
    const failure = toAppError(error);
    const status = statusOf(failure);
    const message = shortened(failure.message);
    const lines = failure.code === "CONFIG_INVALID" ? message.split(PROBLEM_BREAK) : [message];
    const text = lines.map(oneLine).join(PROBLEM_BREAK);
    this.#options.stderr.write(`error: ${text} (${failure.code})\n`);
    if (failure.code === "BUG" && failure.cause instanceof Error) {
      this.#options.stderr.write(`${visible(failure.cause.stack ?? "")}\n`);
    }
    if (this.json) {
      this.#envelope({
        ok: false,
        ...(this.#result === undefined ? {} : { data: this.#result.data }),
        error: { code: failure.code, message, exit_status: status, details: failure.details },
      });
    }
    return status;
  }

  #envelope(content: Readonly<Record<string, unknown>>): void {
    const envelope = { command: this.#options.command, ...content, warnings: this.#warnings };
    this.#options.stdout.write(`${stringifyJsonExact(envelope)}\n`);
  }
}

/** 143 instead of 130 where SIGTERM was the interruption, as a shell would say. */
function statusOf(error: AppError): number {
  return error.code === "ABORTED" && error.details.signal === "SIGTERM" ? SIGTERM_STATUS : exitStatus(error);
}

function shortened(message: string): string {
  if (message.length <= MAX_MESSAGE) return message;
  return `${message.slice(0, MAX_MESSAGE)}... (${message.length} characters)`;
}

/** Names from outside may hold terminal codes; they are shown, not obeyed. Line ends and tabs stay. */
function visible(text: string): string {
  return text.replaceAll(/[^\P{Cc}\n\t]/gu, escaped);
}

function oneLine(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, escaped);
}

function escaped(character: string): string {
  if (character === "\n") return "\\n";
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

function ensureLineEnd(text: string): string {
  return text === "" || text.endsWith("\n") ? text : `${text}\n`;
}
