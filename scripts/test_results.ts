export interface Results {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/**
 * Reads the summary that `bun test` prints last (" 12 pass", " 1 skip", " 0 fail", "Ran 13 tests across 2 files.").
 * A run without a summary, or one that failed without a failed test (a crash, a file that does not load), counts as one
 * failed more.
 */
export function countResults(output: string, status: number | null): Results {
  const lines = output.split("\n");
  const end = lines.findLastIndex((line) => /^Ran \d+ tests? across \d+ files?\./.test(line));
  if (end < 0) return { passed: 0, failed: 1, skipped: 0 };
  // The summary is the block above that line; a test may print lines that look like it further up.
  const start = lines.slice(0, end).findLastIndex((line) => line.trim() === "");
  const block = lines.slice(start + 1, end);
  const count = (word: string) => Number(block.map((line) => line.match(`^ *(\\d+) ${word}$`)?.[1]).find(Boolean) ?? 0);
  const failed = count("fail");
  return {
    passed: count("pass"),
    failed: failed === 0 && status !== 0 ? 1 : failed,
    skipped: count("skip") + count("todo"),
  };
}
