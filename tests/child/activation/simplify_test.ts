import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { compileToClosure } from "../../../child/activation/evaluate.ts";
import type { Expression } from "../../../child/activation/expression.ts";
import { BINARY_FUNCTIONS, UNARY_FUNCTIONS } from "../../../child/activation/functions.ts";
import { parseExpression } from "../../../child/activation/parse.ts";
import { printExpression } from "../../../child/activation/print.ts";
import { simplify } from "../../../child/activation/simplify.ts";
import { Random } from "../../../datasets/random.ts";
import { oneUnitSpace, randomTree, randomTwoUnits, rewritten } from "./random_expressions.ts";

/** Given and simplified. */
const SIMPLIFIED: readonly (readonly [given: string, simplified: string])[] = [
  ["2 + 3 * 4", "14"],
  ["sin(0) + cos(0)", "1"],
  ["x + 0", "x"],
  ["1 * x / 1", "x"],
  ["0 * exp(x)", "0"],
  ["x - x", "0"],
  ["x + x", "2 * x"],
  ["x * x * x", "x^3"],
  ["x^3 / x", "x^2"],
  ["2 * x * 3 * x", "6 * x^2"],
  ["(x * exp(x)) / x", "exp(x)"],
  ["--x", "x"],
  ["-(x - b)", "b - x"],
  ["x - (x - b)", "b"],
  ["-x * -b", "b * x"],
  ["x / -b", "-x / b"],
  ["x / 4", "x / 4"],
  ["x / 3", "x / 3"],
  ["x^0", "1"],
  ["(x^2)^3", "x^6"],
  ["(-x)^3", "-x^3"],
  ["-x + cos(x)", "cos(x) - x"],
  ["b + sin(x) + x - b", "x + sin(x)"],
  ["log(1 + exp(b * x))", "softplus(b * x)"],
  ["1 / (1 + exp(-x))", "sigmoid(x)"],
  ["1 / (exp(x) + 1)", "sigmoid(-x)"],
  ["x / (1 + exp(-b * x))", "x * sigmoid(b * x)"],
  ["exp(x) / (1 + exp(x))", "sigmoid(x)"],
  ["exp(-x^2)", "gauss(x)"],
  ["exp(-x * x)", "gauss(x)"],
  ["exp(-(x - b)^2)", "gauss(b - x)"],
  ["1 / exp(x)", "exp(-x)"],
  ["log(sigmoid(x))", "-softplus(-x)"],
  ["log(exp(x))", "x"],
  ["sin(x) / x", "sinc(x)"],
  ["sinh(x) / cosh(x)", "tanh(x)"],
  ["max(x, 0)", "relu(x)"],
  ["max(0, x)", "relu(x)"],
  ["x * 1 - min(x, 0)", "relu(x)"],
  ["x - relu(x)", "min(x, 0)"],
  ["relu(x) + min(x, 0)", "x"],
  ["-relu(-x)", "min(x, 0)"],
  ["cosh(x) + sinh(x)", "exp(x)"],
  ["cosh(x) - sinh(x)", "exp(-x)"],
  ["exp(x) - cosh(x)", "sinh(x)"],
  ["abs(x - b)", "abs(b - x)"],
  ["(x - b)^2", "(b - x)^2"],
  ["max(x, -x)", "abs(x)"],
  ["min(x, -x)", "-abs(x)"],
  ["max(x, x)", "x"],
  ["relu(exp(x))", "exp(x)"],
  ["min(x^2, 0)", "0"],
  ["sqrt(x^2)", "abs(x)"],
  ["sqrt(x)^2", "relu(x)"],
  ["abs(-x)^2", "x^2"],
  ["sin(-x)", "-sin(x)"],
  ["cos(-x)", "cos(x)"],
  ["cosh(abs(x))", "cosh(x)"],
  ["sinh(asinh(x))", "x"],
];

/** Naive forms, the point where they go wrong, and the true value there. */
const RESCUED: readonly (readonly [text: string, x: number, value: number])[] = [
  ["log(1 + exp(x))", 1000, 1000],
  ["log(exp(x) + 1)", -40, 4.248354255291589e-18],
  ["log(1 + exp(b * x)) / b", 1000, 1000],
  ["log(1 / (1 + exp(-x)))", -1000, -1000],
  ["log(exp(x) / (1 + exp(x)))", -1000, -1000],
  ["log(exp(x) + exp(b))", 1000, 1000],
  ["log(exp(x) + exp(-x))", -1000, 1000],
  ["log(exp(x) + exp(2 * x))", -1000, -1000],
  ["(exp(x) - exp(-x)) / (exp(x) + exp(-x))", 1000, 1],
  ["(exp(2 * x) - 1) / (exp(2 * x) + 1)", 1e-12, 1e-12],
  ["(1 - exp(-2 * x)) / (1 + exp(-2 * x))", -1000, -1],
  ["1 - 2 / (exp(2 * x) + 1)", 1e-12, 1e-12],
  ["2 / (1 + exp(-2 * x)) - 1", 1e-12, 1e-12],
  ["1 / (1 + exp(-x))", -1000, 0],
  ["exp(x) / (1 + exp(x))", 1000, 1],
  ["exp(x) / (exp(x) + exp(-x))", 1000, 1],
  ["sigmoid(-x) * exp(x)", 1000, 1],
  ["log(cosh(x))", 1000, 999.3068528194401],
  ["log(cosh(x))", -100, 99.30685281944005],
  ["sqrt(1 + x^2)", 1e200, 1e200],
  ["sqrt(x * x + 1)", -1e200, 1e200],
  ["exp(x) - 1", 1e-12, 1.0000000000005e-12],
  ["3 - 3 * exp(-x)", 1e-12, 2.9999999999985e-12],
  ["log(1 + x)", 1e-12, 9.999999999995e-13],
  ["x * log(1 + sigmoid(x))", -15, -4.588532702063221e-6],
  ["x * log(1 + sigmoid(x))", -40, -1.6993417021166355e-16],
  ["log(x + sqrt(x^2 + 1))", -1e10, -23.718998110500402],
  ["0.5 * x * (1 + tanh(x))", -20, -8.496708510583178e-17],
];

/** Values at which arithmetic has exceptions, and others. */
const EXTREMES = [0, -0, 1, -1, 0.5, -3, 1e-5, -1e-300, 5e-324, 1e-160, -1e160, 1e308, 7.25, -20.5];

const POINTS = [-31.7, -4.3, -0.83, -1e-3, 2e-4, 0.71, 1.9, 6.2, 47.3]
  .flatMap((x) => [-1.3, 0.4, 1].map((b) => [x, b] as const));

/** Rounding errors of the size of 1e-13, where those of float64 are 1e-16. */
const NOISE = 1e-13;

/** The value with a random relative error in each operation: how much it moves says how well it is determined. */
function noisy(e: Expression, x: number, b: number, random: Random): number {
  const value = (part: Expression): number => noisy(part, x, b, random);
  const exact = (): number => {
    switch (e.kind) {
      case "x":
        return x;
      case "b":
        return b;
      case "number":
        return e.value;
      case "unary":
        return UNARY_FUNCTIONS[e.name].value(value(e.argument));
      case "binary":
        return BINARY_FUNCTIONS[e.name].value(value(e.left), value(e.right));
      case "power":
        return value(e.base) ** e.exponent;
      case "select":
        return value(e.left) > value(e.right) ? value(e.then) : value(e.otherwise);
    }
  };
  return exact() * (1 + NOISE * (2 * random.uniform() - 1));
}

/** Fails where the given value is finite and determined, and the simplified one is not the same to rounding. */
function checkValues(e: Expression, random: Random): number {
  const simplified = simplify(e);
  const before = compileToClosure(e);
  const after = compileToClosure(simplified);
  let compared = 0;
  for (const [x, b] of POINTS) {
    const expected = before(x, b);
    if (!Number.isFinite(expected)) continue;
    const spread = Math.max(...[1, 2, 3].map(() => Math.abs(noisy(e, x, b, random) - expected)));
    if (!(spread <= 1e-3 * Math.abs(expected) + 1e-9)) continue;
    const error = Math.abs(after(x, b) - expected);
    const place = `${printExpression(e)} simplified to ${printExpression(simplified)} at x = ${x}, b = ${b}`;
    // Below 1e-290 float64 itself has few digits left.
    assert(error <= 30 * spread + 1e-12 * Math.abs(expected) + 1e-290, `${place}: ${after(x, b)} for ${expected}`);
    compared++;
  }
  return compared;
}

function checkAll(expressions: readonly Expression[], seed: number): void {
  const random = new Random(seed);
  const compared = expressions.reduce((sum, e) => sum + checkValues(e, random), 0);
  const share = compared / (expressions.length * POINTS.length);
  assert(share > 0.5, `only ${share} of the values could be compared`);
}

function pickFrom(random: Random): number {
  return EXTREMES[random.nextUint32() % EXTREMES.length];
}

describe("simplify", () => {
  it("folds constants, applies identities, orders operands and finds the stable form", () => {
    for (const [given, simplified] of SIMPLIFIED) {
      assertEquals(printExpression(simplify(parseExpression(given))), simplified, given);
    }
  });

  it("keeps values where they are finite, for its own rules", () => {
    checkAll(SIMPLIFIED.map(([given]) => parseExpression(given)), 7);
  });

  it("keeps values where they are finite, for the space of one core unit", () => {
    checkAll(oneUnitSpace(), 8);
  });

  it("keeps values where they are finite, for 2,000 random expressions of two core units", () => {
    const random = new Random(9);
    checkAll(Array.from({ length: 2000 }, () => randomTwoUnits(random)), 10);
  });

  it("keeps values where they are finite, for 3,000 random trees", () => {
    const random = new Random(11);
    checkAll(Array.from({ length: 3000 }, () => randomTree(random, 4, [0, 1, -1, 2, 0.5, -3, 1e-5])), 12);
  });

  it("does not change what it has simplified", () => {
    const random = new Random(13);
    const expressions = [
      ...oneUnitSpace(),
      ...Array.from({ length: 1000 }, () => randomTwoUnits(random)),
      ...Array.from({ length: 1000 }, () => randomTree(random, 4)),
    ];
    for (const e of expressions) {
      const once = simplify(e), twice = simplify(structuredClone(once)); // it knows what it has simplified
      assertEquals(printExpression(twice), printExpression(once), printExpression(e));
    }
  });

  it("makes no text longer, but where it rescues", () => {
    const random = new Random(19);
    const expressions = [
      ...oneUnitSpace(),
      ...Array.from({ length: 1000 }, () => randomTwoUnits(random)),
      ...Array.from({ length: 1000 }, () => randomTree(random, 4)),
    ];
    for (const e of expressions) {
      const before = printExpression(e), after = printExpression(simplify(e));
      assert(after.length <= before.length || /expm1|softplus/.test(after), `${before} became ${after}`);
    }
  });

  it("rescues the well-known naive forms where they overflow or cancel", () => {
    for (const [text, x, value] of RESCUED) {
      const rescued = compileToClosure(simplify(parseExpression(text)))(x, 1);
      assert(Math.abs(rescued - value) <= 4e-15 * Math.abs(value), `${text} at ${x} is ${rescued}, not ${value}`);
    }
  });

  it("keeps NaN, infinities and what divides by a zero of either sign, on extreme values", () => {
    const random = new Random(20);
    const texts = [
      "0 / 0",
      "max(x, 0 / 0)",
      "max((0 * b)^-1, sqrt(x))",
      "exp(log(x))",
      "log(x) - log(x)",
      "0 * log(x)",
    ];
    texts.push("log(x) / log(x)", "min(1 / (x * b), 2)", "max(1 / -(x - b), 0)", "1e-200 * x * 1e-200 * 1e300");
    for (const e of [...texts.map((text) => parseExpression(text))]) {
      const before = compileToClosure(e), after = compileToClosure(simplify(e));
      for (const x of EXTREMES) {
        for (const b of [pickFrom(random), pickFrom(random), 1, -1, 0, -0]) {
          const place = `${printExpression(e)} at ${x}, ${b}`;
          assertEquals(after(x, b) + 0, before(x, b) + 0, place);
        }
      }
    }
  });

  it("brings most ways to write a function of two core units to one form", () => {
    const random = new Random(14);
    const pairs = Array.from({ length: 1000 }, () => randomTwoUnits(random)).map((e) => [e, rewritten(random, e)]);
    const equal = pairs.filter(([e, other]) => printExpression(simplify(e)) === printExpression(simplify(other)));
    assert(equal.length > 950, `only ${equal.length} of 1000`);
  });

  it("is stable in float32 where the given formula overflows or cancels", () => {
    const f = (text: string) => compileToClosure(simplify(parseExpression(text)));
    assertEquals(f("log(1 + exp(x))")(1000, 1), 1000);
    assertEquals(f("x / (1 + exp(-x))")(-1000, 1), -0);
    assertEquals(f("exp(x) / (1 + exp(x))")(1000, 1), 1);
    assertEquals(f("sinh(x) / cosh(x)")(-1000, 1), -1);
    assertEquals(f("sin(x) / x")(0, 1), 1);
  });

  it("keeps shared subtrees shared", () => {
    const shared = parseExpression("sin(x + 0)");
    const simplified = simplify({
      kind: "binary",
      name: "max",
      left: shared,
      right: { kind: "power", base: shared, exponent: 3 },
    });
    assert(simplified.kind === "binary" && simplified.right.kind === "power");
    assert(simplified.left === simplified.right.base);
  });

  it("leaves what has no finite value as it is", () => {
    for (const text of ["1 / 0", "log(-1)", "0^-1", "exp(1000)", "1e+308 * 1e+308", "(-1e+308 * x - 1e+308 * x)^2"]) {
      assertEquals(printExpression(simplify(parseExpression(text))), text);
    }
  });
});
