/** Logs made by hand: envelopes byte by byte, parquet files by an independent writer. */

import { type ColumnSource, parquetWriteBuffer } from "hyparquet-writer";

/** An envelope as the Go tool's writer lays it out: all ids and timestamps zero, extras `{}` unless given. */
export function makeEnvelope(payloads: readonly Uint8Array[], extras = "{}"): Uint8Array {
  const extraBytes = new TextEncoder().encode(extras);
  const descriptorLength = 17 + 52 + 8 + 4 + extraBytes.length;
  const parts: Uint8Array[] = [];
  const descriptor = new DataView(new ArrayBuffer(4 + descriptorLength));
  descriptor.setInt32(0, 0x00fffabc, true);
  descriptor.setInt32(4 + 9, descriptorLength, true);
  descriptor.setInt32(4 + 13, 4 + descriptorLength, true);
  descriptor.setInt32(4 + 17 + 48, 20, true);
  for (const [index, length] of [52, 16, 16, 16, 16, 16, 16, 16].entries()) descriptor.setUint8(4 + 69 + index, length);
  descriptor.setInt32(4 + 77, extraBytes.length, true);
  const head = new Uint8Array(descriptor.buffer);
  head.set(extraBytes, 4 + 81);
  parts.push(head);
  for (const payload of payloads) {
    const header = new DataView(new ArrayBuffer(17 + 16));
    header.setInt8(8, 2);
    header.setInt32(9, 33 + payload.length, true);
    header.setInt32(13, -1, true);
    parts.push(new Uint8Array(header.buffer), payload);
  }
  return new Uint8Array(Buffer.concat(parts));
}

export function makeParquet(columns: readonly ColumnSource[], rowGroupSize = 100_000): Uint8Array {
  return new Uint8Array(parquetWriteBuffer({ columnData: [...columns], rowGroupSize }));
}

export function int64Column(name: string, values: readonly bigint[]): ColumnSource {
  return { name, data: [...values], type: "INT64", nullable: false };
}

export function textColumn(name: string, values: readonly string[]): ColumnSource {
  return { name, data: [...values], type: "STRING", nullable: false };
}

/** A storage version 1 log of one field. */
export function fieldLog(values: readonly bigint[] | readonly string[]): Uint8Array {
  const texts = values.filter((value) => typeof value === "string");
  const column =
    texts.length > 0
      ? textColumn("val", texts)
      : int64Column(
          "val",
          values.filter((value) => typeof value === "bigint"),
        );
  return makeEnvelope([makeParquet([column])], '{"original_size":"1"}');
}

/** A delta log of JSON texts. */
export function jsonDeltaLog(entries: readonly (readonly [bigint | string, bigint])[]): Uint8Array {
  const texts = entries.map(([pk, ts]) =>
    typeof pk === "bigint"
      ? `{"pk":${pk},"ts":${ts},"pkType":5}`
      : `{"pk":${JSON.stringify(pk)},"ts":${ts},"pkType":21}`,
  );
  return makeEnvelope([makeParquet([textColumn("0", texts)])]);
}

/** A repeatable source of numbers from 0 to below `limit` (xorshift32). */
export function numbersFrom(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
}
