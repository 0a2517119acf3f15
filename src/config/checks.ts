/** What values outside the storage sections must satisfy together, beyond type and range. */

import { hostProblem, urlProblem } from "./formats.ts";
import type { Problems } from "./problems.ts";
import type { Resolved } from "./resolved.ts";

const URLS: readonly string[] = ["milvus.rest.endpoint", "milvus.management.endpoint", "zillizCloud.endpoint"];

export function checkValues(resolved: Resolved, problems: Problems): void {
  for (const key of URLS) {
    const text = resolved.text(key);
    const wrong = text === "" ? undefined : urlProblem(text);
    if (wrong !== undefined) problems.addFor(key, resolved.found(key), wrong);
  }
  const grpc = "milvus.grpc.address";
  const wrongHost = hostProblem(resolved.text(grpc), "milvus.grpc.tlsMode: server");
  if (wrongHost !== undefined) problems.addFor(grpc, resolved.found(grpc), wrongHost);
  else if (resolved.text(grpc) === "") problems.addFor(grpc, resolved.found(grpc), "is required; write Milvus' host");
  if (resolved.list("milvus.etcd.endpoints").length === 0) {
    problems.addFor(
      "milvus.etcd.endpoints",
      resolved.found("milvus.etcd.endpoints"),
      "must name at least one endpoint",
    );
  }
  if (resolved.text("milvus.grpc.tlsMode") === "mutual") {
    for (const key of ["milvus.grpc.mtlsCertPath", "milvus.grpc.mtlsKeyPath"]) {
      if (resolved.text(key) !== "") continue;
      problems.addFor(key, resolved.found(key), "is required while milvus.grpc.tlsMode is mutual; write the PEM file");
    }
  }
}
