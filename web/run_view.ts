/**
 * A run as a page shows it: its state (`run_fold.ts`) with what only a page keeps, the progress and the workers' states
 * seen since it was opened. The same in tests on the server and in the browser; `version` counts changes.
 */
import { isAtWork } from "../controller/runs/events.ts";
import type { WorkerStatus } from "../controller/runs/events.ts";
import { RunFold, withPoint } from "../controller/runs/run_fold.ts";
import type { CurvePoint, TrialRow } from "../controller/trial.ts";
import type { LiveEvent, LiveSnapshot } from "./protocol.ts";
import { unpackTrials } from "./trial_columns.ts";

/** A period of a worker in one state, for the time line. */
export interface Span {
  readonly worker: number;
  readonly state: WorkerStatus["state"];
  readonly trial: number | null;
  readonly from: number;
  /** Null while it lasts. */
  to: number | null;
}

/** Maximum number of periods and of notices; older ones are dropped. */
const SPANS_KEPT = 2_000;
const NOTICES_KEPT = 500;

export class RunView extends RunFold<TrialRow> {
  /** Progress of trials since this view began, by trial. */
  readonly curves = new Map<number, CurvePoint[]>();
  readonly spans: Span[] = [];
  /** Milliseconds of searching up to `elapsedAt` (server's clock). */
  elapsedMs: number;
  elapsedAt: number;
  version = 0;

  constructor(snapshot: LiveSnapshot, at: number) {
    super({ ...snapshot, trials: unpackTrials(snapshot.trials) });
    for (const worker of snapshot.workers) this.#beginSpan(worker, worker.since);
    this.elapsedMs = snapshot.elapsedMs;
    this.elapsedAt = at;
  }

  /**
   * False if events before this one were missed: the view must start again from a snapshot. Events already folded in
   * are ignored.
   */
  apply(event: LiveEvent): boolean {
    if (event.seq <= this.seq) return true;
    if (event.seq !== this.seq + 1) return false;
    this.version++;
    this.#note(event);
    this.fold(event);
    dropOldest(this.notices, NOTICES_KEPT);
    return true;
  }

  /** Milliseconds of searching at a time of the server's clock. */
  elapsedAtTime(now: number): number {
    return isAtWork(this) ? this.elapsedMs + Math.max(0, now - this.elapsedAt) : this.elapsedMs;
  }

  /** Updates the part that only a page keeps, before the event is folded in. */
  #note(event: LiveEvent): void {
    switch (event.event) {
      case "state_changed":
        this.elapsedMs = this.elapsedAtTime(event.at);
        this.elapsedAt = event.at;
        break;
      case "trial_progress":
        if (event.training === 0) {
          this.curves.set(event.trial, withPoint(this.curves.get(event.trial) ?? [], event.point));
        }
        break;
      case "worker_changed":
        this.#workerChanges(this.workers.get(event.worker.id), event.worker, event.at);
    }
  }

  #workerChanges(before: WorkerStatus | undefined, worker: WorkerStatus, at: number): void {
    if (before && before.state === worker.state && before.trial === worker.trial) return;
    const last = this.spans.findLast((span) => span.worker === worker.id && span.to === null);
    if (last) last.to = Math.max(last.from, at);
    this.#beginSpan(worker, at);
  }

  #beginSpan({ id, state, trial }: WorkerStatus, at: number): void {
    this.spans.push({ worker: id, state, trial, from: at, to: null });
    dropOldest(this.spans, SPANS_KEPT);
  }
}

function dropOldest(list: unknown[], kept: number): void {
  if (list.length > kept) list.splice(0, list.length - kept);
}
