/** Guarantees 4 and 8: any allowed key works everywhere, and no key is taken for another. */

import type { ObjectKey } from "../driver.ts";
import { collect, equal, failsWith, holds, keysBelow } from "./assert.ts";
import type { DriverCase } from "./case.ts";
import { contentBody, holdsContent, putContent } from "./content.ts";

const ODD_PARTS: readonly string[] = [
  "with space",
  " leading and trailing ",
  "a+b",
  "100%",
  "%2F",
  "%25zz",
  "a=b&c=d",
  "question?mark",
  "hash#tag",
  "semi;colon:and,comma",
  "at@dollar$bang!",
  "back\\slash",
  "quote\"s and 'quotes'",
  "<angle>",
  "[brackets]{braces}",
  "tilde~caret^pipe|",
  "star*",
  "`backtick`",
  "ünïcödé",
  "日本語",
  "emoji 😀",
  "e\u0301 decomposed",
  "\u00e9 composed",
  "...",
  ".hidden",
  "UPPER",
  "upper",
  "-dash",
];

export const keyCases: readonly DriverCase[] = [
  {
    name: "odd keys are stored, read, listed and deleted under their exact name",
    async run({ driver, key, signal, prefix }) {
      const keys = ODD_PARTS.flatMap((part) => [key(part), key(`${part} dir/${part}`)]);
      for (const [index, odd] of keys.entries()) {
        await putContent(driver, odd, { seed: index, size: 20 + index }, { signal });
      }
      equal(await keysBelow(driver, prefix, { signal }), [...keys].sort(), "listing of the odd keys");
      for (const [index, odd] of keys.entries()) {
        await holdsContent(driver, odd, { seed: index, size: 20 + index }, { signal });
      }
      for (const part of ODD_PARTS) {
        const below = key(`${part} dir/${part}`);
        equal(await keysBelow(driver, `${key(`${part} dir`)}/`, { signal }), [below], `listing below ${part} dir/`);
      }
      for (const odd of keys) await driver.delete(odd, { signal });
      equal(await keysBelow(driver, prefix, { signal }), [], "listing after all were deleted");
    },
  },
  {
    name: "a key of 600 bytes works",
    async run({ driver, key, signal, prefix }) {
      // Services allow 1,024 bytes for root path and key together; the rest is left to the root path of this run.
      const part = "é".repeat(100);
      const long = key([part, part, "x".repeat(Math.max(1, 600 - prefix.length - 402))].join("/"));
      await putContent(driver, long, { seed: 1, size: 10 }, { signal });
      await holdsContent(driver, long, { seed: 1, size: 10 }, { signal });
      equal(await keysBelow(driver, prefix, { signal }), [long], "listing of the long key");
    },
  },
  {
    name: "keys that lead elsewhere are refused by every call",
    async run({ driver, signal, prefix }) {
      for (const text of ["", "/abs", "a/", "a//b", "../up", `${prefix}../../up`, "a/./b", "nul\u0000", "line\nfeed"]) {
        // A driver trusts the type; this case is about callers that cast a text instead of checking it.
        const refused = text as ObjectKey;
        const outcome = await driver.put(refused, contentBody(1, 1), { signal }).then(
          () => "stored",
          () => "refused",
        );
        if (outcome === "stored") {
          await driver.delete(refused, { signal });
          holds(false, `put accepted the key ${JSON.stringify(text)}`);
        }
        await failsWith(
          () => driver.stat(refused, { signal }),
          ["INVALID_KEY", "NOT_FOUND"],
          `stat ${JSON.stringify(text)}`,
        );
        await failsWith(
          () => driver.get(refused, { signal }),
          ["INVALID_KEY", "NOT_FOUND"],
          `get ${JSON.stringify(text)}`,
        );
      }
    },
  },
  {
    name: "siblings that merely start alike are not taken for content of a prefix",
    async run({ driver, key, signal }) {
      for (const name of ["a/b/c", "a/bc", "a/b.d/e", "a/b c", "ab", "a/c/b/d"]) {
        await putContent(driver, key(name), { seed: 1, size: 1 }, { signal });
      }
      equal(await keysBelow(driver, `${key("a/b")}/`, { signal }), [key("a/b/c")], "listing of a/b/");
      equal(await keysBelow(driver, `${key("a/bc")}/`, { signal }), [], "listing of a/bc/, which is an object");
      const below = ["a/b c", "a/b.d/e", "a/b/c", "a/bc", "a/c/b/d"].map((name): string => key(name));
      equal(await keysBelow(driver, `${key("a")}/`, { signal }), below.sort(), "listing of a/");
      const directories = await collect(driver.listDirectories(`${key("a")}/`, { signal }));
      equal(directories.sort(), ["b", "b.d", "c"], "directories of a/");
      await driver.delete(key("a/b/c"), { signal });
      equal((await driver.stat(key("a/bc"), { signal })).size, 1, "a/bc after a/b/c was deleted");
    },
  },
];
