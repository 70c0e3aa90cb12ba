import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { mask, maskKeys } from "../../../child/network/dropout.ts";

const LENGTH = 2 ** 18;

const mean = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0) / values.length;
const kept = (values: Float64Array) => values.map((value) => value > 0 ? 1 : 0);

/** Standard errors by which the share of kept elements is off. */
function deviation(share: number, expected: number, length: number): number {
  return Math.abs(share - expected) / Math.sqrt(expected * (1 - expected) / length);
}

describe("a mask of dropout", () => {
  it("keeps 1 - rate of the elements and has a mean of 1, with the variance of independent ones", () => {
    for (const rate of [0.001, 0.2, 0.3, 0.5, 0.9]) {
      const values = mask(123, 7, rate, LENGTH), factor = 1 / (1 - rate);
      assertEquals(new Set(values), new Set([0, factor]));
      assert(deviation(mean(kept(values)), 1 - rate, LENGTH) < 4, `${rate}: ${mean(kept(values))} are kept`);
      const centre = mean(values), variance = mean(values.map((value) => (value - centre) ** 2));
      assert(Math.abs(variance / (rate / (1 - rate)) - 1) < 0.1, `${rate}: variance ${variance}`);
    }
  });

  it("is independent of that of other seeds and nodes, and of itself at other positions", () => {
    const first = kept(mask(1, 1, 0.5, LENGTH));
    const others = { seed: kept(mask(2, 1, 0.5, LENGTH)), node: kept(mask(1, 2, 0.5, LENGTH)) };
    for (const [what, other] of Object.entries(others)) {
      const agreeing = mean(first.map((value, i) => value === other[i] ? 1 : 0));
      assert(deviation(agreeing, 0.5, LENGTH) < 4, `another ${what}: ${agreeing} agree`);
    }
    for (const shift of [1, 3, 4, 16, 32, 1024, 4096]) {
      const agreeing = mean(first.slice(shift).map((value, i) => value === first[i] ? 1 : 0));
      assert(deviation(agreeing, 0.5, LENGTH - shift) < 4, `${shift} positions away: ${agreeing} agree`);
    }
  });

  it("is these elements on every machine", () => {
    // Computed in Python.
    assertEquals(maskKeys(0xdeadbeef, 5), [3739023446, 3086026305]);
    assertEquals(kept(mask(0xdeadbeef, 5, 0.5, 16)).join(""), "0011111000000110");
  });

  it("of a batch begins with that of a smaller one", () => {
    assertEquals(mask(9, 4, 0.3, 1000).slice(0, 100), mask(9, 4, 0.3, 100));
  });
});
