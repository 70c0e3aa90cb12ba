import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { activationFrom } from "../../../child/activation/catalog.ts";
import type { Program } from "../../../child/engine/engine.ts";
import { openReference } from "../../../child/engine/reference/engine.ts";
import { uniform } from "../../../child/golden.ts";
import type { Graph } from "../../../child/network/graph.ts";
import { GraphBuilder } from "../../../child/network/graph_builder.ts";
import { engineCases } from "./cases.ts";
import { randomBatch, randomParameters, RARE_GRAPHS, SMALL_GRAPHS } from "./small_graphs.ts";

await engineCases("reference", () => Promise.resolve(openReference()), 0);

const OPTIONS = { batch: 3, optimizer: { kind: "sgd", momentum: 0, weightDecay: 0 } } as const;
const SWISH = activationFrom("swish");

describe("gradients of the reference", () => {
  for (const { name, build } of [...SMALL_GRAPHS, ...RARE_GRAPHS]) {
    it(`are those of finite differences on ${name}`, async () => {
      await checkGradients(build(true));
    });
  }
});

describe("the reference", () => {
  it("keeps weight decay out of the gradients it gives", async () => {
    const graph = SMALL_GRAPHS[0].build(true);
    const gradients = [];
    for (const weightDecay of [0, 1]) {
      const program = await openReference().compile(graph, SWISH, {
        batch: 3,
        optimizer: { kind: "sgd", momentum: 0, weightDecay },
      });
      await program.write("parameters", randomParameters(graph, 1));
      await program.train([{ batch: randomBatch(graph, 3, 7), learningRate: 1 }]);
      gradients.push(await program.read("gradients"));
    }
    assertEquals(gradients[0], gradients[1]);
  });

  it("has PyTorch's loss of smoothed labels", async () => {
    const builder = new GraphBuilder("small", { classes: 3, usesBeta: false, image: [1, 1, 1], labelSmoothing: 0.1 });
    const graph = builder.build(builder.dense("dense", builder.input(), { outputs: 3 }));
    const program = await openReference().compile(graph, SWISH, { ...OPTIONS, batch: 1 });
    await program.write(
      "parameters",
      new Map([["dense.kernel", new Float64Array(3)], ["dense.bias", Float64Array.of(1, 2, 3)]]),
    );
    const batch = { images: new Float32Array(1), labels: new Uint8Array(1) };
    // cross_entropy([[1, 2, 3]], [0], label_smoothing=0.1) of PyTorch 2.13 in float64
    const [loss] = await program.train([{ batch, learningRate: 0 }]);
    assertAlmostEquals(loss, 2.3076059644443805, 1e-6); // losses are float32
  });

  it("decays convolution and dense kernels and nothing else", async () => {
    const graph = SMALL_GRAPHS[0].build(true);
    const program = await openReference().compile(graph, SWISH, {
      batch: 3,
      optimizer: { kind: "sgd", momentum: 0, weightDecay: 0.5 },
    });
    const before = randomParameters(graph, 1);
    await program.write("parameters", before);
    await program.train([{ batch: randomBatch(graph, 3, 7), learningRate: 0.1 }]);
    const after = await program.read("parameters");
    const gradients = await program.read("gradients");
    for (const { name, role } of graph.parameters) {
      const decay = role === "conv_kernel" || role === "dense_kernel" ? 0.5 : 0;
      const expected = Float64Array.from(before.get(name)!, (w, i) => w - 0.1 * (gradients.get(name)![i] + decay * w));
      assert(expected.every((value, i) => Math.abs(value - after.get(name)![i]) < 1e-12), name);
    }
  });
});

/** For each parameter, the slope of the loss along a random direction against the gradient. */
async function checkGradients(graph: Graph): Promise<void> {
  const program = await openReference().compile(graph, SWISH, OPTIONS);
  const start = randomParameters(graph, 80);
  await program.write("parameters", start);
  await loss(program, graph);
  const gradients = await program.read("gradients");
  for (const [name, values] of start) {
    const direction = Float64Array.from(values, (_, i) => 2 * uniform(90, i) - 1);
    const at = async (h: number) => {
      await program.write("parameters", new Map([[name, direction.map((d, i) => values[i] + h * d)]]));
      return await loss(program, graph);
    };
    // Central differences of fourth order: error of h^4.
    const h = 3e-5;
    const slope = (8 * (await at(h) - await at(-h)) - (await at(2 * h) - await at(-2 * h))) / (12 * h);
    const exact = Array.from(gradients.get(name)!).reduce((sum, g, i) => sum + g * direction[i], 0);
    await program.write("parameters", new Map([[name, values]]));
    assert(
      Math.abs(slope - exact) <= 1e-7 * Math.max(1, Math.abs(exact)),
      `${name}: ${exact} is not the slope ${slope}`,
    );
  }
}

/** Of the training pass; a learning rate of 0 leaves the parameters as they are. */
async function loss(program: Program, graph: Graph): Promise<number> {
  const batch = randomBatch(graph, OPTIONS.batch, 7);
  return (await program.train([{ batch, learningRate: 0, dropoutSeed: 1 }]))[0];
}
