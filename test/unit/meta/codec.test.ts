import { describe, expect, test } from "bun:test";
import { decodeBackup, decodeLevel, encodeFull, encodeHead, encodeLevels } from "../../../src/meta/codec.ts";
import { backupMeta } from "../../../src/meta/codec_backup.ts";
import { applyExtra, createdAtOf, encodeExtra } from "../../../src/meta/codec_extra.ts";
import { DOCUMENT } from "../../../src/meta/layout.ts";
import type { BackupMeta, CollectionMeta } from "../../../src/meta/types.ts";
import { sampleBackup } from "./sample_backup.ts";

const textOf = (document: { pieces(): Iterable<string> }): string => [...document.pieces()].join("");
const decoded = (text: string): BackupMeta => decodeBackup(text, "nightly/meta/full_meta.json");

function withCollection(change: Partial<CollectionMeta>): BackupMeta {
  const meta = sampleBackup("nightly");
  return { ...meta, collections: meta.collections.map((collection) => ({ ...collection, ...change })) };
}

describe("writing", () => {
  test("an empty backup is its two always-present keys, its level documents are {}", () => {
    expect(textOf(encodeFull(backupMeta.zero))).toBe('{"state_code":0,"size":0}');
    expect(textOf(encodeHead(backupMeta.zero))).toBe('{"state_code":0,"size":0}');
    expect(encodeLevels(backupMeta.zero).map(textOf)).toEqual(["{}", "{}", "{}"]);
  });

  test("escapes as Go does, in values, keys and unknown parts", () => {
    const meta = withCollection({
      collectionName: 'a<b>&"\\\u2028\u2029é\u0001\ud800',
      channelCheckpoints: { "<": "&" },
      unknown: { "k>": ["<"] },
    });
    const text = textOf(encodeFull(meta));
    expect(text).toContain('"collection_name":"a\\u003cb\\u003e\\u0026\\"\\\\\\u2028\\u2029é\\u0001\ufffd"');
    expect(text).toContain('"channel_checkpoints":{"\\u003c":"\\u0026"}');
    expect(text).toContain('"k\\u003e":["\\u003c"]');
  });

  test("sorts maps by the bytes of their keys", () => {
    const meta = withCollection({ channelCheckpoints: { "\u{1f600}": "4", "\uff21": "3", b: "2", B: "1", "10": "0" } });
    expect(textOf(encodeFull(meta))).toContain(
      '"channel_checkpoints":{"10":"0","B":"1","b":"2","\uff21":"3","\u{1f600}":"4"}',
    );
  });

  test("leaves out zero values, but not sizes, has_index and state_code", () => {
    const meta = withCollection({ consistencyLevel: 0, hasIndex: false, size: 0n, aliases: [], properties: [] });
    const text = textOf(encodeFull(meta));
    expect(text).not.toMatch(/consistency_level|aliases|fieldID":0,|is_l0":false/);
    expect(text).toContain('"size":0,"has_index":false');
  });

  test("the head carries neither the tree nor credentials", () => {
    const meta: BackupMeta = { ...sampleBackup("nightly"), rbac: { users: [{ user: "root", password: "x" }] } };
    expect(textOf(encodeFull(meta))).toContain('"rbac_meta":{"users":[{"user":"root","password":"x"}]}');
    expect([encodeHead(meta), ...encodeLevels(meta)].map(textOf).join("")).not.toContain("password");
  });
});

describe("reading", () => {
  test("18-digit ids that differ in the last digit stay different, up to the ends of int64 and uint64", () => {
    const text =
      '{"state_code":0,"backup_timestamp":18446744073709551615,"collection_backups":[' +
      '{"collection_id":449577000000000001,"schema":{},"size":0,"has_index":false},' +
      '{"collection_id":449577000000000002,"schema":{},"size":0,"has_index":false},' +
      '{"collection_id":9223372036854775807,"schema":{},"size":0,"has_index":false},' +
      '{"collection_id":-9223372036854775808,"schema":{},"size":0,"has_index":false}],"size":9007199254740993}';
    expect(textOf(encodeFull(decoded(text)))).toBe(text);
    expect(decoded(text).collections.map(({ collectionId }) => collectionId)).toEqual([
      449577000000000001n,
      449577000000000002n,
      9223372036854775807n,
      -9223372036854775808n,
    ]);
  });

  test("the tree that was written is the tree that is read", () => {
    const meta = sampleBackup("nightly");
    expect(applyExtra(decoded(textOf(encodeFull(meta))), textOf(encodeExtra(meta)), "extra")).toEqual(meta);
  });

  test("keys match without regard to case, null is absent, the last of two wins", () => {
    const meta = decoded('{"NAME":"a","name":"b","Size":5,"milvus_version":null,"collection_backups":null}');
    expect(meta).toEqual({ ...backupMeta.zero, name: "b", size: 5n });
  });

  test("unknown keys are kept and written after the known ones, whatever their names", () => {
    const text =
      '{"state_code":0,"name":"b","size":0,"later":{"n":1.5,"id":449577000000000001},"__proto__":[null,true]}';
    expect(textOf(encodeFull(decoded(text)))).toBe(text);
  });

  test.each([
    ["{", "is not valid JSON (1 characters)"],
    ["[]", "the document must be an object, not a list"],
    ['{"name":1}', "name must be text, not 1"],
    ['{"size":"5"}', "size must be an integer, not text"],
    ['{"size":1.5}', "size must be an integer, not 1.5"],
    ['{"size":9223372036854775808}', "size must be an integer of 64 bits, not 9223372036854775808"],
    ['{"collection_backups":{}}', "collection_backups must be a list, not an object"],
    [
      '{"collection_backups":[{},{"partition_backups":[{"segment_backups":[{"is_l0":1}]}]}]}',
      "collection_backups[1].partition_backups[0].segment_backups[0].is_l0 must be true or false, not 1",
    ],
    [
      '{"collection_backups":[{"shards_num":4294967296}]}',
      "collection_backups[0].shards_num must be an integer of 32 bits",
    ],
    [
      '{"collection_backups":[{"schema":{"fields":[{"default_value_base64":"***"}]}}]}',
      "collection_backups[0].schema.fields[0].default_value_base64 must be base64 text, not text",
    ],
    [
      '{"collection_backups":[{"channel_checkpoints":{"ch":7}}]}',
      "collection_backups[0].channel_checkpoints.ch must be text",
    ],
  ])("%s is refused with the key's name", (text, message) => {
    expect(() => decoded(text)).toThrow(
      expect.objectContaining({ code: "BACKUP_INCOMPLETE", message: expect.stringContaining(message) }),
    );
    expect(() => decoded(text)).toThrow("nightly/meta/full_meta.json");
  });

  test("a level document names its list in errors", () => {
    expect(() => decodeLevel.segments('{"infos":[{"size":true}]}', "segment_meta.json")).toThrow(
      "segment_meta.json: infos[0].size must be an integer, not true or false",
    );
  });

  test("errors hold nothing of the document's texts", () => {
    const secret = "hunter2";
    for (const text of [`{"rbac_meta":"${secret}"}`, `{"rbac_meta":{"password":"${secret}"`, `{"size":"${secret}"}`]) {
      expect(() => decoded(text)).toThrow(expect.objectContaining({ message: expect.not.stringContaining(secret) }));
    }
  });
});

describe("extra_meta.json", () => {
  test("says in its first bytes when the backup was made", () => {
    const text = textOf(encodeExtra(sampleBackup("nightly")));
    expect(createdAtOf(text.slice(0, 200))).toBe("2026-01-02T03:04:05.000Z");
    expect(createdAtOf("{}")).toBeUndefined();
  });

  test("tolerates unknown keys and collections that are not there, and touches nothing else", () => {
    const meta = decoded(textOf(encodeFull(sampleBackup("nightly"))));
    const text = '{"format_version":2,"new":[1],"collections":[{"collection_id":5,"describe_response":"AQ=="}]}';
    expect(applyExtra(meta, text, "extra")).toEqual(meta);
  });

  test("lies where no document of the Go tool lies", () => {
    expect(encodeExtra(sampleBackup("nightly")).path).toBe(DOCUMENT.extra);
  });
});

test("time grows with the size of the tree, not with its square", () => {
  const [collection] = sampleBackup("nightly").collections;
  const [partition] = collection?.partitions ?? [];
  const [segment] = partition?.segments ?? [];
  if (collection === undefined || partition === undefined || segment === undefined)
    throw new Error("the sample is empty");
  const milliseconds = (count: number): number => {
    const segments = Array.from({ length: count }, (_, index) => ({ ...segment, segmentId: BigInt(index) }));
    const meta = { ...sampleBackup("n"), collections: [{ ...collection, partitions: [{ ...partition, segments }] }] };
    const start = performance.now();
    const text = textOf(encodeFull(meta));
    expect(decoded(text).collections[0]?.partitions[0]?.segments.length).toBe(count);
    return performance.now() - start;
  };
  milliseconds(2_000);
  // Ten times the work; a square would be a hundred times. The margin is for noisy machines.
  expect(milliseconds(20_000)).toBeLessThan(40 * Math.max(milliseconds(2_000), 5));
});
