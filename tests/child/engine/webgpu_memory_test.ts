/** A card's memory, and the copies on the way to it, stay as they are however long children train. */
import { assert } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { activationFrom } from "../../../child/activation/catalog.ts";
import { openWebGpu } from "../../../child/engine/webgpu/engine.ts";
import { DEFAULT_OPTIMIZER } from "../../../child/network/optimizer.ts";
import { GraphBuilder } from "../../../child/network/graph_builder.ts";
import { randomBatch, randomParameters } from "./small_graphs.ts";
import { whyNoCard } from "./why_no_card.ts";

const BATCH = 64, CALLS = 60;
/** Far more than what the collector leaves behind, and less than the images of so many calls, 0.8 MB each. */
const GROWTH = 24e6;

const reason = await whyNoCard();
describe("memory", { skip: reason !== null }, () => {
  it("is flat over calls that train, evaluate and read", async () => {
    const engine = await openWebGpu(() => Promise.resolve(null));
    const builder = new GraphBuilder("small", { classes: 10, usesBeta: false, image: [32, 32, 3] });
    const pooled = builder.globalAveragePool(builder.input());
    const graph = builder.build(builder.dense("dense", builder.activation("act", pooled), { outputs: 10 }));
    const program = await engine.compile(graph, activationFrom("relu"), { batch: BATCH, optimizer: DEFAULT_OPTIMIZER });
    await program.write("parameters", randomParameters(graph, 1));
    const batch = randomBatch(graph, BATCH, 1);
    const calls = async () => {
      for (let call = 0; call < CALLS; call++) {
        await program.train([{ batch, learningRate: 0.01 }]);
        if (call % 4 === 0) await program.evaluate(batch);
        if (call % 8 === 0) await program.read("parameters");
      }
      return Deno.memoryUsage().rss;
    };
    const before = await calls(), after = await calls();
    program.dispose();
    engine.close();
    assert(after - before < GROWTH, `${Math.round((after - before) / 1e6)} MB more after ${CALLS} calls`);
  });
});
