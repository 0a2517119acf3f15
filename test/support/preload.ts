// Loaded by bunfig.toml before the first test file; its hook runs after the last one. Kept free of heavy imports: every
// run of the unit tests passes here.
import { afterAll } from "bun:test";
import { stopShared } from "./shared_servers.ts";

afterAll(stopShared, 60_000);
