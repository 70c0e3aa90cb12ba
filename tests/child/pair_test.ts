/** Two children that are trained and judged as one: what they say together, and how either ends both. */
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { activationFrom } from "../../child/activation/catalog.ts";
import { openReference } from "../../child/engine/reference/engine.ts";
import { type PairRequest, trainPair } from "../../child/pair.ts";
import { stepsOf } from "../../child/pair_settings.ts";
import { type LossPoint, trainChild } from "../../child/trainer.ts";
import { withFolder } from "../datasets/scratch.ts";
import { actingEngine, colours, lasting, TINY } from "./tiny.ts";

const SECOND = { ...TINY, network: "resnet14", steps: 3, batch: 5 };
const REQUEST: PairRequest = {
  engine: openReference(),
  dataset: colours({ train: 64, validation: 30, test: 12 }),
  activation: activationFrom("swish"),
  settings: { ...TINY, steps: 4, second: SECOND },
  seed: 1,
};

describe("a child with a second one", () => {
  it("has the means of both, each trained from the seed as if alone, and a curve through both", async () => {
    const curve: LossPoint[] = [], { second: _, ...settings } = REQUEST.settings;
    const pair = await trainPair(REQUEST, { onProgress: (point) => curve.push(point) });
    const [one, other] = await Promise.all([settings, SECOND].map((settings) => trainChild({ ...REQUEST, settings })));
    assert(pair.outcome === "complete" && one.outcome === "complete" && other.outcome === "complete");
    for (const name of ["score", "loss", "finalLoss"] as const) {
      assertAlmostEquals(pair[name], (one[name] + other[name]) / 2, 1e-12);
    }
    assertAlmostEquals(pair.betaMean!, (one.betaMean! + other.betaMean!) / 2, 1e-12);
    assertEquals([pair.steps, stepsOf(REQUEST.settings)], [7, 7]);
    assertEquals(curve.map(({ step }) => step), [1, 2, 3, 4, 5, 6, 7]);
  });

  it("judges the second on its own images", async () => {
    const settings = { ...REQUEST.settings, imageSize: 4 };
    const small = await trainPair({ ...REQUEST, settings }), other = await trainChild({ ...REQUEST, settings: SECOND });
    const own = await trainChild({ ...REQUEST, settings: { ...TINY, steps: 4, imageSize: 4 } });
    assert(small.outcome === "complete" && other.outcome === "complete" && own.outcome === "complete");
    assertAlmostEquals(small.loss, (own.loss + other.loss) / 2, 1e-12);
  });

  it("is as the first alone where there is no second", async () => {
    const { second: _, ...settings } = REQUEST.settings;
    assertEquals(
      lasting(await trainPair({ ...REQUEST, settings })),
      lasting(await trainChild({ ...REQUEST, settings })),
    );
  });

  it("ends as the first does that diverges or is stopped, and says which network diverged second", async () => {
    let steps = 0;
    const diverging = (at: number) => actingEngine({ onStep: () => steps++, loss: (step) => step === at ? NaN : 1 });
    const first = await trainPair({ ...REQUEST, engine: diverging(1) });
    assertEquals([first.outcome, first.steps, steps], ["diverged", 2, 2]);
    const settings = { ...REQUEST.settings, second: { ...SECOND, steps: 9 } };
    const second = await trainPair({ ...REQUEST, settings, engine: diverging(6) });
    assert(second.outcome === "diverged");
    assertEquals([second.reason, second.steps], ["in resnet14, the loss became NaN at step 7", 4 + 7]);
    const whyStop = () => "behind the others";
    assertEquals((await trainPair(REQUEST, { whyStop })).steps, 1);
  });

  it("does not train a first one of which the score is known", async () => {
    const curve: LossPoint[] = [], first = { score: 0.75, loss: NaN };
    const pair = await trainPair({ ...REQUEST, first }, { onProgress: (point) => curve.push(point) });
    const other = await trainChild({ ...REQUEST, settings: SECOND });
    assert(pair.outcome === "complete" && other.outcome === "complete");
    assertEquals([pair.score, pair.loss], [(0.75 + other.score) / 2, NaN]);
    assertEquals([pair.finalLoss, pair.betaMean, pair.steps], [other.finalLoss, other.betaMean, 7]);
    assertEquals(curve.map(({ step }) => step), [5, 6, 7]);
  });

  it("resumes in either child, to the same result", () =>
    withFolder(async (folder) => {
      const curve: LossPoint[] = [], path = `${folder}/a`;
      const whole = lasting(await trainPair(REQUEST, { onProgress: (point) => curve.push(point) }));
      for (const stopAt of [2, 4, 6, Infinity]) {
        const told: LossPoint[] = [], stop = new AbortController();
        const onProgress = (point: LossPoint) => {
          told.push(point);
          if (point.step === stopAt) stop.abort();
        };
        const outcome = await trainPair(REQUEST, { signal: stop.signal, onProgress }, { path, everyMs: 0 });
        if (stopAt < Infinity) assertEquals(outcome.outcome, "interrupted");
        else assertEquals([lasting(outcome), told], [whole, curve]);
      }
    }));
});
