/** What a storage section may and must hold, by provider and kind of credentials. */

import { keyProblem } from "../base/key_text.ts";
import { didYouMean } from "../base/nearest.ts";
import { hostProblem } from "./formats.ts";
import type { Problems } from "./problems.ts";
import { type AuthType, authTypes, CREDENTIAL_NAMES, CREDENTIALS, credentialsOf } from "./providers.ts";
import { defaulted, type Found } from "./raw.ts";
import { rootPathOf } from "./storage_config.ts";
import { SECTION_NAMES, STORAGE_NAMES, sectionPath } from "./storage_keys.ts";
import { isSet, type Section, textOf } from "./storage_section.ts";

/** Adds every problem of a resolved section. */
export function checkSection(section: Section, problems: Problems): void {
  const check = new SectionCheck(section, problems);
  if (section.family === "local") check.local();
  else if (section.family === "plugin") check.plugin();
  else check.service();
}

class SectionCheck {
  readonly #section: Section;
  readonly #problems: Problems;

  constructor(section: Section, problems: Problems) {
    this.#section = section;
    this.#problems = problems;
  }

  local(): void {
    const section = this.#section;
    if (textOf(section, "milvusAddress") !== "") {
      this.#add("milvusAddress", 'does not apply to provider "local"; remove it');
    }
    if (textOf(section, "rootPath") === "") this.#add("rootPath", "is required; write the directory");
    const unused = STORAGE_NAMES.filter(
      (name) => name !== "localPath" && !SECTION_NAMES.includes(name) && isSet(section, name),
    ).filter((name) => textOf(section, name) !== "");
    if (unused.length === 0) return;
    const keys = unused.map((name) => this.#key(name)).join(", ");
    this.#problems.warn(`${keys}: not used by provider "local", ignored`);
  }

  plugin(): void {
    const { table = {}, provider } = this.#section;
    this.#milvusAddress();
    const foreign = STORAGE_NAMES.filter((name) => !SECTION_NAMES.includes(name) && !Object.hasOwn(table, name));
    for (const name of foreign.filter((it) => isSet(this.#section, it))) {
      const hint = didYouMean(name, Object.keys(table));
      this.#add(name, `is not an option of driver ${JSON.stringify(provider)}${hint}; remove it`);
    }
    for (const [name, option] of Object.entries(table)) {
      if (option.required === true && textOf(this.#section, name) === "") {
        this.#add(name, `is required by driver ${JSON.stringify(provider)}: ${option.description}`);
      }
    }
  }

  service(): void {
    const section = this.#section;
    const wrongHost = hostProblem(textOf(section, "address"), "useSSL: true");
    if (wrongHost !== undefined) this.#add("address", wrongHost);
    this.#milvusAddress();
    this.#prefix();
    if (textOf(section, "bucketName") === "") this.#add("bucketName", "is required; write the bucket's name");
    if (section.family === "azure" && textOf(section, "accountName") === "" && !namesAccount(section)) {
      this.#add("accountName", 'is required by provider "azure"; write the storage account');
    }
    if (section.family !== "azure" && isSet(section, "accountName")) {
      this.#add("accountName", 'applies to provider "azure" only; remove it');
    }
    if (isSet(section, "localPath")) this.#add("localPath", 'applies to provider "local" only; remove it');
    this.#credentials();
    for (const [name, option] of Object.entries(section.table ?? {})) {
      const own = !STORAGE_NAMES.includes(name);
      if (own && option.required === true && textOf(section, name) === "") {
        this.#add(name, `is required by provider ${JSON.stringify(section.provider)}: ${option.description}`);
      }
    }
  }

  /** Objects are named by this path and their own: what no name can hold is not found out at the first of them. */
  #prefix(): void {
    const path = rootPathOf(this.#section);
    const wrong = path === "" ? undefined : keyProblem(path);
    if (wrong === undefined) return;
    this.#add("rootPath", `${JSON.stringify(path)} cannot be the start of object names: ${wrong}; write a plain path`);
  }

  #milvusAddress(): void {
    const address = textOf(this.#section, "milvusAddress");
    const wrongHost = hostProblem(address, "");
    if (wrongHost !== undefined) this.#add("milvusAddress", wrongHost);
    if (textOf(this.#section, "milvusPort") !== "0" && address === "") {
      this.#add("milvusPort", `needs ${this.#key("milvusAddress")} too; write both or none`);
    }
  }

  #credentials(): void {
    const section = this.#section;
    const type = textOf(section, "auth.type");
    const accepted = authTypes(section.family);
    if (!isAuthType(type) || !accepted.includes(type)) {
      const want = accepted.join(", ");
      const what = `invalid value ${JSON.stringify(type)} for provider ${JSON.stringify(section.provider)}`;
      this.#add("auth.type", `${what}; want one of: ${want}`);
      return;
    }
    const applies = credentialsOf(type, section.family);
    for (const name of CREDENTIALS[type].required) {
      if (textOf(section, name) === "") {
        this.#add(name, `is required while ${this.#key("auth.type")} is ${JSON.stringify(type)}`);
      }
    }
    for (const name of CREDENTIAL_NAMES) {
      if (!applies.includes(name) && isSet(section, name)) {
        this.#add(
          name,
          `does not apply when ${this.#key("auth.type")} is ${JSON.stringify(type)}; ${remedy(name, accepted)}`,
        );
      }
    }
  }

  #key(name: string): string {
    return `${sectionPath(this.#section.side)}.${name}`;
  }

  #add(name: string, what: string): void {
    const found: Found = this.#section.values.get(name) ?? defaulted("");
    this.#problems.addFor(this.#key(name), found, what);
  }
}

/** An address of its own names an account too. */
function namesAccount(section: Section): boolean {
  return textOf(section, "blobEndpoint") !== "" || textOf(section, "auth.type") === "connectionString";
}

function isAuthType(text: string): text is AuthType {
  return Object.hasOwn(CREDENTIALS, text);
}

/** What to do with a credential of another kind: remove it, or choose its kind where the provider has it. */
function remedy(name: string, accepted: readonly AuthType[]): string {
  const type = accepted.find((it) => CREDENTIALS[it].applies.includes(name));
  return type === undefined ? "remove it" : `remove it or set auth.type: ${type}`;
}
