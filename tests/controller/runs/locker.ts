/// <reference lib="deno.worker" />
/** A thread that keeps a database locked for a while, as another program might: `run_store_test.ts` starts it. */
import { DatabaseSync } from "node:sqlite";

self.onmessage = ({ data: { file, holdMs } }: MessageEvent<{ file: string; holdMs: number }>) => {
  const database = new DatabaseSync(file);
  database.exec("BEGIN IMMEDIATE");
  self.postMessage("locked");
  setTimeout(() => {
    database.exec("COMMIT");
    database.close();
  }, holdMs);
};
