import { expect, test } from "bun:test";
import { requireDirectIfAsked } from "../../../src/operations/direct_mode.ts";
import { coded } from "../meta/repository_support.ts";
import { failureOf } from "../transfer/roots.ts";
import { openWorld } from "./world.ts";

const asked = async (...given: Parameters<typeof requireDirectIfAsked>) => requireDirectIfAsked(...given);

test("mode direct needs one service that copies by itself; the other modes need nothing", async () => {
  const { sourceRoot: from, backupRoot: to } = (await openWorld()).context;
  const { backupRoot: elsewhere } = (await openWorld({ backups: "own bucket" })).context;
  expect(await asked({ from, to, mode: "direct" })).toBe(true);
  expect(await failureOf(asked({ from, to: { ...elsewhere, backendId: "other" }, mode: "direct" }))).toEqual(
    coded("CONFIG_INVALID", `${from.location} and ${elsewhere.location} are not one service; set it to auto`),
  );
  const { copyFrom: _, ...unable } = to;
  expect(await failureOf(asked({ from, to: unable, mode: "direct" }))).toEqual(
    coded("CONFIG_INVALID", `driver ${to.name} of ${to.location} has no server-side copy; set it to auto`),
  );
  for (const mode of ["auto", "streaming"] as const) expect(await asked({ from, to: unable, mode })).toBe(false);
});
