/** The analysis of the panel, on trainings made by a formula. */
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { Random } from "../../datasets/random.ts";
import { MEASURES, noiseOf, pairSummariesOf, type PanelRow, summariesOf, tablesOf } from "./panel_analysis.ts";

const random = new Random(5);

/** 30 functions of quality 0 to 1 on a child that ranks them as `of` says. */
function rowsOf(child: string, seeds: number, of: (quality: number) => number, noise: number): PanelRow[] {
  const effects = Array.from({ length: seeds }, () => 0.02 * random.normal());
  return Array.from({ length: 30 }, (_, i) =>
    effects.map((effect, k): PanelRow => {
      const accuracy = 0.3 + 0.4 * of(i / 29) + effect + noise * random.normal();
      return {
        ...{ expression: `f${i}`, kind: "random", child, seed: k + 1, outcome: "complete", seconds: 3 },
        ...{ accuracy, loss: 2 - 2 * accuracy, trainLoss: null },
      };
    })).flat();
}

describe("analysis of the panel", () => {
  const rows = [
    ...rowsOf("target", 1, (quality) => quality, 0),
    ...rowsOf("alike", 3, (quality) => quality, 0.01),
    ...rowsOf("opposed", 1, (quality) => -quality, 0),
    ...rowsOf("good at the bad", 1, (quality) => Math.min(quality, 1.2 - quality), 0),
  ];
  const summaries = summariesOf(rows),
    of = (child: string, measure = "accuracy") =>
      summaries.find((one) => one.child === child && one.measure === measure)!;

  it("tells children that rank as the target does from those that do not, over all and in the best third", () => {
    assertAlmostEquals(of("target").spearman.value, 1);
    assert(of("alike").spearman.value > 0.95 && of("alike").kendall.value > 0.85);
    assertAlmostEquals(of("opposed").spearman.value, -1);
    assert(of("good at the bad").spearman.value > 0.2 && of("good at the bad").bestThird.value < -0.9);
    assertEquals([of("alike").functions, of("alike").inBestThird, of("alike").seeds], [30, 10, 3]);
  });

  it("gives intervals that hold the value, narrower where the child agrees", () => {
    const { value, low, high } = of("alike").spearman, other = of("good at the bad").spearman;
    assert(low <= value && value <= high && high - low < other.high - other.low);
  });

  it("judges two children together, which are wrong about different functions", () => {
    const wrong = (quality: number) => Math.sin(40 * quality) / 4;
    const two = [
      ...rowsOf("target", 1, (quality) => quality, 0),
      ...rowsOf("one", 1, (quality) => quality + wrong(quality), 0),
      ...rowsOf("other", 1, (quality) => quality - wrong(quality), 0),
      ...rowsOf("of few", 1, (quality) => quality, 0).slice(0, 20),
    ];
    const pairs = pairSummariesOf(two), [accuracy] = pairs;
    assertEquals(pairs.map(({ children, measure }) => [...children, measure]), [
      ["one", "other", "accuracy"],
      ["one", "other", "validation loss"],
    ]);
    assertEquals([accuracy.functions, accuracy.inBestThird], [30, 10]);
    assert(accuracy.spearman.value > 0.99);
    for (const { child, spearman } of summariesOf(two)) {
      assert(!["one", "other"].includes(child) || spearman.value < 0.95, `${child} ${spearman.value}`);
    }
  });

  it("judges by the validation loss too, as higher is better", () => {
    assertAlmostEquals(of("alike", "validation loss").spearman.value, of("alike").spearman.value, 1e-9);
  });

  it("parts the noise into the seeds' common effect and the rest", () => {
    const many = rowsOf("many", 40, (quality) => quality, 0.01);
    const noise = noiseOf(many, MEASURES.accuracy)!;
    assertAlmostEquals(noise.residual, 0.01, 0.001);
    assertAlmostEquals(noise.seed, 0.02, 0.006);
    // Qualities are spread evenly over 0.4, a variance of 0.4^2 / 12.
    assertAlmostEquals(noise.reliability, 0.0142 / (0.0142 + 0.0001), 0.002);
    assertEquals([noise.functions, noise.seeds], [30, 40]);
    assertEquals(noiseOf(rowsOf("once", 1, (quality) => quality, 0.01), MEASURES.accuracy), null);
  });

  it("says how much a training tells the good functions apart, of those near the target's best", () => {
    // Within 5 points of the best are four functions of 0.7 - 0.0138 k, of a variance of 0.000317.
    const { functions, reliability } = of("alike").noiseOfGood!;
    assertEquals(functions, 4);
    assertAlmostEquals(reliability, 0.76, 0.15);
    assert(reliability < of("alike").noise!.reliability);
  });

  it("leaves seeds that few functions have out of the noise, and counts a diverged child as guessing", () => {
    const diverged: PanelRow = {
      ...{ expression: "f0", kind: "random", child: "alike", seed: 9, outcome: "diverged", seconds: 1 },
      ...{ accuracy: null, loss: null, trainLoss: null },
    };
    assertEquals(MEASURES.accuracy(diverged), 0.1);
    assertAlmostEquals(MEASURES["validation loss"](diverged), -Math.log(10));
    const extra = { ...diverged, outcome: "complete" as const, accuracy: 0.5, loss: 1 };
    const alike = rows.filter(({ child }) => child === "alike");
    assertEquals(noiseOf([...alike, extra], MEASURES.accuracy), noiseOf(alike, MEASURES.accuracy));
  });

  it("prints a row per child and measure, and one per function of the target, best first", () => {
    const lines = tablesOf(rows);
    assertEquals(lines.filter((line) => line.startsWith("| alike |")).length, 2);
    assertEquals(lines.filter((line) => line.startsWith("| alike and opposed |")).length, 2);
    assertEquals(lines.filter((line) => line.startsWith("| `f")).map((line) => line.slice(3, 6)).slice(0, 2), [
      "f29",
      "f28",
    ]);
  });
});
