/**
 * How long a child takes from its function to the end of its first step, and of ten more, as many functions are trained
 * one after another, as a search trains them: both children of `laptop` on one thread, engine wasm. Median over the
 * functions after the first, in ms. To compare commits, run it in clones of both by turns:
 *
 *     deno run --allow-read --allow-env --v8-flags=--no-wasm-bounds-checks,--experimental-wasm-revectorize tests/bench/first_step.ts
 */
import { activationFrom } from "../../child/activation/catalog.ts";
import { usesBeta } from "../../child/activation/expression.ts";
import { openWasm } from "../../child/engine/wasm/engine.ts";
import { initialParameters } from "../../child/network/initialise.ts";
import { buildNetwork } from "../../child/network/networks.ts";
import { DEFAULT_OPTIMIZER } from "../../child/network/optimizer.ts";
import { randomBatch } from "../child/engine/small_graphs.ts";

const FUNCTIONS = [
  ...["relu", "tanh(x)", "swish", "gelu", "elu", "softplus", "sin(x) * x", "x * erf(x)", "min(x, sin(x))"],
  ...["x * sigmoid(b + x)", "max(x, sin(x))", "atan(x) * x", "sinc(x) - x", "exp(-b * x^2)"],
];
const CHILDREN = [{ network: "resnet14", image: [16, 16, 3] }, { network: "resnet8", image: [32, 32, 3] }] as const;
const BATCH = 64;

const engine = await openWasm();
const times = { first: [] as number[], later: [] as number[] };
for (const [at, text] of FUNCTIONS.entries()) {
  for (const { network, image } of CHILDREN) {
    const started = performance.now(), activation = activationFrom(text);
    const graph = buildNetwork(network, { classes: 10, usesBeta: usesBeta(activation.expression), image });
    const program = await engine.compile(graph, activation, { batch: BATCH, optimizer: DEFAULT_OPTIMIZER, threads: 1 });
    await program.write("parameters", initialParameters(graph, activation, 1));
    const step = { batch: randomBatch(graph, BATCH, 1), learningRate: 0.05 };
    await program.train([step]);
    const first = performance.now();
    await program.train(Array.from({ length: 20 }, () => step)); // while V8 still optimises
    const warm = performance.now();
    await program.train(Array.from({ length: 10 }, () => step));
    if (at > 0) {
      times.first.push(first - started);
      times.later.push(performance.now() - warm);
    }
    program.dispose();
  }
}
engine.close();
const median = (values: readonly number[]) =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)].toFixed(0);
console.log(`to the end of the first step ${median(times.first)} ms, ten later steps ${median(times.later)} ms`);
