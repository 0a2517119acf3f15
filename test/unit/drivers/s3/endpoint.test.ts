import { describe, expect, test } from "bun:test";
import { type EndpointOptions, endpointOf } from "../../../../drivers/s3/endpoint.ts";
import { PROVIDERS, providerOf } from "../../../../drivers/s3/providers.ts";

const where = (provider: string, options: Partial<EndpointOptions>) =>
  endpointOf(
    { address: "", port: 0, region: "", useSSL: true, style: "auto", bucket: "bkt", ...options },
    providerOf(provider, options.address ?? ""),
  );

describe("endpointOf", () => {
  const cases: readonly (readonly [string, string, Partial<EndpointOptions>, string, string, string])[] = [
    [
      "MinIO by address",
      "minio",
      { address: "127.0.0.1", port: 9000, useSSL: false },
      "http://127.0.0.1:9000",
      "us-east-1",
      "/bkt/a",
    ],
    [
      "a host name, path style",
      "minio",
      { address: "minio.local", port: 443 },
      "https://minio.local",
      "us-east-1",
      "/bkt/a",
    ],
    ["IPv6", "minio", { address: "::1", port: 9000, useSSL: false }, "http://[::1]:9000", "us-east-1", "/bkt/a"],
    [
      "AWS without an address",
      "aws",
      { region: "eu-west-1" },
      "https://bkt.s3.eu-west-1.amazonaws.com",
      "eu-west-1",
      "/a",
    ],
    [
      "AWS by its global host",
      "aws",
      { address: "s3.amazonaws.com", port: 443, region: "eu-west-1" },
      "https://bkt.s3.eu-west-1.amazonaws.com",
      "eu-west-1",
      "/a",
    ],
    [
      "AWS by a regional host",
      "aws",
      { address: "s3.us-gov-west-1.amazonaws.com" },
      "https://bkt.s3.us-gov-west-1.amazonaws.com",
      "us-gov-west-1",
      "/a",
    ],
    ["AWS without any region", "aws", {}, "https://bkt.s3.us-east-1.amazonaws.com", "us-east-1", "/a"],
    [
      "a bucket with dots over TLS",
      "aws",
      { region: "eu-west-1", bucket: "b.k" },
      "https://s3.eu-west-1.amazonaws.com",
      "eu-west-1",
      "/b.k/a",
    ],
    [
      "AWS with path style asked for",
      "aws",
      { region: "eu-west-1", style: "path" },
      "https://s3.eu-west-1.amazonaws.com",
      "eu-west-1",
      "/bkt/a",
    ],
    [
      "virtual style asked for",
      "s3",
      { address: "objects.example", style: "virtual", useSSL: false },
      "http://bkt.objects.example",
      "us-east-1",
      "/a",
    ],
    [
      "Alibaba",
      "aliyun",
      { address: "oss-cn-beijing-internal.aliyuncs.com" },
      "https://bkt.oss-cn-beijing-internal.aliyuncs.com",
      "cn-beijing",
      "/a",
    ],
    [
      "Tencent",
      "tencent",
      { address: "cos.ap-shanghai.myqcloud.com" },
      "https://bkt.cos.ap-shanghai.myqcloud.com",
      "ap-shanghai",
      "/a",
    ],
    [
      "Huawei",
      "hwc",
      { address: "obs.cn-south-1.myhuaweicloud.com" },
      "https://bkt.obs.cn-south-1.myhuaweicloud.com",
      "cn-south-1",
      "/a",
    ],
    [
      "Google",
      "gcp",
      { address: "storage.googleapis.com", port: 443 },
      "https://storage.googleapis.com",
      "auto",
      "/bkt/a",
    ],
    [
      "a region that is set against the host's",
      "hwc",
      { address: "obs.cn-south-1.myhuaweicloud.com", region: "cn-north-4" },
      "https://bkt.obs.cn-south-1.myhuaweicloud.com",
      "cn-north-4",
      "/a",
    ],
  ];
  for (const [name, provider, options, origin, region, path] of cases) {
    test(`of ${name}`, () => {
      const endpoint = where(provider, options);
      expect([endpoint.origin, endpoint.region, endpoint.pathOf("a")]).toEqual([origin, region, path]);
    });
  }

  test("is the same service for a port left out and the scheme's own, and another one for another region", () => {
    expect(where("s3", { address: "h" }).id).toBe(where("s3", { address: "h", port: 443 }).id);
    expect(where("s3", { address: "h" }).id).not.toBe(where("s3", { address: "h", region: "r" }).id);
    expect(where("s3", { address: "h" }).id).toBe(where("s3", { address: "h", bucket: "other" }).id);
  });

  test("refuses an address that is a URL, has a path or a port, or is missing", () => {
    for (const address of ["http://h", "h/p", "h:9000", ""])
      expect(() => where("minio", { address })).toThrow(/address/);
  });

  test("encodes keys segment by segment", () => {
    expect(where("s3", { address: "h" }).pathOf("a b/c+d%/ü(1)*'!~")).toBe(
      "/bkt/a%20b/c%2Bd%25/%C3%BC%281%29%2A%27%21~",
    );
  });
});

describe("PROVIDERS", () => {
  test("has every name that milvus-backup's configuration knows", () => {
    for (const name of ["minio", "s3", "aws", "gcp", "aliyun", "tencent", "hwc"]) expect(PROVIDERS[name]).toBeDefined();
  });

  test("knows names in any case, and gives the general row for others", () => {
    expect(providerOf("AWS", "")).toBe(providerOf("aws", ""));
    expect(providerOf("unheard-of", "")).toBe(providerOf("s3", ""));
  });

  test("goes by the address where the name is a general one, and by the name elsewhere", () => {
    const address = "s3.eu-west-1.amazonaws.com";
    expect(providerOf("s3", address)).toBe(providerOf("aws", ""));
    expect(providerOf("minio", "oss-cn-beijing.aliyuncs.com")).toBe(providerOf("aliyun", ""));
    expect(providerOf("ceph", address)).toBe(providerOf("ceph", ""));
    expect(providerOf("minio", "amazonaws.com.example.org")).toBe(providerOf("minio", ""));
  });

  test("rows can work: parts within S3's limits, a host that takes a region", () => {
    for (const [name, row] of Object.entries(PROVIDERS)) {
      expect([name, row.maxParts >= 1000 && row.maxParts <= 10_000, row.maxCopyBytes > 0]).toEqual([name, true, true]);
      if (row.fullObjectCrc32) expect([name, row.wireCheck]).toEqual([name, "crc32"]);
      if (row.regionInHost !== undefined && row.host !== undefined) {
        const host = row.host.replace("{region}", row.defaultRegion);
        expect([name, row.regionInHost.exec(host)?.[1]]).toEqual([name, row.defaultRegion]);
      }
    }
  });
});
