import { definition } from "../../drivers/memory/mod.ts";
import { openBare } from "../support/open_bare.ts";
import { describeStorageDriver } from "./storage_driver.ts";

const open = (rootPath: string) => () => openBare(definition, { rootPath, options: { store: "conformance" } });

describeStorageDriver("memory", open("root/path"), { openOther: open("other") });
