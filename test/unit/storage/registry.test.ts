import { describe, expect, test } from "bun:test";
import { definition as memory } from "../../../drivers/memory/mod.ts";
import type { DriverDefinition } from "../../../src/storage/driver.ts";
import { DriverRegistry } from "../../../src/storage/registry.ts";

const named = (name: string, aliases: string[] = []): DriverDefinition => ({ ...memory, name, aliases });

describe("DriverRegistry", () => {
  test("finds drivers by name and alias, whatever the case", () => {
    const s3 = named("s3", ["minio", "aws"]);
    const registry = new DriverRegistry().register(memory).register(s3);
    for (const name of ["s3", "S3", "minio", "AWS"]) expect(registry.lookup(name)).toBe(s3);
    expect(registry.names()).toEqual(["memory", "s3", "minio", "aws"]);
    expect(registry.definitions()).toEqual([memory, s3]);
  });

  test("names the nearest and all known drivers for an unknown one", () => {
    const registry = new DriverRegistry().register(memory).register(named("s3", ["minio"]));
    expect(() => registry.lookup("mino")).toThrow(
      expect.objectContaining({
        code: "DRIVER_UNKNOWN",
        message: 'there is no storage driver "mino" (did you mean "minio"?); known: memory, s3, minio',
      }),
    );
  });

  test("refuses a name or alias that is taken, and then registers nothing of it", () => {
    const registry = new DriverRegistry().register(named("s3", ["minio"]));
    for (const taken of [named("s3"), named("minio"), named("new", ["s3"]), named("new", ["fresh", "minio"])]) {
      expect(() => registry.register(taken)).toThrow(expect.objectContaining({ code: "PLUGIN_INVALID" }));
    }
    expect(registry.names()).toEqual(["s3", "minio"]);
  });

  test("refuses a definition of another shape or version", () => {
    const wrong: Record<string, unknown>[] = [
      { ...memory, apiVersion: 2 },
      { ...memory, name: "Upper" },
      { ...memory, name: "" },
      { ...memory, aliases: "minio" },
      { ...memory, open: undefined },
      { ...memory, options: undefined },
      { ...memory, options: { a: { type: "number", description: "x" } } },
      { ...memory, options: { a: { type: "enum", description: "x" } } },
      { ...memory, rootPathIs: "bucket" },
      {},
    ];
    for (const definition of wrong) {
      // What a plugin written in JavaScript could hand over.
      const register = () => new DriverRegistry().register(definition as unknown as DriverDefinition);
      expect(register).toThrow(expect.objectContaining({ code: "PLUGIN_INVALID" }));
    }
  });
});
