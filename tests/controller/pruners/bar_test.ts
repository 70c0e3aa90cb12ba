/** The median stopping rule within a training: whom it compares, and that those who would end best survive it. */
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { type Bar, lossAt, whyBelow } from "../../../child/bar.ts";
import { barOf } from "../../../controller/pruners/bar.ts";
import type { CurvePoint, Training } from "../../../controller/trial.ts";
import { Random } from "../../../datasets/random.ts";

type Trained = Parameters<typeof barOf>[1][number];

/** 100 steps with a point each, the loss the same at all of them. */
function flat(loss: number, steps = 100): CurvePoint[] {
  return Array.from({ length: steps }, (_, at) => ({ step: at + 1, loss }));
}

function trial(loss: number, change: Partial<Trained> = {}): Trained {
  const trained = { state: "complete", trainings: [], curve: flat(loss) } as const;
  return { role: "candidate", batch: 0, duplicateOf: null, ...trained, ...change };
}

const FROM_TABLE: Training = { seed: 0, stage: "search", state: "diverged", score: 0.1, from: "table" };

const losses = (count: number) => Array.from({ length: count }, (_, i) => trial(1 + i));

describe("the bar within a training", () => {
  it("is the mean training loss after half of the steps up to it", () => {
    const curve = flat(9).map((point) => point.step > 25 && point.step <= 50 ? { ...point, loss: 2 } : point);
    assertEquals(lossAt(50, curve), 2);
    assertEquals(whyBelow({ step: 50, loss: 2 }, curve.slice(0, 50)), null);
    assertEquals(
      whyBelow({ step: 50, loss: 1.9 }, curve.slice(0, 50)),
      "its training loss at step 50 is 2.000, above the bar of 1.900",
    );
    for (const length of [49, 51]) assertEquals(whyBelow({ step: 50, loss: 1.9 }, curve.slice(0, length)), null);
    assertEquals(whyBelow(null, curve), null);
  });

  it("is the median of the candidates of earlier batches, whatever became of them", () => {
    assertEquals(barOf(1, losses(11), 0.5, 100), { step: 50, loss: 6 });
    const others = [
      trial(0, { batch: 1 }),
      trial(0, { role: "by hand" }),
      trial(0, { role: "reference" }),
      trial(0, { duplicateOf: 3 }),
      trial(0, { curve: [] }), // taken from a table, as is the next
      trial(0, { curve: [], state: "diverged", trainings: [FROM_TABLE] }),
      trial(0, { curve: [], state: "failed" }),
      trial(0, { curve: [{ step: 101, loss: 0 }], trainings: [{ ...FROM_TABLE, state: "complete" }] }), // its first child
    ];
    assertEquals(barOf(1, [...losses(11), ...others], 0.5, 100), { step: 50, loss: 6 });
    const diverged = [20, 0].map((steps) => trial(0, { curve: flat(0, steps), state: "diverged" }));
    assertEquals(barOf(1, [...losses(11), ...diverged], 0.5, 100), { step: 50, loss: 7 });
  });

  it("is at a step that has a point of the curve", () => {
    const wide = losses(11).map((one, i) => ({ ...one, curve: flat(i, 300).filter(({ step }) => step % 3 === 0) }));
    assertEquals(barOf(1, wide, 0.5, 302)!.step, 150);
    assertEquals(barOf(1, losses(11), 0.01, 100)!.step, 1);
  });

  it("is none while fewer than ten were trained before, or while most diverge", () => {
    assertEquals(barOf(1, losses(9), 0.5, 100), null);
    assertEquals(barOf(0, losses(20), 0.5, 100), null);
    assertEquals(barOf(1, losses(20).map((one) => ({ ...one, curve: flat(1, 10) })), 0.5, 100), null);
  });

  /**
   * As measured on CIFAR-10 (ResNet-8, 200 steps of 64, seed 1; 14 functions that trained, 2026-11-26): half of the
   * candidates hardly train, and of the others the loss halfway correlates -0.91 with the final accuracy.
   */
  it("lets the best of an unpruned run survive, and stops about half of the candidates", () => {
    const CORRELATION = 0.91, RUNS = 200, CANDIDATES = 130, BATCH = 10, BEST = 20;
    let best = 0, finalists = 0, stopped = 0;
    for (let run = 0; run < RUNS; run++) {
      let bar: Bar | null = null;
      const random = new Random(run),
        trials: (Trained & { readonly quality: number; readonly survives: boolean })[] = [];
      for (let id = 0; id < CANDIDATES; id++) {
        const batch = Math.floor(id / BATCH);
        if (id % BATCH === 0) bar = barOf(batch, trials, 0.5, 100);
        const quality = random.uniform() < 0.5 ? -6 - random.uniform() : random.normal();
        const loss = -(CORRELATION * quality + Math.sqrt(1 - CORRELATION ** 2) * random.normal());
        const curve = [{ step: 50, loss }];
        trials.push({ ...trial(loss, { batch, curve }), quality, survives: whyBelow(bar, curve) === null });
      }
      const ranked = trials.toSorted((a, b) => b.quality - a.quality);
      best += ranked[0].survives ? 1 : 0;
      finalists += ranked.slice(0, BEST).filter(({ survives }) => survives).length;
      stopped += trials.filter(({ survives }) => !survives).length;
    }
    assert(best / RUNS >= 0.995, `the best survives in ${best} of ${RUNS} runs`);
    assert(finalists / (RUNS * BEST) >= 0.99, `${finalists} of ${RUNS * BEST} finalists survive`);
    assertAlmostEquals(stopped / (RUNS * CANDIDATES), 0.45, 0.05);
  });
});
