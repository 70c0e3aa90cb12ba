/** Kinds of nodes that some engines lack (`child/network/kinds.ts`), of those that have them, beside the reference. */
import { assert } from "@std/assert";
import { afterAll, describe, it } from "@std/testing/bdd";
import { activationFrom } from "../../../child/activation/catalog.ts";
import type { Engine } from "../../../child/engine/engine.ts";
import { openReference } from "../../../child/engine/reference/engine.ts";
import type { Graph } from "../../../child/network/graph.ts";
import { buildDenseNet } from "../../../child/network/densenet.ts";
import { buildMobileNet } from "../../../child/network/mobilenet.ts";
import { randomBatch, randomParameters, RARE_GRAPHS } from "./small_graphs.ts";

const GRAPHS = [
  ...RARE_GRAPHS,
  {
    name: "DenseNet of 10 layers",
    build: (usesBeta: boolean) => buildDenseNet(10, 6, { classes: 5, usesBeta, image: [9, 8, 3] }),
  },
  {
    name: "MobileNet of 1/8 of the width",
    build: (usesBeta: boolean) => buildMobileNet("mobilenet", 1 / 8, { classes: 5, usesBeta, image: [16, 16, 3] }),
  },
];
/** More than a chunk, so that several partial gradients are added. */
const BATCH = 18;

async function trained(engine: Engine, graph: Graph) {
  const options = { batch: BATCH, optimizer: { kind: "sgd", momentum: 0.9, weightDecay: 0.01 } } as const;
  const program = await engine.compile(graph, activationFrom("swish"), { ...options, threads: 2 });
  await program.write("parameters", randomParameters(graph, 1));
  const batch = randomBatch(graph, BATCH, 7);
  const losses = await program.train([{ batch, learningRate: 0.01 }]);
  const found = { losses, gradients: await program.read("gradients"), logits: await program.evaluate(batch) };
  program.dispose();
  return found;
}

function isClose(what: string, given: ArrayLike<number>, wanted: ArrayLike<number>): void {
  const scale = Math.max(...Array.from(wanted, Math.abs), 1e-3);
  for (let i = 0; i < wanted.length; i++) {
    assert(
      Math.abs(given[i] - wanted[i]) <= 2e-4 * scale,
      `${what}[${i}] is ${given[i]}, not ${wanted[i]} (of ${scale})`,
    );
  }
}

/**
 * Declares a test for each graph: the engine's losses, logits and gradients beside the reference's. `open` gives the
 * engine, or the reason it is not available here, for which the tests are skipped.
 */
export async function rareCases(name: string, open: () => Promise<Engine | string>): Promise<void> {
  const opened = await open();
  if (typeof opened === "string") {
    describe(name, () => it.skip(`is not tested as it is not available: ${opened}`, () => {}));
    return;
  }
  describe(name, () => {
    afterAll(() => opened.close());
    for (const { name, build } of GRAPHS) {
      it(`computes ${name} as the reference does`, async () => {
        const graph = build(true);
        const [given, wanted] = [await trained(opened, graph), await trained(openReference(), graph)];
        isClose("losses", given.losses, wanted.losses);
        isClose("logits", given.logits, wanted.logits);
        for (const [name, values] of wanted.gradients) isClose(name, given.gradients.get(name)!, values);
      });
    }
  });
}
