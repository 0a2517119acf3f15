import { describe, expect, test } from "bun:test";
import { ProgressDisplay, progressLine } from "../../../src/cli/progress_display.ts";
import { type ProgressEvent, ProgressTracker } from "../../../src/transfer/progress.ts";

const MIB = 1024 * 1024;

interface Shown {
  readonly display: ProgressDisplay;
  /** What was written, one entry a call. */
  readonly writes: string[];
  advance(ms: number): void;
}

function display(options: { readonly terminal: boolean; readonly width?: number }): Shown {
  let clock = Date.parse("2026-01-02T03:04:05Z");
  const writes: string[] = [];
  return {
    writes,
    advance: (ms) => {
      clock += ms;
    },
    display: new ProgressDisplay({
      write: (text) => void writes.push(text),
      terminal: options.terminal,
      width: () => options.width ?? 100,
      now: () => new Date(clock),
    }),
  };
}

/** A backup of 100 MiB in 100 objects, one each 100 ms. */
function play({ display: shown, advance }: Shown): void {
  shown.report({ type: "phase", phase: "flush", scope: "default.books" });
  advance(200);
  shown.report({ type: "phase", phase: "copy", scope: "default.books" });
  shown.report({ type: "totals", totals: { objects: 100, bytes: 100 * MIB }, final: true });
  for (let index = 0; index < 100; index += 1) {
    advance(100);
    shown.report({ type: "bytes", bytes: MIB });
    shown.report({ type: "object", key: `k${index}`, size: MIB, via: "streaming" });
  }
  advance(100);
  shown.report({ type: "phase", phase: "commit" });
  advance(100);
  shown.report({ type: "done", totals: { objects: 100, bytes: 100 * MIB }, seconds: 10 });
}

/** The lines as they stood on the terminal. */
const frames = (writes: readonly string[]): readonly string[] =>
  writes
    .filter((text) => text.startsWith("\r\u001b[K"))
    .map((text) => text.slice(4))
    .filter((text) => text !== "");

describe("on a terminal", () => {
  test("one line is redrawn, ten times a second at most", () => {
    const shown = display({ terminal: true });
    play(shown);
    expect(shown.writes.join("")).not.toContain("\n");
    const drawn = frames(shown.writes);
    expect(drawn.length).toBeGreaterThan(50);
    expect(drawn.length).toBeLessThanOrEqual(104);
    expect(drawn.slice(0, 2)).toEqual(["flush default.books", "copy default.books"]);
    expect(drawn[50]).toBe(
      "copy default.books [###########-------------] 49 %, 49.0 MiB of 100 MiB, 48 of 100 objects, 11.4 Mi",
    );
  });

  test("percent and bytes never go back, and 100 % is not shown before the end", () => {
    const shown = display({ terminal: true, width: 200 });
    play(shown);
    const numbers = (pattern: RegExp): readonly number[] =>
      frames(shown.writes).flatMap((line) => {
        const found = pattern.exec(line)?.[1];
        return found === undefined ? [] : [Number(found)];
      });
    for (const pattern of [/(\d+) %/, /, (\d+(?:\.\d+)?) MiB of/, /, (\d+) of \d+ objects/]) {
      const seen = numbers(pattern);
      expect(seen.length).toBeGreaterThan(50);
      expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    }
    const before = frames(shown.writes).filter((line) => !line.startsWith("commit"));
    expect(before.some((line) => line.includes("100 %"))).toBe(false);
  });

  test("bytes that a retry takes back are not seen", () => {
    const shown = display({ terminal: true, width: 200 });
    shown.display.report({ type: "totals", totals: { objects: 1, bytes: 10 * MIB }, final: true });
    for (const bytes of [4 * MIB, -4 * MIB, 2 * MIB]) {
      shown.advance(200);
      shown.display.report({ type: "bytes", bytes });
    }
    const seen = frames(shown.writes).map((line) => /([\d.]+ \w+) of/.exec(line)?.[1]);
    expect(seen.slice(-2)).toEqual(["4.0 MiB", "4.0 MiB"]);
  });

  test.each([79, 40, 20, 10, 3])("of %p columns no line reaches the last one", (width) => {
    const shown = display({ terminal: true, width });
    play(shown);
    const drawn = frames(shown.writes);
    expect(drawn.length).toBeGreaterThan(50);
    expect(Math.max(...drawn.map((line) => line.length))).toBeLessThan(width);
  });

  test.each([0, 1])("that says it has %p columns is taken for a usual one", (width) => {
    const shown = display({ terminal: true, width });
    play(shown);
    expect(Math.max(...frames(shown.writes).map((line) => line.length))).toBe(79);
  });

  test("the line is taken away at the end and nothing follows", () => {
    const shown = display({ terminal: true });
    play(shown);
    shown.display.finish();
    expect(shown.writes.at(-1)).toBe("\r\u001b[K");
    const count = shown.writes.length;
    shown.advance(1000);
    shown.display.report({ type: "phase", phase: "cleanup" });
    shown.display.draw();
    expect(shown.writes.length).toBe(count);
  });
});

describe("elsewhere than on a terminal", () => {
  test("each step is a line, and one line of progress comes every ten seconds", () => {
    const shown = display({ terminal: false });
    play(shown);
    shown.display.finish();
    expect(shown.writes).toEqual([
      "flush default.books\n",
      "copy default.books\n",
      "copy default.books [#######################-] 99 %, 100 MiB of 100 MiB, 99 of 100 objects, 10.5 MiB/s, 0 s left\n",
      "commit\n",
    ]);
  });

  test("no terminal code is written", () => {
    const shown = display({ terminal: false });
    play(shown);
    shown.display.clear();
    expect(shown.writes.join("")).not.toContain("\u001b");
  });

  test("a step that is announced twice is one line", () => {
    const shown = display({ terminal: false });
    for (const scope of ["a", "a", "b"]) shown.display.report({ type: "phase", phase: "flush", scope });
    expect(shown.writes).toEqual(["flush a\n", "flush b\n"]);
  });
});

describe("progressLine", () => {
  const line = (events: readonly ProgressEvent[]): string => {
    const tracker = new ProgressTracker(() => 0);
    for (const event of events) tracker.report(event);
    return progressLine(tracker.snapshot(), Number.POSITIVE_INFINITY);
  };

  test("without anything known is the step alone", () => {
    expect(line([])).toBe("");
    expect(line([{ type: "phase", phase: "connect" }])).toBe("connect");
  });

  test("totals that may still grow give no percentage", () => {
    expect(line([{ type: "totals", totals: { objects: 3, bytes: 2048 }, final: false }])).toBe(
      " 0 B of 2.0 KiB, 0 of 3 objects",
    );
  });

  test("import jobs are told by their mean", () => {
    const job = (id: string, percent: number): ProgressEvent => ({ type: "job", id, scope: "a.b", percent, state: "" });
    expect(line([{ type: "phase", phase: "import", scope: "a.b" }, job("1", 100), job("2", 25)])).toBe(
      "import a.b import 62 % of 2 jobs",
    );
  });
});

describe("while nothing is reported", () => {
  test("a line every half minute says so where there is no terminal, and none after the end", () => {
    const shown = display({ terminal: false });
    shown.display.report({ type: "phase", phase: "import", scope: "default.books" });
    for (let second = 0; second < 65; second += 1) {
      shown.advance(1000);
      shown.display.tick();
    }
    shown.display.finish();
    shown.advance(60_000);
    shown.display.tick();
    expect(shown.writes).toEqual([
      "import default.books\n",
      "import default.books, unchanged for 30 s\n",
      "import default.books, unchanged for 1 min 0 s\n",
    ]);
  });

  test("a terminal's line is drawn again", () => {
    const shown = display({ terminal: true });
    shown.display.report({ type: "phase", phase: "import" });
    shown.advance(1000);
    shown.display.tick();
    expect(frames(shown.writes).at(-1)).toBe("import");
  });
});
