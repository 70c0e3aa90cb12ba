/** Workers that share a thread, as the children of one graphics card do, under the pool that knows nothing of it. */
import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { makeShapes } from "../../datasets/images/shapes.ts";
import { PRESETS } from "../../controller/presets.ts";
import { type JobResult, Pool } from "../../workers/pool.ts";

const MODULE = new URL("./scripted_ports.ts", import.meta.url);
const SETTINGS = {
  dataset: makeShapes({ train: 1, validation: 1, test: 1 }),
  engine: "scripted",
  child: PRESETS.smoke.child,
  ...{ children: 3 },
};

async function train(expressions: readonly string[]): Promise<JobResult[]> {
  const pool = new Pool({
    workers: 3,
    settings: SETTINGS,
    module: MODULE,
    sideBySide: true,
    hangMs: 700,
    stallMs: 1500,
  });
  try {
    return await Promise.all(
      expressions.map((expression, trial) => pool.train({ trial, training: 0, expression, seed: trial })),
    );
  } finally {
    pool.close();
  }
}

describe("workers in one thread", () => {
  it("train as many children at once as they are", async () => {
    const results = await train(Array.from({ length: 9 }, (_, i) => `x * ${i}`));
    assertEquals(results.map(({ outcome, attempts }) => [outcome, attempts]), Array(9).fill(["complete", 1]));
    const together = results.map((result) => result.outcome === "complete" ? result.score : 0);
    assertEquals(Math.max(...together), 3); // the scripted score is how many train at that moment
  });

  it("lose no child of another when one throws or is silent", async () => {
    for (const bad of ["x + 1", "x + 5"]) {
      const results = await train(["x", bad, "x * 2", "x * 3", "x * 4"]);
      assert(results[1].outcome === "failed" && results[1].attempts === 2, JSON.stringify(results[1]));
      const others = results.filter((_, i) => i !== 1);
      assertEquals(others.map(({ outcome, attempts }) => [outcome, attempts]), Array(4).fill(["complete", 1]));
    }
  });

  it("are all replaced when their thread hangs, and those that come later are trained", async () => {
    const results = await train(["x + 2", "x", "x * 2", "x * 3", "x * 4", "x * 5"]);
    assertEquals([results[0].outcome, results[0].attempts], ["failed", 2]);
    for (const i of [3, 4, 5]) assertEquals(results[i].outcome, "complete");
  });

  it("are all replaced when their thread breaks", async () => {
    const results = await train(["x + 4", "x * 2"]);
    assertEquals(results[0].outcome, "failed");
    assertEquals(results[1].outcome, "complete");
  });
});
