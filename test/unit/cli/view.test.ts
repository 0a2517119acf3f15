import { describe, expect, test } from "bun:test";
import { Writable } from "node:stream";
import { AppError, errorCodes } from "../../../src/base/errors.ts";
import { View, type ViewOptions } from "../../../src/cli/view.ts";

class Text extends Writable {
  text = "";

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

function view(more: Partial<ViewOptions> = {}) {
  const stdout = new Text();
  const stderr = new Text();
  let clock = 0;
  const now = (): Date => {
    clock += 200;
    return new Date(clock);
  };
  const options = {
    stdout,
    stderr,
    json: false,
    stderrIsTerminal: false,
    width: () => 80,
    now,
    command: "list",
    ...more,
  };
  return { view: new View(options), out: () => stdout.text, err: () => stderr.text };
}

describe("a result", () => {
  test("is text on standard output, with one line end", () => {
    const shown = view();
    shown.view.result({ a: 1 }, () => "text");
    expect(shown.out()).toBe("");
    shown.view.finish();
    expect([shown.out(), shown.err()]).toEqual(["text\n", ""]);
  });

  test("is shown to people when closing fails after it, and goes into the one envelope of the failure", () => {
    const text = view();
    text.view.result({ a: 1 }, () => "text");
    text.view.failure(new AppError("UNAVAILABLE", "gone"));
    expect([text.out(), text.err()]).toEqual(["text\n", "error: gone (UNAVAILABLE)\n"]);
    const json = view({ json: true });
    json.view.result({ a: 1 }, () => "text");
    json.view.failure(new AppError("UNAVAILABLE", "gone"));
    expect(JSON.parse(json.out())).toMatchObject({ ok: false, data: { a: 1 }, error: { code: "UNAVAILABLE" } });
  });

  test("is one line of JSON with --json, 64-bit numbers as strings", () => {
    const shown = view({ json: true });
    shown.view.warn("CONFIG", "old key");
    shown.view.result({ id: 2n ** 60n }, () => "text");
    shown.view.finish();
    expect(shown.out()).toBe(
      '{"command":"list","ok":true,"data":{"id":"1152921504606846976"},"warnings":[{"code":"CONFIG","message":"old key"}]}\n',
    );
    expect(shown.err()).toBe("warning: old key\n");
  });

  test("an empty one prints nothing", () => {
    const shown = view();
    shown.view.result({}, () => "");
    shown.view.finish();
    expect(shown.out()).toBe("");
  });

  test("shows terminal codes, and does not send them", () => {
    const shown = view();
    shown.view.result({}, () => "a\u001b[2Jb\u009b1m\r\n\tc\u007f");
    shown.view.finish();
    expect(shown.out()).toBe("a\\u001b[2Jb\\u009b1m\\u000d\n\tc\\u007f\n");
  });
});

describe("a failure", () => {
  test.each(errorCodes())("%s ends with exit status %p, in JSON as well", (code, status) => {
    const error = new AppError(code, "what, where, what next", { details: { key: "k" } });
    const shown = view({ json: true });
    expect(shown.view.failure(error)).toBe(status);
    expect(JSON.parse(shown.out())).toEqual({
      command: "list",
      ok: false,
      error: { code, message: "what, where, what next", exit_status: status, details: { key: "k" } },
      warnings: [],
    });
    expect(shown.err().split("\n")[0]).toBe(`error: what, where, what next (${code})`);
  });

  test("of a configuration has its problems on lines of their own", () => {
    const shown = view();
    shown.view.failure(new AppError("CONFIG_INVALID", 'configuration: 2 problems\n  a: wrong\n  b: "x\ny"'));
    expect(shown.err()).toBe('error: configuration: 2 problems\n  a: wrong\n  b: "x\\ny" (CONFIG_INVALID)\n');
  });

  test("without --json leaves standard output empty", () => {
    const shown = view();
    shown.view.failure(new AppError("NOT_FOUND", "no"));
    expect(shown.out()).toBe("");
  });

  test.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ])("by %s ends with %p, in JSON as well", (signal, status) => {
    const shown = view({ json: true });
    expect(shown.view.failure(new AppError("ABORTED", "interrupted", { details: { signal } }))).toBe(status);
    expect(JSON.parse(shown.out()).error.exit_status).toBe(status);
  });

  test("that nobody expected is a bug, with a trace", () => {
    const shown = view();
    expect(shown.view.failure(new TypeError("x is not a function"))).toBe(1);
    expect(shown.err()).toContain("unexpected error: x is not a function (BUG)\nTypeError");
  });

  test("is one line, whatever the names in it hold, and not endless", () => {
    const shown = view({ json: true });
    shown.view.failure(new AppError("NOT_FOUND", `a\nb\u001b[31m ${"x".repeat(1_000_000)}`));
    expect(shown.err().split("\n")).toHaveLength(2);
    expect(shown.err()).toStartWith("error: a\\nb\\u001b[31m xxx");
    expect(shown.err().length).toBeLessThan(5000);
    expect(shown.err()).toContain("(1000009 characters)");
    expect(JSON.parse(shown.out()).error.message.length).toBeLessThan(5000);
  });
});

describe("progress on a terminal", () => {
  test("warnings and log lines stand above the bar, which is drawn anew below them", () => {
    const shown = view({ stderrIsTerminal: true });
    const progress = shown.view.progress();
    progress.report({ type: "phase", phase: "copy", scope: "a.b" });
    progress.report({ type: "warning", code: "X", message: "mind this" });
    shown.view.note("2026-01-01T00:00:00.000Z WARN a log line");
    expect(shown.err()).toBe(
      "\r\u001b[Kcopy a.b" +
        "\r\u001b[Kwarning: mind this\n\r\u001b[Kcopy a.b" +
        "\r\u001b[K2026-01-01T00:00:00.000Z WARN a log line\n\r\u001b[Kcopy a.b",
    );
    shown.view.result({}, () => "done");
    shown.view.finish();
    expect(shown.err()).toEndWith("copy a.b\r\u001b[K");
    expect(shown.view.warnings).toEqual([{ code: "X", message: "mind this" }]);
  });

  test("a failure takes the bar away before it speaks", () => {
    const shown = view({ stderrIsTerminal: true });
    shown.view.progress().report({ type: "phase", phase: "copy" });
    shown.view.failure(new AppError("NOT_FOUND", "no"));
    expect(shown.err()).toBe("\r\u001b[Kcopy\r\u001b[Kerror: no (NOT_FOUND)\n");
  });
});

test("the silent reporter lets warnings through and nothing else", () => {
  const shown = view();
  const reporter = shown.view.silent();
  reporter.report({ type: "phase", phase: "check" });
  reporter.report({ type: "warning", code: "X", message: "mind this" });
  expect(shown.err()).toBe("warning: mind this\n");
});
