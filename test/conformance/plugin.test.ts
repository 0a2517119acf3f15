import { afterAll, expect, test } from "bun:test";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "../../src/base/log.ts";
import { Secret } from "../../src/base/secret.ts";
import type { StorageDriver } from "../../src/storage/driver.ts";
import { openRoot } from "../../src/storage/open.ts";
import { loadPlugin } from "../../src/storage/plugin.ts";
import { DriverRegistry } from "../../src/storage/registry.ts";
import { describeStorageDriver } from "./storage_driver.ts";

const directory = await mkdtemp(join(tmpdir(), "milvus-backup-plugin-"));
afterAll(async () => {
  const left = await readdir(directory);
  await rm(directory, { recursive: true });
  expect(left).toEqual([]);
});

const registry = new DriverRegistry();
const definition = await loadPlugin(join(import.meta.dir, "plugin_driver.ts"), registry, { log: silentLogger });
const password = "correct horse battery staple";

function open(rootPath: string): () => Promise<StorageDriver> {
  const root = { driver: "scratch-directory", rootPath, options: { directory, password: new Secret(password) } };
  const retry = { attempts: 3, baseDelayMs: 1, maxDelayMs: 1 };
  return () => openRoot(registry, root, { log: silentLogger, signal: new AbortController().signal, retry });
}

test("a plugin file is registered under its name and alias", () => {
  expect(registry.lookup("scratch")).toBe(definition);
  expect(registry.lookup("Scratch-Directory")).toBe(definition);
});

describeStorageDriver("of a plugin file", open("root/path"), { openOther: open("other"), secrets: [password] });
