import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { makeShapes } from "../../datasets/images/shapes.ts";
import { PRESETS } from "../../controller/presets.ts";
import { type JobResult, Pool } from "../../workers/pool.ts";

const MODULE = new URL("./scripted_worker.ts", import.meta.url);
const SETTINGS = {
  dataset: makeShapes({ train: 1, validation: 1, test: 1 }),
  engine: "scripted",
  child: PRESETS.smoke.child,
  threads: 1,
};

async function train(expressions: readonly string[], workers = 2): Promise<JobResult[]> {
  const pool = new Pool({ workers, settings: SETTINGS, module: MODULE, hangMs: 700 });
  try {
    return await Promise.all(
      expressions.map((expression, trial) => pool.train({ trial, expression, seed: trial, deadlineMs: null })),
    );
  } finally {
    pool.close();
  }
}

describe("pool", () => {
  it("trains more children than it has workers", async () => {
    const results = await train(Array.from({ length: 20 }, (_, i) => `x * ${i}`));
    assertEquals(results.map(({ outcome, attempts }) => [outcome, attempts]), Array(20).fill(["complete", 1]));
  });

  for (const [what, expression] of [["throws", "x + 1"], ["hangs", "x + 2"], ["answers garbage", "x + 3"]]) {
    it(`gives a trial whose worker ${what} one retry and lets the others be`, async () => {
      const results = await train(["x", expression, "x * 2", "x * 3"]);
      const failed = results[1];
      assert(failed.outcome === "failed" && failed.reason.length > 0);
      assertEquals(results.map(({ attempts }) => attempts), [1, 2, 1, 1]);
      assertEquals(results.map(({ outcome }) => outcome), ["complete", "failed", "complete", "complete"]);
    });
  }

  it("ends every job within a moment when cancelled, even those of a hanging worker", async () => {
    const pool = new Pool({ workers: 1, settings: SETTINGS, module: MODULE });
    const jobs = ["x + 2", "x", "x * 2"].map((expression, trial) =>
      pool.train({ trial, expression, seed: 0, deadlineMs: null })
    );
    await pool.opened;
    const start = performance.now();
    pool.cancel();
    const results = await Promise.all(jobs);
    pool.close();
    assertEquals(results.map(({ outcome }) => outcome), ["interrupted", "interrupted", "interrupted"]);
    assert(performance.now() - start < 2000);
  });

  it("goes on with fewer or more workers while it runs", async () => {
    const pool = new Pool({ workers: 1, settings: SETTINGS, module: MODULE });
    const jobs = Array.from(
      { length: 12 },
      (_, trial) => pool.train({ trial, expression: "x", seed: trial, deadlineMs: null }),
    );
    pool.resize(3);
    await jobs[3];
    pool.resize(1);
    const results = await Promise.all(jobs);
    assertEquals(pool.workers, 1);
    pool.close();
    assert(results.every(({ outcome }) => outcome === "complete"));
  });
});
