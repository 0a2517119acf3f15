import { expect, test } from "bun:test";
import { hasCode } from "../../../src/base/errors.ts";
import { V1_KEYS } from "../../../src/config/schema_v1.ts";
import { V2_KEYS } from "../../../src/config/schema_v2.ts";
import { load } from "./support.ts";

/** A small seeded generator (mulberry32), so that a failure can be repeated from its seed. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const KEYS = [...V2_KEYS, ...V1_KEYS].map((it) => it.key);
const ODD_KEYS = [
  "__proto__",
  "constructor",
  "toString",
  "",
  ".",
  "a..b",
  "<<",
  "milvus",
  "milvus.storage",
  "plugins",
  "1",
  "~",
];
const VALUES = [
  "",
  "~",
  "{}",
  "[]",
  "[1, [2]]",
  "[null]",
  "{ a: { b: 1 } }",
  "0",
  "-1",
  "1.5",
  "1e400",
  ".nan",
  "99999999999999999999",
  "true",
  "yes",
  "''",
  "'x'",
  '"\\u0000"',
  "*a",
  "&a 1",
  "!!binary aGk=",
  "!!timestamp 2001-01-01",
  "!foo [x]",
  "constructor",
  "__proto__",
  "local",
  "s3",
  "ftp",
  "azure",
  "iam",
  "http://x",
  "mutual",
  "|\n  text\n  more",
  "2001-01-01",
];
const JUNK = [
  "\t",
  "\u0000",
  "{",
  "}",
  "[",
  ":",
  "- ",
  "%YAML 1.1\n",
  "---\n",
  "...\n",
  "#",
  "? ",
  "\r",
  "\ufeff",
  "'",
  '"',
  "&a ",
  "*a ",
];

function document(pick: (below: number) => number): string {
  const one = (list: readonly string[]): string => list[pick(list.length)] ?? "";
  const lines = Array.from({ length: pick(8) }, () => `${pick(4) === 0 ? one(ODD_KEYS) : one(KEYS)}: ${one(VALUES)}`);
  if (pick(2) === 0) lines.unshift(`configVersion: ${one(["v1", "v2", "v2", "3", "[]"])}`);
  let text = lines.join("\n");
  for (let cut = pick(3); cut > 0; cut -= 1) {
    const at = pick(text.length + 1);
    text = text.slice(0, at) + one(JUNK) + text.slice(at + pick(3));
  }
  return text;
}

test("any text gives a configuration or CONFIG_INVALID", async () => {
  const outcomes = { loaded: 0, refused: 0 };
  for (let seed = 1; seed <= 1200; seed += 1) {
    const pick = random(seed);
    const yaml = document(pick);
    const set = pick(3) === 0 ? [`${KEYS[pick(KEYS.length)]}=${VALUES[pick(VALUES.length)]}`] : [];
    try {
      await load(yaml, { set });
      outcomes.loaded += 1;
    } catch (error) {
      if (!hasCode(error, "CONFIG_INVALID"))
        throw new Error(`seed ${seed}: ${JSON.stringify(yaml)} ${set}`, { cause: error });
      outcomes.refused += 1;
    }
  }
  // Both ways must have been tried, or the generator makes nothing worth testing.
  expect(outcomes.loaded).toBeGreaterThan(40);
  expect(outcomes.refused).toBeGreaterThan(400);
}, 60_000);
