/** Children of the engine webgpu under the pool: side by side in one thread, and in two threads with a device each. */
import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { PRESETS } from "../../controller/presets.ts";
import { makeShapes } from "../../datasets/images/shapes.ts";
import { Pool, type PoolOptions } from "../../workers/pool.ts";
import { whyNoCard } from "../child/engine/why_no_card.ts";

const FUNCTIONS = ["relu", "x * sigmoid(b * x)"];
const CHILD = { ...PRESETS.smoke.child, steps: 3, batch: 4, validationImages: 8 };

async function scores(workers: number, sideBySide: boolean, options: Partial<PoolOptions> = {}, engine = "webgpu") {
  const dataset = makeShapes({ train: 16, validation: 8, test: 1 });
  const settings = { dataset, engine, child: CHILD, children: sideBySide ? workers : 1 };
  const pool = new Pool({ workers, settings, sideBySide, ...options });
  try {
    const results = await Promise.all(
      FUNCTIONS.map((expression, trial) => pool.train({ trial, training: 0, expression, seed: trial })),
    );
    const { childBytes } = await pool.opened;
    assert(childBytes! > 2 ** 20 && childBytes! < 2 ** 26, `${childBytes}`);
    return results.map((result) => [result.outcome, result.outcome === "complete" && [result.score, result.finalLoss]]);
  } finally {
    pool.close();
    // A process that ends while a thread of a card is torn down may crash (Mesa 22.3 did): see side_by_side.ts.
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}

const reason = await whyNoCard();
describe("children on a card under the pool", { skip: reason !== null }, () => {
  it("have the same losses and scores side by side, in two threads at once, alone, and on a card that is lost", async () => {
    const alone = await scores(1, false);
    assertEquals(alone.map(([outcome]) => outcome), ["complete", "complete"]);
    assertEquals(await scores(2, true), alone);
    assertEquals(await scores(2, false), alone);

    const told: string[] = [], module = new URL("./losing_card_worker.ts", import.meta.url);
    const lost = { module, pauseMs: 10, hooks: { onDevice: (sentence: string) => told.push(sentence) } };
    assertEquals(await scores(2, true, lost, "webgpu 2"), alone);
    assertEquals(told.map((sentence) => /^the card .* was lost: .*: it is opened again/.test(sentence)), [true, true]);
  });

  it("go on on the processor when the card is lost for good", async () => {
    const told: string[] = [], hooks = { onDevice: (sentence: string) => told.push(sentence) };
    const lost = { module: new URL("./losing_card_worker.ts", import.meta.url), pauseMs: 10, hooks };
    const results = await scores(2, true, { ...lost, fallback: { engine: "wasm", workers: 1 } }, "webgpu 99");
    assertEquals(results.map(([outcome]) => outcome), ["complete", "complete"]);
    assert(told.length === 3 && told[2].endsWith("(3 times): from here on engine wasm trains"), told.join("\n"));
  });
});
