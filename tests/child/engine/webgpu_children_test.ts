/** Children side by side on one card: the same numbers as alone, and no child disturbs another. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { afterAll, describe, it } from "@std/testing/bdd";
import { activationFrom } from "../../../child/activation/catalog.ts";
import { usesBeta } from "../../../child/activation/expression.ts";
import { DeviceError, type Engine, type Program } from "../../../child/engine/engine.ts";
import { shapeKey } from "../../../child/engine/webgpu/common_graph.ts";
import { openCard } from "../../../child/engine/webgpu/device.ts";
import { mostPlaces, openWebGpu } from "../../../child/engine/webgpu/engine.ts";
import type { Optimizer } from "../../../child/network/optimizer.ts";
import { dropoutGraph, randomBatch, randomParameters } from "./small_graphs.ts";
import { onSmallCard } from "./small_card.ts";
import { sizeOf } from "../../../child/network/shape.ts";
import type { Tensors } from "../../../child/network/parameters.ts";

const BATCH = 4;
/** The largest buffer of a child here: float32 images of a submission's 20 steps. */
const LARGEST_BYTES = 20 * BATCH * sizeOf(dropoutGraph(false).nodes[0].shape) * 4;
const ADAM: Optimizer = { kind: "adam", beta1: 0.9, beta2: 0.99, epsilon: 1e-2, weightDecay: 1e-2 };

/** Functions with beta and without. */
const FUNCTIONS = [
  ...["relu", "swish", "tanh(x)", "x * sin(b * x)", "exp(-(x^2))", "max(x, b * x)", "abs(x)", "x * erf(x)"],
];

interface Result {
  readonly losses: readonly number[];
  readonly tensors: readonly Tensors[];
  readonly logits: ArrayLike<number>;
}

async function openOrReason(): Promise<Engine | string> {
  try {
    return await openWebGpu(() => Promise.resolve(null));
  } catch (error) {
    return (error as Error).message;
  }
}

function graphOf(text: string) {
  return dropoutGraph(usesBeta(activationFrom(text).expression));
}

/** Child `k` of several, with its own function, start, batches and learning rates. */
async function start(engine: Engine, k: number, children: number): Promise<Program> {
  const graph = graphOf(FUNCTIONS[k]);
  const program = await engine.compile(graph, activationFrom(FUNCTIONS[k]), {
    batch: BATCH,
    optimizer: ADAM,
    children,
  });
  await program.write("parameters", randomParameters(graph, 10 * k));
  return program;
}

function steps(k: number, count: number) {
  const graph = graphOf(FUNCTIONS[k]);
  return Array.from({ length: count }, (_, step) => ({
    batch: randomBatch(graph, BATCH, 100 * k + step),
    learningRate: 0.01 * (k + 1),
    dropoutSeed: 1000 * k + step,
  }));
}

async function result(program: Program, k: number, losses: Float64Array): Promise<Result> {
  const tensors = [];
  for (const group of ["parameters", "gradients", "statistics", "slots"] as const) {
    tensors.push(await program.read(group));
  }
  return { losses: [...losses], tensors, logits: await program.evaluate(randomBatch(graphOf(FUNCTIONS[k]), 3, k)) };
}

async function alone(engine: Engine, k: number, count: number): Promise<Result> {
  const program = await start(engine, k, 1);
  try {
    return await result(program, k, await program.train(steps(k, count)));
  } finally {
    program.dispose();
  }
}

/** The losses of child 0 by an engine that knows nothing of a card that was lost. */
async function trainedElsewhere(): Promise<Float64Array> {
  const engine = await openWebGpu(() => Promise.resolve(null));
  const program = await start(engine, 0, 1);
  const losses = await program.train(steps(0, 1));
  program.dispose();
  return losses;
}

describe("the places of a group", () => {
  it("are halved until the card holds them, and the last refusal is told", async () => {
    const asked: number[] = [];
    const open = (most: number) => (places: number) => {
      asked.push(places);
      const refuse = () => Promise.reject(new DeviceError("memory", `no room for ${places}`));
      return places <= most ? Promise.resolve(places) : refuse();
    };
    assertEquals(await mostPlaces(13, open(3)), 2);
    assertEquals(asked, [13, 7, 4, 2]);
    await assertRejects(() => mostPlaces(2, open(0)), DeviceError, "no room for 1");
    await assertRejects(() => mostPlaces(2, () => Promise.reject(new Error("a bug"))), Error, "a bug");
  });
});

describe("children with beta and without", () => {
  it("are of one shape, and so share a group", () => {
    assertEquals(shapeKey(dropoutGraph(true)), shapeKey(dropoutGraph(false)));
  });
});

const opened = await openOrReason();
if (typeof opened === "string") {
  describe("children side by side", () => it.skip(`are not tested as there is no WebGPU: ${opened}`, () => {}));
} else {
  const engine = opened;
  describe("children side by side", () => {
    afterAll(() => engine.close());

    it("give the same numbers as alone, eight at once, with beta and without", async () => {
      const programs = await Promise.all(FUNCTIONS.map((_, k) => start(engine, k, FUNCTIONS.length)));
      const found = await Promise.all(
        programs.map(async (program, k) => result(program, k, await program.train(steps(k, 3)))),
      );
      programs.forEach((program) => program.dispose());
      for (const [k] of FUNCTIONS.entries()) assertEquals(found[k], await alone(engine, k, 3), FUNCTIONS[k]);
    });

    it("may ask for different numbers of steps", async () => {
      const programs = await Promise.all([0, 1, 2].map((k) => start(engine, k, 3)));
      const counts = [1, 4, 2];
      const found = await Promise.all(
        programs.map(async (program, k) => result(program, k, await program.train(steps(k, counts[k])))),
      );
      programs.forEach((program) => program.dispose());
      for (const k of [0, 1, 2]) assertEquals(found[k], await alone(engine, k, counts[k]), FUNCTIONS[k]);
    });

    it("are not disturbed by one that diverges, leaves, and whose place another takes", async () => {
      const [first, second] = await Promise.all([start(engine, 0, 2), start(engine, 1, 2)]);
      await second.write("parameters", new Map([["dense.bias", new Float32Array(10).fill(NaN)]]));
      const [before, diverged] = await Promise.all([first.train(steps(0, 2)), second.train(steps(1, 2))]);
      assert(!Number.isFinite(diverged[1]));
      second.dispose();
      const third = await start(engine, 2, 2);
      const [after, losses] = await Promise.all([first.train(steps(0, 4).slice(2)), third.train(steps(2, 2))]);
      assertEquals(await result(third, 2, losses), await alone(engine, 2, 2));
      assertEquals(await result(first, 0, Float64Array.of(...before, ...after)), await alone(engine, 0, 4));
      first.dispose();
      third.dispose();
    });

    it("judge several batches in one call, each its own number, as one by one", async () => {
      const programs = await Promise.all([0, 1].map((k) => start(engine, k, 2)));
      const batches = [1, 2, 3, 4, 5].map((seed) => randomBatch(graphOf("relu"), 1 + seed % BATCH, seed));
      const found = await Promise.all(programs.map((program, k) => program.evaluateAll!(batches.slice(2 * k))));
      for (const [k, program] of programs.entries()) {
        const wanted = [];
        for (const batch of batches.slice(2 * k)) wanted.push(await program.evaluate(batch));
        assertEquals(found[k], wanted);
        program.dispose();
      }
    });

    it("on a card that is lost say so, and those compiled later train on it as it is opened anew", async () => {
      const program = await start(engine, 0, 1);
      (await openCard()).device.destroy();
      const { fault } = await assertRejects(() => program.train(steps(0, 1)), DeviceError, "was lost");
      assertEquals(fault, "lost");
      program.dispose();
      assertEquals((await alone(engine, 0, 1)).losses, [...await trainedElsewhere()]);
    });

    it("beyond the places of a group are in another", async () => {
      const programs = await Promise.all([0, 1, 2].map((k) => start(engine, k, 2)));
      const losses = await Promise.all(programs.map((program, k) => program.train(steps(k, 1))));
      for (const k of [0, 1, 2]) assertEquals([...losses[k]], [...(await alone(engine, k, 1)).losses]);
      programs.forEach((program) => program.dispose());
    });

    it("are in as many groups as the card's bindings ask for, with the same numbers", async () => {
      const losses = await Promise.all([0, 1, 2].map(async (k) => [...(await alone(engine, k, 2)).losses]));
      for (const fitting of [1, 2]) {
        await onSmallCard({ binding: fitting * LARGEST_BYTES }, async () => {
          const programs = await Promise.all([0, 1, 2].map((k) => start(engine, k, 3)));
          const found = await Promise.all(programs.map((program, k) => program.train(steps(k, 2))));
          programs.forEach((program) => program.dispose());
          assertEquals(found.map((losses) => [...losses]), losses, `${fitting} children to a group`);
        });
      }
    });

    it("are refused in one sentence if a tensor of one is more than the card binds", () =>
      onSmallCard({ binding: LARGEST_BYTES - 1 }, async () => {
        const refusal = await assertRejects(() => start(engine, 0, 3), DeviceError);
        assertEquals(refusal.fault, "limit");
        assert(
          /^Cannot train a child .* binds 1 MiB .*: ask for fewer children, a smaller batch or --engine wasm$/.test(
            refusal.message,
          ),
        );
      }));

    it("of a group to which the card refused memory fail as such, and those compiled later are in another", async () => {
      const { losses } = await alone(engine, 1, 1), options = { batch: BATCH, optimizer: ADAM, children: 2 };
      const activation = activationFrom("relu"), graph = graphOf("relu");
      const bytes = 2 * engine.memoryNeeded!(graph, activation, options);
      let first: Program;
      await onSmallCard({ memory: bytes + 100 }, async () => {
        first = await engine.compile(graph, activation, options);
        const { fault } = await assertRejects(() => first.read("parameters"), DeviceError); // a buffer to be read
        assertEquals(fault, "memory");
      });
      const second = await start(engine, 1, 2);
      assertEquals([...await second.train(steps(1, 1))], losses);
      first!.dispose();
      second.dispose();
    });

    it("have as many places as the card's memory holds, and one more is refused as such, and may come later", async () => {
      const { losses } = await alone(engine, 2, 2);
      const bytes = engine.memoryNeeded!(graphOf("relu"), activationFrom("relu"), { batch: BATCH, optimizer: ADAM });
      await onSmallCard({ memory: 2.5 * bytes }, async () => {
        const programs = [await start(engine, 0, 4), await start(engine, 1, 4)];
        const { fault } = await assertRejects(() => start(engine, 2, 4), DeviceError, "has too little memory");
        assertEquals(fault, "memory");
        await Promise.all(programs.map((program, k) => program.train(steps(k, 2))));
        programs.forEach((program) => program.dispose());
        await new Promise((resolve) => setTimeout(resolve, 10)); // places are left when earlier calls are done
        const third = await start(engine, 2, 4);
        assertEquals([...await third.train(steps(2, 2))], losses);
        third.dispose();
      });
    });
  });
}
