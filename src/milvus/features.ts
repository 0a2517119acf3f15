/** Which calls and behaviours a server has, by its version where it cannot simply be tried. */

export type Feature =
  | "databases"
  | "describeDatabase"
  | "segmentDescribe"
  | "multiL0InOneJob"
  | "collectionGcControl"
  | "functionRuntimeCheck"
  | "flushAll"
  | "importV2"
  | "addField";
