/** The verdict and the playoff before it. */
import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { affordableFinalists, playoffRound, roundsOf } from "../../../controller/comparison/playoff.ts";
import { verdictOf } from "../../../controller/comparison/verdict.ts";
import { Random } from "../../../datasets/random.ts";

describe("the verdict", () => {
  it("pairs by seed, leaves out what one of the two lacks, and corrects for the number of references", () => {
    const verdict = verdictOf([0.5, 0.52, undefined, 0.54], { relu: [0.4, 0.44, 0.9, undefined], swish: [0.5, 0.52] })!;
    assertEquals([verdict.n, verdict.versus.relu.n, verdict.versus.swish.n], [3, 2, 2]);
    assert(Math.abs(verdict.score - 0.52) < 1e-12);
    assert(Math.abs(verdict.versus.relu.difference - 0.09) < 1e-12);
    assertEquals([verdict.versus.swish.p, verdict.found], [1, false]);
  });

  it("is null without fresh scores, and finds nothing without references", () => {
    assertEquals(verdictOf([undefined], {}), null);
    assertEquals(verdictOf([0.9, 0.8], {})!.found, false);
    assertEquals(verdictOf([0.9, 0.91, 0.9], { relu: [0.1, 0.12, 0.1], swish: [] })!.found, false);
  });

  it("finds a gain of a point and a half in most runs, and one that is none in fewer than one of twenty", () => {
    const random = new Random(5), runs = 1000;
    const found = (gain: number) => {
      let times = 0;
      for (let run = 0; run < runs; run++) {
        const draw = (truth: number) => Array.from({ length: 16 }, () => truth + 0.0131 * random.normal());
        if (verdictOf(draw(0.5 + gain), { relu: draw(0.5), swish: draw(0.5) })!.found) times++;
      }
      return times / runs;
    };
    assert(found(0.015) > 0.75);
    assert(found(0) < 0.05);
  });
});

describe("the playoff", () => {
  const standing = Array.from({ length: 10 }, (_, id) => ({ id, value: id % 5 }));

  it("halves the field and doubles the trainings, at the same cost per round", () => {
    const played: string[] = [];
    let left = 40;
    for (let round = 0; round < roundsOf(10); round++) {
      const { field, trainings } = playoffRound(standing, { finalists: 10, round, left });
      played.push(`${field.length} x ${trainings}`);
      left -= field.length * trainings;
    }
    assertEquals([played, left], [["10 x 1", "5 x 2", "3 x 3", "2 x 5"], 1]);
  });

  it("takes the best, the earlier of equals, and trains each at least once", () => {
    const { field, trainings } = playoffRound(standing, { finalists: 10, round: 2, left: 0 });
    assertEquals([field, trainings], [[4, 9, 3], 1]);
  });

  it("takes no more finalists than its trainings let train in every round they reach", () => {
    assertEquals([0, 2, 19, 20, 40].map(affordableFinalists), [2, 2, 9, 10, 20]);
  });

  it("has no round for fewer than two", () => assertEquals([roundsOf(0), roundsOf(1), roundsOf(2)], [0, 0, 1]));
});
