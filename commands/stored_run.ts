/** A run read from its store, in the form of a running one. */
import type { RunSnapshot } from "../controller/events.ts";
import type { StoredRun } from "../controller/run_store.ts";

export function snapshotOf({ info, state, trials, updates, notices, elapsedMs }: StoredRun): RunSnapshot {
  return { seq: 0, run: info, state, trials, workers: [], updates, notices, elapsedMs };
}
