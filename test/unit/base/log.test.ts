import { describe, expect, test } from "bun:test";
import { inspect } from "node:util";
import { createLogger } from "../../../src/base/log.ts";
import { Secret } from "../../../src/base/secret.ts";

function logger(level: "debug" | "info" | "warn" | "error") {
  const lines: string[] = [];
  const now = () => new Date("2026-01-31T12:00:00.000Z");
  return { lines, log: createLogger({ level, write: (line) => void lines.push(line), now }) };
}

describe("createLogger", () => {
  test("writes time, level, message and fields, quoting what has spaces", () => {
    const { lines, log } = logger("info");
    log.with({ driver: "s3" }).warn("put failed", { key: "a b", count: 3n, gone: undefined });
    expect(lines).toEqual(['2026-01-31T12:00:00.000Z WARN put failed driver=s3 key="a b" count=3']);
  });

  test("leaves out what is below its level", () => {
    const { lines, log } = logger("warn");
    log.debug("no");
    log.info("no");
    log.warn("yes");
    log.error("yes");
    expect(lines).toHaveLength(2);
  });

  test("is one line whatever the message and the fields hold", () => {
    const { lines, log } = logger("debug");
    log.info("two\nlines\r\n", { text: "more\nlines" });
    expect(lines[0]).not.toMatch(/[\r\n]/);
  });
});

describe("Secret", () => {
  test("shows itself to nobody who does not ask for it", () => {
    const secret = new Secret("hunter2 hunter2");
    const { lines, log } = logger("debug");
    log.info(`with ${secret}`, { secret: String(secret) });
    const texts = [`${secret}`, JSON.stringify({ secret }), inspect({ secret }), Bun.inspect({ secret }), ...lines];
    for (const text of texts) {
      expect(text).not.toContain("hunter2");
      expect(text).toContain("***");
    }
    expect(secret.reveal()).toBe("hunter2 hunter2");
  });
});
