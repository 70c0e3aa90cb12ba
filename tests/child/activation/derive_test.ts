import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { derive } from "../../../child/activation/derive.ts";
import { compileToClosure, evaluate, type ScalarFunction } from "../../../child/activation/evaluate.ts";
import {
  B,
  children,
  type Expression,
  number,
  unary,
  type UnaryName,
  X,
} from "../../../child/activation/expression.ts";
import { PAPER_BINARY, PAPER_UNARY } from "../../../child/activation/paper_functions.ts";
import { parseExpression } from "../../../child/activation/parse.ts";
import { printExpression } from "../../../child/activation/print.ts";
import { simplify } from "../../../child/activation/simplify.ts";
import { Random } from "../../../datasets/random.ts";
import { isCall, oneUnitSpace, randomTwoUnits, WRITTEN_UNARY } from "./random_expressions.ts";

type Variable = "x" | "b";
type Point = readonly [x: number, b: number];

const POINTS: readonly Point[] = [[-2.13, 0.71], [-0.57, 1.34], [0.31, -0.62], [0.94, 1], [1.83, 0.45]];
const WIDTH = 1e-3;
/** Not defined at all points. */
const LOGARITHMS: ReadonlySet<UnaryName> = new Set<UnaryName>(["log", "log1p"]);

/** Arguments whose sign decides which branch of the function holds. */
function kinks(e: Expression): ScalarFunction[] {
  const below = children(e).flatMap(kinks);
  if (e.kind === "unary" && ["abs", "relu", "sqrt"].includes(e.name)) return [compileToClosure(e.argument), ...below];
  if (e.kind !== "binary" || (e.name !== "max" && e.name !== "min")) return below;
  const left = compileToClosure(e.left);
  const right = compileToClosure(e.right);
  return [(x, b) => left(x, b) - right(x, b), ...below];
}

/** Arguments within the domain of functions that are not defined everywhere. */
const INSIDE: Readonly<Partial<Record<UnaryName, string>>> = {
  acosh: "x + 4",
  atanh: "x / 4",
  asin: "x / 4",
  acos: "x / 4",
};

/**
 * The central difference, extrapolated from two widths (Richardson 1911), and what it may be wrong by; null near a kink
 * or where the function is not tame enough for differences.
 */
function difference(f: (t: number) => number, isSmooth: boolean): { slope: number; error: number } | null {
  const coarse = (f(WIDTH) - f(-WIDTH)) / (2 * WIDTH);
  const fine = (f(WIDTH / 2) - f(-WIDTH / 2)) / WIDTH;
  const slope = (4 * fine - coarse) / 3;
  const error = Math.abs(fine - coarse) / 10 + 1e-12 * Math.abs(f(0)) / WIDTH + 1e-9;
  const isUsable = isSmooth && Math.abs(f(0)) < 1e8 && error <= 1e-3 * Math.max(1, Math.abs(slope));
  return isUsable ? { slope, error } : null;
}

/** Compares the derivative with differences at every point; returns at how many it could. */
function compareWithDifferences(e: Expression, by: Variable): number {
  const f = compileToClosure(e);
  const derivative = compileToClosure(derive(e, by));
  const ofSimplified = compileToClosure(derive(simplify(e), by));
  const branches = kinks(e);
  let compared = 0;
  for (const [x, b] of POINTS) {
    const along = (g: ScalarFunction) => (t: number) => by === "x" ? g(x + t, b) : g(x, b + t);
    const isSmooth = branches.every((branch) => {
      const [before, here, after] = [-2 * WIDTH, 0, 2 * WIDTH].map((t) => Math.sign(along(branch)(t)));
      return before === here && here === after;
    });
    const numeric = difference(along(f), isSmooth);
    if (!numeric) continue;
    const place = `d/d${by} of ${printExpression(e)} at x = ${x}, b = ${b}`;
    assertAlmostEquals(derivative(x, b), numeric.slope, numeric.error, place);
    assertAlmostEquals(ofSimplified(x, b), numeric.slope, numeric.error, `${place}, simplified first`);
    compared++;
  }
  return compared;
}

describe("derive", () => {
  it("agrees with differences, by x, for every function of one argument at every point", () => {
    for (const name of WRITTEN_UNARY) {
      const of = LOGARITHMS.has(name) ? parseExpression("x + 3") : parseExpression(INSIDE[name] ?? "x");
      assertEquals(compareWithDifferences(unary(name, of), "x"), POINTS.length, name);
    }
  });

  it("agrees with differences, by b, for every call at b * x, b + x and b", () => {
    for (const name of WRITTEN_UNARY.filter(isCall).filter((name) => !LOGARITHMS.has(name) && !INSIDE[name])) {
      for (const argument of [parseExpression("b * x"), parseExpression("b + x"), B]) {
        assert(compareWithDifferences(unary(name, argument), "b") >= 4, name);
      }
    }
  });

  it("agrees with differences for every function of the search space, by x and b", () => {
    for (const { name, build } of PAPER_UNARY) {
      assert(compareWithDifferences(build(X), "x") >= 4, name);
      assert(compareWithDifferences(build(parseExpression("b * x + 0.3")), "b") >= 4, name);
    }
    for (const { name, build } of PAPER_BINARY) {
      const e = build(parseExpression("sin(b * x)"), parseExpression("x - b / 3"));
      for (const by of ["x", "b"] as const) assert(compareWithDifferences(e, by) >= 4, name);
    }
  });

  it("agrees with differences for the space of one core unit", () => {
    const compared = oneUnitSpace().map((e) => compareWithDifferences(e, "x"));
    assert(mean(compared) > 0.9 * POINTS.length, `only ${mean(compared)} points an expression could be compared`);
  });

  for (const by of ["x", "b"] as const) {
    it(`agrees with differences by ${by} for 1,000 random expressions of two core units`, () => {
      const random = new Random(6);
      const compared = Array.from({ length: 1000 }, () => compareWithDifferences(randomTwoUnits(random), by));
      assert(mean(compared) > 0.8 * POINTS.length, `only ${mean(compared)} points an expression could be compared`);
    });
  }

  it("is the mean of the sides at kinks", () => {
    const at = (x: number, text: string) => evaluate(derive(parseExpression(text), "x"), x, 1);
    const means = { "abs(x)": 0, "min(x, 2 * x)": 1.5, "max(x, 2 * x)": 1.5, "max(0.5 * x, x)": 0.75, "max(x, -x)": 0 };
    for (const [text, slope] of Object.entries(means)) assertEquals(at(0, text), slope, text);
    for (const text of ["max(x, 6)", "min(6, x)", "max(6, x)"]) assertEquals(at(6, text), 0.5, text);
    assertEquals(at(1, "max(3 * x, 2 * x + 1)"), 2.5);
    assertEquals(at(1, "min(max(x, 1), 2)"), 0.5);
  });

  it("is the published left one of rectifiers, whose parts add up to the whole", () => {
    const at0 = (text: string) => evaluate(derive(parseExpression(text), "x"), 0, 0.25);
    for (const text of ["relu(x)", "max(x, 0)", "max(0, x)", "sqrt(x)", "relu(-x)", "relu(x)^2"]) {
      assertEquals(Math.abs(at0(text)), 0, text);
    }
    for (const text of ["min(x, 0)", "min(0, x)", "max(x, 0) + min(x, 0)", "relu(x) + min(0, x)"]) {
      assertEquals(at0(text), 1, text);
    }
  });

  it("has PyTorch's derivatives at 0 of ELU, SELU, CELU and PReLU, simplified or not", () => {
    const published = {
      "max(x, 0) + exp(min(x, 0)) - 1": 1,
      "1.0507009873554805 * (max(x, 0) + 1.6732632423543772 * (exp(min(x, 0)) - 1))": 1.7580993408473766,
      "max(x, 0) + min(0, exp(x) - 1)": 1,
      "max(x, 0) + min(0, 2 * (exp(x / 2) - 1))": 1,
      "max(x, 0) + b * min(x, 0)": 0.25,
    };
    for (const [text, slope] of Object.entries(published)) {
      for (const e of [parseExpression(text), simplify(parseExpression(text))]) {
        assertAlmostEquals(evaluate(derive(e, "x"), 0, 0.25), slope, 1e-15, text);
      }
    }
  });

  it("is the same for relu(x) and max(x, 0)", () => {
    assertEquals(derive(parseExpression("relu(x)"), "x"), derive(parseExpression("max(x, 0)"), "x"));
  });

  it("is finite where a branch that was not chosen overflows", () => {
    const cases = { "min(exp(x^3), 1)": 0, "max(x, exp(-x^3))": 1, "relu(-exp(x^3))": 0, "sqrt(-exp(x^3))": 0 };
    for (const [text, slope] of Object.entries(cases)) {
      assertEquals(evaluate(derive(parseExpression(text), "x"), 30, 1), slope, text);
    }
  });

  it("is written with the subexpressions of the value", () => {
    const shared = {
      "sigmoid(b * x)": "sigmoid(b * x)",
      "tanh(x + b)": "tanh(b + x)",
      "gauss(sin(x))": "gauss(sin(x))",
      "exp(x^2)": "exp(x^2)",
      "sqrt(x)": "sqrt(x)",
      "x / (x^2 + b)": "x / (b + x^2)",
    };
    for (const [text, part] of Object.entries(shared)) {
      const value = simplify(parseExpression(text));
      assertEquals(printExpression(value), part);
      assert(printExpression(derive(value, "x")).includes(part), printExpression(derive(value, "x")));
    }
  });

  it("is zero by what the function does not depend on", () => {
    assertEquals(derive(parseExpression("sin(x) / (x + 1e-5)"), "b"), number(0));
    assertEquals(derive(parseExpression("sigmoid(b) * b"), "x"), number(0));
  });

  it("can be derived again", () => {
    for (const text of ["sinc(x)", "tanh(b * x)", "abs(x)^3", "x * sigmoid(b * x)", "sqrt(x + 3)"]) {
      assert(compareWithDifferences(derive(parseExpression(text), "x"), "x") >= 4, text);
    }
    assertAlmostEquals(evaluate(derive(derive(parseExpression("sinc(x)"), "x"), "x"), 1e-9, 1), -1 / 3, 1e-9);
  });
});

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
