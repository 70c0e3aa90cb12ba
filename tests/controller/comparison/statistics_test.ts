/** Statistics against closed forms and published examples. */
import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import {
  halfWidth95,
  holm,
  interquartileMean,
  kendall,
  pairedT,
  spearman,
  stratifiedBootstrap,
  studentQuantile,
  studentUpperTail,
  wilcoxon,
} from "../../../controller/comparison/statistics.ts";
import { Random } from "../../../datasets/random.ts";

function near(value: number, expected: number, tolerance = 1e-10): void {
  assert(Math.abs(value - expected) <= tolerance * Math.max(1, Math.abs(expected)), `${value} is not ${expected}`);
}

describe("Student's t", () => {
  it("has the closed forms of 1 and 2 degrees of freedom", () => {
    for (const t of [-40, -3, -0.5, 0, 1e-6, 0.7, 2, 12, 300]) {
      near(studentUpperTail(t, 1), 0.5 - Math.atan(t) / Math.PI);
      near(studentUpperTail(t, 2), 0.5 - t / (2 * Math.sqrt(2 + t * t)));
    }
  });

  it("has the quantiles of the tables", () => {
    near(studentQuantile(0.975, 9), 2.262157163, 1e-8);
    near(studentQuantile(0.95, 15), 1.753050356, 1e-8);
    near(studentQuantile(0.025, 4), -2.776445105, 1e-8);
  });

  it("gives an interval that holds the mean of normal values in 95 of 100 cases", () => {
    const random = new Random(7), cases = 4000;
    let held = 0;
    for (let i = 0; i < cases; i++) {
      const pairs = Array.from({ length: 6 }, () => [random.normal() + 0.3, 0] as const);
      const { difference, standardError, n } = pairedT(pairs);
      if (Math.abs(difference - 0.3) < halfWidth95(standardError, n)) held++;
    }
    assert(Math.abs(held / cases - 0.95) < 0.012, `${held / cases}`);
  });
});

describe("the paired t test", () => {
  it("agrees with Student's own example of two soporifics", () => {
    const first = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4];
    const second = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0, 2];
    const test = pairedT(first.map((value, i) => [value, second[i]]));
    near(test.difference, 1.58);
    near(test.twoSidedP, 0.002832890197, 1e-8); // Student 1908; t = 4.0621 of 9
  });

  it("claims nothing from one pair, and nothing from equal ones", () => {
    assertEquals(pairedT([[2, 1]]).oneSidedP, 1);
    assertEquals(pairedT([[1, 1], [2, 2]]).twoSidedP, 1);
    assertEquals(pairedT([[2, 1], [3, 2]]).oneSidedP, 0);
  });
});

describe("Wilcoxon's signed-rank test", () => {
  it("counts exactly for few pairs", () => {
    near(wilcoxon([1, 2, 3, 4, 5].map((d) => [d, 0])), 1 / 32);
    near(wilcoxon([-1, 2, 3, 4, 5].map((d) => [d, 0])), 2 / 32);
    near(wilcoxon([-3, 1, 2].map((d) => [d, 0])), 5 / 8);
  });

  it("approximates near the exact value if there are ties", () => {
    const exact = wilcoxon(Array.from({ length: 20 }, (_, i) => [(i + 1) * (i % 3 === 0 ? -1 : 1), 0]));
    const tied = wilcoxon(Array.from({ length: 20 }, (_, i) => [(i === 1 ? 1 : i + 1) * (i % 3 === 0 ? -1 : 1), 0]));
    near(tied, exact, 0.01);
  });

  it("keeps its digits where it is tiny", () => {
    // 0.5 erfc(z / sqrt(2)) of the C library, z = 4.771854730335432 and 8.680051067684394.
    for (const [pairs, p] of [[30, 9.12685728180607e-7], [100, 1.977955804449779e-18]]) {
      near(wilcoxon(Array.from({ length: pairs }, (_, i) => [i + 1, 0])) / p, 1, 1e-12);
    }
  });

  it("is 1 if nothing differs", () => assertEquals(wilcoxon([[1, 1], [0, 0]]), 1));
});

describe("Holm's correction", () => {
  it("steps down, never below an earlier one", () => {
    const adjusted = holm([0.01, 0.04, 0.03, 0.005]);
    [0.03, 0.06, 0.06, 0.02].forEach((expected, i) => near(adjusted[i], expected));
    assertEquals(holm([0.9, 0.8]), [1, 1]);
  });
});

describe("robust means", () => {
  it("take the middle half, its ends by their share", () => {
    near(interquartileMean([1, 2, 3, 4, 5, 6, 7, 800]), 4.5);
    near(interquartileMean([0, 10, 20]), 10);
    near(interquartileMean([3]), 3);
  });

  it("have intervals that hold the mean of a known distribution", () => {
    const random = new Random(3), draw = (below: number) => random.integer(below);
    let held = 0;
    for (let i = 0; i < 100; i++) {
      const strata = [0, 1].map((mean) => Array.from({ length: 30 }, () => mean + random.normal()));
      const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
      const [low, high] = stratifiedBootstrap(strata, mean, draw, { samples: 300 });
      if (low < 0.5 && 0.5 < high) held++;
    }
    assert(held >= 88 && held < 100, `${held}`);
  });
});

describe("rank correlations", () => {
  it("agree with hand-counted examples, ties too", () => {
    near(spearman([1, 2, 3, 4, 5], [2, 1, 4, 3, 5]), 0.8);
    near(kendall([1, 2, 3, 4, 5], [2, 1, 4, 3, 5]), 0.6);
    near(kendall([1, 1, 2], [1, 2, 3]), 2 / Math.sqrt(2 * 3));
    near(spearman([1, 2, 3], [30, 20, 10]), -1);
  });
});
