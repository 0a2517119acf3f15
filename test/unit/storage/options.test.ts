import { describe, expect, test } from "bun:test";
import { type AppError, isAppError } from "../../../src/base/errors.ts";
import { Secret } from "../../../src/base/secret.ts";
import type { OptionTable } from "../../../src/storage/driver.ts";
import { type RawOptions, secretsOf, validateOptions } from "../../../src/storage/options.ts";

const table: OptionTable = {
  bucketName: { type: "string", description: "The bucket.", required: true },
  region: { type: "string", description: "The region.", default: "us-east-1" },
  port: { type: "integer", description: "The port." },
  useSSL: { type: "boolean", description: "TLS.", default: true },
  "auth.type": { type: "enum", description: "How to sign.", choices: ["accessKey", "IAM"] },
  "auth.secretAccessKey": { type: "secret", description: "The key." },
};

const validate = (raw: RawOptions) => validateOptions(table, raw, "driver s3");

function problemsOf(raw: RawOptions): AppError {
  try {
    validate(raw);
  } catch (error) {
    if (isAppError(error)) return error;
  }
  throw new Error("the options were accepted");
}

describe("validateOptions", () => {
  test("fills in defaults and leaves absent options out", () => {
    expect(validate({ bucketName: "b" })).toEqual({ bucketName: "b", region: "us-east-1", useSSL: true });
  });

  test("reads texts where a number or a truth value is wanted", () => {
    expect(validate({ bucketName: "b", port: "9000", useSSL: "False" })).toMatchObject({ port: 9000, useSSL: false });
  });

  test("gives enums their canonical spelling", () => {
    expect(validate({ bucketName: "b", "auth.type": "iam" })).toMatchObject({ "auth.type": "IAM" });
  });

  test("wraps secrets, plain and wrapped alike", () => {
    for (const given of ["hush", new Secret("hush")]) {
      const values = validate({ bucketName: "b", "auth.secretAccessKey": given });
      expect(values["auth.secretAccessKey"]).toBeInstanceOf(Secret);
      expect(secretsOf(values)).toEqual(["hush"]);
    }
  });

  test("takes an empty text for nothing, except for an optional text", () => {
    expect(validate({ bucketName: "b", region: "", port: "", "auth.type": "", "auth.secretAccessKey": "" })).toEqual({
      bucketName: "b",
      region: "",
      useSSL: true,
    });
    expect(problemsOf({ bucketName: "" }).message).toContain('"bucketName" is missing');
  });

  test("names every problem at once, with the nearest known option", () => {
    const error = problemsOf({ bucketname: "b", port: "many", useSSL: 1, "auth.type": "magic", region: 7 });
    expect(error.code).toBe("CONFIG_INVALID");
    for (const part of [
      'driver s3: unknown option "bucketname" (did you mean "bucketName"?)',
      'option "bucketName" is missing (The bucket.)',
      'option "port" must be an integer, not "many"',
      'option "useSSL" must be true or false, not 1',
      'option "auth.type" must be one of accessKey, IAM, not "magic"',
      'option "region" must be a text (put numbers in quotes), not 7',
    ]) {
      expect(error.message).toContain(part);
    }
  });

  test("refuses numbers that are not whole or not exact", () => {
    for (const port of [1.5, "1e3", "9007199254740993", true, "0x10"]) {
      expect(problemsOf({ bucketName: "b", port }).message).toContain('"port" must be an integer');
    }
  });

  test("does not take what every object inherits for options", () => {
    expect(problemsOf({ bucketName: "b", toString: "x" } as RawOptions).message).toContain('unknown option "toString"');
    // By entries, because the type of an object literal's `constructor` is fixed.
    const inherited: OptionTable = Object.fromEntries([
      ["constructor", { type: "string", description: "x", required: true }],
    ]);
    expect(() => validateOptions(inherited, {}, "d")).toThrow('"constructor" is missing');
  });

  test("never shows a secret's value, even where it is of the wrong type", () => {
    const error = problemsOf({ bucketName: new Secret("hush hush"), "auth.secretAccessKey": 12345678 });
    expect(Bun.inspect(error)).not.toMatch(/hush|12345678/);
    expect(error.message).toContain('"auth.secretAccessKey" must be a text');
  });
});
