/**
 * A run's state, folded from a snapshot and the events after it. The search, a run followed in its store and the
 * dashboard's page keep their state here, so that a snapshot and the later events lead to the same state everywhere.
 *
 * Mutated in place: a run of 10,000 trials changes many times per second. Elapsed time is not an event: the owner of a
 * fold keeps its own clock.
 */
import type {
  EventOf,
  Notice,
  RunInfo,
  RunSnapshot,
  RunState,
  SamplerUpdate,
  SearchEvent,
  Stage,
  WorkerStatus,
} from "./events.ts";
import type { CurvePoint, Trial } from "../trial.ts";

/** A trial with its training curve, or without it as on the wire. */
type AnyTrial = Omit<Trial, "curve"> & { readonly curve?: Trial["curve"] };

type Progress = Extract<SearchEvent, { event: "trial_progress" }>;

export class RunFold<T extends AnyTrial = Trial> {
  /** Sequence number of the last event folded in. */
  seq: number;
  run: RunInfo;
  state: RunState;
  /** Why the run is in this state, if the event said so. */
  reason: string | null = null;
  stage: Stage;
  readonly trials: T[];
  readonly workers: Map<number, WorkerStatus>;
  readonly updates: SamplerUpdate[];
  readonly notices: Notice[];

  constructor(start: Omit<RunSnapshot<T>, "elapsedMs">) {
    this.seq = start.seq;
    this.run = start.run;
    this.state = start.state;
    this.stage = start.stage;
    this.trials = [...start.trials];
    this.workers = new Map(start.workers.map((worker) => [worker.id, worker]));
    this.updates = [...start.updates];
    this.notices = [...start.notices];
  }

  /** Folds in the next event; its sequence number is not checked. */
  fold(event: EventOf<T>): void {
    this.seq = event.seq;
    switch (event.event) {
      case "run_started":
        this.run = event.run;
        break;
      case "state_changed":
        this.state = event.state;
        this.reason = event.reason;
        break;
      case "stage_changed":
        this.stage = event.stage;
        break;
      case "trial_changed":
        this.trials[event.trial.id] = event.trial;
        break;
      case "trial_progress":
        this.#progress(event);
        break;
      case "worker_changed":
        this.workers.set(event.worker.id, event.worker);
        break;
      case "sampler_updated":
        this.updates.push(event.update);
        break;
      case "notice":
        this.notices.push(event);
        break;
      default:
        event satisfies never;
    }
  }

  snapshot(elapsedMs: number): RunSnapshot<T> {
    const { seq, run, state, stage, trials, workers, updates, notices } = this;
    return {
      ...{ seq, run, state, stage, elapsedMs },
      trials: [...trials],
      workers: [...workers.values()],
      updates: [...updates],
      notices: [...notices],
    };
  }

  /** A trial shows the progress of its first training, a worker that of whatever it trains. */
  #progress({ trial: id, training, worker: number, point, imagesPerSecond }: Progress): void {
    const trial = this.trials[id], worker = number === null ? undefined : this.workers.get(number);
    if (trial && training === 0) {
      const curve = trial.curve && { curve: withPoint(trial.curve, point) };
      this.trials[id] = { ...trial, ...curve, steps: point.step };
    }
    if (worker) this.workers.set(worker.id, { ...worker, step: point.step, imagesPerSecond });
  }
}

/** The curve with the next point. A training that started again replaces the points of its previous attempt. */
export function withPoint(curve: readonly CurvePoint[], point: CurvePoint): CurvePoint[] {
  let kept = curve.length;
  while (kept > 0 && curve[kept - 1].step >= point.step) kept--;
  return [...curve.slice(0, kept), point];
}
