/** Guarantees 2 and 3: a put that fails stores nothing; what is absent is said to be absent. */

import { AppError, type ErrorCode } from "../../base/errors.ts";
import type { Checksum, PutBody, PutOptions } from "../driver.ts";
import { equal, failsWith, isAbsent, keysBelow, within } from "./assert.ts";
import type { CaseContext, DriverCase } from "./case.ts";
import { type BodyFault, contentBody, contentChecksum, holdsContent, LARGE_BYTES, putContent } from "./content.ts";

/** The longest a call may take to give up after its signal fired. */
const PROMPT_MS = 5_000;

export const failureCases: readonly DriverCase[] = [
  badBody("a short body stores nothing", 1_000, { actual: 600 }, ["SHORT_BODY"]),
  badBody("a body that ends at once stores nothing", 1_000, { actual: 0 }, ["SHORT_BODY"]),
  badBody("a long body stores nothing", 1_000, { actual: 1_400 }, ["SHORT_BODY"]),
  badBody("a body longer than its declared nothing stores nothing", 0, { actual: 1 }, ["SHORT_BODY"]),
  badBody("a short body of more than one part stores nothing", LARGE_BYTES, { actual: LARGE_BYTES - 1 }, [
    "SHORT_BODY",
  ]),
  badBody("a long body of more than one part stores nothing", LARGE_BYTES, { actual: LARGE_BYTES + 1 }, ["SHORT_BODY"]),
  badBody("a body that fails half way stores nothing", 1_000, { actual: 500, error: sourceError() }, ["DATA_MISSING"]),
  badBody(
    "a body of more than one part that fails stores nothing",
    LARGE_BYTES,
    { actual: LARGE_BYTES - 5, error: sourceError() },
    ["DATA_MISSING"],
  ),
  {
    name: "a body that cannot be opened stores nothing",
    async run(context) {
      const body: PutBody = { size: 10, open: async () => Promise.reject(sourceError()) };
      await storesNothing(context, body, {}, ["DATA_MISSING"]);
    },
  },
  {
    name: "another digest than the declared one stores nothing",
    async run(context) {
      for (const algorithm of ["crc32", "sha256"] as const) {
        const wrong: Checksum = contentChecksum(99, 1_000, algorithm);
        await storesNothing(context, contentBody(1, 1_000), { checksum: wrong }, ["CHECKSUM_MISMATCH"]);
      }
    },
  },
  {
    name: "another digest than the declared one of more than one part stores nothing",
    async run(context) {
      const wrong = contentChecksum(99, LARGE_BYTES, "sha256");
      await storesNothing(context, contentBody(1, LARGE_BYTES), { checksum: wrong }, ["CHECKSUM_MISMATCH"]);
    },
  },
  {
    name: "the declared digest lets its content through",
    async run({ driver, key, signal }) {
      for (const algorithm of ["crc32", "sha256"] as const) {
        for (const size of [0, 1_000, LARGE_BYTES]) {
          const checksum = contentChecksum(2, size, algorithm);
          await driver.put(key("digest"), contentBody(2, size), { signal, checksum });
          await holdsContent(driver, key("digest"), { seed: 2, size }, { signal });
        }
      }
    },
  },
  {
    name: "a put aborted while its body hangs rejects promptly and stores nothing",
    run: (context) => abortedPut(context, 1_000, 500),
  },
  {
    name: "a put of more than one part aborted while its body hangs rejects promptly and stores nothing",
    run: (context) => abortedPut(context, LARGE_BYTES, LARGE_BYTES - 1_000),
  },
  {
    name: "an absent key is NOT_FOUND for get and stat and no error for delete",
    async run({ driver, key, signal }) {
      for (const absent of [key("absent"), key("no/such/directory/absent")]) {
        const stat = await failsWith(() => driver.stat(absent, { signal }), ["NOT_FOUND"], "stat of an absent key");
        const get = await failsWith(() => driver.get(absent, { signal }), ["NOT_FOUND"], "get of an absent key");
        equal([stat.retriable, get.retriable], [false, false], "retriable of NOT_FOUND");
        await driver.delete(absent, { signal });
      }
    },
  },
  {
    name: "a deleted object is gone and deleting it again is no error",
    async run({ driver, key, signal, prefix }) {
      await putContent(driver, key("gone"), { seed: 1, size: 10 }, { signal });
      await putContent(driver, key("dir/stays"), { seed: 2, size: 10 }, { signal });
      for (let round = 0; round < 2; round += 1) {
        await driver.delete(key("gone"), { signal });
        await isAbsent(driver, key("gone"), { signal });
      }
      equal(await keysBelow(driver, prefix, { signal }), [key("dir/stays")], "listing after the delete");
    },
  },
  {
    name: "ifAbsent never replaces and lets exactly one of many through",
    async run({ driver, key, signal }) {
      const first = { signal, ifAbsent: true };
      if (!driver.capabilities.ifAbsent) {
        const refused = () => driver.put(key("once"), contentBody(1, 10), first);
        await failsWith(refused, ["UNSUPPORTED"], "ifAbsent of a driver that does not declare it");
        await isAbsent(driver, key("once"), { signal });
        return;
      }
      await driver.put(key("once"), contentBody(1, 10), first);
      await failsWith(() => driver.put(key("once"), contentBody(2, 20), first), ["ALREADY_EXISTS"], "the second put");
      await holdsContent(driver, key("once"), { seed: 1, size: 10 }, { signal });
      const racers = Array.from({ length: 8 }, (_, seed) => driver.put(key("race"), contentBody(seed, 50), first));
      const outcomes = await Promise.allSettled(racers);
      equal(outcomes.filter((it) => it.status === "fulfilled").length, 1, "puts with ifAbsent that succeeded");
      const winner = outcomes.findIndex((it) => it.status === "fulfilled");
      await holdsContent(driver, key("race"), { seed: winner, size: 50 }, { signal });
    },
  },
];

function badBody(name: string, size: number, fault: BodyFault, codes: readonly ErrorCode[]): DriverCase {
  return { name, run: (context) => storesNothing(context, contentBody(1, size, fault), {}, codes) };
}

/** Once where nothing was, once over an object that must stay as it is. */
async function storesNothing(
  { driver, key, signal, prefix }: CaseContext,
  body: PutBody,
  options: Omit<PutOptions, "signal">,
  codes: readonly ErrorCode[],
): Promise<void> {
  await failsWith(() => driver.put(key("new/object"), body, { ...options, signal }), codes, "the put of a new object");
  await isAbsent(driver, key("new/object"), { signal });
  await putContent(driver, key("old"), { seed: 42, size: 77 }, { signal });
  await failsWith(() => driver.put(key("old"), body, { ...options, signal }), codes, "the put over an object");
  if (driver.capabilities.atomicPut) await holdsContent(driver, key("old"), { seed: 42, size: 77 }, { signal });
  await driver.delete(key("old"), { signal });
  equal(await keysBelow(driver, prefix, { signal }), [], "listing after the failed puts");
}

async function abortedPut(context: CaseContext, size: number, actual: number): Promise<void> {
  const { driver, key, signal, prefix } = context;
  const abort = new AbortController();
  const reached = Promise.withResolvers<void>();
  const putting = driver.put(key("aborted"), contentBody(1, size, { actual, hang: () => reached.resolve() }), {
    signal: AbortSignal.any([signal, abort.signal]),
  });
  putting.catch(() => {});
  await within(PROMPT_MS * 4, Promise.race([reached.promise, putting]), "the put reading its body");
  abort.abort();
  await failsWith(() => within(PROMPT_MS, putting, "the put after the abort"), ["ABORTED"], "the aborted put");
  equal(await keysBelow(driver, prefix, { signal }), [], "listing after the aborted put");
}

function sourceError(): AppError {
  return new AppError("DATA_MISSING", "the source of this case fails on purpose");
}
