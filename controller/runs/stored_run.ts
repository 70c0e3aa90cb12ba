/** A run read from its store, in the form of a running one. */
import type { RunSnapshot } from "./events.ts";
import type { StoredRun } from "./run_store.ts";

export function snapshotOf({ info, state, stage, trials, updates, notices, elapsedMs }: StoredRun): RunSnapshot {
  return { seq: 0, run: info, state, stage, trials, workers: [], updates, notices, elapsedMs };
}
