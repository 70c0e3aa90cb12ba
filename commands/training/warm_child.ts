/** One child whose training steps are timed, and the messages between `bench train` and the worker it lives in. */
import { activationFrom } from "../../child/activation/catalog.ts";
import { hasBeta } from "../../child/compiler/derivatives.ts";
import type { Engine } from "../../child/engine/engine.ts";
import { initialParameters } from "../../child/network/initialise.ts";
import { buildNetwork } from "../../child/network/networks.ts";
import { DEFAULT_OPTIMIZER } from "../../child/network/optimizer.ts";
import type { Batch } from "../../datasets/dataset.ts";
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
}

/** Messages to and from a worker. */
export type SpeedRequest = { readonly kind: "prepare"; readonly measurement: Measurement } | {
  readonly kind: "measure";
};
export type SpeedReply =
  | { readonly kind: "ready" }
  | { readonly kind: "measured"; readonly seconds: number }
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
  { network, act, batch, threads, steps }: Measurement,
): Promise<WarmChild> {
  const activation = activationFrom(act);
  const graph = buildNetwork(network, { classes: 10, usesBeta: hasBeta(activation) });
  const program = await engine.compile(graph, activation, { batch, optimizer: DEFAULT_OPTIMIZER, threads });
  await program.write("parameters", initialParameters(graph, activation, 1));
  const images = randomBatch(batch, sizeOf(graph.nodes[0].shape), graph.classes);
  const timed = async (steps: number) => {
    const seconds: number[] = [];
    for (let step = 0; step < steps; step++) {
      const start = performance.now();
      await program.train([{ batch: images, learningRate: 0.01 }]);
      seconds.push((performance.now() - start) / 1000);
    }
    return seconds.sort((a, b) => a - b)[Math.floor(steps / 2)];
  };
  await timed(WARM_UP_STEPS);
  return { measure: () => timed(steps), dispose: () => program.dispose() };
}

/** Normal images of so many values each, and labels. */
export function randomBatch(count: number, values: number, classes: number): Batch {
  const random = new Random(1);
  return {
    images: Float32Array.from({ length: count * values }, () => random.normal()),
    labels: Uint8Array.from({ length: count }, () => random.integer(classes)),
  };
}
