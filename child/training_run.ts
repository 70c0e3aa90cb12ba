/**
 * One child trained and tested while the user watches: with a curve, validation accuracy during training, an estimate
 * of the time, and a checkpoint file from which it resumes to exactly the same results, whenever it is killed. A search
 * does not need that: its children are short, and `trainChild` is enough.
 */
import type { Dataset } from "../datasets/dataset.ts";
import { type Checkpoint, identityOf, readCheckpoint, writeCheckpoint } from "./model/checkpoint.ts";
import { DeviceLosses } from "./engine/device_losses.ts";
import { DeviceError } from "./engine/engine.ts";
import { evaluateProgram, type Evaluation } from "./metrics/accuracy.ts";
import { Child, type ChildRequest, type ChildSettings, type ChildState, pointInterval } from "./trainer.ts";

/** A point of the curve. */
export interface CurvePoint {
  readonly step: number;
  /** Mean training loss over the steps since the last point. */
  readonly loss: number;
  /** On the first images of the validation split, at some points; on all of it at the last step. */
  readonly validationAccuracy?: number;
  /** The values returned by `TrainingOptions.observe`. */
  readonly observed?: Readonly<Record<string, number>>;
}

/** A child's results on a split; `loss` is null if a logit is not finite. */
export type Scores = Omit<Evaluation, "loss"> & { readonly loss: number | null };

/** Result of a training: plain JSON. */
export interface TrainingResult {
  readonly seed: number;
  readonly outcome: "complete" | "diverged";
  /** Why it diverged. */
  readonly reason: string | null;
  readonly steps: number;
  /** Mean training loss of the last steps, at most 20; null if one was not a number. */
  readonly finalLoss: number | null;
  /** Null if it diverged. */
  readonly validation: Scores | null;
  readonly test: Scores | null;
  /** Mean of the trained betas; null without beta. */
  readonly betaMean: number | null;
  /** Of training, without evaluation, over all processes that took part. */
  readonly seconds: number;
  readonly imagesPerSecond: number;
  readonly curve: readonly CurvePoint[];
}

/** A result with the tensors that were judged. */
export interface Trained {
  readonly result: TrainingResult;
  readonly state: ChildState;
}

/** How fast a training is. */
export interface Pace {
  readonly imagesPerSecond: number;
  /** Until it is trained, validated and tested. */
  readonly secondsLeft: number;
}

export interface TrainingOptions {
  /**
   * Checkpoint file to resume from, if it exists, and to keep up to date; its folder must exist. Nothing is saved
   * without it.
   */
  readonly checkpoint?: string;
  /** How often the checkpoint is written besides the end; 30 s by default, 100 ms at least. */
  readonly checkpointEveryMs?: number;
  /** Interrupts within one step or one batch of evaluation; the checkpoint is written. */
  readonly signal?: AbortSignal;
  /** Called once if it resumes from a checkpoint of an unfinished training. */
  readonly onResume?: (step: number) => void;
  /** Called if the device was lost and is opened again, with the sentence that says so. */
  readonly onDevice?: (sentence: string) => void;
  /** The first pause before it is; the second is 4 times as long. 1 s by default. */
  readonly pauseMs?: number;
  /** Called once, after the first seconds of training; never if the training is shorter. */
  readonly onEstimate?: (pace: Pace) => void;
  /**
   * Called with every point of the curve (about 100 per training, at least one in 20 steps), except those of a
   * checkpoint.
   */
  readonly onPoint?: (point: CurvePoint, pace: Pace) => void;
  /** Values to record with every point of the curve. It may read the child's tensors and must not change them. */
  readonly observe?: (child: Child) => Promise<Record<string, number>>;
}

const CHECKPOINT_EVERY_MS = 30_000;
/** A shorter interval would leave no time to train between two checkpoints. */
const MIN_CHECKPOINT_MS = 100;
const PAUSE_MS = 1000;
/** The engine's kernels are compiled and warm by then. */
const ESTIMATE_AFTER_MS = 3_000;
/** What evaluating an image costs, in trained images: the forward pass of three about equal ones. */
const EVALUATION_COST = 1 / 3;
/** Limits of validation during training: its share of the time, its number of images, and its number of times. */
const ON_THE_WAY = { share: 0.05, images: 1000, times: 20 };

/** Data in a checkpoint besides the child's own state. */
interface Progress {
  readonly curve: readonly CurvePoint[];
  readonly seconds: number;
  /** Absent until the training is finished. */
  readonly result?: Omit<TrainingResult, "curve">;
}

/**
 * Trains a child to its end and judges it on the validation and test splits; null if the signal interrupted it. It
 * resumes from the checkpoint if there is one; the result of a finished training is read from it. A device that is lost
 * is opened again twice. Throws an Error if the checkpoint is of another training or damaged, and a DeviceError if the
 * device fails for good.
 */
export async function trainAndTest(request: ChildRequest, options: TrainingOptions = {}): Promise<Trained | null> {
  const losses = new DeviceLosses();
  while (true) {
    try {
      return await trainFromCheckpoint(request, options);
    } catch (error) {
      if (!(error instanceof DeviceError) || error.fault !== "lost") throw error;
      const pauses = losses.next();
      if (pauses === null) throw error;
      options.onDevice?.(`${error.message}: it is opened again, and the training continues from its checkpoint`);
      await new Promise((resolve) => setTimeout(resolve, pauses * (options.pauseMs ?? PAUSE_MS)));
    }
  }
}

async function trainFromCheckpoint(request: ChildRequest, options: TrainingOptions): Promise<Trained | null> {
  const { checkpoint: path } = options;
  const found = path === undefined ? null : await readCheckpoint<Progress>(path, identityOf(request));
  if (found?.progress.result) {
    const { state, progress: { result, curve } } = found;
    return { state, result: { ...result, curve } };
  }
  const child = await Child.open(request);
  try {
    return await new Training(request, options, child, found).run();
  } finally {
    child.dispose();
  }
}

class Training {
  readonly #curve: CurvePoint[];
  /** Of training, in the processes before this one. */
  readonly #secondsBefore: number;
  readonly #interval: number;
  readonly #validateEvery: number;
  #stepsBefore = 0;

  constructor(
    readonly request: ChildRequest,
    readonly options: TrainingOptions,
    readonly child: Child,
    readonly found: Checkpoint<Progress> | null,
  ) {
    const { settings, dataset } = request;
    this.#curve = [...found?.progress.curve ?? []];
    this.#secondsBefore = found?.progress.seconds ?? 0;
    this.#interval = pointInterval(settings.steps);
    this.#validateEvery = validationInterval(settings, dataset, this.#interval);
  }

  async run(): Promise<Trained | null> {
    if (this.found) {
      await this.child.restore(this.found.state);
      this.#stepsBefore = this.child.step;
      this.options.onResume?.(this.child.step);
    }
    const ended = await this.#train();
    if (ended === "interrupted") {
      await this.#save();
      return null;
    }
    if (ended !== "trained") return await this.#finish({ outcome: "diverged", reason: ended.diverged });
    await this.#save();
    return await this.#judge();
  }

  /**
   * The steps, with a pause at every point of the curve and whenever the clock asks for an estimate or a checkpoint.
   */
  async #train(): Promise<"trained" | "interrupted" | { readonly diverged: string }> {
    const { child, request: { settings: { steps } }, options } = this;
    const every = Math.max(MIN_CHECKPOINT_MS, options.checkpointEveryMs ?? CHECKPOINT_EVERY_MS);
    const estimateAt = performance.now() + ESTIMATE_AFTER_MS;
    let [estimated, saveAt] = [false, performance.now() + every];
    while (child.step < steps) {
      const until = Math.min((Math.floor(child.step / this.#interval) + 1) * this.#interval, steps);
      let loss = NaN;
      const stop = await child.train(until, {
        signal: options.signal,
        deadlineMs: estimated ? saveAt : Math.min(estimateAt, saveAt),
        onProgress: (point) => loss = point.loss,
      });
      if (stop?.outcome === "interrupted") return "interrupted";
      if (stop?.outcome === "diverged") return { diverged: stop.reason };
      if (!stop) await this.#addPoint({ step: child.step, loss });
      if (!estimated && performance.now() >= estimateAt) {
        estimated = true;
        options.onEstimate?.(this.#pace());
      }
      if (performance.now() >= saveAt) {
        await this.#save();
        saveAt = performance.now() + every;
      }
    }
    return "trained";
  }

  async #addPoint({ step, loss }: { step: number; loss: number }): Promise<void> {
    const { child, request: { settings, dataset }, options } = this;
    const isTurn = step % this.#validateEvery === 0 && step < settings.steps;
    const validationAccuracy = isTurn ? await this.#validateOnTheWay(settings, dataset) : undefined;
    const observed = await options.observe?.(child);
    const point = {
      step,
      loss,
      ...validationAccuracy !== undefined && { validationAccuracy },
      ...observed && { observed },
    };
    this.#curve.push(point);
    options.onPoint?.(point, this.#pace());
  }

  async #validateOnTheWay({ batch }: ChildSettings, dataset: Dataset): Promise<number> {
    const limit = imagesOnTheWay(this.request.settings, dataset);
    const evaluation = await evaluateProgram(this.child.program, dataset, "validation", {
      batch,
      limit,
      ...this.request.streamHooks,
    });
    return evaluation!.accuracy; // null only if it is told to stop
  }

  async #judge(): Promise<Trained | null> {
    const { signal } = this.options;
    const validation = await this.child.evaluate("validation", { signal });
    if ("outcome" in validation) return null;
    const test = await this.child.evaluate("test", { signal });
    if ("outcome" in test) return null;
    if (!Number.isFinite(validation.loss)) {
      return await this.#finish({ outcome: "diverged", reason: "logits on the validation split are not finite" });
    }
    this.#curve.push({ ...this.#curve.pop()!, validationAccuracy: validation.accuracy });
    return await this.#finish({ outcome: "complete", reason: null }, scores(validation), scores(test));
  }

  async #finish(
    end: Pick<TrainingResult, "outcome" | "reason">,
    validation: Scores | null = null,
    test: Scores | null = null,
  ): Promise<Trained> {
    const { child, request: { seed, settings } } = this;
    const seconds = this.#seconds();
    const result = {
      seed,
      ...end,
      steps: child.step,
      finalLoss: finiteOrNull(child.recentLoss(Infinity)),
      validation,
      test,
      betaMean: finiteOrNull(await child.betaMean() ?? NaN),
      seconds,
      imagesPerSecond: child.step * settings.batch / seconds,
    };
    const state = await this.#save(result);
    return { result: { ...result, curve: this.#curve }, state };
  }

  async #save(result?: Progress["result"]): Promise<ChildState> {
    const state = await this.child.state();
    const progress: Progress = { curve: this.#curve, seconds: this.#seconds(), result };
    const { checkpoint } = this.options;
    if (checkpoint !== undefined) await writeCheckpoint(checkpoint, identityOf(this.request), { state, progress });
    return state;
  }

  #seconds(): number {
    const { child, request: { settings } } = this;
    const rate = child.imagesPerSecond;
    return this.#secondsBefore + (rate === 0 ? 0 : (child.step - this.#stepsBefore) * settings.batch / rate);
  }

  #pace(): Pace {
    const { child, request: { settings, dataset } } = this;
    const imagesPerSecond = child.imagesPerSecond;
    const onTheWay = 1 + imagesOnTheWay(settings, dataset) * EVALUATION_COST / (this.#validateEvery * settings.batch);
    const images = (settings.steps - child.step) * settings.batch * onTheWay + evaluationWork(settings, dataset);
    return { imagesPerSecond, secondsLeft: images / imagesPerSecond };
  }
}

/**
 * What a whole training with its evaluation costs, in trained images: multiplied by seeds, an estimate before it
 * starts.
 */
export function trainingWork(settings: ChildSettings, dataset: Dataset): number {
  return settings.steps * settings.batch + evaluationWork(settings, dataset);
}

function evaluationWork({ validationImages }: ChildSettings, { validation, test }: Dataset): number {
  return ((validationImages ?? validation.count) + test.count) * EVALUATION_COST;
}

function imagesOnTheWay({ validationImages }: ChildSettings, { validation }: Dataset): number {
  return Math.min(ON_THE_WAY.images, validationImages ?? Infinity, validation.count);
}

/**
 * Steps between validations during training, a multiple of the curve's points: a function of the settings, as the curve
 * must be.
 */
function validationInterval(settings: ChildSettings, dataset: Dataset, interval: number): number {
  const cost = imagesOnTheWay(settings, dataset) * EVALUATION_COST / (ON_THE_WAY.share * settings.batch);
  return Math.ceil(Math.max(cost, settings.steps / ON_THE_WAY.times) / interval) * interval;
}

function scores(evaluation: Evaluation): Scores {
  return { ...evaluation, loss: finiteOrNull(evaluation.loss) };
}

function finiteOrNull(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
