import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

/** PEM files of a private authority and of what it signed, all valid for a day. */
export interface TestCerts {
  readonly caPath: string;
  /** For 127.0.0.1 and localhost. */
  readonly serverCertPath: string;
  readonly serverKeyPath: string;
  readonly clientCertPath: string;
  readonly clientKeyPath: string;
  /** An authority that signed neither of them. */
  readonly otherCaPath: string;
}

/** Makes the certificates in `folder` with openssl, about 0.3 s. */
export function makeCerts(folder: string): TestCerts {
  const path = (name: string) => join(folder, name);
  makeAuthority(folder, "ca");
  makeAuthority(folder, "other-ca");
  sign(folder, "server", "subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth\n");
  sign(folder, "client", "extendedKeyUsage=clientAuth\n");
  return {
    caPath: path("ca.crt"),
    serverCertPath: path("server.crt"),
    serverKeyPath: path("server.key"),
    clientCertPath: path("client.crt"),
    clientKeyPath: path("client.key"),
    otherCaPath: path("other-ca.crt"),
  };
}

const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

function makeAuthority(folder: string, name: string): void {
  const files = ["-keyout", `${name}.key`, "-out", `${name}.crt`];
  openssl(folder, ["req", "-x509", ...NEW_KEY, ...files, "-days", "1", "-subj", `/CN=milvus-backup test ${name}`]);
}

function sign(folder: string, name: string, extensions: string): void {
  writeFileSync(join(folder, `${name}.ext`), extensions);
  openssl(folder, [
    "req",
    ...NEW_KEY,
    "-keyout",
    `${name}.key`,
    "-out",
    `${name}.csr`,
    "-subj",
    `/CN=milvus-backup test ${name}`,
  ]);
  const authority = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial"];
  openssl(folder, [
    "x509",
    "-req",
    "-in",
    `${name}.csr`,
    ...authority,
    "-days",
    "1",
    "-out",
    `${name}.crt`,
    "-extfile",
    `${name}.ext`,
  ]);
}

function openssl(folder: string, args: readonly string[]): void {
  try {
    execFileSync("openssl", args, { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
  } catch (error) {
    throw new Error(`openssl ${args[0]} failed; is openssl installed?`, { cause: error });
  }
}
