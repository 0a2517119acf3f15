/** Both storage sections, resolved and checked by themselves and against each other. */

import type { Finder } from "./layers.ts";
import { checkOverlap } from "./overlap.ts";
import type { Problems } from "./problems.ts";
import { checkSection } from "./storage_checks.ts";
import { type DriverOptions, resolveSection, type Section } from "./storage_section.ts";

export interface SectionsInput {
  readonly driverOptions: DriverOptions;
  /** For relative directories. */
  readonly cwd: string;
}

/** Milvus' section, then the backups'; fewer after a problem that kept one from being resolved. */
export function checkedSections(finder: Finder, input: SectionsInput, problems: Problems): readonly Section[] {
  const { driverOptions, cwd } = input;
  const milvus = resolveSection({ side: "milvus", finder, driverOptions, problems });
  // Without it there is nothing to inherit from.
  if (milvus === undefined) return [];
  checkSection(milvus, problems);
  const backup = resolveSection({ side: "backup", finder, driverOptions, problems, parent: milvus });
  if (backup === undefined) return [milvus];
  checkSection(backup, problems);
  checkOverlap(milvus, backup, cwd, problems);
  return [milvus, backup];
}
