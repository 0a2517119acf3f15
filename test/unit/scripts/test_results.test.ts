import { describe, expect, test } from "bun:test";
import { describeExecutable } from "../../../scripts/executable_kind.ts";
import { countResults } from "../../../scripts/test_results.ts";

describe("countResults", () => {
  test("reads the summary at the end", () => {
    const output =
      "bun test v1.4.5\n\n 2000 pass\n 1 skip\n 1 todo\n 3 fail\n 5 expect() calls\nRan 2005 tests across 41 files. [140.00ms]\n";
    expect(countResults(output, 1)).toEqual({ passed: 2000, failed: 3, skipped: 2 });
  });

  test("is not fooled by a test that prints like a summary", () => {
    const output =
      " 9 pass\nRan 9 tests across 1 file. [1.00ms]\n\n 1 pass\n 0 fail\nRan 1 test across 1 file. [9.00ms]\n";
    expect(countResults(output, 0)).toEqual({ passed: 1, failed: 0, skipped: 0 });
  });

  test("counts a run without a summary as one failure", () => {
    expect(countResults("", 0)).toEqual({ passed: 0, failed: 1, skipped: 0 });
    expect(countResults(" 12 pass\npanic: crashed\n", 132)).toEqual({ passed: 0, failed: 1, skipped: 0 });
  });

  test("counts a bad exit status without a failed test as one failure", () => {
    const output = "\n 12 pass\n 0 fail\nRan 12 tests across 2 files. [9.00ms]\n";
    expect(countResults(output, 1)).toEqual({ passed: 12, failed: 1, skipped: 0 });
    expect(countResults(output, null)).toEqual({ passed: 12, failed: 1, skipped: 0 });
  });
});

describe("describeExecutable", () => {
  test("knows what this runtime itself is", async () => {
    const runtime = new Uint8Array(await Bun.file(process.execPath).slice(0, 8192).arrayBuffer());
    expect(describeExecutable(runtime)).toMatch(new RegExp(`^(elf|mach-o) ${process.arch}( glibc| musl)?$`));
  });

  test("tells the machines apart by their headers", () => {
    const elf = new Uint8Array(64);
    elf.set([0x7f, 0x45, 0x4c, 0x46]);
    elf[18] = 0xb7;
    expect(describeExecutable(elf)).toBe("elf arm64 glibc");
    elf.set(new TextEncoder().encode("/ld-musl-"), 40);
    expect(describeExecutable(elf)).toBe("elf arm64 musl");
    expect(describeExecutable(new TextEncoder().encode("#!/bin/sh\n"))).toBe("unknown");
  });
});
