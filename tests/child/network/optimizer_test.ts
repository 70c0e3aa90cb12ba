import { assertAlmostEquals, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { learningRate } from "../../../child/network/optimizer.ts";

describe("learningRate", () => {
  it("stays where it is when constant", () => {
    assertEquals([0, 50, 99].map((step) => learningRate("constant", 0.1, step, 100)), [0.1, 0.1, 0.1]);
  });

  it("is divided by 10 at 32k and 48k of 64k steps, as in He et al. 2015", () => {
    const at = (step: number) => learningRate("step", 0.1, step, 64_000);
    [[0, 0.1], [31_999, 0.1], [32_000, 0.01], [47_999, 0.01], [48_000, 0.001], [63_999, 0.001]].forEach(
      ([step, rate]) => assertAlmostEquals(at(step), rate),
    );
  });

  it("falls along half a cosine from the base to 0", () => {
    const at = (step: number) => learningRate("cosine", 0.2, step, 90);
    assertEquals([at(0), at(90)], [0.2, 0]);
    assertAlmostEquals(at(30), 0.15);
    assertAlmostEquals(at(45), 0.1);
    assertAlmostEquals(at(60), 0.05);
  });

  it("rises over the first tenth of the steps when it warms up, then falls along half a cosine", () => {
    const at = (step: number) => learningRate("warm-cosine", 0.2, step, 100);
    [[0, 0.02], [4, 0.1], [9, 0.2], [10, 0.2], [40, 0.15], [55, 0.1], [100, 0]].forEach(([step, rate]) =>
      assertAlmostEquals(at(step), rate)
    );
    assertEquals(learningRate("warm-cosine", 0.2, 0, 1), 0.2);
  });
});
