import { describe, expect, test } from "bun:test";
import { definition as memory } from "../../../drivers/memory/mod.ts";
import { AppError } from "../../../src/base/errors.ts";
import { createLogger, silentLogger } from "../../../src/base/log.ts";
import { Secret } from "../../../src/base/secret.ts";
import type { DriverContext, DriverDefinition, StorageDriver } from "../../../src/storage/driver.ts";
import { openRoot } from "../../../src/storage/open.ts";
import { DriverRegistry } from "../../../src/storage/registry.ts";
import { unwrap } from "../../../src/storage/wrappers/wrapped.ts";
import { faultyDriver, unavailable } from "../../support/faulty_driver.ts";
import { call, getText, key, never, putText, quick, textBody } from "./support.ts";

const options = { log: silentLogger, signal: never, retry: quick };

/** The memory driver with another way to open it. */
function driverWith(change: Partial<DriverDefinition>): DriverRegistry {
  return new DriverRegistry().register({ ...memory, aliases: ["mem"], ...change });
}

function contextOf(rootPath: string, change: Partial<DriverDefinition> = {}): Promise<DriverContext> {
  const context = Promise.withResolvers<DriverContext>();
  const open: DriverDefinition["open"] = async (values, given) => {
    context.resolve(given);
    return memory.open(values, given);
  };
  openRoot(driverWith({ open, ...change }), { driver: "MEM", rootPath, options: {} }, options).catch(context.reject);
  return context.promise;
}

describe("openRoot", () => {
  test("opens a driver that works", async () => {
    await using driver = await openRoot(driverWith({}), { driver: "memory", rootPath: "r", options: {} }, options);
    await putText(driver, "open/a", "text");
    expect(await getText(driver, "open/a")).toBe("text");
    expect(driver.nativePath("open/a")).toBe("r/open/a");
  });

  test("puts everything in its one order: log, retry, limit, read-only, driver", async () => {
    const lines: string[] = [];
    const log = createLogger({ level: "debug", write: (line) => void lines.push(line.replace(/^\S+ /, "")) });
    const script = { call: (_: string, count: number) => (count < 3 ? unavailable("later") : undefined) };
    const registry = driverWith({ open: async (...args) => faultyDriver(await memory.open(...args), script) });
    const root = { driver: "memory", rootPath: "order", options: {} };
    const driver = await openRoot(registry, root, { ...options, log, concurrency: 1, readonly: true });
    await expect(driver.stat(key("a"), call)).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(driver.put(key("a"), textBody("x"), call)).rejects.toMatchObject({ code: "READ_ONLY" });
    // Two tries were waited for below one logged call; the refused put was not tried again.
    const words = lines.map((line) => line.split(" ").slice(0, 2).join(" "));
    expect(words).toEqual(["WARN storage", "WARN storage", "DEBUG stat", "DEBUG put"]);
    expect(unwrap(driver).name).toBe("memory");
  });

  test("takes root paths as Milvus joins them, and leaves directories alone", async () => {
    const given: Record<string, string> = { "": "", "/": "", "files/": "files", "/a//b/./c/": "a/b/c" };
    for (const [rootPath, expected] of Object.entries(given)) {
      expect((await contextOf(rootPath)).rootPath).toBe(expected);
    }
    expect((await contextOf("/var//lib/", { rootPathIs: "directory" })).rootPath).toBe("/var//lib/");
    expect((await contextOf("")).provider).toBe("mem");
    await expect(contextOf("a/../b")).rejects.toMatchObject({ code: "CONFIG_INVALID" });
  });

  test("refuses unknown drivers and wrong options before anything is opened", async () => {
    const open = async () => Promise.reject(new Error("opened"));
    const registry = driverWith({ open });
    const root = { rootPath: "", options: { stroe: "x" } };
    await expect(openRoot(registry, { driver: "memry", ...root }, options)).rejects.toMatchObject({
      code: "DRIVER_UNKNOWN",
    });
    await expect(openRoot(registry, { driver: "memory", ...root }, options)).rejects.toThrow('did you mean "store"?');
  });

  test("refuses a driver that is not what the contract says", async () => {
    const wrong: ((driver: StorageDriver) => object | undefined)[] = [
      () => undefined,
      ({ stat: _, ...rest }) => rest,
      ({ copyFrom: _, ...rest }) => rest,
      (driver) => ({ ...driver, name: "other" }),
      (driver) => ({ ...driver, capabilities: { ...driver.capabilities, connections: 0 } }),
      (driver) => ({ ...driver, capabilities: { ...driver.capabilities, serverSideCopy: false } }),
    ];
    for (const change of wrong) {
      // What a plugin written in JavaScript could return.
      const open: DriverDefinition["open"] = async (...args) => change(await memory.open(...args)) as StorageDriver;
      const opening = openRoot(driverWith({ open }), { driver: "memory", rootPath: "", options: {} }, options);
      await expect(opening).rejects.toMatchObject({ code: "PLUGIN_INVALID" });
    }
  });

  test("lets no secret out: not in a failure to open, not in the driver's own log lines", async () => {
    const lines: string[] = [];
    const log = createLogger({ level: "debug", write: (line) => void lines.push(line) });
    const password = "tr0ub4dor&3";
    const open: DriverDefinition["open"] = async (_, context) => {
      context.log.info(`connecting with ${password}`, { url: `http://u:${encodeURIComponent(password)}@h` });
      throw new AppError("ACCESS_DENIED", `refused ${password}`, { cause: new Error(password) });
    };
    const table = { password: { type: "secret", description: "The password." } } as const;
    const root = { driver: "memory", rootPath: "", options: { password: new Secret(password) } };
    const opening = openRoot(driverWith({ open, options: table }), root, { ...options, log });
    const error = await opening.catch((it: unknown) => it);
    expect(error).toMatchObject({ code: "ACCESS_DENIED", message: "driver memory: refused ***" });
    expect(Bun.inspect(error) + lines.join("\n")).not.toMatch(/tr0ub4dor/);
    expect(lines).toHaveLength(1);
  });
});
