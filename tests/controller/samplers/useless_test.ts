import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { activationFrom } from "../../../child/activation/catalog.ts";
import { type Useless, uselessness } from "../../../controller/samplers/useless.ts";

const CASES: readonly (readonly [text: string, expected: Useless | null])[] = [
  ["0", "constant"],
  ["b", "constant"],
  ["exp(-b * (x - x)^2)", "constant"],
  ["sqrt(x) * min(x, 0)", "constant"],
  ["cos(x)^2 + sin(x)^2", "constant"],
  ["x", "linear"],
  ["-x + 3", "linear"],
  ["b * x + (1 - b) * (x + b)", "linear"],
  ["max(x, x + b)", "linear"],
  ["max(x, 0) + min(x, 0)", "linear"],
  ["exp(exp(x^2))", "overflow"],
  ["exp(x^3)", "overflow"], // 3e46 at 4.75
  ["sinh(x)^30", "overflow"],
  ["log(x - 10)", "overflow"], // the logarithm of a negative number
  ["relu", null],
  ["swish", null],
  ["gelu", null],
  ["x^3", null],
  ["1 + 0.001 * tanh(x)", null], // small, but batch normalisation makes it large
  ["max(x, -3)", null],
  ["b * x + (1 - b) * max(x, 0)", null], // linear only while beta is 1
  ["x / (x^2 + 0.00001)", null],
];

describe("useless functions", () => {
  for (const [text, expected] of CASES) {
    it(`calls ${text} ${expected ?? "worth a training"}`, () => {
      assertEquals(uselessness(activationFrom(text).expression), expected);
    });
  }

  it("spares every function of the catalogue that a network can be trained with", () => {
    const names = ["relu", "swish", "gelu", "elu", "selu", "softplus", "tanh", "mish", "hardswish", "prelu", "sigmoid"];
    assert(names.every((name) => uselessness(activationFrom(name).expression) === null));
  });
});
