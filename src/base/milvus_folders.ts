/** What Milvus owns in its root path. */

/** Folders directly below a Milvus root path: what does not belong there is deleted by Milvus, what does is its data. */
export const MILVUS_FOLDERS: readonly string[] = [
  "insert_log",
  "delta_log",
  "stats_log",
  "index_files",
  "analyze_stats",
  "text_log",
  "json_key_index_log",
  "json_stats",
];
