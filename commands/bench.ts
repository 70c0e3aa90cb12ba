/** `deno task bench train`: images per second of training steps, on random images, for each of several functions. */
import { activationFrom } from "../child/activation/catalog.ts";
import { usesBeta } from "../child/activation/expression.ts";
import { simplify } from "../child/activation/simplify.ts";
import type { Engine, Program } from "../child/engine/engine.ts";
import { buildNetwork } from "../child/network/networks.ts";
import { initialParameters } from "../child/network/initialise.ts";
import { DEFAULT_OPTIMIZER } from "../child/optimizer.ts";
import { type Batch } from "../datasets/dataset.ts";
import { Random } from "../datasets/random.ts";
import { ENGINE_FLAG, openChosenEngine } from "./chosen_engine.ts";
import { command, EXIT } from "./command.ts";

/** ReLU, Swish, the paper's findings and some others of growing cost. */
const FUNCTIONS = [
  "relu",
  "swish",
  "max(x, sigmoid(x))",
  "cos(x) - x",
  "min(x, sin(x))",
  "atan(x)^2 - x",
  "max(x, tanh(x))",
  "sinc(x) + x",
  "x * (asinh(x))^2",
  "exp(-(x^2)) * erf(x)",
  "log(1 + exp(x)) - sigmoid(x)",
  "atan(x) / (1 + exp(-x))",
];
/** Steps before the clock starts: V8 compiles the kernels meanwhile. */
const WARM_UP_STEPS = 5;

export const bench = command({
  name: "bench",
  summary: "Measures training steps on random images; prints images per second of the median step.",
  positionals: [{ name: "what", help: "what to measure", choices: ["train"] }],
  flags: [
    ENGINE_FLAG,
    { name: "network", type: "string", value: "NAME", default: "resnet20", help: "the child's network" },
    { name: "batch", type: "integer", default: 128, min: 1, help: "images a step" },
    { name: "threads", type: "integer", default: 1, min: 1, max: 64, help: "CPU threads of the child" },
    { name: "acts", type: "string", value: "A;B", help: "functions, separated by semicolons (12 by default)" },
    { name: "steps", type: "integer", default: 9, min: 1, help: "steps measured" },
    { name: "json", type: "boolean", help: "print one JSON object a function" },
  ],
  examples: ["bench train", 'bench train --acts "relu;swish" --threads 2 --json'],
  async run({ engine: name, network, batch, threads, acts, steps, json }, io) {
    const engine = await openChosenEngine(name, io);
    try {
      for (const act of acts?.split(";") ?? FUNCTIONS) {
        if (io.signal.aborted) return EXIT.interrupted;
        io.live(`measuring ${act} …`);
        const rate = Math.round(10 * await imagesPerSecond(engine, { network, act, batch, threads, steps })) / 10;
        const row = { bench: "train", engine: engine.name, act, batch, children: 1, threads, images_per_s: rate };
        io.out(json ? JSON.stringify(row) : `${act.padEnd(30)} ${rate.toFixed(0).padStart(6)} images/s`);
      }
    } finally {
      engine.close();
    }
    return EXIT.done;
  },
});

interface Measurement {
  readonly network: string;
  readonly act: string;
  readonly batch: number;
  readonly threads: number;
  readonly steps: number;
}

async function imagesPerSecond(engine: Engine, { network, act, batch, threads, steps }: Measurement): Promise<number> {
  const activation = activationFrom(act);
  const graph = buildNetwork(network, { classes: 10, usesBeta: usesBeta(simplify(activation.expression)) });
  const program = await engine.compile(graph, activation, { batch, optimizer: DEFAULT_OPTIMIZER, threads });
  try {
    await program.write("parameters", initialParameters(graph, activation, 1));
    const images = randomBatch(batch, graph.nodes[0].shape.reduce((product, extent) => product * extent, 1));
    const times: number[] = [];
    for (let step = 0; step < WARM_UP_STEPS + steps; step++) times.push(await timeStep(program, images));
    return batch / median(times.slice(WARM_UP_STEPS));
  } finally {
    program.dispose();
  }
}

/** Seconds. */
async function timeStep(program: Program, batch: Batch): Promise<number> {
  const start = performance.now();
  await program.train([{ batch, learningRate: 0.01 }]);
  return (performance.now() - start) / 1000;
}

function randomBatch(count: number, values: number): Batch {
  const random = new Random(1);
  return {
    images: Float32Array.from({ length: count * values }, () => random.normal()),
    labels: Uint8Array.from({ length: count }, () => random.integer(10)),
  };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
}
