/** What is told of a function's shape, against what is known of the published ones. */
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { analyse, type Analysis, isBounded, type Limit } from "../../../child/activation/analysis.ts";
import { activationFrom, CATALOG } from "../../../child/activation/catalog.ts";

function shapeOf(text: string): Analysis {
  const { expression, betaStart } = activationFrom(text);
  return analyse(expression, betaStart);
}

const shown = (limit: Limit) => limit.kind === "value" ? limit.value : limit.kind;
const INF = Infinity;

type Facts = readonly [
  left: number | string,
  right: number | string,
  least: number,
  greatest: number,
  monotone: string,
];

/** From the papers and calculus: limits at -inf and inf, infimum, supremum, whether it never falls or rises. */
const KNOWN: Readonly<Record<string, Facts>> = {
  relu: [0, INF, 0, INF, "increasing"],
  lrelu: [-INF, INF, -INF, INF, "increasing"],
  prelu: [-INF, INF, -INF, INF, "increasing"],
  softplus: [0, INF, 0, INF, "increasing"],
  elu: [-1, INF, -1, INF, "increasing"],
  selu: [-1.758099340847, INF, -1.758099340847, INF, "increasing"],
  gelu: [0, INF, -0.16997120747, INF, "no"],
  "swish-1": [0, INF, -0.27846454276, INF, "no"],
  identity: [-INF, INF, -INF, INF, "increasing"],
  "cos(x) - x": [INF, -INF, -INF, INF, "decreasing"],
  "atan(x)^2 - x": [INF, -INF, -INF, INF, "decreasing"],
  "sinc(x) + x": [-INF, INF, -INF, INF, "increasing"],
  sigmoid: [0, 1, 0, 1, "increasing"],
  tanh: [-1, 1, -1, 1, "increasing"],
  hardtanh: [-1, 1, -1, 1, "increasing"],
  hardsigmoid: [0, 1, 0, 1, "increasing"],
  softsign: [-1, 1, -1, 1, "increasing"],
  isru: [-1, 1, -1, 1, "increasing"],
  sqnl: [-1, 1, -1, 1, "increasing"],
  relu6: [0, 6, 0, 6, "increasing"],
  hardswish: [0, INF, -0.375, INF, "no"],
  mish: [0, INF, -0.308843413017, INF, "no"],
  tanhexp: [0, INF, -0.353285777848, INF, "no"],
  serf: [0, INF, -0.34843745876, INF, "no"],
  golu: [0, INF, -0.0972601312276, INF, "no"],
  squareplus: [0, INF, 0, INF, "increasing"],
  logsigmoid: [-INF, 0, -INF, 0, "increasing"],
  tanhshrink: [-INF, INF, -INF, INF, "increasing"],
  gelusine: ["oscillates", INF, -0.244044981135, INF, "no"],
  "sin(x)": ["oscillates", "oscillates", -1, 1, "no"],
  "x * sin(x)": ["oscillates", "oscillates", -INF, INF, "no"],
  "tan(x)": ["oscillates", "oscillates", -INF, INF, "no"],
  "1 / x": [0, 0, -INF, INF, "no"],
  "x / (1 + x^2)": [0, 0, -0.5, 0.5, "no"],
  "gauss(x)": [0, 0, 0, 1, "no"],
  "sinc(x)": [0, 0, -0.217233628211, 1, "no"],
  "log(abs(x) + 1e-5)": [INF, INF, Math.log(1e-5), INF, "no"],
  "log(log(2 + x^2))": [INF, INF, Math.log(Math.log(2)), INF, "no"],
  "x^2 * 1e-12 + x": [INF, INF, -2.5e11, INF, "no"],
  "atan(x)": [-Math.PI / 2, Math.PI / 2, -Math.PI / 2, Math.PI / 2, "increasing"],
  "min(max(x, 0), 20)": [0, 20, 0, 20, "increasing"],
  "step(x)": [0, 1, 0, 1, "increasing"],
  "7": [7, 7, 7, 7, "constant"],
};

describe("analyse", () => {
  for (const [text, [left, right, least, greatest, monotone]] of Object.entries(KNOWN)) {
    it(`finds limits, range and monotony of ${text}`, () => {
      const shape = shapeOf(text);
      const close = (actual: number | string, expected: number | string, what: string) =>
        typeof expected === "string" || !Number.isFinite(expected)
          ? assertEquals(actual, expected, what)
          : assertAlmostEquals(actual as number, expected, 1e-9 * Math.max(1, Math.abs(expected)), what);
      close(shown(shape.atMinusInfinity), left, "at -inf");
      close(shown(shape.atInfinity), right, "at inf");
      close(shape.least, least, "least");
      close(shape.greatest, greatest, "greatest");
      assertEquals(shape.monotone, monotone);
      assertEquals(isBounded(shape), Number.isFinite(least) && Number.isFinite(greatest));
    });
  }

  it("tells from where on a function is not a number", () => {
    assertEquals(shapeOf("sin(exp(x))").atInfinity, { kind: "undefined", from: 710 });
    assertEquals(shapeOf("log(x)").atMinusInfinity, { kind: "undefined", from: 0 });
    assertEquals(shapeOf("log(x)").monotone, null);
  });

  it("finds where a function turns, bends, jumps and has poles", () => {
    const bends = (text: string) => shapeOf(text).bends.map(({ kind, x }) => `${kind} ${+x.toFixed(4)}`);
    assertEquals(bends("x * sigmoid(x)"), ["inflection -2.3994", "minimum -1.2785", "inflection 2.3994"]);
    assertEquals(bends("relu6"), ["kink 0", "kink 6"]);
    assertEquals(bends("hardshrink"), ["jump -0.5", "jump 0.5"]);
    assertEquals(bends("1 / (x - 1)"), ["pole 1"]);
    assertEquals(bends("elu"), []); // smooth at 0 for alpha 1
    assertEquals(bends("log(x)"), []);
  });

  it("takes value and slope at 0 as the engines compute them", () => {
    const { valueAt0, slopeAt0 } = shapeOf("mish");
    assertEquals(valueAt0, 0);
    assertAlmostEquals(slopeAt0, 0.6, 1e-15);
    assertEquals(shapeOf("selu").slopeAt0, 1.0507009873554805 * 1.6732632423543772);
  });

  it("takes every function of the catalogue, in time", () => {
    const start = performance.now();
    for (const { text } of CATALOG) assert(shapeOf(text).bends.length <= 12);
    assert(performance.now() - start < 30_000);
  });
});
