import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { activationFrom } from "../../../child/activation/catalog.ts";
import { openTfjsNode, type TensorFlowEngine } from "../../../child/engine/tfjs/engine.ts";
import { CPU_PACKAGE, packageFolder } from "../../../child/engine/tfjs/package.ts";
import { engineCases } from "./cases.ts";
import { activationGraph, randomBatch, randomParameters } from "./small_graphs.ts";

/** The engine, or why it is not tested. One that was built but does not open is a failure, not a reason. */
async function openHere(): Promise<TensorFlowEngine | string> {
  try {
    Deno.statSync(packageFolder(CPU_PACKAGE));
  } catch {
    return `${CPU_PACKAGE.npm} is not built; ${CPU_PACKAGE.build} does it`;
  }
  return await openTfjsNode();
}

const opened = await openHere();

/** float32: what sums of some hundred terms lose. */
await engineCases("tfjs-node", () => Promise.resolve(opened), 1e-3);

describe("tfjs-node engine", () => {
  if (typeof opened === "string") {
    it.skip(`does not count its tensors as it is not available here: ${opened}`, () => {});
    return;
  }

  it("holds as many tensors after 50 steps as after one, and none after its programs are disposed", async () => {
    const before = opened.tensors;
    for (const text of ["swish", "sinc(x) + x", "max(x, tanh(x))"]) {
      const graph = activationGraph(true);
      const optimizer = { kind: "adam", beta1: 0.9, beta2: 0.99, epsilon: 1e-3, weightDecay: 1e-2 } as const;
      const program = await opened.compile(graph, activationFrom(text), { batch: 4, optimizer });
      await program.write("parameters", randomParameters(graph, 1));
      const counts: number[] = [];
      for (let step = 0; step < 50; step++) {
        await program.train([{ batch: randomBatch(graph, 4, step), learningRate: 0.01 }]);
        await program.evaluate(randomBatch(graph, 4, step));
        counts.push(opened.tensors);
      }
      assertEquals(new Set(counts).size, 1, `${text}: ${counts}`);
      program.dispose();
      assertEquals(opened.tensors, before);
    }
  });
});
