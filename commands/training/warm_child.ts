/** One child whose training steps are timed, and the messages between `bench train` and the worker it lives in. */
import { activationFrom } from "../../child/activation/catalog.ts";
import { hasBeta } from "../../child/compiler/derivatives.ts";
import type { MeasuredStep } from "../../child/engine/webgpu/profile.ts";
import type { Engine, Program } from "../../child/engine/engine.ts";
import type { Graph } from "../../child/network/graph.ts";
import { initialParameters } from "../../child/network/initialise.ts";
import { buildNetwork } from "../../child/network/networks.ts";
import { DEFAULT_OPTIMIZER } from "../../child/network/optimizer.ts";
import { TrainingBatches } from "../../datasets/batches.ts";
import { type Batch, type Dataset, newSplit } from "../../datasets/dataset.ts";
import { Random } from "../../datasets/random.ts";
import { sizeOf } from "../../child/network/shape.ts";

export interface Measurement {
  readonly engine: string;
  readonly network: string;
  readonly act: string;
  /** Images of a step. */
  readonly batch: number;
  /** CPU threads of each child. */
  readonly threads: number;
  readonly steps: number;
  /** Children that the worker trains side by side; 1 by default. */
  readonly children?: number;
}

/** A step whose kernels are timed on a card. */
export type CardStep = Pick<Measurement, "network" | "act" | "batch" | "steps"> & { readonly children: number };

/** Messages to and from a worker. */
export type SpeedRequest =
  | { readonly kind: "prepare"; readonly measurement: Measurement }
  | { readonly kind: "measure" }
  | { readonly kind: "time kernels"; readonly step: CardStep };
export type SpeedReply =
  | { readonly kind: "ready" }
  | { readonly kind: "measured"; readonly imagesPerSecond: number }
  | { readonly kind: "timed"; readonly step: MeasuredStep }
  | { readonly kind: "failed"; readonly reason: string };

/** Steps before the clock starts: V8 compiles the kernels meanwhile. */
const WARM_UP_STEPS = 5;

/** A child that is compiled and warm. */
export interface WarmChild {
  /** Trains on; resolves to the seconds of the median step. */
  measure(): Promise<number>;
  dispose(): void;
}

export async function warmChild(
  engine: Engine,
  { network, act, batch, threads, steps, children }: Measurement,
): Promise<WarmChild> {
  const activation = activationFrom(act);
  const graph = buildNetwork(network, { classes: 10, usesBeta: hasBeta(activation) });
  const program = await engine.compile(graph, activation, { batch, optimizer: DEFAULT_OPTIMIZER, threads, children });
  await program.write("parameters", initialParameters(graph, activation, 1));
  const train = trainerOf(engine, program, graph, batch, steps);
  const timed = async (steps: number) => {
    const seconds: number[] = [];
    for (let step = 0; step < steps; step += train.stepsPerCall) {
      const start = performance.now();
      await train.call();
      seconds.push((performance.now() - start) / 1000 / train.stepsPerCall);
    }
    return seconds.sort((a, b) => a - b)[Math.floor(seconds.length / 2)];
  };
  await timed(train.warmUpSteps);
  return { measure: () => timed(steps), dispose: () => program.dispose() };
}

/** Maximum number of steps in one call, as in a search, where each call waits for the card. */
const CARD_STEPS = 20;

/** Trains on the same images over and over: on a device that holds data sets, they are picked there. */
function trainerOf(engine: Engine, program: Program, graph: Graph, batch: number, steps: number) {
  const learningRate = 0.01, dataset = noise(batch, graph);
  if (engine.holds?.(dataset)) {
    const batches = new TrainingBatches(dataset, { batch, seed: 1, augment: true });
    const stepsPerCall = Math.min(CARD_STEPS, steps);
    const picked = Array.from({ length: stepsPerCall }, (_, step) => ({ batch: batches.pickedAt(step), learningRate }));
    return { stepsPerCall, warmUpSteps: stepsPerCall, call: () => program.trainPicked!(picked) };
  }
  const images = randomBatch(batch, sizeOf(graph.nodes[0].shape), graph.classes);
  return { stepsPerCall: 1, warmUpSteps: WARM_UP_STEPS, call: () => program.train([{ batch: images, learningRate }]) };
}

/** A data set of random bytes. */
function noise(count: number, graph: Graph): Dataset {
  const random = new Random(1), [height, width, channels] = graph.nodes[0].shape;
  const split = newSplit(count, height * width * channels);
  split.pixels.forEach((_, i) => split.pixels[i] = random.integer(256));
  split.labels.forEach((_, i) => split.labels[i] = random.integer(graph.classes));
  return {
    name: "noise",
    synthetic: true,
    ...{ height, width, channels },
    classes: Array.from({ length: graph.classes }, (_, i) => `${i}`),
    mean: new Array(channels).fill(0.5),
    standardDeviation: new Array(channels).fill(0.29),
    ...{ train: split, validation: split, test: split },
  };
}

/** Normal images of so many values each, and labels. */
export function randomBatch(count: number, values: number, classes: number): Batch {
  const random = new Random(1);
  return {
    images: Float32Array.from({ length: count * values }, () => random.normal()),
    labels: Uint8Array.from({ length: count }, () => random.integer(classes)),
  };
}
