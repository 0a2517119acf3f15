import { describe, expect, test } from "bun:test";
import { expectedRows } from "../../../src/binlog/expected_rows.ts";
import { openFixture, readExpected } from "./fixture.ts";

describe.each(["2.5.8", "2.6.3"])("expected rows of the Milvus %s backup", (version) => {
  test("are what the source server answered, for every collection", async () => {
    const fixture = await openFixture(version);
    const expected = await readExpected(version);
    expect(fixture.names).toEqual([...expected.keys()].sort());
    for (const name of fixture.names) {
      const result = await expectedRows({ ...fixture.shape(name), read: fixture.read });
      expect({ name, rows: result.rows, min: result.min, exact: result.exact, notes: result.notes }).toEqual({
        name,
        rows: BigInt(expected.get(name)?.row_count ?? -1),
        min: result.rows,
        exact: true,
        notes: [],
      });
      expect(result.differing).toEqual([]);
    }
  });
});
