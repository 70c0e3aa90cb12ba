/** A stored run in the form of a running one, with its true state. */
import { isOver, type RunSnapshot, type RunState } from "./events.ts";
import type { StoredRun } from "./run_store.ts";
import type { Trial } from "../trial.ts";

/** Its notices keep their numbers, so that later events follow the last of them. */
export function snapshotOf({ info, state, stage, trials, updates, notices, elapsedMs }: StoredRun): RunSnapshot {
  const seq = notices.at(-1)?.seq ?? 0;
  return { seq, run: info, state, stage, trials, workers: [], updates, notices, elapsedMs };
}

/** A run whose process died still has the state "running"; it is running only if a process holds its lock. */
export function stateNow(stored: RunState, isHeld: boolean): RunState {
  return isOver({ state: stored }) || isHeld ? stored : "interrupted";
}

/** Trials that were running when their process ended are queued again. */
export function asFound(stored: StoredRun, isHeld: boolean): StoredRun {
  const state = stateNow(stored.state, isHeld);
  if (!isOver({ state })) return stored;
  const waiting = (trial: Trial): Trial => trial.state === "running" ? { ...trial, state: "queued" } : trial;
  return { ...stored, state, trials: stored.trials.map(waiting) };
}
