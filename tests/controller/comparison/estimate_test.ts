/**
 * Estimates against simulated truths: what is said of the best must be true on average, and rank better than raw means.
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { type CandidateScores, type Estimate, estimate } from "../../../controller/comparison/estimate.ts";
import { Random } from "../../../datasets/random.ts";

/**
 * In points of accuracy, as measured on ResNet-20 after 300 steps: spread of good functions, and noise of a training.
 */
const SPREAD = 1.3, NOISE = 1.31, SEED_EFFECT = 0.85;
const SEEDS = 30;
const PRIOR = { deviation: NOISE, freedom: 4 };

/** As a playoff leaves its last finalists: their standard errors are far below the spread of all functions. */
const LAST_ROUND = { repeated: 4, trainings: 30 };

interface Simulated extends CandidateScores {
  readonly truth: number;
}

/** Two of five functions hardly train; `trainings(i)` from the first seeds. */
function simulate(random: Random, candidates: number, trainings: (i: number) => number): Simulated[] {
  const effects = Array.from({ length: SEEDS }, () => SEED_EFFECT * random.normal());
  return Array.from({ length: candidates }, (_, i) => {
    const truth = 40 + (random.uniform() < 0.4 ? -2 - 20 * random.uniform() : SPREAD * random.normal());
    const scores = Array.from({ length: trainings(i) }, (_, k) => truth + effects[k] + NOISE * random.normal());
    return { truth, scores };
  });
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

describe("estimates", () => {
  it("are right on average about the one that leads, where the raw maximum is three points too good", () => {
    const random = new Random(1), shrunken: number[] = [], raw: number[] = [];
    for (let run = 0; run < 60; run++) {
      const candidates = simulate(random, 150, () => 1);
      const estimates = estimate(candidates, PRIOR).candidates;
      const [best] = estimates.map((_, i) => i).sort((a, b) => estimates[b].value - estimates[a].value);
      shrunken.push(estimates[best].value - candidates[best].truth);
      raw.push(candidates[best].scores[0]! - candidates[best].truth);
    }
    // One seed's common effect, which nothing in the run can tell, is in both: 0.85 / sqrt(60) is 0.11.
    assert(Math.abs(mean(shrunken)) < 0.45, `${mean(shrunken)}`);
    assert(mean(raw) > 2, `${mean(raw)}`);
  });

  for (const { repeated, trainings } of [{ repeated: 100, trainings: 1 }, { repeated: 20, trainings: 6 }, LAST_ROUND]) {
    it(`say how uncertain they are: ${repeated} of 100 functions trained ${trainings} times`, () => {
      const random = new Random(2), errors: number[] = [];
      for (let run = 0; run < 60; run++) {
        const candidates = simulate(random, 100, (i) => i < repeated ? trainings : 1);
        const { candidates: estimates, seedEffects } = estimate(candidates, PRIOR);
        const common = mean(
          seedEffects.map((effect, k) =>
            effect - mean(candidates.slice(0, repeated).map(({ truth, scores }) => scores[k]! - truth))
          ),
        );
        candidates.slice(0, repeated).forEach(({ truth }, i) =>
          errors.push((estimates[i].value + common - truth) / estimates[i].deviation)
        );
      }
      const spread = Math.sqrt(mean(errors.map((error) => error ** 2)));
      assert(spread > 0.85 && spread < 1.15, `standardised errors spread by ${spread}`);
    });
  }

  it("find the noise and the seeds' effects again", () => {
    const random = new Random(3);
    const { noise, seedEffects } = estimate(simulate(random, 80, () => 8), PRIOR);
    assert(Math.abs(noise / NOISE - 1) < 0.1, `${noise}`);
    assertEquals(seedEffects.length, 8);
    const again = new Random(3),
      effects = Array.from({ length: SEEDS }, () => SEED_EFFECT * again.normal()).slice(0, 8);
    const level = mean(effects);
    effects.forEach((effect, k) => assert(Math.abs(effect - level - seedEffects[k]) < 0.5, `seed ${k}`));
  });

  it("do not depend on the order of candidates, nor on when a score came", () => {
    const candidates = simulate(new Random(4), 30, (i) => 1 + i % 3);
    const there = estimate(candidates, PRIOR).candidates.map(({ value }) => value);
    const back = estimate(candidates.toReversed(), PRIOR).candidates.map(({ value }) => value).toReversed();
    there.forEach((value, i) => assert(Math.abs(value - back[i]) < 1e-9));
  });

  it("work for one candidate, for equal ones, and for none", () => {
    assertEquals(estimate([], PRIOR).candidates, []);
    const [one] = estimate([{ scores: [0.4] }], PRIOR).candidates;
    assert(Math.abs(one.value - 0.4) < 1e-12 && one.n === 1);
    for (const { value } of estimate([{ scores: [0.4] }, { scores: [0.4] }], PRIOR).candidates) {
      assert(Math.abs(value - 0.4) < 1e-12);
    }
    const [trained, waiting] = estimate([{ scores: [0.4] }, { scores: [] }], PRIOR).candidates;
    assert(Math.abs(waiting.value - trained.value) < 1e-12 && waiting.n === 0 && Number.isNaN(waiting.mean));
  });

  it("take no score that is not a number", () => {
    assertThrows(() => estimate([{ scores: [0.4] }, { scores: [NaN] }], PRIOR), RangeError, "candidate 1");
  });

  it("are finite where functions differ far more than their trainings", () => {
    const random = new Random(4);
    for (let run = 0; run < 3; run++) {
      const scores = (truth: number, n: number) => Array.from({ length: n }, () => truth + 1e-5 * random.normal());
      const poor = Array.from({ length: 60 }, () => ({ scores: scores(0.1 + 0.5 * random.uniform(), 1) }));
      const good = Array.from({ length: 20 }, () => ({ scores: scores(0.999 + 0.001 * random.uniform(), 5) }));
      const { candidates } = estimate([...poor, ...good], { deviation: 1e-5, freedom: 4 });
      assert(
        candidates.every(({ value, deviation }) => Number.isFinite(value) && Number.isFinite(deviation)),
        `${run}`,
      );
    }
  });

  it("are as uncertain as a training before functions are known to differ", () => {
    const known = ({ value, deviation, n }: Estimate) => [value, deviation, n];
    assertEquals(estimate([{ scores: [40] }], PRIOR).candidates.map(known), [[40, NOISE, 1]]);
    assertEquals(estimate([{ scores: [40] }, { scores: [] }], PRIOR).candidates.map(known), [
      [40, NOISE, 1],
      [40, NOISE, 0],
    ]);
  });
});
