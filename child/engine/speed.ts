/**
 * Measures how fast an engine trains here, in about the given time: for choosing between a card and the processor, and
 * the number of children that a card trains side by side.
 */
import { type Activation } from "../activation/expression.ts";
import { activationFrom } from "../activation/catalog.ts";
import type { Graph } from "../network/graph.ts";
import { initialParameters } from "../network/initialise.ts";
import { buildNetwork } from "../network/networks.ts";
import { DEFAULT_OPTIMIZER, type Optimizer } from "../network/optimizer.ts";
import type { Dataset } from "../../datasets/dataset.ts";
import { Random } from "../../datasets/random.ts";
import { DeviceError, type Engine, type Program } from "./engine.ts";
import { sizeOf } from "../network/shape.ts";

/** What is trained for the measurement. */
export interface Workload {
  readonly graph: Graph;
  readonly activation: Activation;
  readonly batch: number;
  readonly optimizer: Optimizer;
}

/** What is measured with: it takes about as long as the median candidate. */
export const TYPICAL = "Swish";

/** One child of ResNet-20 at batch 128. */
export function defaultWorkload(): Workload {
  const graph = buildNetwork("resnet20", { classes: 10, usesBeta: true });
  return { graph, activation: activationFrom(TYPICAL), batch: 128, optimizer: DEFAULT_OPTIMIZER };
}

/** Of a child's settings, what its work depends on. */
interface Work {
  readonly network: string;
  readonly batch: number;
  readonly optimizer: Optimizer;
  readonly imageSize?: number;
}

/** Of such a child. */
export function workloadOf({ network, batch, optimizer, imageSize }: Work, dataset: Dataset): Workload {
  const { channels, classes } = dataset;
  const [height, width] = [imageSize ?? dataset.height, imageSize ?? dataset.width];
  const graph = buildNetwork(network, { classes: classes.length, usesBeta: true, image: [height, width, channels] });
  return { graph, activation: activationFrom(TYPICAL), batch, optimizer };
}

/** Steps that children are given at once, at most. */
const MAX_STEPS = 20;

/** Images per second of so many children together. */
export async function imagesPerSecond(
  engine: Engine,
  milliseconds: number,
  children = 1,
  { graph, activation, batch, optimizer } = defaultWorkload(),
): Promise<number> {
  const programs: Program[] = [];
  try {
    for (let child = 0; child < children; child++) {
      programs.push(await engine.compile(graph, activation, { batch, optimizer, children }));
      await programs[child].write("parameters", initialParameters(graph, activation, 1));
    }
    const random = new Random(1);
    const images = Float32Array.from({ length: batch * sizeOf(graph.nodes[0].shape) }, () => random.uniform() - 0.5);
    const labels = Uint8Array.from({ length: batch }, (_, n) => n % graph.classes);
    const steps = Array.from({ length: MAX_STEPS }, () => ({ batch: { images, labels }, learningRate: 0.01 }));
    const train = (count: number) => Promise.all(programs.map((program) => program.train(steps.slice(0, count))));
    await train(1); // compiles what is compiled at its first use
    const started = performance.now();
    let done = 0, passed = 0, count = 1;
    while (passed < milliseconds) {
      await train(count);
      done += count;
      passed = performance.now() - started;
      count = Math.max(1, Math.min(MAX_STEPS, Math.floor(count * (milliseconds - passed) / passed)));
    }
    return children * done * batch / (passed / 1000);
  } finally {
    programs.forEach((program) => program.dispose());
  }
}

/** The rate of children that the device cannot train together. */
function noneIfTooMany(error: unknown): number {
  if (error instanceof DeviceError && error.fault !== "lost") return 0;
  throw error;
}

/** Maximum number of children that a card is given at once. */
export const MAX_CHILDREN = 64;
/** The gain in total speed for which doubling their number is worth the memory. */
const WORTHWHILE = 1.1;

/**
 * Children that the device trains side by side: twice as many as long as that is worthwhile and they fit. `rate` are the
 * images per second of so many together, `bytes` what they need of the `memory`.
 */
export async function chooseChildren(
  rate: (children: number) => Promise<number>,
  bytes: (children: number) => number,
  memory: number,
): Promise<number> {
  let children = 1, best = await rate(1);
  while (2 * children <= MAX_CHILDREN && bytes(2 * children) <= memory) {
    const faster = await rate(2 * children).catch(noneIfTooMany);
    if (faster < WORTHWHILE * best) break;
    children *= 2;
    best = faster;
  }
  return children;
}
