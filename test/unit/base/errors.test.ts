import { describe, expect, test } from "bun:test";
import {
  AppError,
  abortError,
  EXIT_STATUS_MEANING,
  errorCodes,
  exitStatus,
  hasCode,
  isAppError,
  throwIfAborted,
  toAppError,
  withContext,
} from "../../../src/base/errors.ts";

describe("AppError", () => {
  test("says by itself whether trying again is worth it, unless told otherwise", () => {
    const retriable = errorCodes().filter(([code]) => new AppError(code, "x").retriable);
    expect(retriable.map(([code]) => code)).toEqual(["UNAVAILABLE", "THROTTLED"]);
    expect(new AppError("UNAVAILABLE", "x", { retriable: false }).retriable).toBe(false);
    expect(new AppError("SHORT_BODY", "x", { retriable: true }).retriable).toBe(true);
  });

  test("every code ends with a status that the help explains", () => {
    for (const [code, status] of errorCodes()) {
      expect(exitStatus(new AppError(code, "x"))).toBe(status);
      expect(EXIT_STATUS_MEANING[status]).toBeString();
    }
  });

  test("is recognised by its code, also when a plugin brought its own class", () => {
    const foreign = Object.assign(new Error("no"), { code: "NOT_FOUND", retriable: false, details: {} });
    expect(isAppError(foreign)).toBe(true);
    expect(hasCode(foreign, "ACCESS_DENIED", "NOT_FOUND")).toBe(true);
    expect(isAppError(Object.assign(new Error("x"), { code: "ENOENT" }))).toBe(false);
    expect(isAppError({ code: "NOT_FOUND" })).toBe(false);
    expect(hasCode(new Error("x"), "BUG")).toBe(false);
  });
});

describe("toAppError", () => {
  test("passes ours through and names everything else a bug, except an abort", () => {
    const ours = new AppError("NO_SPACE", "full");
    expect(toAppError(ours)).toBe(ours);
    expect(toAppError(new TypeError("x is undefined"))).toMatchObject({ code: "BUG", retriable: false });
    expect(toAppError("text").message).toContain("text");
    expect(toAppError(new DOMException("stop", "AbortError"))).toMatchObject({ code: "ABORTED" });
  });

  test("of a failure and a second one while closing, gives the first", async () => {
    const first = new AppError("NO_SPACE", "full");
    const failing = async (): Promise<void> => {
      await using _closes = { [Symbol.asyncDispose]: () => Promise.reject(new Error("cannot close")) };
      throw first;
    };
    expect(await failing().catch(toAppError)).toBe(first);
  });
});

describe("withContext", () => {
  test("adds words and details and keeps code, retriability and cause", () => {
    const inner = new AppError("SHORT_BODY", "ended", { retriable: true, details: { expected: 3 } });
    const outer = withContext(inner, "put a/b", { key: "a/b" });
    expect(outer).toMatchObject({ code: "SHORT_BODY", retriable: true, message: "put a/b: ended", cause: inner });
    expect(outer.details).toEqual({ expected: 3, key: "a/b" });
  });
});

describe("aborts", () => {
  test("carry the signal's own error when it has one of ours", () => {
    const first = new AppError("NO_SPACE", "full");
    expect(abortError(AbortSignal.abort(first))).toBe(first);
    expect(() => throwIfAborted(AbortSignal.abort())).toThrow("interrupted");
    expect(() => throwIfAborted(new AbortController().signal)).not.toThrow();
  });
});
