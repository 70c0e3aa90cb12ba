import { assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { estimate } from "../../../controller/comparison/estimate.ts";
import type { Pruner, Standing } from "../../../controller/pruners/pruner.ts";
import { PRUNERS } from "../../../controller/pruners/pruners.ts";
import { rungs } from "../../../controller/pruners/rungs.ts";

const PRIOR = { deviation: 0.001, freedom: 4 };

function promoted(pruner: Pruner, standings: readonly Standing[]) {
  return pruner.promote(standings, estimate(standings, PRIOR)).map(({ id, seeds }) => [id, seeds]);
}

const once = (count: number): Standing[] =>
  Array.from({ length: count }, (_, id) => ({ id, scores: [0.3 + id / 100] }));

describe("a pruner of rungs", () => {
  it("promotes the share that leads, and nobody twice", () => {
    const asha = PRUNERS.asha, standings = once(8);
    assertEquals(promoted(asha, standings), [[7, 4], [6, 4]]);
    const after = standings.map(({ id, scores }) => ({
      id,
      scores: id >= 6 ? [1, 2, 3, 4].map(() => scores[0]) : scores,
    }));
    assertEquals(promoted(asha, after), []);
  });

  it("promotes those above the median to two trainings, and the better half of these to four", () => {
    const standings = once(8);
    assertEquals(promoted(PRUNERS.median, standings), [[7, 2], [6, 2], [5, 2], [4, 2]]);
    const after = standings.map(({ id, scores }) => ({ id, scores: id >= 4 ? [scores[0], scores[0]] : scores }));
    assertEquals(promoted(PRUNERS.median, after), [[7, 4], [6, 4]]);
  });

  it("promotes from each rung among those that ever reached it", () => {
    const standings = Array.from({ length: 16 }, (_, id) => ({
      id,
      scores: Array.from({ length: id >= 12 ? 4 : 1 }, () => 0.3 + id / 100),
    }));
    assertEquals(promoted(PRUNERS.asha, standings), [[15, 16]]);
  });

  it("promotes nobody if it gives one training", () => assertEquals(promoted(PRUNERS.none, once(100)), []));

  it("decides by what is given alone", () => {
    assertEquals(promoted(PRUNERS.race, once(40)), promoted(PRUNERS.race, once(40)));
    assertEquals(promoted(PRUNERS.race, once(40)), [[39, 3], [38, 3], [37, 3], [36, 3]]);
  });

  it("takes only rungs that rise and a share", () => {
    assertThrows(() => rungs([4, 1], 0.5), RangeError, "must rise");
    assertThrows(() => rungs([], 0.5), RangeError, "must rise");
    assertThrows(() => rungs([1, 4], 1.5), RangeError, "from 0 to 1");
  });
});
