/** Guarantees 5 and 9, and what a driver says about itself. */

import { COMPUTABLE_CHECKSUMS } from "../../base/checksum.ts";
import type { StorageDriver } from "../driver.ts";
import { equal, failsWith, holds } from "./assert.ts";
import type { DriverCase } from "./case.ts";
import { contentBody, contentChecksum, putContent } from "./content.ts";

export const descriptionCases: readonly DriverCase[] = [
  {
    name: "capabilities agree with the members",
    async run({ driver }) {
      const { capabilities } = driver;
      equal(typeof driver.copyFrom === "function", capabilities.serverSideCopy, "copyFrom and serverSideCopy");
      holds(
        Number.isInteger(capabilities.connections) && capabilities.connections >= 1,
        "connections must be 1 or more",
      );
      for (const text of [driver.name, driver.location, driver.backendId, driver.spaceId]) {
        holds(typeof text === "string" && text !== "", "name, location, backendId and spaceId must not be empty");
      }
    },
  },
  {
    name: "another root opened on the same place says so",
    async run({ driver, key, signal, openOther }) {
      const other = await openOther();
      equal(other.name, driver.name, "name");
      equal(other.backendId, driver.backendId, "backendId");
      if (other.nativePath("") !== driver.nativePath("") || other.spaceId !== driver.spaceId) return;
      await putContent(driver, key("shared"), { seed: 1, size: 12 }, { signal });
      equal((await other.stat(key("shared"), { signal })).size, 12, "size through the other root");
    },
  },
  {
    name: "declared checksums are reported and right",
    async run({ driver, key, signal }) {
      const { checksums } = driver.capabilities;
      await driver.put(key("sums"), contentBody(4, 5_000), { signal });
      const info = await driver.stat(key("sums"), { signal });
      for (const algorithm of checksums) holds(info.checksums[algorithm] !== undefined, `stat reports no ${algorithm}`);
      for (const algorithm of COMPUTABLE_CHECKSUMS) {
        const reported = info.checksums[algorithm];
        if (reported === undefined) continue;
        equal(reported, contentChecksum(4, 5_000, algorithm).value, `${algorithm} that stat reports`);
      }
    },
  },
  {
    name: "the native path is the root path and the key",
    async run({ driver }) {
      const root = driver.nativePath("");
      holds(!root.endsWith("/") || root === "/", `nativePath("") ends with "/": ${root}`);
      equal(
        driver.nativePath("a/b c"),
        root === "" ? "a/b c" : `${root === "/" ? "" : root}/a/b c`,
        'nativePath("a/b c")',
      );
    },
  },
  {
    name: "no credential appears in texts or errors",
    async run({ driver, key, signal, secrets }) {
      const texts = [driver.name, driver.location, driver.backendId, driver.spaceId, driver.nativePath("")];
      texts.push(Bun.inspect(driver.capabilities));
      for (const error of await someErrors(driver, key, signal)) texts.push(...errorTexts(error));
      for (const secret of secrets) {
        const leak = texts.find((text) => text.includes(secret));
        holds(leak === undefined, "a credential appears in a text or an error of the driver");
      }
    },
  },
];

async function someErrors(
  driver: StorageDriver,
  key: Parameters<DriverCase["run"]>[0]["key"],
  signal: AbortSignal,
): Promise<Error[]> {
  const absent = key("absent");
  return [
    await failsWith(() => driver.stat(absent, { signal }), ["NOT_FOUND"], "stat"),
    await failsWith(() => driver.get(absent, { signal }), ["NOT_FOUND"], "get"),
    await failsWith(() => driver.put(absent, contentBody(1, 10, { actual: 5 }), { signal }), ["SHORT_BODY"], "put"),
  ];
}

function errorTexts(error: Error): string[] {
  const texts: string[] = [];
  for (let current: unknown = error; current !== undefined && texts.length < 32; ) {
    texts.push(Bun.inspect(current, { depth: 6 }), JSON.stringify(current) ?? "");
    current = current instanceof Error ? current.cause : undefined;
  }
  return texts;
}
