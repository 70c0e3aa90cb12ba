/** A child of a search that is interrupted repeatedly ends with the same outcome and curve as one that is not. */
import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { activationFrom } from "../../../child/activation/catalog.ts";
import { openReference } from "../../../child/engine/reference/engine.ts";
import { type ChildRequest, type LossPoint, trainChild } from "../../../child/trainer.ts";
import { withFolder } from "../../datasets/scratch.ts";
import { actingEngine, colours, lasting, TINY } from "../tiny.ts";

const REQUEST: ChildRequest = {
  engine: openReference(),
  dataset: colours({ train: 64, validation: 30, test: 12 }),
  activation: activationFrom("swish"),
  settings: { ...TINY, steps: 6, batch: 4, augment: true },
  seed: 1,
};

/** Trains with a checkpoint after each point, until the step given. */
async function train(path: string, stopAt = Infinity, request = REQUEST) {
  const curve: LossPoint[] = [], notices: string[] = [], controller = new AbortController();
  const onProgress = (point: LossPoint) => {
    curve.push(point);
    if (point.step === stopAt) controller.abort();
  };
  const keeping = { path, everyMs: 0, onNotice: (message: string) => void notices.push(message) };
  const outcome = await trainChild(request, { signal: controller.signal, onProgress }, keeping);
  return { outcome: lasting(outcome), curve, notices };
}

describe("a child that saves its state", () => {
  it("resumes after every interruption to the same accuracy, loss, beta and curve", async () => {
    const curve: LossPoint[] = [];
    const whole = lasting(await trainChild(REQUEST, { onProgress: (point) => curve.push(point) }));
    await withFolder(async (folder) => {
      for (const stopAt of [2, 3, 5]) {
        const cut = await train(`${folder}/a`, stopAt);
        assertEquals([cut.outcome.outcome, cut.curve], ["interrupted", curve.slice(0, stopAt)]);
      }
      assertEquals(await train(`${folder}/a`), { outcome: whole, curve, notices: [] });
    });
  });

  it("trains only what was not saved", async () => {
    await withFolder(async (folder) => {
      let steps = 0;
      const wait = () => {
        for (const end = performance.now() + 25; performance.now() < end;);
      };
      const engine = actingEngine({
        onStep: () => {
          steps++;
          wait();
        },
      });
      await train(`${folder}/a`, 4, { ...REQUEST, engine });
      const before = steps;
      await train(`${folder}/a`, Infinity, { ...REQUEST, engine });
      assertEquals([before >= 4, steps <= before + 4], [true, true], `${before}, then ${steps} in all`);
    });
  });

  it("starts over, and says so, if the file is damaged or another child's", async () => {
    await withFolder(async (folder) => {
      await Deno.writeTextFile(`${folder}/a`, "garbage");
      const whole = lasting(await trainChild(REQUEST));
      const { outcome, notices } = await train(`${folder}/a`);
      assertEquals([outcome, notices.length], [whole, 1]);
      const other = await train(`${folder}/a`, Infinity, { ...REQUEST, seed: 2 });
      assert(other.notices[0].startsWith("a child starts over: Cannot resume from"), other.notices.join());
    });
  });

  it("keeps training if the file cannot be written, and says so", async () => {
    const { outcome, notices } = await train("/nowhere/at/all");
    assertEquals(outcome, lasting(await trainChild(REQUEST)));
    assert(notices[0].startsWith("a child's state is not saved: Cannot write /nowhere/at/all"), notices[0]);
  });
});
