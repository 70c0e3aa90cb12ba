/** What tests of training share: a dataset of a few tiny images, settings of a small child, and an engine that acts. */
import type { Engine, Program, TrainingStep } from "../../child/engine/engine.ts";
import { tensorSizes } from "../../child/engine/checks.ts";
import type { ChildSettings, Outcome } from "../../child/trainer.ts";
import type { Batch, Dataset, Split } from "../../datasets/dataset.ts";
import { Random } from "../../datasets/random.ts";

const SIZE = 8;
const CLASSES = ["red", "green", "blue"];

/** Noisy images of one colour each; a network of a few layers learns them within some steps. */
export function colours(counts: { train: number; validation: number; test: number }): Dataset {
  return {
    name: "colours",
    synthetic: true,
    height: SIZE,
    width: SIZE,
    channels: 3,
    classes: CLASSES,
    mean: [0.45, 0.45, 0.45],
    standardDeviation: [0.25, 0.25, 0.25],
    train: split(counts.train, 1),
    validation: split(counts.validation, 2),
    test: split(counts.test, 3),
  };
}

function split(count: number, seed: number): Split {
  const random = new Random(seed);
  const labels = new Uint8Array(new SharedArrayBuffer(count));
  const pixels = new Uint8Array(new SharedArrayBuffer(count * SIZE * SIZE * 3));
  for (let n = 0; n < count; n++) labels[n] = random.integer(CLASSES.length);
  for (let i = 0; i < pixels.length; i++) {
    const isColour = i % 3 === labels[Math.floor(i / (SIZE * SIZE * 3))];
    pixels[i] = random.integer(160) + (isColour ? 90 : 0);
  }
  return { count, pixels, labels };
}

export const TINY: ChildSettings = {
  network: "resnet8",
  steps: 12,
  batch: 8,
  learningRate: 0.05,
  schedule: "cosine",
  optimizer: { kind: "sgd", momentum: 0.9, weightDecay: 1e-4 },
  augment: false,
  validationImages: null,
};

/** An outcome without what the clock decides. */
export function lasting({ seconds: _, imagesPerSecond: __, ...outcome }: Outcome) {
  return outcome;
}

/** What an acting program does; `step` counts from 0. */
export interface Script {
  loss?(step: number): number;
  logits?(batch: Batch): Float32Array;
  /** Called at every training step, for its side effects. */
  onStep?(step: number, training: TrainingStep): unknown;
}

/** An engine that computes nothing and follows a script, for the turns a training can take. */
export function actingEngine({ loss = () => 1, logits = rightLogits, onStep }: Script): Engine & { open: number } {
  const engine = {
    name: "acting",
    device: "none",
    notices: [],
    /** Programs compiled and not disposed. */
    open: 0,
    compile: ((graph, _activation, { optimizer }) => {
      engine.open++;
      let step = 0;
      return Promise.resolve<Program>({
        train: (steps) =>
          Promise.resolve(Float64Array.from(steps, (training) => {
            onStep?.(step, training);
            return loss(step++);
          })),
        evaluate: (batch) => Promise.resolve(logits(batch)),
        read: (group) =>
          Promise.resolve(
            new Map([...tensorSizes(graph, optimizer, group)].map(([name, size]) => [name, new Float32Array(size)])),
          ),
        write: () => Promise.resolve(),
        dispose: () => engine.open--,
      });
    }) as Engine["compile"],
    probe: () => Promise.reject(new Error("the acting engine computes nothing")),
    close() {},
  };
  return engine;
}

function rightLogits({ labels }: Batch): Float32Array {
  return Float32Array.from(
    { length: labels.length * CLASSES.length },
    (_, i) => labels[Math.floor(i / CLASSES.length)] === i % CLASSES.length ? 5 : 0,
  );
}
