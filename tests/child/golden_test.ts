import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { Engine } from "../../child/engine/engine.ts";
import { openReference } from "../../child/engine/reference/engine.ts";
import { goldenFailures, type GoldenTrace, readGolden, runGoldenTrace, uniform } from "../../child/golden.ts";

const LONG = new URL("golden/resnet20.json", import.meta.url).pathname;
const SMALL = new URL("golden/small.json", import.meta.url).pathname;

/** One step of one image, so that a test takes a moment. */
async function shortTrace(): Promise<GoldenTrace> {
  const [, swish] = await readGolden(SMALL);
  return { ...swish, batch: 1, losses: swish.losses.slice(0, 1) };
}

/** An engine that gives these numbers for losses, gradients and logits, whatever it is asked. */
function fixedEngine({ loss, gradient, logit }: { loss: number; gradient: number; logit: number }): Engine {
  const reference = openReference();
  return {
    ...reference,
    name: "wasm",
    async compile(graph, activation, options) {
      const program = await reference.compile(graph, activation, options);
      return {
        train: (steps) => Promise.resolve(new Float64Array(steps.length).fill(loss)),
        evaluate: ({ labels }) => Promise.resolve(new Float64Array(labels.length * graph.classes).fill(logit)),
        async read(group) {
          return new Map([...await program.read(group)].map(([name, tensor]) => [name, tensor.fill(gradient)]));
        },
        write: () => Promise.resolve(),
        dispose: () => program.dispose(),
      };
    },
  };
}

async function withFile(content: string, use: (path: string) => Promise<unknown>): Promise<void> {
  const path = await Deno.makeTempFile({ suffix: ".json" });
  try {
    await Deno.writeTextFile(path, content);
    await use(path);
  } finally {
    await Deno.remove(path);
  }
}

describe("golden files", () => {
  it("are read with their functions and numbers", async () => {
    const traces = await readGolden(LONG);
    assertEquals(traces.map(({ act }) => act), [
      "relu",
      "swish",
      "cos(x) - x",
      "max(x, tanh(x))",
      "exp(-(x^2)) * erf(x)",
      "b*x + (1-b)*asinh(x)",
    ]);
    const [relu, swish] = traces;
    assertEquals([relu.batch, relu.classes, relu.learningRate, relu.weightDecay], [8, 10, 0.05, 1e-4]);
    assertEquals([relu.losses.length, relu.evalLogits.length], [6, 10]);
    assertEquals([relu.gradientNorms.first_b, swish.gradientNorms.first_b], [null, 0.024009286525744786]);
  });

  it("are refused with the file, the trace and the field that is wrong", async () => {
    const { traces: [trace] } = JSON.parse(await Deno.readTextFile(SMALL));
    const refusals: [unknown, string][] = [
      [{}, '"traces"'],
      [{ traces: [] }, '"traces"'],
      [{ traces: [trace, { ...trace, losses: undefined }] }, "trace 2 of golden file"],
      [{ traces: [{ ...trace, losses: [] }] }, '"losses" must be a list of numbers'],
      [{ traces: [{ ...trace, losses: [1, "2"] }] }, '"losses"'],
      [{ traces: [{ ...trace, eval_logits_of_image_0_after: [1, 2] }] }, "10 numbers"],
      [{ traces: [{ ...trace, act: "sine(x)" }] }, "sine"],
      [{ traces: [{ ...trace, act: 7 }] }, '"act"'],
      [{ traces: [{ ...trace, batch: 2.5 }] }, '"batch" must be a whole number from 1'],
      [{ traces: [{ ...trace, classes: 1 }] }, '"classes"'],
      [{ traces: [{ ...trace, lr: null }] }, '"lr" must be a number'],
      [{ traces: [{ ...trace, step_1: {} }] }, '"grad_norm"'],
      [{ traces: [{ ...trace, step_1: { grad_norm: { stem: 1 } } }] }, '"last_conv"'],
      [{ traces: [null] }, "trace must be an object"],
    ];
    for (const [content, reason] of refusals) {
      await withFile(JSON.stringify(content), async (path) => {
        const { message } = await assertRejects(() => readGolden(path), Error, reason);
        assert(message.includes(path), message);
      });
    }
    await withFile('{"traces": [', (path) => assertRejects(() => readGolden(path), Error, path));
    await assertRejects(() => readGolden("no/such/file.json"), Error, "no/such/file.json");
  });

  it("take their numbers from a 32-bit hash", () => {
    // The formula of the file, in integers that never overflow.
    const mix32 = (x: bigint) => {
      const word = (value: bigint) => value & 0xffffffffn;
      x ^= x >> 16n;
      x = word(x * 0x7FEB352Dn);
      x ^= x >> 15n;
      x = word(x * 0x846CA68Bn);
      return x ^ (x >> 16n);
    };
    for (const [seed, i] of [[0, 1], [1000, 0], [1000, 24_575], [2018, 36_863], [3000, 639]]) {
      const expected = mix32((BigInt(seed) * 0x9E3779B9n + BigInt(i)) & 0xffffffffn);
      assertEquals(uniform(seed, i), Number(expected) / 2 ** 32);
    }
  });
});

describe("running a golden trace", () => {
  it("gives losses, five gradient norms and the logits of image 0 in the form of --json", async () => {
    const result = await runGoldenTrace(await shortTrace(), openReference());
    assertEquals(Object.keys(result), ["act", "engine", "losses", "grad_norm", "eval_logits", "max_relative_error"]);
    assertEquals(Object.keys(result.grad_norm), ["stem", "last_conv", "dense", "first_gamma", "first_b"]);
    assertEquals([result.act, result.engine, result.losses.length], ["swish", "reference", 1]);
    assertEquals(result.eval_logits.length, 7);
  });

  it("measures losses and norms against their own size and logits against the largest of them", async () => {
    const trace = { ...await shortTrace(), losses: [4], evalLogits: [0, 0, 0, -8, 0, 0, 0] };
    const { max_relative_error, grad_norm } = await runGoldenTrace(
      trace,
      fixedEngine({ loss: 5, gradient: 0.5, logit: 2 }),
    );
    assertEquals(max_relative_error.losses, 0.25);
    assertEquals(max_relative_error.eval_logits, 10 / 8);
    assertAlmostEquals(grad_norm.dense!, 0.5 * Math.sqrt(64 * 7));
    assertAlmostEquals(
      max_relative_error.grad_norm!,
      Math.max(
        ...(["stem", "last_conv", "dense", "first_gamma", "first_b"] as const).map((name) =>
          Math.abs(grad_norm[name]! / trace.gradientNorms[name]! - 1)
        ),
      ),
    );
  });

  it("writes what is not finite as null and counts it as a failure where the trace is finite", async () => {
    const trace = await shortTrace();
    const result = await runGoldenTrace(trace, fixedEngine({ loss: NaN, gradient: Infinity, logit: -Infinity }));
    assertEquals([result.losses, result.grad_norm.stem, result.eval_logits[0]], [[null], null, null]);
    assertEquals(result.max_relative_error, { losses: null, grad_norm: null, eval_logits: null });
    assertEquals(goldenFailures(trace, result).length, 3);
    const wild = { ...trace, losses: [null] };
    assertEquals(
      (await runGoldenTrace(wild, fixedEngine({ loss: NaN, gradient: 1, logit: 1 }))).max_relative_error.losses,
      0,
    );
  });
});

describe("the bounds of golden traces", () => {
  const result = (act: string, engine: string, errors: [number, number, number], loss = 1) => ({
    act,
    engine,
    losses: [loss],
    grad_norm: { stem: 1, last_conv: 1, dense: 1, first_gamma: 1, first_b: null },
    eval_logits: [1],
    max_relative_error: { losses: errors[0], grad_norm: errors[1], eval_logits: errors[2] },
  });

  it("are 1e-9 for the reference and 1e-3 for float32", async () => {
    const [relu] = await readGolden(LONG);
    assertEquals(goldenFailures(relu, result("relu", "reference", [1e-10, 1e-10, 1e-10])), []);
    assertEquals(goldenFailures(relu, result("relu", "reference", [1e-8, 1e-8, 1e-8])).length, 3);
    assertEquals(goldenFailures(relu, result("relu", "wasm", [9e-4, 9e-4, 9e-4])), []);
    assertEquals(goldenFailures(relu, result("relu", "wasm", [0, 2e-3, 0])).length, 1);
  });

  it("judge the trace that no rounding can follow by its first step", async () => {
    const trace = (await readGolden(LONG))[4];
    const [first] = trace.losses as number[];
    const norms = trace.gradientNorms as Record<string, number>;
    const judge = (engine: string, loss: number, changes: Record<string, number>, error: number) => {
      const outcome = result(trace.act, engine, [0.02, error, 0.6], loss);
      return goldenFailures(trace, { ...outcome, grad_norm: { ...trace.gradientNorms, ...changes } }).length;
    };
    assertEquals(judge("reference", first, {}, 1e-10), 0);
    assertEquals(judge("reference", first, {}, 1e-8), 1);
    assertEquals(judge("wasm", first * 1.001, { first_gamma: norms.first_gamma * 0.87 }, 0.13), 0);
    assertEquals(judge("wasm", first * 1.03, { stem: norms.stem * 0.97 }, 0.03), 2);
  });
});
