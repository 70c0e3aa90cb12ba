/**
 * The journal of a run in progress: every change is stored, folded into the run's state and told to the listeners,
 * before the next thing happens. A run killed at any moment resumes from what its store then holds.
 */
import { AwakeClock } from "../../workers/awake_clock.ts";
import type { OpenedEngine } from "../../workers/protocol.ts";
import { enginesOf, hasWorkLeft, isFinished, type Trial } from "../trial.ts";
import { requeued } from "../trial_changes.ts";
import {
  isAtWork,
  type Notice,
  type RunInfo,
  type RunSettings,
  type RunSnapshot,
  type RunState,
  type SamplerUpdate,
  type SearchEvent,
  type Stage,
  type UnnumberedEvent,
  type WorkerStatus,
} from "./events.ts";
import { RunFold } from "./run_fold.ts";
import type { RunStore, StoredRun } from "./run_store.ts";
import { snapshotOf } from "./stored_run.ts";

/** Milliseconds. The elapsed time is read every second: where it was not for four times this, the process slept. */
const CLOCK_MS = 15_000;

export class RunJournal {
  /** The run as it was stored when this journal was opened. */
  readonly stored: StoredRun;
  readonly #store: RunStore;
  readonly #fold: RunFold;
  readonly #listeners = new Set<(event: SearchEvent) => void>();
  readonly #clock: AwakeClock;
  /** Milliseconds at work in this process. */
  #workedMs = 0;

  /** `monotonic` returns milliseconds; tests pass another clock. */
  constructor(store: RunStore, monotonic?: () => number) {
    this.#store = store;
    this.#clock = new AwakeClock(CLOCK_MS, monotonic);
    this.stored = store.load();
    this.#fold = new RunFold(beginning(this.stored));
    store.onLocked = (message) => this.#emit({ event: "notice", level: "warning", message }, "unsaved");
  }

  get run(): RunInfo {
    return this.#fold.run;
  }

  get settings(): RunSettings {
    return this.#fold.run.settings;
  }

  get state(): RunState {
    return this.#fold.state;
  }

  get stage(): Stage {
    return this.#fold.stage;
  }

  get trials(): readonly Trial[] {
    return this.#fold.trials;
  }

  get workers(): ReadonlyMap<number, WorkerStatus> {
    return this.#fold.workers;
  }

  /** Number of batches that the sampler was told of. */
  get batchesTold(): number {
    return this.#fold.updates.length;
  }

  /** Milliseconds that the run has been at work, in this process and before: not while it was paused, or slept. */
  get elapsedMs(): number {
    const before = this.#clock.now;
    this.#clock.tick();
    if (isAtWork(this)) this.#workedMs += this.#clock.now - before;
    return this.stored.elapsedMs + this.#workedMs;
  }

  snapshot(): RunSnapshot {
    return this.#fold.snapshot(this.elapsedMs);
  }

  /** The listener is called in order for every later event, until the returned function is called. */
  subscribe(listener: (event: SearchEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The workers' engine is open: the run starts, or goes on with another. `before` is why others were passed over. */
  begin({ name, device, notices, passedOver, childBytes }: OpenedEngine, before: readonly string[] = []): void {
    const others = enginesOf(this.trials).filter((engine) => engine !== name).join(" and ");
    const mixed = others === "" ? [] : [`trainings until now used ${others}, those from now on ${name}`];
    mixed.forEach((sentence) => this.notice("warning", sentence));
    const engineNotices = [...before, ...passedOver, ...notices, ...mixed];
    const { childBytes: _, ...known } = this.run;
    const run = { ...known, engine: name, device, engineNotices, ...childBytes !== undefined && { childBytes } };
    this.#store.saveInfo(run);
    this.#emit({ event: "run_started", run });
  }

  change(trial: Trial): void {
    this.#store.saveTrial(trial);
    this.#emit({ event: "trial_changed", trial });
  }

  /** Changes together, in the store too, so that a stage and the trainings it requests stay consistent. */
  changeAll(trials: readonly Trial[], stage?: Stage): void {
    this.#store.saveTrials(trials, stage);
    if (stage) this.#emit({ event: "stage_changed", stage });
    for (const trial of trials) this.#emit({ event: "trial_changed", trial });
  }

  /** New trials, together with the state of the sampler that has just proposed them. */
  propose(trials: readonly Trial[], samplerState: Uint8Array): void {
    this.#store.saveProposals(trials, samplerState);
    for (const trial of trials) this.#emit({ event: "trial_changed", trial });
  }

  /** What the sampler learnt of a batch, and its state since. */
  told(update: SamplerUpdate, samplerState: Uint8Array): void {
    this.#store.saveTold(update, samplerState);
    this.#emit({ event: "sampler_updated", update });
    this.#store.saveState(this.state, this.elapsedMs);
  }

  /** Progress of a child, which listeners hear at once and `saveProgress` stores. */
  progress(progress: Omit<Extract<UnnumberedEvent, { event: "trial_progress" }>, "event">): void {
    this.#emit({ event: "trial_progress", ...progress });
  }

  workerChanged(worker: WorkerStatus): void {
    this.#emit({ event: "worker_changed", worker });
  }

  /** Stores what followers read between two changes: elapsed time and each child's progress. */
  saveProgress(): void {
    this.#store.requireInPlace();
    for (const { trial } of this.#fold.workers.values()) {
      if (trial !== null) this.#store.saveTrial(this.trials[trial]);
    }
    this.#store.saveState(this.state, this.elapsedMs);
  }

  notice(level: Notice["level"], message: string): void {
    this.#emit({ event: "notice", level, message });
  }

  setState(state: RunState, reason: string | null): void {
    try {
      this.#store.saveState(state, this.elapsedMs);
    } finally {
      this.#emit({ event: "state_changed", state, reason });
    }
  }

  /** The run failed. The reason is stored; if storing itself failed, at least the listeners are told. */
  fail(reason: string): void {
    const tellings = [
      () => this.notice("error", `the search failed: ${reason}`),
      () => this.setState("failed", reason),
    ];
    for (const tell of tellings) {
      try {
        tell();
      } catch {
        // `reason` says why
      }
    }
  }

  #emit(event: UnnumberedEvent, keep: "saved" | "unsaved" = "saved"): void {
    const numbered = { ...event, seq: this.#fold.seq + 1, at: Date.now() } as SearchEvent;
    this.#fold.fold(numbered);
    try {
      if (numbered.event === "notice" && keep === "saved") this.#store.saveNotice(numbered);
    } finally {
      for (const listener of this.#listeners) listener(numbered);
    }
  }
}

/** The state in which the stored run is continued. */
function beginning(stored: StoredRun): RunSnapshot {
  const trials = stored.trials.map((trial) => isFinished(trial) ? trial : requeued(trial));
  const isDone = stored.state === "finished" && !stored.trials.some(hasWorkLeft);
  return { ...snapshotOf(stored), state: isDone ? "finished" : "starting", trials };
}
