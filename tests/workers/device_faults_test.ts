/** A device that fails its children, under the pool: they are not blamed, each failure is told once, none is lost. */
import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { makeShapes } from "../../datasets/images/shapes.ts";
import { PRESETS } from "../../controller/presets.ts";
import { type JobResult, Pool } from "../../workers/pool.ts";

const PROCESSOR = { engine: "scripted", workers: 2, module: new URL("./scripted_worker.ts", import.meta.url) };

interface Trained {
  readonly results: readonly JobResult[];
  /** What was told of the device. */
  readonly told: readonly string[];
  /** Engines after the first. */
  readonly engines: readonly string[];
  readonly unusable: string | null;
  readonly workers: number;
}

/** Ten children on a scripted device. */
async function train(engine: string, workers: number, hasFallback: boolean): Promise<Trained> {
  const told: string[] = [], engines: string[] = [];
  let unusable: string | null = null;
  const dataset = makeShapes({ train: 1, validation: 1, test: 1 });
  const pool = new Pool({
    workers,
    settings: { dataset, engine, child: PRESETS.smoke.child, children: workers },
    module: new URL("./scripted_ports.ts", import.meta.url),
    sideBySide: true,
    pauseMs: 20,
    ...hasFallback && { fallback: PROCESSOR },
    hooks: {
      onDevice: (sentence) => told.push(sentence),
      onOtherEngine: ({ name }) => engines.push(name),
      onUnusable: (reason) => unusable = reason,
      onWorker: ({ restarts }) => assertEquals(restarts, 0),
    },
  });
  try {
    const jobs = Array.from({ length: 10 }, (_, i) => ({ trial: i, training: 0, expression: `x * ${i}`, seed: i }));
    const results = await Promise.all(jobs.map((job) => pool.train(job)));
    return { results, told, engines, unusable, workers: pool.workers };
  } finally {
    pool.close();
  }
}

function ends({ results }: Trained): string[] {
  return [...new Set(results.map(({ outcome, attempts, engine }) => `${outcome} ${attempts} ${engine}`))];
}

describe("a device that fails", () => {
  it("is opened again when it is lost: its children start again on it, with or without a fallback", async () => {
    for (const hasFallback of [false, true]) {
      const trained = await train("lost 2", 3, hasFallback);
      assertEquals(ends(trained), ["complete 1 card"]);
      assertEquals(
        trained.told,
        Array(2).fill("the scripted device: lost: it is opened again, and its children start again"),
      );
    }
  });

  it("is left for the processor when it is lost a third time in a row, and every training says where it was", async () => {
    const trained = await train("lost 99", 3, true);
    assertEquals(ends(trained), ["complete 1 scripted"]);
    assertEquals([trained.told.length, trained.engines, trained.workers], [3, ["scripted"], 2]);
    assertEquals(trained.told[2], "the scripted device: lost (3 times): from here on engine scripted trains");
  });

  it("ends the run where it was named, with no child blamed and advice", async () => {
    const trained = await train("lost 99", 3, false);
    assertEquals(ends(trained), ["interrupted 0 undefined"]);
    assert(trained.unusable?.includes("(3 times): resume when the device works"), `${trained.unusable}`);
  });

  it("trains half as many children at once as often as it has too little memory for them", async () => {
    const trained = await train("memory 3", 8, false);
    assertEquals(ends(trained), ["complete 1 card"]);
    assertEquals(trained.told.map((sentence) => sentence.split(":")[0]), [
      "4 children train at once instead of 8",
      "2 children train at once instead of 4",
    ]);
    assertEquals(trained.workers, 2);
    assertEquals(Math.max(...trained.results.map((result) => result.outcome === "complete" ? result.score : 9)), 3);
  });

  it("is left at once if it is too small for one child", async () => {
    const trained = await train("limit", 3, true);
    assertEquals([ends(trained), trained.told.length], [["complete 1 scripted"], 1]);
    assertEquals(ends(await train("memory 0", 2, true)), ["complete 1 scripted"]);
  });
});
