/**
 * A run on disk as a source of events: what its store holds, and then, while somebody listens, what the process that
 * searches it writes there. The store is polled for changes a few times per second, which costs microseconds; only rows
 * saved since are read again.
 *
 * Workers are not stored. What each does is inferred from the trials assigned to it.
 */
import { stepsOf } from "../../child/pair_settings.ts";
import {
  isAtWork,
  isOver,
  type RunSettings,
  type RunSnapshot,
  type RunSource,
  type SearchEvent,
  type UnnumberedEvent,
  type WorkerStatus,
} from "./events.ts";
import { RunStoreError } from "./run_files.ts";
import { RunFold } from "./run_fold.ts";
import { isBeingContinued } from "./run_lock.ts";
import { loadRun, RunStore, type StoredFrom, type StoredRun } from "./run_store.ts";
import { isFinished, type Trial } from "../trial.ts";
import { asFound, snapshotOf } from "./stored_run.ts";

const EVERY_MS = 500;

/** What is open while somebody listens. */
interface Following {
  readonly store: RunStore;
  readonly timer: ReturnType<typeof setInterval>;
  /** The store's version when last read. */
  version: number;
}

export class FollowedRun implements RunSource {
  readonly control = null;
  readonly #folder: string;
  readonly #everyMs: number;
  readonly #listeners = new Set<(event: SearchEvent) => void>();
  /** The state that is shown: what was read from the store is folded in as events. */
  readonly #fold: RunFold;
  /** The first rows of the store that can have changed since. */
  #unread: StoredFrom;
  #elapsedMs: number;
  /** When the store was last read: its elapsed time is as of then. */
  #readAt = Date.now();
  /** The same on `performance.now()`. */
  #readClock = performance.now();
  /** Null while nobody listens. */
  #following: Following | null = null;

  /** Throws a RunStoreError if the folder holds no run that can be read. */
  constructor(folder: string, everyMs = EVERY_MS) {
    this.#folder = folder;
    this.#everyMs = everyMs;
    const run = loadRun(folder), snapshot = snapshotOf(run);
    this.#fold = new RunFold({ ...snapshot, workers: workersOf(snapshot, this.#readAt) });
    this.#unread = after(run, { revision: -1, batch: 0, notice: 0 });
    this.#elapsedMs = run.elapsedMs;
  }

  snapshot(): RunSnapshot {
    const sinceRead = isAtWork(this.#fold) ? performance.now() - this.#readClock : 0;
    return this.#fold.snapshot(this.#elapsedMs + sinceRead);
  }

  subscribe(listener: (event: SearchEvent) => void): () => void {
    this.#listeners.add(listener);
    this.#following ??= {
      store: RunStore.open(this.#folder, { readOnly: true }),
      timer: setInterval(() => this.#poll(), this.#everyMs),
      version: NaN,
    };
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.#stop();
    };
  }

  #stop(): void {
    clearInterval(this.#following?.timer);
    this.#following?.store.close();
    this.#following = null;
  }

  #poll(): void {
    try {
      this.#look(this.#following!);
    } catch (error) {
      if (!(error instanceof RunStoreError)) throw error;
      this.#emit({ event: "notice", level: "error", message: error.message });
      this.#stop();
    }
  }

  #look(following: Following): void {
    const version = following.store.version(), isQuiet = version === following.version;
    if (isQuiet && isOver(this.#fold)) return;
    const isHeld = isBeingContinued(this.#folder); // before reading, so that its last write is seen
    if (isQuiet && isHeld) return;
    following.version = version;
    this.#take(following.store.load(this.#unread), isHeld);
  }

  /** Emits what differs in the store from what is shown. */
  #take(stored: StoredRun, isHeld: boolean): void {
    const { run, stage, state, trials: shown } = this.#fold, trials = [...shown];
    for (const trial of stored.trials) trials[trial.id] = trial;
    const later = asFound({ ...stored, trials }, isHeld);
    this.#unread = after(stored, this.#unread);
    this.#elapsedMs = later.elapsedMs;
    this.#readAt = Date.now();
    this.#readClock = performance.now();

    if (!isSame(run, later.info)) this.#emit({ event: "run_started", run: later.info });
    if (!isSame(stage, later.stage)) this.#emit({ event: "stage_changed", stage: later.stage });
    later.trials.filter((trial) => trial !== shown[trial.id]).forEach((trial) => this.#emitTrial(trial));
    this.#emitWorkers({ ...this.#fold.snapshot(0), state: later.state });
    later.updates.forEach((update) => this.#emit({ event: "sampler_updated", update }));
    later.notices.forEach(({ at, level, message }) => this.#emit({ event: "notice", level, message }, at));
    if (state !== later.state) this.#emit({ event: "state_changed", state: later.state, reason: null });
  }

  /** Progress of the child since, then all other changes. */
  #emitTrial(trial: Trial): void {
    const { run, trials } = this.#fold, before = trials[trial.id];
    const seen = before?.attempts === trial.attempts ? before.curve.length : 0;
    const points = before && trial.duplicateOf === null ? trial.curve.slice(seen) : [];
    const imagesPerSecond = speedOf(trial, run.settings, this.#readAt);
    for (const point of points) {
      const { id, worker } = trial;
      this.#emit({ event: "trial_progress", trial: id, training: 0, worker, point, imagesPerSecond });
    }
    if (!isSame(trials[trial.id], trial)) this.#emit({ event: "trial_changed", trial });
  }

  /** Workers as the run's trials now show them; one whose trial waits again has none. */
  #emitWorkers(run: RunSnapshot): void {
    const known = this.#fold.workers, now = new Map(workersOf(run, this.#readAt).map((worker) => [worker.id, worker]));
    const lost = [...known.values()].filter(({ id }) => !now.has(id))
      .map((worker): WorkerStatus => ({ ...worker, state: isOver(run) ? "stopped" : "idle", trial: null }));
    for (const worker of [...now.values(), ...lost]) {
      if (!isSame(known.get(worker.id), worker)) this.#emit({ event: "worker_changed", worker });
    }
  }

  #emit(event: UnnumberedEvent, at = this.#readAt): void {
    const numbered = { ...event, seq: this.#fold.seq + 1, at } as SearchEvent;
    this.#fold.fold(numbered);
    for (const listener of this.#listeners) listener(numbered);
  }
}

/** Where to read on after these rows. */
function after({ revision, updates, notices }: StoredRun, before: StoredFrom): StoredFrom {
  return {
    revision,
    batch: (updates.at(-1)?.batch ?? before.batch - 1) + 1,
    notice: (notices.at(-1)?.seq ?? before.notice - 1) + 1,
  };
}

/** Workers that were given a trial, in the order of their numbers. */
function workersOf({ run, state, trials }: Omit<RunSnapshot, "workers">, now: number): WorkerStatus[] {
  const given = Map.groupBy(trials.filter(({ worker }) => worker !== null), ({ worker }) => worker!);
  return [...given].sort(([one], [other]) => one - other).map(([id, own]) => {
    const training = own.find((trial) => trial.state === "running") ?? null;
    const ended = own.filter(isFinished);
    return {
      id,
      state: training ? "training" : isOver({ state }) ? "stopped" : "idle",
      trial: training?.id ?? null,
      step: training?.steps ?? 0,
      steps: stepsOf(run.settings.child),
      imagesPerSecond: training && speedOf(training, run.settings, now),
      finished: ended.length,
      restarts: null,
      since: training?.startedAt ?? ended.reduce((last, { finishedAt }) => Math.max(last, finishedAt!), run.createdAt),
      lastError: null,
    };
  });
}

/** Images per second since the child began. */
function speedOf({ steps, startedAt, finishedAt }: Trial, { child }: RunSettings, now: number): number {
  return steps * child.batch / Math.max(1, ((finishedAt ?? now) - (startedAt ?? now)) / 1000);
}

function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
