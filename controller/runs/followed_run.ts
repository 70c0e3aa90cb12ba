/**
 * A run on disk as a source of events: what its store holds, and then, while somebody listens, what the process that
 * searches it writes there. The store is polled for changes a few times per second, which costs microseconds; only rows
 * that can have changed are read again: trials never change once they are finished.
 *
 * Workers are not stored. What each does is inferred from the trials assigned to it.
 */
import {
  isOver,
  type RunSettings,
  type RunSnapshot,
  type RunSource,
  type SearchEvent,
  type UnnumberedEvent,
  type WorkerStatus,
} from "./events.ts";
import { RunStoreError } from "./run_files.ts";
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
  /** As it is shown. */
  #run: StoredRun;
  #workers: readonly WorkerStatus[];
  #seq: number;
  /** When the store was last read: its `elapsedMs` is as of then. */
  #readAt = Date.now();
  /** The same on `performance.now()`. */
  #readClock = performance.now();
  /** Null while nobody listens. */
  #following: Following | null = null;

  /** Throws a RunStoreError if the folder holds no run that can be read. */
  constructor(folder: string, everyMs = EVERY_MS) {
    this.#folder = folder;
    this.#everyMs = everyMs;
    this.#run = loadRun(folder);
    this.#workers = workersOf(this.#run, this.#readAt);
    // As in a search that continues the run: after the notices, which keep their numbers.
    this.#seq = this.#run.notices.at(-1)?.seq ?? 0;
  }

  snapshot(): RunSnapshot {
    const sinceRead = isOver(this.#run) ? 0 : performance.now() - this.#readClock;
    return {
      ...snapshotOf(this.#run),
      seq: this.#seq,
      workers: this.#workers,
      elapsedMs: this.#run.elapsedMs + sinceRead,
    };
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
    if (isQuiet && isOver(this.#run)) return;
    const isHeld = isBeingContinued(this.#folder); // before reading, so that its last write is seen
    if (isQuiet && isHeld) return;
    following.version = version;
    this.#take(following.store.load(this.#unsettled()), isHeld);
  }

  /** The first rows that can have changed. */
  #unsettled(): StoredFrom {
    const { revision, updates, notices } = this.#run;
    return {
      revision,
      batch: (updates.at(-1)?.batch ?? -1) + 1,
      notice: (notices.at(-1)?.seq ?? -1) + 1,
    };
  }

  #take(stored: StoredRun, isHeld: boolean): void {
    const before = this.#run, trials = [...before.trials];
    for (const trial of stored.trials) trials[trial.id] = trial;
    const later = asFound({ ...stored, trials }, isHeld);
    const updates = [...before.updates, ...later.updates], notices = [...before.notices, ...later.notices];
    this.#run = { ...later, updates, notices };
    this.#readAt = Date.now();
    this.#readClock = performance.now();

    if (!isSame(before.info, later.info)) this.#emit({ event: "run_started", run: later.info });
    later.trials.filter((trial) => trial !== before.trials[trial.id])
      .forEach((trial) => this.#tellTrial(before.trials[trial.id], trial));
    this.#tellWorkers();
    later.updates.forEach((update) => this.#emit({ event: "sampler_updated", update }));
    later.notices.forEach(({ at, level, message }) => this.#emit({ event: "notice", level, message }, at));
    if (before.state !== later.state) this.#emit({ event: "state_changed", state: later.state, reason: null });
  }

  /** Progress of the child since, then all other changes. */
  #tellTrial(before: Trial | undefined, trial: Trial): void {
    const seen = before?.attempts === trial.attempts ? before.curve.length : 0;
    const points = trial.duplicateOf === null ? trial.curve.slice(seen) : [];
    const imagesPerSecond = speedOf(trial, this.#run.info.settings, this.#readAt);
    for (const point of points) {
      const { id, worker } = trial;
      this.#emit({ event: "trial_progress", trial: id, training: 0, worker, point, imagesPerSecond });
    }
    const { curve, steps } = trial;
    if (!before || !isSame({ ...before, curve, steps }, trial)) this.#emit({ event: "trial_changed", trial });
  }

  #tellWorkers(): void {
    const before = this.#workers;
    this.#workers = workersOf(this.#run, this.#readAt);
    for (const worker of this.#workers) {
      const known = before.find(({ id }) => id === worker.id);
      if (!isSame(known, worker)) this.#emit({ event: "worker_changed", worker });
    }
  }

  #emit(event: UnnumberedEvent, at = this.#readAt): void {
    const numbered = { ...event, seq: ++this.#seq, at } as SearchEvent;
    for (const listener of this.#listeners) listener(numbered);
  }
}

/** Workers that were given a trial, in the order of their numbers. */
function workersOf({ info, state, trials }: StoredRun, now: number): WorkerStatus[] {
  const given = Map.groupBy(trials.filter(({ worker }) => worker !== null), ({ worker }) => worker!);
  return [...given].sort(([one], [other]) => one - other).map(([id, own]) => {
    const training = own.find((trial) => trial.state === "running") ?? null;
    const ended = own.filter(isFinished);
    return {
      id,
      state: training ? "training" : isOver({ state }) ? "stopped" : "idle",
      trial: training?.id ?? null,
      step: training?.steps ?? 0,
      steps: info.settings.child.steps,
      imagesPerSecond: training && speedOf(training, info.settings, now),
      finished: ended.length,
      restarts: null,
      since: training?.startedAt ?? ended.reduce((last, { finishedAt }) => Math.max(last, finishedAt!), info.createdAt),
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
