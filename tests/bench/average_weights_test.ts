/** The mean of a child's last weights, by the reference engine. */
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { activationFrom } from "../../child/activation/catalog.ts";
import { openReference } from "../../child/engine/reference/engine.ts";
import { Child, type ChildRequest } from "../../child/trainer.ts";
import { colours, TINY } from "../child/tiny.ts";
import { trainAveraged } from "./average_weights.ts";

const request: ChildRequest = {
  engine: openReference(),
  dataset: colours({ train: 64, validation: 32, test: 8 }),
  activation: activationFrom("relu"),
  settings: { ...TINY, schedule: "constant" },
  seed: 3,
};

async function trained(last: number) {
  const child = await Child.open(request);
  assertEquals(await trainAveraged(child, request, last), null);
  const { parameters, statistics } = await child.state(), judged = await child.evaluate("validation");
  child.dispose();
  return { parameters, statistics, judged };
}

describe("mean of the last weights", () => {
  it("is of the weights at every tenth step, and its statistics are its own", async () => {
    const averaged = await trained(10), own = await trained(0), child = await Child.open(request);
    await child.train(2);
    const early = (await child.state()).parameters;
    child.dispose();
    for (const [name, values] of averaged.parameters) {
      values.forEach((value, i) => assertAlmostEquals(value, (early.get(name)![i] + own.parameters.get(name)![i]) / 2));
    }
    assert([...averaged.statistics].some(([name, [first]]) => first !== own.statistics.get(name)![0]));
    assert("accuracy" in averaged.judged && averaged.judged.accuracy > 0.6, JSON.stringify(averaged.judged));
  });
});
