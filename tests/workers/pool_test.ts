import { assert, assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { withFolder } from "../datasets/scratch.ts";
import { AwakeClock } from "../../workers/awake_clock.ts";
import { makeShapes } from "../../datasets/images/shapes.ts";
import { PRESETS } from "../../controller/presets.ts";
import { type JobResult, Pool, type PoolOptions, stallMs } from "../../workers/pool.ts";

const MODULE = new URL("./scripted_worker.ts", import.meta.url);
const SETTINGS = {
  dataset: makeShapes({ train: 1, validation: 1, test: 1 }),
  engine: "scripted",
  child: PRESETS.smoke.child,
};

async function train(
  expressions: readonly string[],
  workers = 2,
  options: Partial<PoolOptions> = {},
): Promise<JobResult[]> {
  const pool = new Pool({ workers, settings: SETTINGS, module: MODULE, hangMs: 700, ...options });
  try {
    return await Promise.all(
      expressions.map((expression, trial) => pool.train({ trial, training: 0, expression, seed: trial })),
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

  for (
    const [what, expression] of [
      ...[["throws", "x + 1"], ["hangs", "x + 2"], ["answers garbage", "x + 3"], ["throws later", "x + 4"]],
      ...[["beats but never answers", "x + 5"], ["rejects a promise that nobody awaits", "x + 7"]],
    ]
  ) {
    it(`gives a trial whose worker ${what} one retry and leaves the others alone`, async () => {
      const results = await train(["x", expression, "x * 2", "x * 3"], 2, { stallMs: 1500 });
      const failed = results[1];
      assert(failed.outcome === "failed" && failed.reason.length > 0);
      assertEquals(results.map(({ attempts }) => attempts), [1, 2, 1, 1]);
      assertEquals(results.map(({ outcome }) => outcome), ["complete", "failed", "complete", "complete"]);
    });
  }

  it("ends every job within a moment when cancelled, even those of a hanging worker", async () => {
    const pool = new Pool({ workers: 1, settings: SETTINGS, module: MODULE });
    const jobs = ["x + 2", "x", "x * 2"].map((expression, trial) =>
      pool.train({ trial, training: 0, expression, seed: 0 })
    );
    await pool.opened;
    const start = performance.now();
    pool.cancel();
    const results = await Promise.all(jobs);
    pool.close();
    assertEquals(results.map(({ outcome }) => outcome), ["interrupted", "interrupted", "interrupted"]);
    assert(performance.now() - start < 2000);
  });

  it("changes the number of workers while it runs", async () => {
    const pool = new Pool({ workers: 1, settings: SETTINGS, module: MODULE });
    const jobs = Array.from(
      { length: 12 },
      (_, trial) => pool.train({ trial, training: 0, expression: "x", seed: trial }),
    );
    pool.resize(3);
    await jobs[3];
    pool.resize(1);
    const results = await Promise.all(jobs);
    assertEquals(pool.workers, 1);
    pool.close();
    assert(results.every(({ outcome }) => outcome === "complete"));
  });

  it("ends a child whose time is up as timed out, without a retry, and replaces a worker that does not end it", async () => {
    const pool = new Pool({ workers: 2, settings: SETTINGS, module: MODULE, hangMs: 700 });
    const [ended, deaf] = await Promise.all(
      ["x + 6", "x + 5"].map((expression, trial) =>
        pool.train({ trial, training: 0, expression, seed: 1, timeLimitMs: 100 })
      ),
    );
    pool.close();
    assertEquals([ended.outcome, ended.attempts], ["timed_out", 1]);
    assert(deaf.outcome === "failed" && deaf.reason.includes("when its time was up"), JSON.stringify(deaf));
  });

  it("waits far longer for a silent child than any was silent so far, and an hour before one has spoken", () => {
    assertEquals([stallMs(null), stallMs(100), stallMs(120_000)], [3_600_000, 600_000, 2_400_000]);
  });
});

/** A pool that tells why it gave up. */
function unusable(engine: string, workers = 2) {
  const given = Promise.withResolvers<string>();
  const told: string[] = [];
  const hooks: PoolOptions["hooks"] = {
    onUnusable: given.resolve,
    onWorker: ({ state, lastError }) => void told.push(`${state} ${lastError}`),
  };
  const settings = { ...SETTINGS, engine };
  return { pool: new Pool({ workers, settings, module: MODULE, pauseMs: 10, hooks }), reason: given.promise, told };
}

describe("a pool whose workers cannot be started", () => {
  it("says so if none ever opened an engine, and ends every job", async () => {
    const { pool, reason } = unusable("none");
    const job = pool.train({ trial: 0, training: 0, expression: "x", seed: 1 });
    await assertRejects(() => pool.opened, Error, "no worker can be started: there is no engine");
    assertEquals(await reason, "Cannot continue as no worker can be started: there is no engine");
    assertEquals((await job).outcome, "interrupted");
    assertEquals((await pool.train({ trial: 1, training: 0, expression: "x", seed: 1 })).outcome, "interrupted");
  });

  it("tries again after growing pauses if one had opened, then gives up and leaves no job waiting", () =>
    withFolder(async (folder) => {
      const { pool, reason, told } = unusable(`once ${folder}/opened`, 1);
      const jobs = [0, 1, 2].map((trial) => pool.train({ trial, training: 0, expression: "x", seed: 1 }));
      const started = performance.now();
      assert((await reason).startsWith("Cannot continue as no worker can be started: "), await reason);
      assert(performance.now() - started >= 10 + 20 + 40 + 80 + 160, "it made no pauses");
      assertEquals((await Promise.all(jobs)).map(({ outcome }) => outcome), Array(3).fill("interrupted"));
      assertEquals(told.filter((line) => line.startsWith("restarting")).length, 7); // the child's end, and six starts
      assertEquals((await pool.train({ trial: 4, training: 0, expression: "x", seed: 1 })).outcome, "interrupted");
    }));
});

describe("awake clock", () => {
  it("counts the time between its ticks, and of a suspension hardly any", () => {
    let now = 5000;
    const clock = new AwakeClock(500, () => now);
    const tick = (ms: number) => {
      now += ms;
      return clock.tick();
    };
    assertEquals([tick(500), tick(700), clock.now], [false, false, 1200]);
    assertEquals([tick(90_000), clock.now], [true, 1700]);
    assertEquals([tick(500), clock.now], [false, 2200]);
  });
});
