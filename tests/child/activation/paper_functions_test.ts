import { assertAlmostEquals, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { evaluate } from "../../../child/activation/evaluate.ts";
import { number, X } from "../../../child/activation/expression.ts";
import { PAPER_BINARY, PAPER_UNARY } from "../../../child/activation/paper_functions.ts";
import { oneUnitSpace } from "./random_expressions.ts";

const X_VALUE = -0.8;
const B_VALUE = 0.6;

/** The values at x = -0.8, b = 0.6, in the paper's order, from its formulas. erf(0.8): Abramowitz & Stegun 7.1. */
const UNARY_VALUES: readonly number[] = [
  -0.8,
  0.8,
  0.8,
  0.64,
  -0.512,
  0,
  -0.48,
  -0.2,
  Math.log(0.80001),
  Math.exp(-0.8),
  Math.sin(-0.8),
  Math.cos(0.8),
  Math.sinh(-0.8),
  Math.cosh(0.8),
  Math.tanh(-0.8),
  Math.asinh(-0.8),
  Math.atan(-0.8),
  Math.sin(0.8) / 0.8,
  0,
  -0.8,
  1 / (1 + Math.exp(0.8)),
  Math.log(1 + Math.exp(-0.8)),
  Math.exp(-0.64),
  -0.7421009647,
  0.6,
];

/** The values at x1 = 1.5, x2 = -0.7, b = 0.6, in the paper's order, from its formulas. */
const BINARY_VALUES: readonly number[] = [
  0.8,
  -1.05,
  2.2,
  1.5 / (-0.7 + 1e-5),
  1.5,
  -0.7,
  -0.7 / (1 + Math.exp(-1.5)),
  Math.exp(-0.6 * 2.2 ** 2),
  Math.exp(-0.6 * 2.2),
  0.6 * 1.5 + 0.4 * -0.7,
];

describe("the paper's functions", () => {
  it("are 25 of one argument with the paper's values", () => {
    assertEquals(PAPER_UNARY.length, 25);
    PAPER_UNARY.forEach(({ name, build }, i) =>
      assertAlmostEquals(evaluate(build(X), X_VALUE, B_VALUE), UNARY_VALUES[i], 1e-10, name)
    );
  });

  it("are 10 of two arguments with the paper's values", () => {
    assertEquals(PAPER_BINARY.length, 10);
    PAPER_BINARY.forEach(({ name, build }, i) =>
      assertAlmostEquals(evaluate(build(number(1.5), number(-0.7)), 0, B_VALUE), BINARY_VALUES[i], 1e-12, name)
    );
  });

  it("make 6,250 expressions of one core unit", () => {
    assertEquals(oneUnitSpace().length, 6250);
    assertEquals(PAPER_UNARY.length ** 4 * PAPER_BINARY.length ** 2, 39_062_500);
  });
});
