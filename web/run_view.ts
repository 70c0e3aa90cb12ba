/**
 * The state of a run, folded from a snapshot and later events: the same in tests on the server and in
 * the browser. Mutated in place, because a view of 10,000 trials changes many times a second; `version` counts changes.
 */
import {
  isOver,
  type RunInfo,
  type RunState,
  type SamplerUpdate,
  type WorkerStatus,
} from "../controller/runs/events.ts";
import type { CurvePoint } from "../controller/trial.ts";
import type { LiveEvent, LiveSnapshot, Notice, TrialRow } from "./protocol.ts";
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

/** Maximum number of periods and progress points; older ones are dropped. */
const SPANS_KEPT = 2_000;
const NOTICES_KEPT = 500;

export class RunView {
  seq: number;
  run: RunInfo;
  state: RunState;
  readonly trials: TrialRow[] = [];
  readonly workers = new Map<number, WorkerStatus>();
  readonly updates: SamplerUpdate[];
  readonly notices: Notice[];
  /** Progress of trials since this view began, by trial. */
  readonly curves = new Map<number, CurvePoint[]>();
  readonly spans: Span[] = [];
  reason: string | null = null;
  /** Milliseconds of searching up to `elapsedAt` (server's clock). */
  elapsedMs: number;
  elapsedAt: number;
  version = 0;

  constructor(snapshot: LiveSnapshot, at: number) {
    this.seq = snapshot.seq;
    this.run = snapshot.run;
    this.state = snapshot.state;
    for (const trial of unpackTrials(snapshot.trials)) this.#putTrial(trial);
    for (const worker of snapshot.workers) this.#putWorker(worker, worker.since);
    this.updates = [...snapshot.updates];
    this.notices = [...snapshot.notices];
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
    this.seq = event.seq;
    this.version++;
    switch (event.event) {
      case "run_started":
        this.run = event.run;
        break;
      case "state_changed":
        this.#changeState(event.state, event.reason, event.at);
        break;
      case "trial_changed":
        this.#putTrial(event.trial);
        break;
      case "trial_progress":
        this.#progress(event.trial, event.point);
        break;
      case "worker_changed":
        this.#putWorker(event.worker, event.at);
        break;
      case "sampler_updated":
        this.updates.push(event.update);
        break;
      case "notice":
        this.notices.push(event);
        if (this.notices.length > NOTICES_KEPT) this.notices.splice(0, this.notices.length - NOTICES_KEPT);
        break;
      default:
        event satisfies never;
    }
    return true;
  }

  /** Milliseconds of searching at a time of the server's clock. */
  elapsedAtTime(now: number): number {
    return isOver(this) ? this.elapsedMs : this.elapsedMs + Math.max(0, now - this.elapsedAt);
  }

  #changeState(state: RunState, reason: string | null, at: number): void {
    this.elapsedMs = this.elapsedAtTime(at);
    this.elapsedAt = at;
    this.state = state;
    this.reason = reason;
  }

  #putTrial(trial: TrialRow): void {
    this.trials[trial.id] = trial;
  }

  #progress(id: number, point: CurvePoint): void {
    const points = this.curves.get(id) ?? [];
    // A trial given to a new worker starts again from its first step.
    while (points.length > 0 && points[points.length - 1].step >= point.step) points.pop();
    points.push(point);
    this.curves.set(id, points);
    const trial = this.trials[id];
    if (trial) this.trials[id] = { ...trial, steps: point.step };
  }

  #putWorker(worker: WorkerStatus, at: number): void {
    const before = this.workers.get(worker.id);
    this.workers.set(worker.id, worker);
    if (before && before.state === worker.state && before.trial === worker.trial) return;
    for (let index = this.spans.length - 1; index >= 0; index--) {
      const span = this.spans[index];
      if (span.worker === worker.id && span.to === null) {
        span.to = Math.max(span.from, at);
        break;
      }
    }
    this.spans.push({ worker: worker.id, state: worker.state, trial: worker.trial, from: at, to: null });
    if (this.spans.length > SPANS_KEPT) this.spans.splice(0, this.spans.length - SPANS_KEPT);
  }
}
