/** docs/commands.md and docs/json.md say what the program does. */

import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { commandsDocument } from "../../../scripts/command_docs.ts";
import { AppError, EXIT_STATUS_MEANING, errorCodes } from "../../../src/base/errors.ts";
import { COMMANDS, pathOf } from "../../../src/cli/command_list.ts";
import { declaredFlags } from "../../../src/cli/declared_flags.ts";
import { type CliOptions, type CliRun, cli, configFor } from "../../support/in_process_cli.ts";
import { books, create, openWorld, type World } from "../operations/world.ts";
import { contentOf, flipped, keysOf, store } from "../transfer/roots.ts";

const DOCS = join(import.meta.dir, "../../../docs");
const read = (name: string): string => readFileSync(join(DOCS, name), "utf8");

describe("docs/commands.md", () => {
  test("is what scripts/command_docs.ts writes", () => {
    expect(read("commands.md")).toBe(commandsDocument());
  });

  test("names every command and every flag that is not hidden, with a description", () => {
    const document = read("commands.md");
    for (const command of COMMANDS) {
      expect(document).toContain(`\n## ${pathOf(command)}\n`);
      for (const flag of declaredFlags(command).filter(({ hidden }) => !hidden)) {
        expect(flag.description).toMatch(/\.$/);
        for (const name of flag.names) expect(document).toContain(`\`${name}\``);
      }
    }
  });
});

describe("help", () => {
  test.each(COMMANDS.map((command) => [pathOf(command), command] as const))(
    "of %s names its flags and all exit statuses, on standard output",
    async (path, command) => {
      const words = path.split(" ");
      const { status, stdout, stderr } = await cli([...words, "--help"]);
      expect([status, stderr]).toEqual([0, ""]);
      for (const { names, hidden } of declaredFlags(command)) {
        if (!hidden) for (const name of names) expect(stdout).toContain(name);
      }
      for (const [code, meaning] of Object.entries(EXIT_STATUS_MEANING)) expect(stdout).toContain(`${code} ${meaning}`);
      expect(stdout).not.toContain("#0");
      expect((await cli(["help", ...words])).stdout).toBe(stdout);
      expect((await cli([...words, "-h"])).stdout).toBe(stdout);
      expect((await cli(["--config", "x", ...words, "-h"])).stdout).toBe(stdout);
    },
  );

  test.each([["help"], ["--help"], ["-h"]])("%s lists every command and every exit status", async (word) => {
    const { status, stdout } = await cli([word]);
    expect(status).toBe(0);
    for (const command of COMMANDS) expect(stdout).toContain(`\n  ${pathOf(command)} `);
    for (const [code, meaning] of Object.entries(EXIT_STATUS_MEANING))
      expect(stdout).toContain(`  ${code} ${meaning}\n`);
  });

  test("every exit status that an error can have is explained", () => {
    for (const [, status] of errorCodes()) expect(EXIT_STATUS_MEANING[status]).toBeString();
  });

  test.each([["--version"], ["-v"], ["version"]])("%s tells version and commit", async (word) => {
    expect(await cli([word])).toEqual({ status: 0, stdout: "milvus-backup 1.2.3 (abcdef0)\n", stderr: "" });
  });
});

/** Paths of a value with the types found there: "data.collections[].rows: string". Keys of driver options are free. */
function shapeOf(value: unknown, path = ""): readonly string[] {
  if (Array.isArray(value))
    return value.length === 0 ? [`${path}[]`] : value.flatMap((item) => shapeOf(item, `${path}[]`));
  if (typeof value !== "object" || value === null) return [`${path}: ${typeof value}`];
  const free = /\.(options|details|schema|channel_checkpoints|index_infos\[\])$/.test(path);
  if (free) return [`${path}: free`];
  return Object.entries(value).flatMap(([key, item]) => shapeOf(item, path === "" ? key : `${path}.${key}`));
}

const shape = (value: unknown): readonly string[] => [...new Set(shapeOf(value))].sort();

/** Heading -> the JSON example below it. */
function examples(): ReadonlyMap<string, unknown> {
  const found = new Map<string, unknown>();
  for (const [, heading = "", json = ""] of read("json.md").matchAll(
    /^## (.+?)$(?:(?!^## )[\s\S])*?```json\n([\s\S]*?)```/gm,
  )) {
    found.set(heading, JSON.parse(json));
  }
  return found;
}

async function prepared(): Promise<{
  readonly world: World;
  run(argv: string, options?: CliOptions): Promise<CliRun>;
}> {
  const world = await openWorld({ backups: "own bucket" });
  const collection = world.fake.make(books);
  const params = { index_type: "HNSW", metric_type: "L2" };
  collection.indexes.push({ fieldName: "vector", indexName: "v", indexType: "HNSW", params, indexId: 460n });
  await world.fake.store(collection, [1n, 2n, 3n]);
  const config = configFor(world.stores);
  return {
    world,
    run: (argv, options) => cli([...argv.split(" "), "--json"], { config, milvus: world.milvus, ...options }),
  };
}

/** What each example is an example of. */
const RUNS: Readonly<Record<string, () => Promise<CliRun>>> = {
  "A failure": async () => {
    const { run } = await prepared();
    return await run("get -n nothing");
  },
  "A restore that failed halfway": async () => {
    const { world, run } = await prepared();
    await world.fake.store(world.fake.make({ database: "default", collection: "films" }), [1n]);
    await create(world);
    world.fake.collections = [];
    world.fake.script = (name, _count, about) => {
      if (name === "createCollection" && about.includes("films")) throw new AppError("MILVUS_ERROR", "on purpose");
    };
    return await run("restore -n nightly --set restore.concurrency.collections=1");
  },
  check: async () => await (await prepared()).run("check"),
  "check config": async () => await (await prepared()).run("check config"),
  "config migrate": async () =>
    await cli(["config", "migrate", "--json"], { config: "milvus: { address: milvus.example }\n" }),
  "config show": async () => await (await prepared()).run("config show"),
  copy: async () => {
    const { world, run } = await prepared();
    await create(world);
    const set = ["storages.far.provider=memory", `storages.far.store=${crypto.randomUUID()}`];
    return await run(`copy -n nightly --to far ${set.map((it) => `--set ${it}`).join(" ")}`);
  },
  create: async () => {
    const { world, run } = await prepared();
    world.fake.gc.refusal = "http://localhost:9091 refuses connections";
    world.fake.make({ database: "default", collection: "lake" }).external = true;
    world.fake.make({ database: "default", collection: "gone" });
    world.fake.script = (name, _count, about) => {
      if (name !== "flush" || about !== "default.gone") return;
      world.fake.collections = world.fake.collections.filter((it) => it.namespace.collection !== "gone");
    };
    return await run("create -n nightly");
  },
  delete: async () => {
    const { world, run } = await prepared();
    await create(world);
    return await run("delete -n nightly");
  },
  drivers: async () => await (await prepared()).run("drivers"),
  "drivers test": async () => {
    const results = [
      { name: "short body", outcome: "passed", ms: 3 },
      { name: "range", outcome: "skipped", ms: 0, message: "no rangeRead" },
    ] as const;
    return await (await prepared()).run("drivers test", { testDriver: async () => results });
  },
  get: async () => {
    const { world, run } = await prepared();
    await create(world);
    return await run("get -n nightly");
  },
  list: async () => {
    const { world, run } = await prepared();
    await create(world);
    await store(world.backupRoot, "half/meta/owner.json", new TextEncoder().encode("{}"));
    return await run("list");
  },
  restore: async () => {
    const { world, run } = await prepared();
    await create(world);
    return await run("restore -n nightly --rename default.*:shop.*");
  },
  verify: async () => {
    const { world, run } = await prepared();
    await create(world);
    const [key = ""] = (await keysOf(world.backupRoot)).filter((it) => it.includes("/binlogs/"));
    await store(world.backupRoot, key, flipped(await contentOf(world.backupRoot, key)));
    return await run("verify -n nightly --subset 1/1");
  },
};

describe("docs/json.md", () => {
  test("has an example for every command", () => {
    const wanted = [...COMMANDS.map(pathOf), "check config", "A failure", "A restore that failed halfway"].sort();
    expect([...examples().keys()].sort()).toEqual(wanted);
    expect(Object.keys(RUNS).sort()).toEqual(wanted);
  });

  test.each(Object.entries(RUNS))(
    "%s: the example has the fields of the real thing, all of them",
    async (heading, run) => {
      const { stdout } = await run();
      expect(shape(examples().get(heading))).toEqual(shape(JSON.parse(stdout)));
    },
  );
});
