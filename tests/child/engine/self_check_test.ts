import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { afterAll, describe, it } from "@std/testing/bdd";
import type { Engine, Program } from "../../../child/engine/engine.ts";
import { openReference } from "../../../child/engine/reference/engine.ts";
import { selfCheck } from "../../../child/engine/self_check.ts";
import { openWasm } from "../../../child/engine/wasm/engine.ts";

/** `reference` with one thing wrong. */
function spoilt(spoil: (program: Program) => Partial<Program>): Engine {
  const engine = openReference();
  return {
    ...engine,
    name: "spoilt",
    async compile(...args) {
      const program = await engine.compile(...args);
      const bound = {
        train: program.train.bind(program),
        evaluate: program.evaluate.bind(program),
        read: program.read.bind(program),
        write: program.write.bind(program),
        dispose: program.dispose.bind(program),
      };
      return { ...bound, ...spoil(bound) };
    },
  };
}

describe("selfCheck", () => {
  it("finds nothing wrong with the reference engine", async () => {
    assertEquals(await selfCheck(openReference()), null);
  });

  it("names the tensor of which one value is wrong", async () => {
    const engine = spoilt((program) => ({
      async read(group) {
        const tensors = await program.read(group);
        if (group === "gradients") tensors.get("stage2.block1.conv1.kernel")![7] += 1;
        return tensors;
      },
    }));
    assertStringIncludes(await selfCheck(engine) ?? "", "the gradient of stage2.block1.conv1.kernel differs");
  });

  it("finds a value that is not a number", async () => {
    const engine = spoilt((program) => ({
      evaluate: async (batch) => (await program.evaluate(batch)).fill(NaN, 3, 4),
    }));
    assertStringIncludes(await selfCheck(engine) ?? "", "the output of the evaluation differs");
  });

  it("says how an engine that throws fails", async () => {
    const engine = spoilt(() => ({ train: () => Promise.reject(new Error("out of registers")) }));
    assertEquals(await selfCheck(engine), "it fails with: out of registers");
  });
});

describe("a wasm engine whose fast kernels compute wrongly", () => {
  const opened: Engine[] = [];
  afterAll(() => opened.forEach((engine) => engine.close()));

  async function openPlain(): Promise<Engine> {
    let tries = 0;
    const engine = await openWasm(async (engine) => tries++ === 0 ? "the loss differs" : await selfCheck(engine));
    opened.push(engine);
    return engine;
  }

  it("falls back to plain kernels, which pass the check, and says so", async () => {
    const engine = await openPlain();
    assertEquals(engine.device, "CPU, WebAssembly SIMD, plain kernels");
    assertEquals(engine.notices, [
      "engine wasm: its fast kernels are not used as they compute wrongly here: the loss differs",
    ]);
  });

  it("is not available if its plain kernels compute wrongly too", async () => {
    const error = await assertRejects(() => openWasm(() => Promise.resolve("the loss differs")), Error);
    assert(/fast kernels .*; .*plain kernels /.test(error.message), error.message);
  });
});
