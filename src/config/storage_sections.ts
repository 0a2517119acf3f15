/** All storage sections, resolved and checked by themselves and against each other. */

import type { Finder } from "./layers.ts";
import { checkOverlap } from "./overlap.ts";
import type { Problems } from "./problems.ts";
import { checkSection } from "./storage_checks.ts";
import { type DriverOptions, resolveSection, type Section } from "./storage_section.ts";

export interface SectionsInput {
  readonly driverOptions: DriverOptions;
  /** For relative directories. */
  readonly cwd: string;
  /** Names below `storages:`, in lower case. */
  readonly profiles: readonly string[];
}

export interface Sections {
  readonly milvus: Section;
  readonly backup: Section;
  /** Those below `storages:`. */
  readonly profiles: readonly Section[];
}

/** Milvus' section, the backups', the named ones; fewer after a problem that kept one from being resolved. */
export function checkedSections(finder: Finder, input: SectionsInput, problems: Problems): Partial<Sections> {
  const { driverOptions, cwd } = input;
  const milvus = resolveSection({ side: "milvus", finder, driverOptions, problems });
  // Without it there is nothing to inherit from.
  if (milvus === undefined) return {};
  checkSection(milvus, problems);
  const profiles = input.profiles.flatMap((name) => {
    const section = resolveSection({ side: `storages.${name}`, finder, driverOptions, problems });
    if (section === undefined) return [];
    checkSection(section, problems);
    checkOverlap(milvus, section, cwd, problems);
    return [section];
  });
  const backup = resolveSection({ side: "backup", finder, driverOptions, problems, parent: milvus });
  if (backup === undefined) return { milvus, profiles };
  checkSection(backup, problems);
  checkOverlap(milvus, backup, cwd, problems);
  return { milvus, backup, profiles };
}

/** All there are. */
export function sectionList({ milvus, backup, profiles = [] }: Partial<Sections>): readonly Section[] {
  return [...(milvus === undefined ? [] : [milvus]), ...(backup === undefined ? [] : [backup]), ...profiles];
}
