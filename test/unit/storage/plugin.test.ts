import { afterAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLogger, silentLogger } from "../../../src/base/log.ts";
import { loadPlugin } from "../../../src/storage/plugin.ts";
import { DriverRegistry } from "../../../src/storage/registry.ts";

const folder = await mkdtemp(join(tmpdir(), "milvus-backup-plugins-"));
afterAll(() => rm(folder, { recursive: true }));

const DEFINITION = `{ apiVersion: 1, name: "mine", aliases: ["my"], description: "x", options: {}, open: async () => ({}) }`;

let count = 0;
async function pluginFile(source: string, extension = ".ts"): Promise<string> {
  count += 1;
  const file = join(folder, `plugin ${count}%20${extension}`);
  await writeFile(file, source);
  return file;
}

const load = (file: string, registry = new DriverRegistry(), timeoutMs = 5_000) =>
  loadPlugin(file, registry, { log: silentLogger, timeoutMs });

describe("loadPlugin", () => {
  test("registers what the file defines, from each kind of file", async () => {
    for (const extension of [".ts", ".js", ".mjs"]) {
      const registry = new DriverRegistry();
      const definition = await load(await pluginFile(`export default (host) => (${DEFINITION})`, extension), registry);
      expect(registry.lookup("my")).toBe(definition);
    }
  });

  test("hands over a host that makes errors, keys and digests", async () => {
    const file = await pluginFile(`
      import type { DriverHost } from "milvus-backup/driver";
      export default (host: DriverHost) => {
        const hasher = host.createHasher("crc32");
        hasher.update(new TextEncoder().encode("123456789"));
        const error = host.error("THROTTLED", "slow", { details: { status: 503 } }) as Error & { code: string };
        const description = [host.apiVersion, error.code, host.objectKey("a/b"), hasher.digest().value].join(" ");
        return { ...${DEFINITION}, description };
      };`);
    expect((await load(file)).description).toBe("1 THROTTLED a/b cbf43926");
  });

  test("logs the file and its SHA-256 before it runs", async () => {
    const lines: string[] = [];
    const log = createLogger({ level: "info", write: (line) => void lines.push(line) });
    const source = `throw new Error("ran"); export default 1`;
    const file = await pluginFile(source);
    await expect(loadPlugin(file, new DriverRegistry(), { log })).rejects.toThrow("ran");
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(`file=${JSON.stringify(file)}`);
    expect(lines[0]).toContain(`sha256=${createHash("sha256").update(source).digest("hex")}`);
  });

  test("a missing file is NOT_FOUND", async () => {
    const file = join(folder, "missing.ts");
    await expect(load(file)).rejects.toMatchObject({ code: "NOT_FOUND", message: expect.stringContaining(file) });
  });

  const refusals: Record<string, readonly [source: string, why: string]> = {
    "a syntax error, with its line": ["export default (host) =>\n  ({ name: ;", "(line 2)"],
    "no default export": ["export const definition = 1;", "it has no default export"],
    "a default export that is no function": [`export default ${DEFINITION};`, "not a function"],
    "another API version": [`export default () => ({ ...${DEFINITION}, apiVersion: 2 });`, "apiVersion is 2"],
    "a definition without open": [`export default () => ({ ...${DEFINITION}, open: 1 });`, "open must be a function"],
    "no definition at all": ["export default () => undefined;", "it is not an object"],
    "a promise of a definition": [`export default async () => (${DEFINITION});`, "not a promise"],
    "a name that is taken": [`export default () => ({ ...${DEFINITION}, name: "taken" });`, "already registered"],
    "a throw at its top level": [`throw new Error("boom");`, "boom"],
    "a throw of its function": [`export default () => { throw new Error("bang"); };`, "bang"],
    "an import that is not there": [
      `import { x } from "no-such-package-here"; export default x;`,
      "no-such-package-here",
    ],
  };
  for (const [name, [source, why]] of Object.entries(refusals)) {
    test(`refuses ${name}`, async () => {
      const registry = new DriverRegistry();
      await load(await pluginFile(`export default () => ({ ...${DEFINITION}, name: "taken", aliases: [] })`), registry);
      const file = await pluginFile(source);
      const error = await load(file, registry).catch((it: unknown) => it);
      expect(error).toMatchObject({ code: "PLUGIN_INVALID", details: { plugin: file } });
      expect(String(error)).toContain(`plugin file ${file} is refused`);
      expect(String(error)).toContain(why);
      expect(String(error)).not.toContain("\n");
      expect(registry.names()).toEqual(["taken"]);
    });
  }

  test("refuses a top-level await that never ends, after its time", async () => {
    const file = await pluginFile(`await new Promise(() => {}); export default () => (${DEFINITION});`);
    const error = await load(file, new DriverRegistry(), 100).catch((it: unknown) => it);
    expect(error).toMatchObject({ code: "PLUGIN_INVALID" });
    expect(String(error)).toContain("within 100 ms");
  });

  test("refuses relative paths, folders and other kinds of files", async () => {
    const directory = join(folder, "directory.ts");
    await mkdir(directory);
    const yaml = await pluginFile("a: 1", ".yaml");
    for (const file of ["plugin.ts", directory, yaml]) {
      await expect(load(file)).rejects.toMatchObject({ code: "PLUGIN_INVALID" });
    }
  });
});
