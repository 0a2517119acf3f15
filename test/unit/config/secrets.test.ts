import { describe, expect, test } from "bun:test";
import { inspect } from "node:util";
import { isAppError } from "../../../src/base/errors.ts";
import type { LoadedConfig } from "../../../src/config/config.ts";
import { configTable } from "../../../src/config/show.ts";
import { load, loadV2 } from "./support.ts";

const CANARY = "tweety-7f3a9c1e";

/** Everything anybody could print of a load: its result in all forms, or its error with causes. */
async function everythingOf(loading: Promise<LoadedConfig>): Promise<string> {
  try {
    const loaded = await loading;
    const shown = [configTable(loaded.entries), JSON.stringify(loaded.entries), JSON.stringify(loaded)];
    return [...shown, inspect(loaded, { depth: 20, showHidden: true }), loaded.warnings.join("\n")].join("\n");
  } catch (error) {
    if (!isAppError(error)) throw error;
    return `${error.message}\n${inspect(error, { depth: 20, showHidden: true })}`;
  }
}

describe("a secret is never shown", () => {
  const good = [
    `milvus.password: ${CANARY}`,
    `milvus.storage.auth: { secretAccessKey: ${CANARY}, sessionToken: ${CANARY} }`,
    `backup.storage.auth.secretAccessKey: "${CANARY}"`,
    `zillizCloud.apiKey: ${CANARY}`,
  ].join("\n");

  test("by a configuration that loads", async () => {
    const loaded = await loadV2(good);
    expect(loaded.config.milvus.password.reveal()).toBe(CANARY);
    const text = await everythingOf(Promise.resolve(loaded));
    expect(text).not.toContain(CANARY);
    expect(text).toContain("tw****1e");
  });

  test.each([
    ["a list", `milvus.password: [${CANARY}]`],
    ["an alias", `milvus.password: *${CANARY}`],
    ["a tag", `milvus.password: !${CANARY} x`],
    ["an anchor without a value", `milvus.password: &${CANARY}`],
    ["an open quote", `milvus.password: "${CANARY}`],
    ["a reserved character", `milvus.password: @${CANARY}`],
    ["a second colon", `milvus.password: ${CANARY}: x`],
    ["a bad escape", `milvus.password: "\\q${CANARY}"`],
    ["a directive", `milvus.password: |\n%${CANARY} x\n--- y`],
    ["a neighbour's problem", `${good}\nlog.level: loud`],
    ["another kind of credentials", `backup.storage.auth: { type: iam, secretAccessKey: ${CANARY} }`],
    ["a misspelt key", `milvus.pasword: ${CANARY}`],
    ["a v1 key", `minio.secretAccessKey: ${CANARY}`],
    ["a driver's own secret", `backup.storage: { provider: ftp, host: h, secretKey: ${CANARY} }`],
    ["a driver's own secret as a list", `backup.storage: { provider: ftp, host: h, secretKey: [${CANARY}] }`],
    ["a driver's own secret for another driver", `backup.storage: { secretKey: ${CANARY} }`],
    ["a URL", `milvus.management.endpoint: http://root:${CANARY}@host:9091`],
  ])("by %s", async (_name, yaml) => {
    expect(await everythingOf(loadV2(yaml))).not.toContain(CANARY);
    expect(await everythingOf(load(yaml))).not.toContain(CANARY);
  });

  test("by flags and variables", async () => {
    const set = [`milvus.password=${CANARY}`, `backup.storage.auth.accountKey=${CANARY}`];
    expect(await everythingOf(load(undefined, { set }))).not.toContain(CANARY);
    const pieces = [
      `milvus.password=x,${CANARY}`,
      `milvus.password=x,${CANARY}=y`,
      `MILVUS_PASSWORD=x,a=b,${CANARY}=z`,
    ];
    for (const piece of pieces) expect(await everythingOf(load(undefined, { set: [piece] }))).not.toContain(CANARY);
    const env = { MILVUS_PASSWORD: CANARY, BACKUP_STORAGE_AUTH_ACCOUNT_KEY: CANARY, MINIO_SECRET_KEY: CANARY };
    expect(await everythingOf(load(undefined, { env }))).not.toContain(CANARY);
  });
});
