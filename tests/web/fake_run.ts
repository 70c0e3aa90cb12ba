/**
 * A search that trains nothing: seeded candidates of the real search space with made-up accuracies, emitting the events
 * that a search emits. For tests of the dashboard, and to look at it: `deno run tests/web/serve_fake.ts`.
 */
import type { ChildSettings } from "../../child/trainer.ts";
import { meetingsOf } from "../../controller/finals.ts";
import { PRESETS, TARGET } from "../../controller/presets.ts";
import { activationFrom } from "../../child/activation/catalog.ts";
import { compileToClosure } from "../../child/activation/evaluate.ts";
import { mirrorFingerprint } from "../../child/activation/fingerprint.ts";
import { printExpression } from "../../child/activation/print.ts";
import { simplify } from "../../child/activation/simplify.ts";
import {
  isAtWork,
  type RunInfo,
  type RunSnapshot,
  type RunSource,
  type RunState,
  type SamplerUpdate,
  type SearchControl,
  type SearchEvent,
  type UnnumberedEvent,
  type WorkerStatus,
} from "../../controller/runs/events.ts";
import { SearchSpace } from "../../controller/search_space.ts";
import { queuedTrial } from "../../controller/trial_changes.ts";
import {
  bestTrial,
  counts,
  type CurvePoint,
  type Training,
  type Trial,
  type TrialState,
} from "../../controller/trial.ts";

export interface FakeOptions {
  readonly name?: string;
  readonly trials?: number;
  readonly workers?: number;
  readonly seed?: number;
  readonly sampler?: string;
  readonly state?: RunState;
  /** Milliseconds since the epoch at which the run began. */
  readonly createdAt?: number;
  /** Distinct functions to draw candidates from: making one takes milliseconds. */
  readonly functions?: number;
  /**
   * The verdict at the end of a run with references and several trainings of its better functions; null for a run with
   * one training per trial.
   */
  readonly verdict?: "found" | "not found" | null;
  /** Whether its finalists meet on a target, the default one, before the verdict. */
  readonly target?: boolean;
  /** Whether a training is of two children, each of half the steps. */
  readonly second?: boolean;
}

/** Accuracies of the references for each verdict; the best functions of a run reach about 0.7. */
const REFERENCES = {
  found: [["ReLU", 0.652], ["Swish", 0.668]],
  "not found": [["ReLU", 0.681], ["Swish", 0.699]],
} as const;
/** Trainings of a reference, of a candidate that is promoted, of a finalist in the playoff, and of each on the target. */
const SEEDS = { reference: 6, promoted: 3, playoff: 4, target: [7, 7, 3, 3] };
const FINALISTS = 4;
/** Candidates with a higher accuracy are trained again. */
const PROMOTED_OVER = 0.6;
/** Standard deviation of one training. */
const NOISE = 0.008;

const STEPS = 1000;
const CHILD: ChildSettings = {
  network: "resnet8",
  steps: STEPS,
  batch: 64,
  learningRate: 0.1,
  schedule: "cosine",
  optimizer: { kind: "sgd", momentum: 0.9, weightDecay: 1e-4 },
  augment: true,
  validationImages: 1000,
};
const BATCH = 20;
/** Duration of a fake training. */
const TRIAL_MS = 14_000;

interface Function {
  readonly tokens: readonly number[];
  readonly expression: string;
  readonly simplified: string;
  readonly fingerprint: string;
  readonly accuracy: number;
  readonly usesBeta: boolean;
}

/** Mulberry32: 32 bits of state, good enough to look random. */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export class FakeRun implements RunSource {
  readonly #options: Required<FakeOptions>;
  readonly #random: () => number;
  readonly #space = new SearchSpace(2);
  readonly #functions: Function[] = [];
  readonly #listeners = new Set<(event: SearchEvent) => void>();
  readonly #running = new Map<number, number>();
  #run: RunInfo;
  #state: RunState;
  #seq = 0;
  #now: number;
  #elapsedMs = 0;
  #trials: Trial[] = [];
  #workers: WorkerStatus[] = [];
  #updates: SamplerUpdate[] = [];
  #notices: RunSnapshot["notices"][number][] = [];
  #added: string[] = [];
  /** Trials that wait for a worker again. */
  #waiting: number[] = [];
  #stage: RunSnapshot["stage"] = { name: "search", promoted: 0 };
  readonly controls: SearchControl[] = [];

  constructor(options: FakeOptions = {}) {
    this.#options = {
      name: "fake",
      trials: 200,
      workers: 2,
      seed: 1,
      sampler: "ppo",
      state: "running",
      createdAt: Date.UTC(2026, 0, 5, 9),
      functions: 150,
      verdict: null,
      target: false,
      second: false,
      ...options,
    };
    this.#random = random(this.#options.seed);
    this.#state = this.#options.state;
    this.#now = this.#options.createdAt;
    this.#run = this.#makeRun();
    this.#emit({ event: "run_started", run: this.#run });
    this.#setWorkers(this.#options.workers);
    this.#notice(
      "warning",
      "CIFAR-10 is not available here: the search runs on shapes, which are drawn by the program",
    );
  }

  snapshot(): RunSnapshot {
    return {
      seq: this.#seq,
      run: this.#run,
      state: this.#state,
      stage: this.#stage,
      trials: this.#trials.slice(),
      workers: this.#workers.slice(),
      updates: this.#updates.slice(),
      notices: this.#notices.slice(),
      elapsedMs: this.#elapsedMs,
    };
  }

  subscribe(listener: (event: SearchEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  control: RunSource["control"] = (request) => {
    this.controls.push(request);
    switch (request.control) {
      case "set_workers":
        this.#setWorkers(request.workers);
        break;
      case "add_candidate":
        this.#added.push(request.expression);
        break;
      default:
        this.#setState(({ pause: "paused", resume: "running", stop: "stopping" } as const)[request.control]);
    }
    return Promise.resolve(null);
  };

  /** Makes the run read-only. */
  close(state: RunState = "finished"): void {
    this.#setState(state);
    this.control = null;
  }

  get now(): number {
    return this.#now;
  }

  get isDone(): boolean {
    return this.#trials.length >= this.#wanted && this.#running.size === 0 && this.#waiting.length === 0;
  }

  /** Moves fake time on: children make progress, end, and new ones start. Emits at least one event unless done. */
  advance(ms: number): void {
    this.#now += ms;
    if (isAtWork({ state: this.#state })) this.#elapsedMs += ms;
    if (this.#state === "paused") return;
    for (const worker of this.#workers) {
      if (worker.state === "training") this.#train(worker, ms);
      else if (worker.state === "idle" || worker.state === "starting" || worker.state === "restarting") {
        this.#startNext(worker);
      }
    }
    if (this.isDone && this.#state === "running") this.#conclude();
  }

  /** Advances until the run is done. */
  finish(stepMs = TRIAL_MS): this {
    while (!this.isDone) this.advance(stepMs);
    if (this.#state === "running") this.#conclude();
    return this;
  }

  get #references(): readonly (readonly [name: string, accuracy: number])[] {
    return this.#options.verdict === null ? [] : REFERENCES[this.#options.verdict];
  }

  /** Trials, references among them. */
  get #wanted(): number {
    return this.#options.trials + this.#references.length;
  }

  /** The playoff and the verdict, where the run has one, and the end. */
  #conclude(): void {
    if (this.#options.verdict !== null) this.#judge(this.#options.verdict);
    this.#setState("finished");
  }

  #judge(verdict: "found" | "not found"): void {
    const able = this.#trials.filter(({ role, state }) => role === "candidate" && state === "complete")
      .sort((one, other) => other.score! - one.score!);
    const prints = able.map(({ fingerprint }) => fingerprint);
    const finalists = able.filter(({ fingerprint }, at) => prints.indexOf(fingerprint) === at).slice(0, FINALISTS);
    for (const { id } of finalists) {
      const first = SEEDS.reference;
      this.#putTrial(this.#trained(this.#trials[id], "playoff", first, SEEDS.playoff, this.#accuracyOf(id)));
    }
    if (this.#options.target) {
      for (const [at, { id }] of finalists.entries()) {
        this.#putTrial(this.#trained(this.#trials[id], "target", 0, SEEDS.target[at], this.#accuracyOf(id)));
      }
    }
    const named = meetingsOf(this.#trials)[0]?.trial ?? bestTrial(finalists.map(({ id }) => this.#trials[id]))!;
    this.#stage = { name: "verdict", trial: named.id };
    this.#emit({ event: "stage_changed", stage: this.#stage });
    const strongest = Math.max(...this.#references.map(([, accuracy]) => accuracy));
    const worth = verdict === "found" ? Math.max(strongest + 0.02, this.#accuracyOf(named.id)) : strongest + 0.001;
    const { verdictSeeds } = this.#run.settings.judging;
    this.#putTrial(this.#trained(named, "verdict", 0, verdictSeeds, worth));
    for (const [id, [, accuracy]] of this.#references.entries()) {
      this.#putTrial(this.#trained(this.#trials[id], "verdict", 0, verdictSeeds, accuracy));
    }
  }

  /** With more trainings; the score is the mean of those that count for it. */
  #trained(trial: Trial, stage: Training["stage"], first: number, seeds: number, accuracy: number): Trial {
    const more = Array.from({ length: seeds }, (_, index): Training => ({
      ...{ seed: first + index, stage, state: "complete" },
      score: Math.round(1000 * (accuracy + NOISE * this.#normal())) / 1000, // of 1,000 images
    }));
    const trainings = [...trial.trainings.filter(({ state }) => state !== "queued"), ...more];
    const scores = trainings.filter(counts).map(({ score }) => score!);
    const score = scores.reduce((sum, one) => sum + one, 0) / scores.length;
    return { ...trial, trainings, score, deviation: NOISE / Math.sqrt(scores.length) };
  }

  /** Of mean 0 and standard deviation 1, near enough (Irwin-Hall). */
  #normal(): number {
    return Array.from({ length: 12 }, this.#random).reduce((sum, one) => sum + one, -6);
  }

  #accuracyOf(id: number): number {
    return this.#references[id]?.[1] ?? describe(this.#trials[id].expression).accuracy;
  }

  #makeRun(): RunInfo {
    const { name, trials, workers, seed, sampler, createdAt } = this.#options;
    return {
      name,
      settings: {
        sampler,
        preset: "laptop",
        dataset: "cifar10",
        datasetNamed: false,
        dataDirectory: null,
        units: 2,
        trials,
        timeLimitMs: null,
        seed,
        batch: BATCH,
        workers,
        engine: "auto",
        child: this.#options.second
          ? { ...CHILD, steps: STEPS / 2, second: { ...CHILD, network: "resnet14", steps: STEPS / 2 } }
          : CHILD,
        controller: PRESETS.laptop.controller,
        childTimeMs: null,
        judging: { ...PRESETS.laptop.judging, target: this.#options.target ? TARGET : null },
        objective: "validation",
        learnFrom: null,
        tableSeeds: false,
      },
      engine: "wasm",
      device: "CPU, 2 threads of SIMD",
      childBytes: 41_000_000,
      engineNotices: ["cuda: libcuda.so.1 was not found", "webgpu: no adapter"],
      dataset: "shapes",
      synthetic: true,
      classes: 10,
      metric: this.#options.second ? "mean validation accuracy" : "validation accuracy",
      createdAt,
    };
  }

  #emit(event: UnnumberedEvent): void {
    const numbered = { ...event, seq: ++this.#seq, at: this.#now } as SearchEvent;
    for (const listener of this.#listeners) listener(numbered);
  }

  #setState(state: RunState): void {
    this.#state = state;
    this.#emit({ event: "state_changed", state, reason: state === "failed" ? "made to fail" : null });
  }

  #notice(level: "info" | "warning" | "error", message: string): void {
    this.#notices.push({ event: "notice", level, message, seq: this.#seq + 1, at: this.#now });
    this.#emit({ event: "notice", level, message });
  }

  #setWorkers(count: number): void {
    for (let id = 0; id < Math.max(count, this.#workers.length); id++) {
      const known = this.#workers[id];
      if (id < count && known && known.state !== "stopped") continue;
      if (id >= count && known.trial !== null) this.#end(known.trial, "failed", "its worker was taken away");
      this.#putWorker({
        id,
        state: id < count ? "starting" : "stopped",
        trial: null,
        step: 0,
        steps: STEPS,
        imagesPerSecond: null,
        finished: known?.finished ?? 0,
        restarts: known?.restarts ?? 0,
        since: this.#now,
        lastError: known?.lastError ?? null,
      });
    }
  }

  #putWorker(worker: WorkerStatus): void {
    this.#workers[worker.id] = worker;
    this.#emit({ event: "worker_changed", worker });
  }

  #putTrial(trial: Trial): void {
    this.#trials[trial.id] = trial;
    this.#emit({ event: "trial_changed", trial });
  }

  #startNext(worker: WorkerStatus): void {
    if (this.#state !== "running") return;
    const waiting = this.#waiting.shift();
    const trial = waiting === undefined ? this.#propose() : this.#trials[waiting];
    if (!trial) {
      if (worker.state !== "idle") this.#putWorker({ ...worker, state: "idle", since: this.#now, trial: null });
      return;
    }
    this.#running.set(trial.id, worker.id);
    this.#putTrial({
      ...trial,
      state: "running",
      worker: worker.id,
      attempts: trial.attempts + 1,
      startedAt: this.#now,
    });
    this.#putWorker({ ...worker, state: "training", trial: trial.id, step: 0, since: this.#now });
  }

  #propose(): Trial | null {
    const id = this.#trials.length;
    const reference = this.#references[id]?.[0];
    const added = reference === undefined ? this.#added.shift() : undefined;
    if (added === undefined && id >= this.#wanted) return null;
    const asked = reference ?? added;
    const made = asked === undefined ? this.#draw() : describe(asked);
    const trial = queuedTrial({
      id,
      batch: Math.max(0, Math.floor((id - this.#references.length) / BATCH)),
      role: reference !== undefined ? "reference" : added !== undefined ? "by hand" : "candidate",
      expression: made.expression,
      simplified: made.simplified,
      fingerprint: made.fingerprint,
      tokens: made.tokens,
      seeds: 1,
    });
    this.#putTrial(trial);
    return trial;
  }

  /** Draws better functions more often as the run goes on, as a sampler that learns does. */
  #draw(): Function {
    const rounds = this.#options.sampler === "random"
      ? 1
      : 1 + Math.floor(3 * this.#trials.length / this.#options.trials);
    const drawn = Array.from({ length: rounds }, () => this.#drawOne());
    return drawn.reduce((best, one) => one.accuracy > best.accuracy ? one : best);
  }

  #drawOne(): Function {
    if (this.#functions.length < this.#options.functions) {
      const tokens = this.#space.positions.map(({ choices }) => Math.floor(this.#random() * choices.length));
      const made = { ...describe(printExpression(this.#space.expressionOf(tokens))), tokens };
      this.#functions.push(made);
      return made;
    }
    return this.#functions[Math.floor(this.#random() * this.#functions.length)];
  }

  #train(worker: WorkerStatus, ms: number): void {
    const id = worker.trial!;
    const trial = this.#trials[id];
    const step = Math.min(STEPS, worker.step + Math.round(ms / TRIAL_MS * STEPS * (0.8 + 0.4 * this.#random())));
    const made = describe(trial.expression);
    const loss = 2.3 * Math.exp(-3 * made.accuracy * step / STEPS) + 0.05 * this.#random();
    const point: CurvePoint = { step, loss };
    this.#trials[id] = { ...trial, steps: step, curve: [...trial.curve, point] };
    const imagesPerSecond = 320 + 40 * this.#random();
    this.#emit({ event: "trial_progress", trial: id, training: 0, worker: worker.id, point, imagesPerSecond });
    if (this.#random() < 0.002) return this.#loseWorker(worker, id);
    const isReference = trial.role === "reference";
    if (!isReference && made.accuracy < 0.13 && step > 60) {
      return this.#endOn(worker, id, "diverged", `the loss was NaN at step ${step}`);
    }
    if (!isReference && made.accuracy < 0.3 && step > STEPS / 3) {
      return this.#endOn(worker, id, "pruned", "in the worst third at step 333");
    }
    if (step >= STEPS) return this.#endOn(worker, id, "complete", null);
    this.#putWorker({ ...worker, step, imagesPerSecond });
  }

  #loseWorker(worker: WorkerStatus, id: number): void {
    const reason = "its worker did not answer for 30 s";
    this.#running.delete(id);
    this.#waiting.push(id);
    this.#putTrial({ ...this.#trials[id], state: "queued", worker: null, curve: [], steps: 0 });
    this.#putWorker({
      ...worker,
      state: "restarting",
      trial: null,
      restarts: (worker.restarts ?? 0) + 1,
      since: this.#now,
      lastError: reason,
    });
    this.#notice("warning", `trial ${id} goes to a fresh worker: ${reason}`);
  }

  #endOn(worker: WorkerStatus, id: number, state: TrialState, reason: string | null): void {
    this.#end(id, state, reason);
    this.#putWorker({
      ...worker,
      state: "idle",
      trial: null,
      step: 0,
      finished: worker.finished + 1,
      since: this.#now,
    });
  }

  #end(id: number, state: TrialState, reason: string | null): void {
    this.#running.delete(id);
    const trial = this.#trials[id];
    const made = describe(trial.expression);
    const judged = state === "complete" || state === "pruned";
    const accuracy = judged ? Math.max(0.1, Math.min(0.99, made.accuracy + 0.02 * (this.#random() - 0.5))) : null;
    const ended: Trial = {
      ...trial,
      state,
      reason,
      score: accuracy,
      deviation: accuracy === null ? null : 0.008,
      trainings: [{ seed: 0, stage: "search", state: judged ? "complete" : "diverged", score: accuracy ?? 0.1 }],
      reward: trial.role === "reference" ? null : accuracy ?? 0.1,
      finalLoss: state === "diverged" ? null : trial.curve.at(-1)?.loss ?? null,
      betaMean: made.usesBeta ? 0.8 + 0.5 * this.#random() : null,
      finishedAt: this.#now,
    };
    this.#putTrial(this.#options.verdict === null || state !== "complete" ? ended : this.#promoted(ended));
    const batch = trial.role === "reference" ? [] : this.#ofBatch(trial.batch);
    if (batch.length === BATCH && batch.every(({ finishedAt }) => finishedAt !== null)) this.#learn(trial.batch, batch);
  }

  /** A better function, and a reference, is trained from more seeds. */
  #promoted(trial: Trial): Trial {
    const accuracy = this.#accuracyOf(trial.id);
    const again = accuracy > PROMOTED_OVER ? SEEDS.promoted : 1;
    const seeds = trial.role === "reference" ? SEEDS.reference : again;
    const trained = this.#trained({ ...trial, trainings: [] }, "search", 0, seeds, accuracy);
    return { ...trained, reward: trial.reward === null ? null : trained.score };
  }

  /** Trials of a batch, in the order of their ids. */
  #ofBatch(batch: number): Trial[] {
    const first = this.#references.length + batch * BATCH;
    return this.#trials.slice(first, first + BATCH);
  }

  #learn(batch: number, trials: readonly Trial[]): void {
    const rewards = trials.map(({ reward }) => reward!);
    const learns = this.#options.sampler !== "random";
    const share = Math.min(1, batch * BATCH / this.#options.trials);
    const update: SamplerUpdate = {
      batch,
      metrics: [
        {
          ...{ name: "mean_reward", label: "mean reward", unit: "reward" },
          value: rewards.reduce((sum, reward) => sum + reward, 0) / rewards.length,
        },
        { name: "best_reward", label: "best reward", unit: "reward", value: Math.max(...rewards) },
        ...learns
          ? [
            { name: "baseline", label: "baseline", unit: "reward", value: 0.3 + 0.2 * share },
            { name: "entropy", label: "entropy", unit: "nats", value: 20.6 * (1 - 0.5 * share) },
            { name: "kl", label: "KL divergence", unit: "nats", value: 0.01 + 0.01 * this.#random() },
            { name: "loss", label: "loss", unit: "", value: 0.1 * (this.#random() - 0.5) },
          ]
          : [],
      ],
      probabilities: learns
        ? this.#space.positions.map(({ choices }, position) => {
          const weights = choices.map((_, token) => Math.exp(4 * share * Math.sin(token * 2.7 + position * 1.3)));
          const sum = weights.reduce((total, weight) => total + weight, 0);
          return weights.map((weight) => weight / sum);
        })
        : null,
    };
    this.#updates.push(update);
    this.#emit({ event: "sampler_updated", update });
  }
}

const described = new Map<string, Function>();

function describe(text: string): Function {
  const known = described.get(text);
  if (known) return known;
  const { expression } = activationFrom(text);
  const value = compileToClosure(expression);
  const made = {
    tokens: [],
    expression: text,
    simplified: printExpression(simplify(expression)),
    fingerprint: mirrorFingerprint(expression),
    accuracy: madeUpAccuracy((x) => value(x, 1)),
    usesBeta: /\bb\b/.test(text),
  };
  described.set(text, made);
  return made;
}

/** High for functions that are finite, vary, and do not grow fast: near enough to what training would say. */
function madeUpAccuracy(value: (x: number) => number): number {
  const ys = Array.from({ length: 41 }, (_, index) => value(-4 + index / 5));
  if (!ys.every((y) => Number.isFinite(y) && Math.abs(y) < 1e4)) return 0.11;
  const mean = ys.reduce((sum, y) => sum + y, 0) / ys.length;
  const spread = Math.sqrt(ys.reduce((sum, y) => sum + (y - mean) ** 2, 0) / ys.length);
  if (spread < 1e-3) return 0.12;
  const left = ys.slice(0, 20).reduce((sum, y) => sum + Math.abs(y), 0) / 20;
  const right = ys.slice(21).reduce((sum, y) => sum + Math.abs(y), 0) / 20;
  return 0.7 * Math.exp(-((Math.log(spread / 1.2)) ** 2) / 6) - 0.08 * Math.exp(-Math.abs(left - right)) +
    0.002 * (fold(ys) % 10);
}

function fold(ys: readonly number[]): number {
  return Math.abs(Math.round(ys.reduce((sum, y) => sum * 1.7 + y, 0) * 10)) % 1000;
}
