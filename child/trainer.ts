/**
 * One child's life: batches -> steps -> evaluation -> outcome. `trainChild` is the whole of it, as a search needs it. A
 * `Child` is the same in parts, for commands that evaluate the test split, save weights, or pause and resume.
 *
 * A child starts from its own seed and never from another's weights. It is a function of its request: neither the
 * number of threads, nor how steps are grouped, nor interruption and resumption changes a result.
 */
import { openTrainingBatches, type TrainingSource } from "../datasets/batches.ts";
import type { Batch, Dataset, SplitName } from "../datasets/dataset.ts";
import { scaledDown } from "../datasets/scaled_down.ts";
import { Random } from "../datasets/random.ts";
import type { StreamHooks } from "../datasets/imagenet/streamed_batches.ts";
import type { Activation } from "./activation/expression.ts";
import { hasBeta } from "./compiler/derivatives.ts";
import { tensorSizes } from "./engine/checks.ts";
import type { Engine, Program, TrainingStep } from "./engine/engine.ts";
import { evaluateProgram, type Evaluation, nextTurn } from "./metrics/accuracy.ts";
import type { Graph } from "./network/graph.ts";
import { type Keeping, trainKept } from "./model/kept_child.ts";
import { initialParameters } from "./network/initialise.ts";
import { buildNetwork } from "./network/networks.ts";
import { learningRate, type Optimizer, type Schedule } from "./network/optimizer.ts";
import type { Tensors } from "./network/parameters.ts";

/** How every child of a run is trained. */
export interface ChildSettings {
  /** Name in `child/network/networks.ts`: "resnet20", … */
  readonly network: string;
  readonly steps: number;
  readonly batch: number;
  readonly learningRate: number;
  readonly schedule: Schedule;
  readonly optimizer: Optimizer;
  /** Of the loss in training, from 0 (none, the default) to below 1. */
  readonly labelSmoothing?: number;
  /** Rate of dropout in training, from 0 (none, the default) to below 1, of networks that have a place for it. */
  readonly dropout?: number;
  /** Side to which images are scaled down; left out where they are not. */
  readonly imageSize?: number;
  /** Pad-crop-flip of training images. */
  readonly augment: boolean;
  /** Validation images judged (the first ones of the split); null for all. */
  readonly validationImages: number | null;
}

/** How a child did on the validation split. */
export interface JudgedChild {
  /** Accuracy, in [0, 1]. */
  readonly score: number;
  /** Mean cross-entropy, in nats. */
  readonly loss: number;
}

/** The result of a child. Divergence and time-out are outcomes, not errors. */
export type Outcome =
  & {
    readonly steps: number;
    /** Mean training loss of the last steps, at most 20; NaN where there was none or one was not a number. */
    readonly finalLoss: number;
    readonly seconds: number;
    /** Of training, without evaluation. */
    readonly imagesPerSecond: number;
    /** Mean of the trained betas over sites and channels; null without beta. */
    readonly betaMean: number | null;
  }
  & (
    | { readonly outcome: "complete" } & JudgedChild
    | { readonly outcome: "diverged"; readonly reason: string }
    /** Stopped before its last step on request, and judged there. */
    | { readonly outcome: "pruned"; readonly reason: string } & JudgedChild
    | { readonly outcome: "timed_out"; readonly reason: string }
    | { readonly outcome: "interrupted" }
  );

/** A child to train. */
export interface ChildRequest {
  readonly engine: Engine;
  readonly dataset: Dataset;
  readonly activation: Activation;
  readonly settings: ChildSettings;
  /** Of the starting parameters and the order and augmentation of images. */
  readonly seed: number;
  /** CPU threads; 1 by default. */
  readonly threads?: number;
  /** Number of such children that train at the same time on the engine's device; 1 by default. */
  readonly children?: number;
  /** Told of a streamed data set: images that cannot be decoded, for which others stand in; and copies not kept. */
  readonly streamHooks?: StreamHooks;
}

/** A point of the training curve: `loss` is the mean over the steps since the last point. */
export interface LossPoint {
  readonly step: number;
  readonly loss: number;
}

export interface ChildHooks {
  /** Called about 100 times per training, at the same steps whatever the machine, and after the last step. */
  onProgress?(point: LossPoint, imagesPerSecond: number): void;
  /** Asked after each `onProgress`: a reason ends the child there. */
  whyStop?(): string | null;
  /**
   * Ends the child within one step or one batch of evaluation: as timed out where the signal's reason is a TimeoutError
   * (as that of `AbortSignal.timeout`), else as interrupted.
   */
  readonly signal?: AbortSignal;
  /** Milliseconds of `performance.now()` at which the child is timed out. */
  readonly deadlineMs?: number;
}

type Diverged = { readonly outcome: "diverged"; readonly reason: string };
type Pruned = { readonly outcome: "pruned"; readonly reason: string };
type Interruption = { readonly outcome: "timed_out"; readonly reason: string } | { readonly outcome: "interrupted" };

/** Why a training ended before its time. */
export type Stop = Diverged | Pruned | Interruption;

/** Everything a child needs to resume exactly as if never interrupted; the rest follows from its request. */
export interface ChildState {
  readonly step: number;
  readonly parameters: Tensors;
  readonly statistics: Tensors;
  readonly slots: Tensors;
  /** Losses of the last steps, at most 20. */
  readonly recentLosses: readonly number[];
}

/**
 * Trains a child to its end and judges it on the validation split; the test split is never read. With `keeping` it
 * resumes from a saved state, and saves its own.
 */
export async function trainChild(request: ChildRequest, hooks: ChildHooks = {}, keeping?: Keeping): Promise<Outcome> {
  const started = performance.now();
  const child = await Child.open(request);
  try {
    const stop = keeping
      ? await trainKept(child, request, hooks, keeping)
      : await child.train(request.settings.steps, hooks);
    const verdict = await judge(child, stop, hooks);
    return {
      ...verdict,
      steps: child.step,
      finalLoss: child.recentLoss(RECENT_STEPS),
      seconds: (performance.now() - started) / 1000,
      imagesPerSecond: child.imagesPerSecond,
      betaMean: await child.betaMean(),
    };
  } finally {
    child.dispose();
  }
}

type Verdict =
  | Diverged
  | Interruption
  | { readonly outcome: "complete" } & JudgedChild
  | Pruned & JudgedChild;

async function judge(child: Child, stop: Stop | null, hooks: ChildHooks): Promise<Verdict> {
  if (stop !== null && stop.outcome !== "pruned") return stop;
  const judged = await child.evaluate("validation", hooks);
  if ("outcome" in judged) return judged;
  if (!Number.isFinite(judged.loss)) {
    return { outcome: "diverged", reason: `logits on the validation split are not finite after step ${child.step}` };
  }
  return { ...stop ?? { outcome: "complete" }, score: judged.accuracy, loss: judged.loss };
}

/** Number of recent losses: a divergence is found within this many steps. */
const RECENT_STEPS = 20;
/** Points of a training curve; a point is of 1 to `RECENT_STEPS` steps. */
const CURVE_POINTS = 100;
/** Steps given to the engine at once should take about this long, so that signals take effect in time. */
const CHUNK_MS = 200;
/**
 * A loss this many times that of guessing, log(classes), counts towards divergence. A single one does not: functions
 * with large values start there and recover.
 */
const UNREASONABLE = 10;

/** The data set as such children see it. Throws a RangeError if its images cannot be scaled down so. */
export function imagesFor({ imageSize }: ChildSettings, dataset: Dataset): Dataset {
  return imageSize === undefined ? dataset : scaledDown(dataset, imageSize);
}

/** A network in training, step by step. It must be disposed. */
export class Child {
  readonly graph: Graph;
  readonly program: Program;
  readonly #request: ChildRequest;
  readonly #batches: TrainingSource;
  /** Seeds of dropout's masks, by step. */
  readonly #masks: Random;
  #step = 0;
  #recentLosses: number[] = [];
  /** Counts this object's own training, without that of a restored state. */
  #trained = { steps: 0, milliseconds: 0 };
  /** Steps given to the engine at once; adapted to `CHUNK_MS`, without influence on any result. */
  #chunk = 1;

  /** Compiles the child and gives it its starting parameters. */
  static async open(asked: ChildRequest): Promise<Child> {
    const request = { ...asked, dataset: imagesFor(asked.settings, asked.dataset) };
    const { activation, engine, dataset, settings, seed, threads, children } = request;
    const graph = buildNetwork(settings.network, {
      classes: dataset.classes.length,
      usesBeta: hasBeta(activation),
      image: [dataset.height, dataset.width, dataset.channels],
      labelSmoothing: settings.labelSmoothing,
      dropout: settings.dropout,
    });
    const { batch, optimizer } = settings;
    const program = await engine.compile(graph, activation, { batch, optimizer, threads, children });
    await program.write("parameters", initialParameters(graph, activation, seed));
    return new Child(request, graph, program);
  }

  private constructor(request: ChildRequest, graph: Graph, program: Program) {
    const { dataset, seed, settings: { batch, augment }, streamHooks } = request;
    this.#request = request;
    this.#masks = new Random(seed).split("dropout");
    this.#batches = openTrainingBatches(dataset, { batch, seed, augment, ...streamHooks });
    this.graph = graph;
    this.program = program;
  }

  /** Steps trained. */
  get step(): number {
    return this.#step;
  }

  /** Of training by this object; 0 before any. */
  get imagesPerSecond(): number {
    const { steps, milliseconds } = this.#trained;
    return steps === 0 ? 0 : steps * this.#request.settings.batch / (milliseconds / 1000);
  }

  /** Mean of the last losses, `steps` of them at most; NaN where there is none. */
  recentLoss(steps: number): number {
    const losses = this.#recentLosses.slice(-steps);
    return losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
  }

  /** Trains until that many steps are done. Null when they are, else why it stopped earlier. */
  async train(until: number, hooks: ChildHooks = {}): Promise<Stop | null> {
    const interval = pointInterval(this.#request.settings.steps);
    while (this.#step < until) {
      await nextTurn();
      const interrupted = interruption(hooks);
      if (interrupted) return interrupted;

      const nextPoint = Math.min((Math.floor(this.#step / interval) + 1) * interval, until);
      const diverged = await this.#trainChunk(Math.min(nextPoint - this.#step, this.#chunk));
      if (diverged) return diverged;

      if (this.#step !== nextPoint) continue;
      const loss = this.recentLoss((this.#step - 1) % interval + 1);
      hooks.onProgress?.({ step: this.#step, loss }, this.imagesPerSecond);
      const reason = this.#step < this.#request.settings.steps ? hooks.whyStop?.() : null;
      if (reason) return { outcome: "pruned", reason };
    }
    return null;
  }

  /** Judges the child on a split: all of it, or of the validation split the images that the settings ask for. */
  async evaluate(split: SplitName, hooks: ChildHooks = {}): Promise<Evaluation | Interruption> {
    const { dataset, settings: { batch, validationImages }, streamHooks } = this.#request;
    const limit = split === "validation" ? validationImages : null;
    const stop = () => interruption(hooks) !== null;
    const evaluation = await evaluateProgram(this.program, dataset, split, { batch, limit, stop, ...streamHooks });
    return evaluation ?? interruption(hooks)!;
  }

  /** Mean of all betas; null without beta. */
  async betaMean(): Promise<number | null> {
    const names = this.graph.parameters.filter(({ role }) => role === "activation_beta").map(({ name }) => name);
    if (names.length === 0) return null;
    const parameters = await this.program.read("parameters");
    const betas = names.flatMap((name) => Array.from(parameters.get(name)!));
    return betas.reduce((sum, beta) => sum + beta, 0) / betas.length;
  }

  async state(): Promise<ChildState> {
    return {
      step: this.#step,
      parameters: await this.program.read("parameters"),
      statistics: await this.program.read("statistics"),
      slots: await this.program.read("slots"),
      recentLosses: [...this.#recentLosses],
    };
  }

  /** Resumes from a state of a child with the same request. Throws a RangeError if its tensors are not this child's. */
  async restore(state: ChildState): Promise<void> {
    for (const group of ["parameters", "statistics", "slots"] as const) {
      const missing = [...tensorSizes(this.graph, this.#request.settings.optimizer, group).keys()]
        .find((name) => !state[group].has(name));
      if (missing) throw new RangeError(`Cannot resume from a state of another child as it has no ${group} ${missing}`);
      await this.program.write(group, state[group]);
    }
    this.#step = state.step;
    this.#recentLosses = [...state.recentLosses];
  }

  dispose(): void {
    this.#batches.close();
    this.program.dispose();
  }

  /** Losses of that many steps. Images are picked on the device if it has them. */
  async #losses(count: number): Promise<Float64Array> {
    const { engine, dataset, settings: { schedule, learningRate: base, steps } } = this.#request;
    const numbers = Array.from({ length: count }, (_, i) => this.#step + i);
    const about = (step: number) => ({
      learningRate: learningRate(schedule, base, step, steps),
      dropoutSeed: this.#masks.split(step).nextUint32(),
    });
    if (this.#batches.pickedAt && engine.holds?.(dataset)) {
      const work = numbers.map((step) => ({ batch: this.#batches.pickedAt!(step), ...about(step) }));
      return await this.program.trainPicked!(work);
    }
    const work: TrainingStep[] = [];
    for (const step of numbers) work.push({ batch: await this.#batch(step), ...about(step) });
    return await this.program.train(work);
  }

  /** The batch of a step, copied, as the arrays of a `TrainingSource` hold only the last batch. */
  async #batch(step: number): Promise<Batch> {
    const { images, labels } = await this.#batches.at(step);
    return { images: images.slice(), labels };
  }

  /** Trains that many steps. On divergence, `step` is the one at which it was found. */
  async #trainChunk(count: number): Promise<Diverged | null> {
    const started = performance.now(); // waiting for images is a part of training
    const losses = await this.#losses(count);
    const milliseconds = performance.now() - started;
    this.#trained.steps += count;
    this.#trained.milliseconds += milliseconds;
    this.#chunk = Math.max(1, Math.min(RECENT_STEPS, Math.floor(CHUNK_MS * count / milliseconds)));

    for (const loss of losses) {
      this.#step++;
      this.#recentLosses = [...this.#recentLosses, loss].slice(-RECENT_STEPS);
      const reason = divergence(this.#recentLosses, this.graph.classes);
      if (reason) return { outcome: "diverged", reason: `${reason} at step ${this.#step}` };
    }
    return null;
  }
}

/** Steps between points of the training curve. */
export function pointInterval(steps: number): number {
  return Math.max(1, Math.min(RECENT_STEPS, Math.round(steps / CURVE_POINTS)));
}

function divergence(recentLosses: readonly number[], classes: number): string | null {
  const loss = recentLosses[recentLosses.length - 1];
  if (!Number.isFinite(loss)) return `the loss became ${loss}`;
  const bound = UNREASONABLE * Math.log(classes);
  if (recentLosses.length < RECENT_STEPS || recentLosses.some((loss) => loss <= bound)) return null;
  return `the loss stayed above ${bound.toFixed(1)}, ${UNREASONABLE} times that of guessing, for ${RECENT_STEPS} steps`;
}

function interruption({ signal, deadlineMs }: ChildHooks): Interruption | null {
  const isTimeUp = signal?.aborted
    ? signal.reason?.name === "TimeoutError"
    : performance.now() >= (deadlineMs ?? Infinity);
  if (isTimeUp) return { outcome: "timed_out", reason: "the child did not finish in the time it was given" };
  return signal?.aborted ? { outcome: "interrupted" } : null;
}
