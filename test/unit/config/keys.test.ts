import { describe, expect, test } from "bun:test";
import { V1_KEYS } from "../../../src/config/schema_v1.ts";
import { V2_KEYS } from "../../../src/config/schema_v2.ts";
import { load, loadV2, refusal } from "./support.ts";

describe("schema", () => {
  test("keys and displays are unique, displays are the keys in Go's spelling", () => {
    expect(new Set(V2_KEYS.map((it) => it.key.toLowerCase())).size).toBe(V2_KEYS.length);
    expect(new Set(V2_KEYS.map((it) => it.display)).size).toBe(V2_KEYS.length);
    for (const { key, display } of V2_KEYS) {
      expect(display.toLowerCase()).toBe(key.toLowerCase().replace("zillizcloud", "cloud"));
    }
  });

  test("the environment variables are the 15 of the Go tool", () => {
    const suffixes = ["ACCOUNT_NAME", "AUTH_ACCESS_KEY_ID", "AUTH_SECRET_ACCESS_KEY", "AUTH_SESSION_TOKEN"];
    const storage = [...suffixes, "AUTH_ACCOUNT_KEY", "AUTH_CREDENTIALS_FILE"];
    expect(V2_KEYS.flatMap((it) => it.env ?? []).sort()).toEqual(
      [
        "MILVUS_USER",
        "MILVUS_PASSWORD",
        "ZILLIZ_CLOUD_API_KEY",
        ...storage.flatMap((it) => [`MILVUS_STORAGE_${it}`, `BACKUP_STORAGE_${it}`]),
      ].sort(),
    );
  });

  test("every v1 key leads to a v2 key", () => {
    const keys = new Set(V2_KEYS.map((it) => it.key));
    expect(V1_KEYS.filter((it) => it.v2 !== "" && !keys.has(it.v2)).map((it) => it.key)).toEqual([]);
    expect(V1_KEYS.filter((it) => it.v2 === "").map((it) => it.key)).toEqual(["http.enabled"]);
  });
});

describe("unknown keys of a v2 file", () => {
  test.each([
    ["milvus.storage.bucketNmae: x", 'did you mean "milvus.storage.bucketName"?'],
    ["backup: { concurency: { segments: 1 } }", 'did you mean "backup.concurrency.segments"?'],
    ["transfer.verfy: size", 'did you mean "transfer.verify"?'],
    ["milvus: localhost", "is a section; write its keys below it"],
    ["log.level: { debug: true }", "log.level takes a plain value"],
    ["backup.storage.addresingStyle: path", 'did you mean "backup.storage.addressingStyle"?'],
    ["minio: { address: x }", "is a v1 key; in v2 write milvus.storage.address"],
    ["milvus: { address: x }", "is a v1 key; in v2 write milvus.grpc.address"],
    ["milvus.tlsMode: 1", "in v2 write milvus.grpc.tlsMode (0 is disabled, 1 server, 2 mutual)"],
    ["minio.useIAM: true", 'in v2 write milvus.storage.auth.type (auth.type: "iam")'],
    ["http.enabled: true", "is a v1 key that is gone in v2; remove it"],
    ["nonsense:", "is not a known key"],
  ])("%s", async (yaml, what) => {
    const message = await refusal(loadV2(yaml));
    expect(message).toContain(what);
    expect(message).toMatch(/backup\.yaml:2:\d+/);
  });

  test("v1 variables are named, except those that Kubernetes makes", async () => {
    const env = {
      MINIO_SECRET_KEY: "canary",
      MILVUS_ADDRESS: "x",
      MILVUS_PORT: "tcp://10.0.0.1:19530",
      MILVUS_USER: "u",
    };
    const { warnings } = await loadV2("", { env });
    expect(warnings).toEqual([
      "environment variable MILVUS_ADDRESS belongs to v1 configurations, ignored; use the key milvus.grpc.address",
      "environment variable MINIO_SECRET_KEY belongs to v1 configurations, ignored; " +
        "use the variable MILVUS_STORAGE_AUTH_SECRET_ACCESS_KEY",
    ]);
  });
});

describe("unknown keys of a v1 file are warnings", () => {
  const warning = async (yaml: string, set: readonly string[] = []): Promise<string> =>
    (await load(yaml, { set })).warnings.slice(1).join("\n");

  test.each([
    ["http.simpleResponse: true", '"http.simpleResponse" (backup.yaml:1:22) is not read by this version, ignored'],
    ["minio: { adress: x }", 'is not a known key, ignored (did you mean "minio.address"?)'],
    ["milvus.storage: { bucketName: x }", "is a v2 key and is ignored, because the file is v1"],
    ["transfer.concurrency: 7", "is a v2 key and is ignored"],
  ])("%s", async (yaml, what) => {
    expect(await warning(yaml)).toContain(what);
  });

  test("--set too, without quoting what may be a password", async () => {
    expect(await warning("{}", ["nope=1"])).toContain("--set nope is not a known key, ignored");
    const quiet = await warning("{}", ["milvus.password=a,defgh=ijk"]);
    expect(quiet).toContain("--set flag 1, part 2 names an unknown key, ignored");
    expect(quiet).not.toContain("defgh");
  });
});
