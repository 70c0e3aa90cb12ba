/**
 * The suite that every engine must pass: it is compared with `reference` on small graphs, and held to the promises of
 * the contract. A test file of an engine is one call of `engineCases`.
 */
import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { afterAll, describe, it } from "@std/testing/bdd";
import { activationFrom, CATALOG } from "../../../child/activation/catalog.ts";
import { type Activation, usesBeta } from "../../../child/activation/expression.ts";
import { PAPER_BINARY, PAPER_UNARY } from "../../../child/activation/paper_functions.ts";
import { printExpression } from "../../../child/activation/print.ts";
import { X } from "../../../child/activation/expression.ts";
import { simplify } from "../../../child/activation/simplify.ts";
import type { CompileOptions, Engine, Program, TensorGroup } from "../../../child/engine/engine.ts";
import { openReference } from "../../../child/engine/reference/engine.ts";
import { goldenFailures, readGolden, runGoldenTrace } from "../../../child/golden.ts";
import type { Graph } from "../../../child/network/graph.ts";
import type { Optimizer } from "../../../child/network/optimizer.ts";
import { activationGraph, dropoutGraph, randomBatch, randomParameters, SMALL_GRAPHS } from "./small_graphs.ts";
import type { Tensors } from "../../../child/network/parameters.ts";

/** A few steps of another framework at other batch sizes and numbers of classes than the project's long traces. */
const GOLDEN = new URL("../golden/small.json", import.meta.url).pathname;

/** Of small graphs. */
const BATCHES = [1, 3, 8];
const GROUPS: readonly TensorGroup[] = ["parameters", "gradients", "statistics", "slots"];
const WRITABLE = ["parameters", "statistics", "slots"] as const;
const SGD: Optimizer = { kind: "sgd", momentum: 0.9, weightDecay: 1e-2 };

const OPTIMIZERS: readonly Optimizer[] = [
  SGD,
  { kind: "sgd", momentum: 0, weightDecay: 0 },
  { kind: "rmsprop", decay: 0.9, momentum: 0.5, epsilon: 1e-2, weightDecay: 1e-2 },
  { kind: "adam", beta1: 0.9, beta2: 0.99, epsilon: 1e-2, weightDecay: 1e-2 },
];

/** Functions of two units beside the catalogue and the single functions of the search space. */
const COMPOSITES = [
  "exp(-(x^2)) * erf(x)",
  "b * x + (1 - b) * asinh(x)",
  "exp(-b * (x - sin(x))^2)",
  "exp(-b * abs(x - tanh(x)))",
  "sigmoid(sinc(x)) * max(x, b)",
  "atan(x) / (1 + exp(-x))",
  "x^3 / (cosh(x) + 1e-5)",
  "where(b * x >= 0.3, x^2, b)",
  "where(sign(x) == 1, sin(x), where(x <= -1, b * x, expm1(x)))",
  "where(x != 0.5, min(x, tan(x / 4), b), exp(exp(exp(x^2))))",
];

/** Of many operations, which an engine may compile in another way than the others. */
const LONG: Readonly<Record<string, string>> = {
  "a sum of 90 sines": Array.from({ length: 90 }, (_, i) => `sin(${i / 90} * x + b) / 90`).join(" + "),
  "a product of 60 functions": Array.from({ length: 60 }, (_, i) => `(1 + sigmoid(${i / 30} * x - b) / 99)`).join("*"),
  "tanh nested 50 deep": `${"tanh(b + ".repeat(50)}x${")".repeat(50)}`,
  "200 terms of x alone": Array.from({ length: 200 }, (_, i) => `cos(x - ${i}) / 100`).join(" + "),
};

function activation(expression: Activation["expression"], betaStart = 1): Activation {
  const simple = simplify(expression);
  return { name: printExpression(simple), expression: simple, betaStart };
}

const ACTIVATIONS: readonly Activation[] = [
  ...CATALOG.filter(({ same }) => !same).map(({ text }) => activation(activationFrom(text).expression)),
  ...PAPER_UNARY.map((unary) => activation(unary.build(X))),
  ...PAPER_BINARY.map((binary) => activation(binary.build({ kind: "unary", name: "tanh", argument: X }, X))),
  ...COMPOSITES.map((text) => activation(activationFrom(text).expression)),
];

/** Their slopes grow without bound towards 0 and magnify what was rounded before them. */
const STEEP_AT_0: ReadonlySet<string> = new Set(["log(abs(x) + 0.00001)", "sqrt(x)", "tanh(x) / (x + 0.00001)"]);

const SWISH = activationFrom("swish");

/**
 * Declares the tests of one engine. `open` gives the engine, or the reason it is not available here, for which its
 * tests are skipped. `tolerance` is the largest |value - reference| of a tensor over its largest |reference|; 0 is for
 * the reference, which is not compared with itself. `batches`: whether each small graph is compiled for each batch size
 * or for one of them in turn, where compiling takes long or the graphs are those of another suite.
 */
export async function engineCases(
  name: string,
  open: () => Promise<Engine | string>,
  tolerance: number,
  batches: "each" | "in turn" = "each",
): Promise<void> {
  const opened = await open();
  if (typeof opened === "string") {
    describe(`${name} engine`, () => it.skip(`is not tested as it is not available here: ${opened}`, () => {}));
    return;
  }
  const engine = opened;
  const golden = await readGolden(GOLDEN);

  describe(`${name} engine`, () => {
    afterAll(() => engine.close());

    if (tolerance > 0) {
      describe("agrees with the reference", () => {
        for (const [at, { name, build }] of SMALL_GRAPHS.entries()) {
          for (const batch of batches === "each" ? BATCHES : [BATCHES[at % BATCHES.length]]) {
            it(`on ${name}, batch ${batch}`, async () => {
              await compareTraining(engine, build(true), SWISH, { batch, optimizer: SGD }, tolerance);
            });
          }
        }
        it("on a network without beta", async () => {
          const graph = SMALL_GRAPHS.at(-1)!.build(false);
          await compareTraining(engine, graph, activationFrom("relu"), { batch: 3, optimizer: SGD }, tolerance);
        });
        it("on more images than any block or chunk of images", async () => {
          const graph = SMALL_GRAPHS.at(-1)!.build(true);
          await compareTraining(engine, graph, SWISH, { batch: 37, optimizer: SGD }, tolerance);
        });
        for (const activation of ACTIVATIONS) {
          it(`on ${activation.name}`, async () => {
            const graph = activationGraph(usesBeta(activation.expression));
            const steepness = STEEP_AT_0.has(activation.name) ? 10 : 1;
            await compareTraining(engine, graph, activation, { batch: 5, optimizer: SGD }, tolerance * steepness);
          });
        }
        for (const [name, text] of Object.entries(LONG)) {
          it(`on ${name}`, async () => {
            const activation = activationFrom(text), hasBeta = usesBeta(activation.expression);
            await compareTraining(
              engine,
              activationGraph(hasBeta),
              activation,
              { batch: 2, optimizer: SGD },
              tolerance,
            );
          });
        }
        for (const optimizer of OPTIMIZERS) {
          it(`on ${Object.values(optimizer).join(" ")}`, async () => {
            await compareTraining(engine, activationGraph(true), SWISH, { batch: 3, optimizer }, tolerance);
          });
        }
        it("on evaluating 1, 2 and all images of a batch", async () => {
          const graph = SMALL_GRAPHS.at(-1)!.build(true);
          const options = { batch: 5, optimizer: SGD };
          await withPrograms(engine, graph, SWISH, options, async (program, reference) => {
            for (const count of [1, 2, 5]) {
              const images = randomBatch(graph, count, 400 + count);
              assertClose(
                await program.evaluate(images),
                await reference.evaluate(images),
                tolerance,
                `${count} images`,
              );
            }
          });
        });
      });
    }

    describe("keeps the contract", () => {
      it("gives names and lengths of tensors in the order of the graph", async () => {
        for (const optimizer of OPTIMIZERS) {
          await withPrograms(
            engine,
            activationGraph(true),
            SWISH,
            { batch: 1, optimizer },
            async (program, reference) => {
              for (const group of GROUPS) {
                assertEquals(lengths(await program.read(group)), lengths(await reference.read(group)));
              }
            },
          );
        }
      });

      it("reads back what was written and keeps what was not", async () => {
        const graph = SMALL_GRAPHS.at(-1)!.build(true);
        for (const optimizer of OPTIMIZERS) {
          await withProgram(engine, graph, { batch: 1, optimizer }, async (program) => {
            for (const group of WRITABLE) {
              const before = await program.read(group);
              if (before.size === 0) continue;
              const [first, ...rest] = before.keys();
              const written = Float32Array.from(before.get(first)!, (_, i) => i + 0.25);
              await program.write(group, new Map([[first, written]]));
              const after = await program.read(group);
              assertEquals(Array.from(after.get(first)!), Array.from(written), `${group} ${first}`);
              for (const name of rest) assertEquals(after.get(name), before.get(name), `${group} ${name}`);
            }
          });
        }
      });

      it("refuses to write a tensor of an unknown name or wrong length, and writes none of the others", async () => {
        await withProgram(engine, activationGraph(true), { batch: 1, optimizer: SGD }, async (program) => {
          for (const group of WRITABLE) {
            const before = await program.read(group);
            const [name, tensor] = [...before][0];
            const changed = tensor.map(() => 7);
            const unknown: Tensors = new Map([[name, changed], ["no.such.tensor", new Float32Array(1)]]);
            await assertRejects(() => program.write(group, unknown), RangeError, "no.such.tensor");
            const long: Tensors = new Map([[name, new Float32Array(tensor.length + 1)]]);
            await assertRejects(() => program.write(group, long), RangeError, name);
            assertEquals(await program.read(group), before);
          }
        });
      });

      it("refuses batches of the wrong size and labels beyond the classes", async () => {
        const graph = activationGraph(true);
        await withProgram(engine, graph, { batch: 3, optimizer: SGD }, async (program) => {
          const before = await program.read("parameters");
          const train = (count: number) => program.train([{ batch: randomBatch(graph, count, 1), learningRate: 1 }]);
          await assertRejects(() => train(2), RangeError, "3");
          await assertRejects(() => train(4), RangeError, "3");
          await assertRejects(() => program.evaluate(randomBatch(graph, 4, 1)), RangeError, "3");
          await assertRejects(() => program.evaluate(randomBatch(graph, 0, 1)), RangeError, "3");
          const { images, labels } = randomBatch(graph, 3, 1);
          const cut = { images: images.subarray(1), labels };
          await assertRejects(() => program.train([{ batch: cut, learningRate: 1 }]), RangeError);
          const mislabelled = { images, labels: Uint8Array.of(0, 10, 1) };
          await assertRejects(() => program.train([{ batch: mislabelled, learningRate: 1 }]), RangeError, "10");
          assertEquals(await program.read("parameters"), before);
        });
      });

      it("refuses a function with b on a graph without beta", async () => {
        await assertRejects(
          () => engine.compile(activationGraph(false), SWISH, { batch: 1, optimizer: SGD }),
          RangeError,
          "beta",
        );
      });

      it("trains and evaluates nothing when given no steps", async () => {
        await withProgram(engine, activationGraph(true), { batch: 3, optimizer: SGD }, async (program) => {
          const before = await program.read("parameters");
          assertEquals((await program.train([])).length, 0);
          assertEquals(await program.read("parameters"), before);
        });
      });

      it("returns a loss and logits that are not finite, and continues", async () => {
        const graph = activationGraph(false);
        const options = { batch: 3, optimizer: SGD };
        const step = { batch: randomBatch(graph, 3, 1), learningRate: 0.1 };
        await withProgram(engine, graph, options, async (program) => {
          await program.write("parameters", new Map([["dense.bias", new Float32Array(10).fill(NaN)]]));
          assert(!Number.isFinite((await program.train([step]))[0]));
          assert(!Number.isFinite((await program.evaluate(step.batch))[0]));
          await program.write("parameters", randomParameters(graph, 60));
          await program.write("statistics", new Map([["first.bn.variance", new Float32Array(16).fill(1)]]));
          assert((await program.train([step])).length === 1);
        }, activationFrom("relu"));
        await withProgram(engine, graph, options, async (program) => {
          await program.write("parameters", new Map([["first.bn.shift", new Float32Array(16).fill(20)]]));
          assert(!Number.isFinite((await program.train([step]))[0]));
        }, activationFrom("exp(exp(x))"));
      });

      it("computes the same bits twice, whatever the number of threads", async () => {
        const graph = SMALL_GRAPHS.at(-1)!.build(true);
        const once = await trainedState(engine, graph, { batch: 37, optimizer: SGD, threads: 1 });
        assertEquals(await trainedState(engine, graph, { batch: 37, optimizer: SGD, threads: 1 }), once);
        assertEquals(await trainedState(engine, graph, { batch: 37, optimizer: SGD, threads: 2 }), once);
      });

      it("drops the same elements whatever the number of threads and what is evaluated between steps", async () => {
        const graph = dropoutGraph(true), options = { batch: 37, optimizer: SGD };
        const once = await trainedState(engine, graph, { ...options, threads: 1 });
        assertEquals(await trainedState(engine, graph, { ...options, threads: 2 }), once);
        await withProgram(engine, graph, options, async (program) => {
          const batch = randomBatch(graph, 37, 1), step = { batch, learningRate: 0 };
          const statistics = await program.read("statistics"); // engines sum around the running mean
          const losses = async (dropoutSeed: number) => {
            await program.write("statistics", statistics);
            return await program.train([{ ...step, dropoutSeed }]);
          };
          const [first, other] = [await losses(5), await losses(6)];
          assertNotEquals(other, first);
          await program.evaluate(batch);
          assertEquals(await losses(5), first);
        });
      });

      it("refuses to train a graph with dropout without a seed for the step's masks", async () => {
        const graph = dropoutGraph(true);
        await withProgram(engine, graph, { batch: 1, optimizer: SGD }, async (program) => {
          const step = { batch: randomBatch(graph, 1, 1), learningRate: 0.1 };
          await assertRejects(() => program.train([step]), TypeError, "dropoutSeed");
        });
      });

      it("computes the same bits whether steps come in one call or in several", async () => {
        const graph = SMALL_GRAPHS.at(-1)!.build(true);
        const options = { batch: 3, optimizer: OPTIMIZERS[3] };
        const steps = [1, 2, 3].map((seed) => ({ batch: randomBatch(graph, 3, seed), learningRate: 0.01 * seed }));
        const results: Tensors[] = [];
        for (const calls of [[steps], [steps.slice(0, 1), steps.slice(1)]]) {
          await withProgram(engine, graph, options, async (program) => {
            for (const call of calls) await program.train(call);
            results.push(await program.read("parameters"));
          });
        }
        assertEquals(results[0], results[1]);
      });

      it("continues exactly from parameters, statistics and slots written to a new program", async () => {
        const graph = SMALL_GRAPHS.at(-1)!.build(true);
        for (const optimizer of OPTIMIZERS) {
          const options = { batch: 3, optimizer };
          const steps = [1, 2, 3].map((seed) => ({ batch: randomBatch(graph, 3, seed), learningRate: 0.05 }));
          await withProgram(engine, graph, options, async (unbroken) => {
            await unbroken.train(steps.slice(0, 2));
            await withProgram(engine, graph, options, async (resumed) => {
              for (const group of WRITABLE) await resumed.write(group, await unbroken.read(group));
              assertEquals(await resumed.train(steps.slice(2)), await unbroken.train(steps.slice(2)));
              for (const group of GROUPS) assertEquals(await resumed.read(group), await unbroken.read(group));
            });
          });
        }
      });

      it("runs calls in the order they were made without waiting for them", async () => {
        const graph = activationGraph(true);
        await withProgram(engine, graph, { batch: 3, optimizer: SGD }, async (program) => {
          const start = await program.read("parameters");
          const step = { batch: randomBatch(graph, 3, 1), learningRate: 0.1 };
          const losses = program.train([step]);
          const trained = program.read("parameters");
          const written = program.write("parameters", start);
          const restored = program.read("parameters");
          await Promise.all([losses, trained, written, restored]);
          assertNotEquals(await trained, start);
          assertEquals(await restored, start);
        });
      });

      it("keeps programs apart", async () => {
        const graph = activationGraph(true);
        const options = { batch: 3, optimizer: SGD };
        const alone = await trainedState(engine, graph, options);
        await withProgram(engine, graph, options, async (other) => {
          const disturb = () => other.train([{ batch: randomBatch(graph, 3, 99), learningRate: 0.3 }]);
          await disturb();
          assertEquals(await trainedState(engine, graph, options, disturb), alone);
        });
      });

      it("shares no array with its caller", async () => {
        const graph = activationGraph(true);
        await withProgram(engine, graph, { batch: 3, optimizer: SGD }, async (program) => {
          const read = await program.read("parameters");
          const kept = read.get("dense.kernel")!.slice();
          read.get("dense.kernel")!.fill(5);
          assertEquals((await program.read("parameters")).get("dense.kernel"), kept);
          const batch = randomBatch(graph, 3, 1);
          const logits = await program.evaluate(batch);
          const copy = logits.slice();
          await program.evaluate(randomBatch(graph, 3, 2));
          assertEquals(logits, copy);
        });
      });

      it("can be used again after a program is disposed, and the program cannot", async () => {
        const graph = activationGraph(true);
        const options = { batch: 3, optimizer: SGD };
        const before = await trainedState(engine, graph, options);
        const program = await engine.compile(graph, SWISH, options);
        program.dispose();
        program.dispose();
        await assertRejects(() => program.read("parameters"), Error, "disposed");
        await assertRejects(() => program.evaluate(randomBatch(graph, 1, 1)), Error, "disposed");
        assertEquals(await trainedState(engine, graph, options), before);
      });
    });

    describe("computes single points as reference does", () => {
      const points = [-20, -3.1, -1, -0.4, -0.25, 0.125, 0.6, 1.7, 2.9, 5.5, 8, 17, 30, 3.3, -0.7, 0.3, 1.1];
      it("value and derivatives of every function of the catalogue and of choices, whatever the number of points", async () => {
        for (
          const act of [
            ...ACTIVATIONS.slice(0, CATALOG.length),
            ...COMPOSITES.map((text) => activationFrom(text)),
          ]
        ) {
          for (const x of [points, points.slice(0, 1)]) {
            const [found, right] = [await engine.probe(act, x, 0.75), await openReference().probe(act, x, 0.75)];
            for (const part of ["value", "derivative", "betaDerivative"] as const) {
              assertEquals(found[part].length, x.length);
              for (let i = 0; i < x.length; i++) {
                const [actual, expected] = [found[part][i], right[part][i]];
                const isSame = Number.isFinite(expected) && Math.abs(expected) < 1e30
                  ? Math.abs(actual - expected) <= tolerance * Math.max(1, Math.abs(expected))
                  : Number.isNaN(actual) === Number.isNaN(expected);
                assert(isSame, `${act.name}: ${part} at ${x[i]} is ${actual}, not ${expected}`);
              }
            }
          }
        }
      });
    });

    describe("reproduces the golden traces", () => {
      for (const trace of golden) {
        it(`${trace.act}, batch ${trace.batch}, ${trace.classes} classes`, async () => {
          assertEquals(goldenFailures(trace, await runGoldenTrace(trace, engine)), []);
        });
      }
    });
  });
}

/** Two training steps and an evaluation on both engines: losses, logits and every tensor must agree. */
async function compareTraining(
  engine: Engine,
  graph: Graph,
  activation: Activation,
  options: CompileOptions,
  tolerance: number,
): Promise<void> {
  await withPrograms(engine, graph, activation, options, async (program, reference) => {
    for (const seed of [10, 20]) {
      const step = { batch: randomBatch(graph, options.batch, seed), learningRate: 0.02, dropoutSeed: 2 ** 32 - seed };
      assertClose(await program.train([step]), await reference.train([step]), tolerance, "loss");
      for (const group of GROUPS) {
        assertTensorsClose(await program.read(group), await reference.read(group), tolerance, group);
      }
    }
    const images = randomBatch(graph, options.batch, 30);
    assertClose(await program.evaluate(images), await reference.evaluate(images), tolerance, "logits");
  });
}

/** Runs with a program of the engine and one of the reference, both started from the same random parameters. */
async function withPrograms(
  engine: Engine,
  graph: Graph,
  activation: Activation,
  options: CompileOptions,
  use: (program: Program, reference: Program) => Promise<void>,
): Promise<void> {
  await withProgram(
    engine,
    graph,
    options,
    (program) => withProgram(openReference(), graph, options, (reference) => use(program, reference), activation),
    activation,
  );
}

async function withProgram(
  engine: Engine,
  graph: Graph,
  options: CompileOptions,
  use: (program: Program) => Promise<void>,
  activation = SWISH,
): Promise<void> {
  const program = await engine.compile(graph, activation, options);
  try {
    await program.write("parameters", randomParameters(graph, 50));
    await use(program);
  } finally {
    program.dispose();
  }
}

/** Losses and all tensors after three steps. */
async function trainedState(engine: Engine, graph: Graph, options: CompileOptions, between?: () => Promise<unknown>) {
  const losses: number[] = [];
  const tensors: Tensors[] = [];
  await withProgram(engine, graph, options, async (program) => {
    for (const seed of [1, 2, 3]) {
      const step = { batch: randomBatch(graph, options.batch, seed), learningRate: 0.05, dropoutSeed: seed };
      losses.push(...await program.train([step]));
      await between?.();
    }
    for (const group of GROUPS) tensors.push(await program.read(group));
  });
  return { losses, tensors };
}

function lengths(tensors: Tensors): (readonly [string, number])[] {
  return [...tensors].map(([name, { length }]) => [name, length] as const);
}

/**
 * The gradient of what another layer cancels (a shift before batch norm) is rounding noise: differences of gradients,
 * and of slots made from them, that are small beside the largest of all tensors do not count.
 */
function assertTensorsClose(actual: Tensors, expected: Tensors, tolerance: number, group: TensorGroup): void {
  const kindOf = (name: string) => group === "slots" ? name.slice(name.lastIndexOf(".") + 1) : group;
  const largest = new Map<string, number>();
  for (const [name, tensor] of expected) {
    largest.set(kindOf(name), Math.max(largest.get(kindOf(name)) ?? 0, largestOf(tensor)));
  }
  const hasNoise = group === "gradients" || group === "slots";
  for (const [name, tensor] of expected) {
    const floor = hasNoise ? largest.get(kindOf(name))! / 100 : 0;
    assertClose(actual.get(name)!, tensor, tolerance, `${group} ${name}`, floor);
  }
}

/** The largest |actual - expected| may be `tolerance` of the largest |expected|, or of `floor` if that is larger. */
function assertClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  what: string,
  floor = 0,
): void {
  assertEquals(actual.length, expected.length, `length of ${what}`);
  let error = 0;
  for (let i = 0; i < expected.length; i++) error = Math.max(error, Math.abs(actual[i] - expected[i]));
  const bound = tolerance * Math.max(largestOf(expected), floor);
  assert(error <= bound, `${what}: largest difference is ${error}, above ${bound}`);
}

function largestOf(values: ArrayLike<number>): number {
  let largest = 0;
  for (let i = 0; i < values.length; i++) largest = Math.max(largest, Math.abs(values[i]));
  return largest;
}
