import { describe, expect, test } from "bun:test";
import { isJsonObject, parseJson, stringifyJson, stringifyJsonExact } from "../../../src/base/json.ts";

const IDS = ["9007199254740993", "9223372036854775807", "-9223372036854775808", "18446744073709551615", "0", "-1"];

describe("lossless JSON", () => {
  test("integers come and go as they were written, however long", () => {
    for (const id of IDS) {
      expect(parseJson(`{"id":${id}}`)).toEqual({ id: BigInt(id) });
      expect(stringifyJson(parseJson(`{"a":[${id},{"b":${id}}]}`))).toBe(`{"a":[${id},{"b":${id}}]}`);
    }
  });

  test("other numbers stay numbers", () => {
    expect(parseJson("[1.5, 1e3, -0.25]")).toEqual([1.5, 1000, -0.25]);
  });

  test("texts that look like numbers stay texts", () => {
    expect(parseJson('["123", {"1": "2"}]')).toEqual(["123", { "1": "2" }]);
  });

  test("everything else is as in JSON", () => {
    const text = '{"n":null,"t":true,"s":"ü\\n\\"","a":[],"o":{}}';
    expect(parseJson(text)).toEqual({ n: null, t: true, s: 'ü\n"', a: [], o: {} });
    expect(stringifyJson(parseJson(text))).toBe(text);
    expect(() => parseJson("{")).toThrow(SyntaxError);
  });

  test("indents where it is asked to", () => {
    expect(stringifyJson({ a: 1n }, 2)).toBe('{\n  "a": 1\n}');
  });

  test("writes bigints as texts for readers that only know doubles", () => {
    expect(stringifyJsonExact({ id: 9007199254740993n, n: 1.5 })).toBe('{"id":"9007199254740993","n":1.5}');
  });

  test("tells objects from the rest", () => {
    expect([{}, [], null, "x", 1n].map((value) => isJsonObject(parseJson(stringifyJson(value))))).toEqual([
      true,
      false,
      false,
      false,
      false,
    ]);
  });
});
