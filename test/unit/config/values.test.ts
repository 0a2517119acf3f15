import { describe, expect, test } from "bun:test";
import { load, loadV2, refusal } from "./support.ts";

describe("types", () => {
  test.each([
    ["log.file.maxDays: 1.5", '"1.5" is not a whole number; write a whole number, 0 or more'],
    ["log.file.maxDays: soon", '"soon" is not a whole number'],
    ["log.file.maxDays: true", "is not a whole number"],
    ["log.file.maxDays: [1]", "is a list"],
    ["log.file.maxDays: -1", "out of range"],
    ["log.file.maxDays: 9007199254740993", "too large"],
    ["log.file.maxDays: 99999999999999999999", "too large"],
    ["log.file.maxDays: 010", "starts with 0"],
    ["log.file.maxDays: .inf", "is not a whole number"],
    ["milvus.grpc.port: 0", "write a whole number from 1 to 65535"],
    ["milvus.grpc.port: 65536", "out of range"],
    ["backup.storage.port: 70000", "out of range"],
    ["backup.storage.milvusPort: 70000", "out of range"],
    ["transfer.concurrency: 0", "1 or more"],
    ["transfer.multipartCopyThresholdMiB: 0", "1 or more"],
    ["backup.concurrency.collections: 0", "1 or more"],
    ["backup.concurrency.segments: 0", "1 or more"],
    ["restore.concurrency.collections: 0", "1 or more"],
    ["restore.concurrency.importJobs: 0", "1 or more"],
    ["restore.maxSegmentsPerImportJob: 0", "1 or more"],
    ["log.console: yes", "is neither true nor false; write true or false"],
    ["log.console: 1", "is neither true nor false"],
    ["log.level: loud", "want one of: debug, info, warn, error"],
    ["transfer.mode: driect", '(did you mean "direct"?); want one of: auto, direct, streaming'],
    ["transfer.verify: none", "want one of: digest, read-back, size"],
    ["milvus.user: [a]", "is a list; write one text"],
    ["milvus.etcd.endpoints: a:2379", "must be a YAML list"],
    ["milvus.etcd.endpoints: [a, null]", "item 2 is not a plain value"],
    ["milvus.etcd.endpoints: [{a: b}]", "item 1 is not a plain value"],
    ["milvus.etcd.endpoints: []", "must name at least one endpoint"],
    ['milvus.etcd.endpoints: ["", " "]', "must name at least one endpoint"],
    ["milvus.rest.endpoint: localhost:8080", "is not an http or https URL"],
    ["milvus.rest.endpoint: ftp://host", "is not an http or https URL"],
    ["milvus.management.endpoint: http://", "is not an http or https URL"],
    ["milvus.management.endpoint: http://me:pw@host", "must not hold a user or password"],
    ["milvus.grpc.address: http://milvus", 'must not contain "://"'],
    ["milvus.grpc.address: milvus:19530", "must not hold the port"],
    ['milvus.grpc.address: ""', "is required"],
    ["milvus.grpc.tlsMode: mutual", "is required while milvus.grpc.tlsMode is mutual"],
    ["milvus.grpc.tlsMode: 2", 'v2 spells it "mutual"'],
    ["milvus.grpc.tlsMode: 0", 'v2 spells it "disabled"'],
  ])("%s", async (line, what) => {
    const message = await refusal(loadV2(line));
    expect(message).toContain(what);
    const key = line.slice(0, line.indexOf(":"));
    expect(message).toContain(key);
    if (!message.includes("problems")) expect(message).toStartWith("configuration: ");
  });

  test("every problem is told at once, one to a line, with its place", async () => {
    const message = await refusal(loadV2("log:\n  level: loud\n  file: { maxDays: x }\nnope: 1"));
    expect(message.split("\n")).toEqual([
      "configuration: 3 problems",
      '  log.level (backup.yaml:3:10): invalid value "loud"; want one of: debug, info, warn, error',
      '  log.file.maxDays (backup.yaml:4:20): "x" is not a whole number; write a whole number, 0 or more',
      "  nope (backup.yaml:5:7): is not a known key; configs/README.md lists the keys",
    ]);
  });

  test("what YAML gives is taken for the key's type", async () => {
    const { config } = await loadV2(
      [
        "log.file: { maxDays: '7', maxBackups: 3.0, maxSizeMiB: 0x10 }",
        "log.console: 'F'",
        "server.debugMode: TRUE",
        "milvus: { user: 0123, password: 1e5, etcd: { endpoints: [1, ' ', b ] } }",
        "zillizCloud.apiKey: 123456789012345678901",
        "transfer: { mode: STREAMING, verify: Read-Back }",
      ].join("\n"),
    );
    expect(config.log.file).toMatchObject({ maxDays: 7, maxBackups: 3, maxSizeMiB: 16 });
    expect([config.log.console, config.server.debugMode]).toEqual([false, true]);
    expect([config.milvus.user, config.milvus.password.reveal()]).toEqual(["0123", "1e5"]);
    expect(config.zillizCloud.apiKey.reveal()).toBe("123456789012345678901");
    expect(config.milvus.etcd.endpoints).toEqual(["1", "b"]);
    expect(config.transfer).toMatchObject({ mode: "streaming", verify: "read-back" });
  });

  test("a log file size of 0 is the default size", async () => {
    expect((await loadV2("log.file.maxSizeMiB: 0")).config.log.file.maxSizeMiB).toBe(300);
  });

  test("empty URLs are allowed, IPv6 hosts too", async () => {
    const { config } = await loadV2("milvus: { rest.endpoint: '', management.endpoint: '', grpc.address: '::1' }");
    expect(config.milvus.management.endpoint).toBe("");
    expect(config.milvus.grpc.address).toBe("::1");
  });
});

describe("files that are no configuration", () => {
  test.each([
    ["milvus:\n\tuser: x", "backup.yaml:2:1 is indented with a tab"],
    ["a: 1\nb: [", "backup.yaml:"],
    ["- a\n- b", "backup.yaml:1:1 must be a map of keys"],
    ["just text", "backup.yaml:1:1 must be a map of keys"],
    ["milvus: { user: a, user: b }", 'backup.yaml:1:20 sets "user" twice'],
    ["milvus: { user: a }\nmilvus.User: b", 'backup.yaml:2:1 sets "milvus.user" twice'],
    ["milvus: 1\nMilvus: 2", 'backup.yaml:2:1 sets "milvus" twice'],
    ["1: x", "backup.yaml:1:1 has a key that is not a text"],
    ["? [a]\n: b", "has a key that is not a text"],
    ["a: &a { b: *a }", "has an alias that refers to itself"],
    ["a: *nobody", "refers to an anchor that does not exist"],
    ["password: @x", "starts with a reserved character; put the value in quotes"],
    ["a: b: c", 'has a second ": "'],
    ["a: 1\n---\nb: 1", "holds more than one document"],
    ["configVersion: 2", 'declares configVersion "2", want "v1" or "v2"'],
    ["configVersion: v3", 'declares configVersion "v3"'],
    ["configVersion: [v2]", "declares configVersion a list"],
  ])("%p", async (yaml, what) => {
    expect(await refusal(load(yaml))).toContain(what);
  });

  test("a bomb of aliases ends early", async () => {
    const levels = Array.from({ length: 9 }, (_, level) => {
      const inner = level === 0 ? "{ x: 1 }" : `{ ${[..."abcdefghij"].map((k) => `${k}: *l${level - 1}`).join(", ")} }`;
      return `l${level}: &l${level} ${inner}`;
    });
    expect(await refusal(load(levels.join("\n")))).toContain("unfolds to too many values");
  });

  test("binary and huge files are refused", async () => {
    expect(await refusal(load("x".repeat(1024 * 1024 + 1)))).toContain("larger than 1 MiB");
    expect(await refusal(load(new Uint8Array([0x61, 0x3a, 0x20, 0xff, 0xfe])))).toContain("is not UTF-8 text");
  });

  test("anchors and merges are followed", async () => {
    const { config } = await loadV2(
      "milvus:\n  storage: &s { bucketName: b, port: 7 }\nbackup:\n  storage:\n    <<: *s\n    port: 8\n    rootPath: r",
    );
    expect(config.backup.storage.options).toMatchObject({ bucketName: "b", port: 8 });
    expect(config.backup.storage.rootPath).toBe("r");
  });
});
