import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { compileToClosure } from "../../../child/activation/evaluate.ts";
import type { Expression } from "../../../child/activation/expression.ts";
import { fingerprint, mirrorFingerprint } from "../../../child/activation/fingerprint.ts";
import { parseExpression } from "../../../child/activation/parse.ts";
import { printExpression } from "../../../child/activation/print.ts";
import { Random } from "../../../datasets/random.ts";
import { mirrorImage, oneUnitSpace, randomTwoUnits, rewritten } from "./random_expressions.ts";

/** Each row is one function, by identities of analysis. */
const EQUAL: readonly (readonly string[])[] = [
  ["max(x, 0)", "relu(x)", "x * 1 - min(x, 0)", "(x + abs(x)) / 2", "max(relu(x), tanh(x))", "max(0, x)"],
  ["x", "x + 0 * b", "b * x + (1 - b) * x", "max(x, min(x, 0))", "asinh(sinh(x))", "log(exp(x))"],
  ["x * sigmoid(b * x)", "x / (1 + exp(-b * x))", "sigmoid(x * b) * x", "x - x * sigmoid(-b * x)"],
  ["tanh(x)", "2 * sigmoid(2 * x) - 1", "sinh(x) / cosh(x)", "-tanh(-x)", "1 - 2 / (exp(2 * x) + 1)"],
  ["softplus(x)", "log(1 + exp(x))", "x + softplus(-x)", "-log(sigmoid(-x))", "max(softplus(x), x)"],
  ["gauss(x)", "exp(-x^2)", "exp(-x * x)", "1 / exp(x^2)", "gauss(abs(x))"],
  ["cosh(x)", "(exp(x) + exp(-x)) / 2", "exp(x) - sinh(x)", "cosh(-x)"],
  ["sin(x)", "x * sinc(x)", "-sin(-x)", "cos(x - 1.5707963267948966)"],
  ["sin(x)^2", "1 - cos(x)^2", "(1 - cos(2 * x)) / 2"],
  ["asinh(x)", "log(x + sqrt(x^2 + 1))"],
  ["1", "sin(x)^2 + cos(x)^2", "exp(-b * abs(x - x))", "sigmoid(x) + sigmoid(-x)"],
  ["0", "x - x", "relu(x) * relu(-x)", "sqrt(-abs(x))", "min(x^2, 0)"],
  ["b * (x + 1)", "b * x + b", "x * b - -b"],
  ["(x - b)^2", "x^2 - 2 * b * x + b^2", "(b - x)^2"],
  ["x * abs(x)", "x^3 / abs(x)", "x * max(x, -x)"],
];

/** Different functions that a careless rounding, or too few points, would take for one. */
const DISTINCT: readonly string[] = [
  "x",
  "b * x",
  "b^2 * x",
  "abs(b) * x",
  "x + 1e-5",
  "x / (1 + 1e-5)",
  "x^2 / (x + 1e-5)",
  "1.0001 * x",
  "cos(x)",
  "sinc(x)",
  "max(cos(x), sinc(x))",
  "min(cos(x), sinc(x))",
  "relu(x)",
  "max(x, 0.01 * x)",
  "max(x, 0.001 * x)",
  "softplus(x)",
  "max(x, 0) + exp(min(x, 0)) - 1",
  "x * sigmoid(x)",
  "0.5 * x * (1 + erf(0.7071067811865476 * x))",
  "x * sigmoid(1.702 * x)",
  "tanh(x)",
  "erf(x)",
  "0",
  "1e-5",
  "b",
];

/** A function, and what differs from it only far out, at large betas, at tiny x or in its slope. */
const VARIANTS: readonly (readonly [function_: string, variant: string])[] = [
  ...[6, 20, 100, 1e3, 1e4, 1e6, 1e12, 1e30].map((limit) => ["relu(x)", `min(max(x, 0), ${limit})`] as const),
  ...[13, 20, 100, 1e4, 1e9].map((limit) => ["x", `max(x, -${limit})`] as const),
  ...[2.5, 3, 7, 40, 1e3].map((limit) => ["x * sigmoid(b * x)", `x * sigmoid(min(b, ${limit}) * x)`] as const),
  ...[-1.7, -3, -20, -500].map((limit) => ["x * sigmoid(b * x)", `x * sigmoid(max(b, ${limit}) * x)`] as const),
  ["sin(x)", "sin(max(min(x, 30), -30))"],
  ["x^2", "min(x^2, 1e5)"],
  ["softplus(x)", "min(softplus(x), 50)"],
  ["tanh(x)", "tanh(x) + 1e-7 * sin(1e6 * x)"],
  ["x + 1", "x + 1 + 1e-7 * cos(1e5 * x)"],
  ["asinh(x)", "max(asinh(x), -4)"],
];

/** Other points than the fingerprint's, and further out. */
const HELD_OUT = heldOut(new Random(15));

function heldOut(random: Random): readonly (readonly [x: number, b: number])[] {
  const signed = () => 2 * random.uniform() - 1;
  const point = (x: number): [number, number] => [x, 2.5 * signed()];
  return [
    ...Array.from({ length: 200 }, () => point(5 * signed())),
    ...Array.from({ length: 50 }, () => point(signed() * 10 ** (-5 * random.uniform()))),
    ...Array.from({ length: 100 }, () => point(20 * signed())),
  ];
}

function heldOutValues(e: Expression): number[] {
  const value = compileToClosure(e);
  return HELD_OUT.map(([x, b]) => value(x, b));
}

function agree(left: readonly number[], right: readonly number[], relative: number, absolute: number): boolean {
  return left.every((value, i) => {
    const size = Math.max(Math.abs(value), Math.abs(right[i]));
    return Object.is(value, right[i]) || value === right[i] || Math.abs(value - right[i]) <= relative * size + absolute;
  });
}

/** The one-core-unit space, grouped by fingerprint. */
const GROUPS: readonly (readonly Expression[])[] = [...Map.groupBy(oneUnitSpace(), fingerprint).values()];

describe("fingerprint", () => {
  it("is 16 hexadecimal digits, the same every time", () => {
    assertMatch(fingerprint(parseExpression("x * sigmoid(b * x)")), /^[0-9a-f]{16}$/);
    // Kept in run stores, so a change of this value needs a migration of them.
    assertEquals(fingerprint(parseExpression("x * sigmoid(b * x)")), "9743237d2406ca28");
  });

  it("is one for equal functions, however they are written", () => {
    for (const [first, ...others] of EQUAL) {
      for (const other of others) {
        assertEquals(fingerprint(parseExpression(other)), fingerprint(parseExpression(first)), `${first}, ${other}`);
      }
    }
  });

  it("differs between different functions, also where they nearly agree", () => {
    const all = [
      ...EQUAL.map(([first]) => first),
      ...DISTINCT.filter((text) => !EQUAL.some((row) => row.includes(text))),
    ];
    const seen = new Map<string, string>();
    for (const text of all) {
      const print = fingerprint(parseExpression(text));
      assert(!seen.has(print), `${text} and ${seen.get(print)}`);
      seen.set(print, text);
    }
  });

  it("is the same for random rewritings of functions of two core units", () => {
    const random = new Random(16);
    for (let i = 0; i < 1000; i++) {
      const e = randomTwoUnits(random);
      const other = rewritten(random, e);
      assertEquals(fingerprint(other), fingerprint(e), `${printExpression(e)} and ${printExpression(other)}`);
    }
  });

  it("groups the 6,250 choices of one core unit so that a group is one function at other points", () => {
    for (const group of GROUPS) {
      const first = heldOutValues(group[0]);
      for (const other of group.slice(1)) {
        // Written out, cosh(x) + sinh(x) keeps of exp(x) only what rounding to 1e-16 of cosh(20) leaves.
        assert(
          agree(first, heldOutValues(other), 1e-9, 1e-7),
          `${printExpression(group[0])}, ${printExpression(other)}`,
        );
      }
    }
  });

  it("groups the 6,250 choices of one core unit so that no two groups are one function at other points", () => {
    const members = GROUPS.map(([first]) => first);
    assertEquals(members.length, 4033);
    const values = members.map(heldOutValues);
    for (let i = 0; i < members.length; i++) {
      for (let j = 0; j < i; j++) {
        if (!agree(values[i], values[j], 1e-7, 1e-12)) continue;
        assert(false, `${printExpression(members[i])} and ${printExpression(members[j])}`);
      }
    }
  });

  it("tells apart what is cut off anywhere, or has ripples", () => {
    for (const [text, variant] of VARIANTS) {
      assertNotEquals(fingerprint(parseExpression(variant)), fingerprint(parseExpression(text)), variant);
    }
  });

  it("tells random functions of two core units from themselves cut off", () => {
    const random = new Random(17);
    for (let i = 0; i < 200; i++) {
      const e = randomTwoUnits(random), value = compileToClosure(e);
      const limit = 0.8 * Math.max(...[31337, 313.7, -313.7, 2, -2].map((x) => value(x, 1)).filter(Number.isFinite));
      if (!(limit > 1e-3)) continue;
      const cut = parseExpression(`min(${printExpression(e)}, ${limit})`);
      assertNotEquals(fingerprint(cut), fingerprint(e), printExpression(cut));
    }
  });

  it("takes well under 10 ms, as a search computes thousands", () => {
    const some = oneUnitSpace().filter((_, i) => i % 20 === 0), start = performance.now();
    some.forEach(fingerprint);
    assert((performance.now() - start) / some.length < 10); // 0.3 ms on an idle core of an AMD EPYC
  });

  it("treats functions that overflow alike as equal, and others not", () => {
    assertNotEquals(fingerprint(parseExpression("exp(exp(x^3))")), fingerprint(parseExpression("exp(exp(x^3)) * 2")));
    assertEquals(fingerprint(parseExpression("log(-1 - x^2)")), fingerprint(parseExpression("log(-2 - abs(x))")));
  });
});

describe("mirrorFingerprint", () => {
  it("is the fingerprint of the function or that of its mirror image, whichever of the two is given", () => {
    const random = new Random(18);
    const texts = [...DISTINCT, ...Array.from({ length: 300 }, () => printExpression(randomTwoUnits(random)))];
    for (const text of texts) {
      const [own, mirror] = [text, mirrorImage(text)].map((one) => parseExpression(one));
      const print = mirrorFingerprint(own);
      assertEquals(mirrorFingerprint(mirror), print, text);
      assert([fingerprint(own), fingerprint(mirror)].includes(print), text);
    }
  });

  it("joins the 4,033 functions of one core unit in pairs of mirror images, and nothing else", () => {
    const functions = GROUPS.map(([first]) => first), groups = [...Map.groupBy(functions, mirrorFingerprint).values()];
    const turnedValues = (e: Expression) => {
      const value = compileToClosure(e);
      return HELD_OUT.map(([x, b]) => -value(-x, b));
    };
    assertEquals(groups.length, 3739);
    const values = groups.map(([one]) => heldOutValues(one));
    groups.forEach(([one, other, ...more], i) => {
      const turned = turnedValues(one);
      assertEquals(more, []);
      if (other) assert(agree(turned, heldOutValues(other), 1e-9, 1e-7), printExpression(one));
      for (let j = 0; j < i; j++) {
        assert(!agree(turned, values[j], 1e-7, 1e-12), `${printExpression(one)} and ${printExpression(groups[j][0])}`);
      }
    });
  });
});
