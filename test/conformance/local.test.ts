import { afterAll, expect } from "bun:test";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { definition } from "../../drivers/local/mod.ts";
import { openBare } from "../support/open_bare.ts";
import { describeStorageDriver } from "./storage_driver.ts";

const folder = await mkdtemp(join(tmpdir(), "milvus-backup-local-"));
afterAll(async () => {
  // Neither a temporary file nor an empty directory: what the suite cannot see through the driver.
  const left = await readdir(folder, { recursive: true });
  await rm(folder, { recursive: true });
  expect(left.sort()).toEqual(["other", "root"]);
});

const open = (name: string) => () => openBare(definition, { rootPath: join(folder, name) });

describeStorageDriver("local", open("root"), { openOther: open("other") });
