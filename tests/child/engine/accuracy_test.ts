/**
 * Every function of one argument alone, times x, x^3 and exp(x), and of exp(x), on every engine, against arithmetic of
 * many digits: a wrong tail is multiplied up. `true_values.json` is written by tests/bench/accuracy/products.ts.
 */
import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { UNARY_FUNCTIONS } from "../../../child/activation/functions.ts";
import { parseExpression } from "../../../child/activation/parse.ts";
import { ENGINES } from "./elementwise.ts";
import truth from "./true_values.json" with { type: "json" };

const RELATIVE_ERROR = 1e-6;
const SMALLEST_NORMAL = 2 ** -126;
/** Half a unit in the last place above the largest float32. */
const INFINITE = 3.4028235677973366e38;
const X = Float32Array.from(truth.points);

type Where = (x: number) => boolean;

/** What float32 cannot hold on the way, and what an engine therefore need not give. */
const LOST: readonly { readonly texts: readonly string[]; readonly where: Where }[] = [
  // The phase of a sine, of which float32 has few points per period; of exp(x) its rounding is some of the phase.
  {
    texts: ["sin(x)", "cos(x)", "sinc(x)", "x * sin(x)", "x * cos(x)", "x * sinc(x)"],
    where: (x) => Math.abs(x) > 1e4,
  },
  { texts: ["x^3 * sin(x)", "x^3 * cos(x)", "x^3 * sinc(x)"], where: (x) => Math.abs(x) > 1e4 },
  { texts: ["sin(exp(x))", "cos(exp(x))", "sinc(exp(x))"], where: (x) => x > 1 },
  // exp(x) beside 1, where these have their domain's end and a slope without bound.
  { texts: ["acosh(exp(x))", "atanh(exp(x))", "asin(exp(x))", "acos(exp(x))"], where: (x) => Math.abs(x) < 0.1 },
  // The sum of two infinities in a derivative.
  { texts: ["exp(x) * sin(x)", "exp(x) * cos(x)", "exp(x) * sinc(x)"], where: (x) => x > 88 },
  // exp(x), where it is beyond float32 and the function of it is not; and a product of what is beyond it either way.
  { texts: ["acosh(exp(x))", "cbrt(exp(x))"], where: (x) => Math.abs(x) > 87 },
  {
    texts: ["sqrt(exp(x))", "asinh(exp(x))", "hypot1(exp(x))", "log1p(exp(x))", "sign(exp(x))"],
    where: (x) => Math.abs(x) > 87,
  },
  { texts: ["exp(x) * sinh(x)", "exp(x) * cosh(x)"], where: (x) => Math.abs(x) > 44 },
  // Their derivatives, of halves that cancel.
  { texts: ["exp(x) * sinh(x)", "exp(x) * cosh(x)"], where: (x) => x < -1 },
  // 1 / x, which TensorFlow takes for 0 where it is below float32's normal numbers.
  { texts: ["x * asinh(x)"], where: (x) => Math.abs(x) > 8e37 },
  // Zeros at single points win nothing (child/activation/products.ts).
  { texts: ["x * log(x)", "x^3 * log(x)", "x * acosh(x)", "x^3 * acosh(x)"], where: (x) => x === 0 },
];
const isLost = (text: string, x: number) => LOST.some(({ texts, where }) => texts.includes(text) && where(x));

/** Derivatives of bounded functions that are taken for 0 where they are so small. */
const VANISHES: Readonly<Record<string, number>> = { "tanh(x)": 1e-8, "atan(exp(x))": 1e-19 };

/**
 * A derivative that passes through 0 is as exact as value / x beside it. exp and what is made of it may be 0 below
 * float32's normal numbers, also where x^3 stands beside it.
 */
function allowed(text: string, x: number, scale: number): number {
  const least = SMALLEST_NORMAL * Math.max(1, Math.abs(x) ** 3);
  return Math.max(RELATIVE_ERROR * scale, Math.min(least, 1e-30), VANISHES[text] ?? 0);
}

function isRight(text: string, x: number, expected: number, found: number, scale: number, isFloat32: boolean): boolean {
  if (Number.isNaN(expected)) return true; // where the function has no value
  if (Math.abs(expected) === Infinity) return found === expected || Math.abs(found) > INFINITE;
  if (isFloat32 && Math.abs(expected) >= INFINITE) return found === Math.sign(expected) * Infinity;
  return Math.abs(found - expected) <= allowed(text, x, scale);
}

for (const { name, open, isFloat64 = false } of ENGINES) {
  const compute = await open();
  describe(`accuracy on ${name}`, { skip: typeof compute === "string" }, () => {
    if (typeof compute === "string") return;
    for (const [text, expected] of Object.entries(truth.functions)) {
      it(`${text} has its value and derivative, tails and all`, async () => {
        const found = await compute(parseExpression(text), X, 1);
        X.forEach((x, i) => {
          if (isLost(text, x)) return;
          for (const part of ["value", "byX"] as const) {
            const [exact, value] = [Number(expected[part][i]), found[part][i]];
            const message = `${part} of ${text} at ${x} is ${value}, not ${exact}`;
            const slope = part === "byX" && x !== 0 ? Math.abs(Number(expected.value[i]) / x) : 0;
            const scale = Math.max(Math.abs(exact), slope);
            assert(isRight(text, x, exact, value, scale, !isFloat64), message);
          }
        });
      });
    }
  });
}

describe("true_values.json", () => {
  it("has every function that can be called", () => {
    const called = Object.entries(UNARY_FUNCTIONS).filter(([, { written }]) => written === "call");
    const missing = called.filter(([name]) => !(`${name}(x)` in truth.functions)).map(([name]) => name);
    assertEquals(missing, [], "compute its true values by tests/bench/accuracy/products.ts");
  });
});
