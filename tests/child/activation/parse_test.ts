import { assert, assertAlmostEquals, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { derive } from "../../../child/activation/derive.ts";
import { evaluate } from "../../../child/activation/evaluate.ts";
import { B, binary, number, power, unary, X } from "../../../child/activation/expression.ts";
import {
  ExpressionSyntaxError,
  MAX_EXPONENT,
  MAX_LENGTH,
  MAX_NESTING,
  MAX_OPERATIONS,
  parseExpression,
} from "../../../child/activation/parse.ts";
import { printExpression } from "../../../child/activation/print.ts";
import { simplify } from "../../../child/activation/simplify.ts";
import { Random } from "../../../datasets/random.ts";

/** Text, the column of its error and words of the message. */
const REJECTED: readonly (readonly [text: string, column: number, message: string])[] = [
  ["", 1, 'expected a number, x, b, a function or "(", found the end'],
  ["   ", 4, "found the end"],
  ["x / ", 5, 'expected a number, x, b, a function or "(", found the end'],
  ["x + * 2", 5, 'found "*"'],
  ["2x", 2, 'expected an operator or the end, as in "x * 2", found "x"'],
  ["x x", 3, "expected an operator or the end"],
  ["(x", 3, 'expected ")", found the end'],
  ["x)", 2, 'found ")"'],
  ["sigmod(x)", 1, 'the name "sigmod" is unknown; did you mean sigmoid, sign or sin?'],
  ["x * zebra", 5, 'the name "zebra" is unknown; did you mean '],
  ["sin", 4, 'expected "(" after sin, as in sin(x)'],
  ["max", 4, "as in max(x, 0)"],
  ["max(x)", 6, 'expected "," and a second argument of max'],
  ["max(x, 0, )", 11, "expected a number, x, b"],
  ["max(x, 0", 9, 'expected ")", found the end'],
  ["sin(x, 0)", 6, "as sin has one argument"],
  ["x^65", 3, 'expected a number from -64 to 64 as the exponent, found "65"'],
  ["x^(1/0)", 3, 'from -64 to 64 as the exponent, found "(1/0)"'],
  ["x^b", 3, 'expected a constant as the exponent, as in x^2, x^0.5 or x^(1/3), found "b"; write exp(b * log(x))'],
  ["x^-(2*x)", 3, 'found "-(2*x)"'],
  ["2^x", 3, "write exp(x * log(2)) for 2^x"],
  ["pow(x, b)", 8, 'expected a constant as the exponent, as in x^2, x^0.5 or x^(1/3), found "b"'],
  ["pow(x)", 6, 'expected "," and the exponent, as in pow(x, 2), found ")"'],
  ["x**2**3", 5, 'write "(x^2)^3"'],
  ["x⁹⁹", 2, "from -64 to 64"],
  ["x^2²", 4, 'write "(x^2)^3"'],
  ["|x", 3, 'expected "|", found the end'],
  ["clip(x, 0)", 10, 'expected "," and hi, as in clip(x, lo, hi), found ")"'],
  ["clip(x, 0, 6, 7)", 13, 'expected ")", as clip has no more arguments than clip(x, lo, hi)'],
  ["clip(x, low=0, hi=6)", 9, 'expected lo or hi as the name of a parameter of clip, found "low"'],
  ["square", 7, 'expected "(" after square, as in square(x)'],
  ["where(x, 0, 1)", 8, "expected one of > < >= <= == !=, as in where(x > 0, x, 0), found"],
  ["where(x > 0)", 12, 'expected "," and the value where the comparison holds, as in where(x > 0, x, 0), found ")"'],
  ["where(x > 0, x)", 15, 'expected "," and the value elsewhere, as in where(x > 0, x, 0), found ")"'],
  ["where(0 < x < 1, x, 0)", 13, 'expected "," as where has one comparison; nest another where for a second'],
  ["where(x = 0, x, 0)", 9, "expected one of > < >= <= == !="],
  ["where x", 7, 'expected "(" after where, as in where(x > 0, x, 0), found "x"'],
  ["x > 0", 3, "a comparison stands only in where, as in where(x > 0, x, 0)"],
  ["(x > 0) * x", 4, "a comparison stands only in where"],
  ["x^2^3", 4, 'write "(x^2)^3"'],
  ["1e999", 1, "expected a number below 1.8e308"],
  ["x @ 2", 3, 'found "@"'],
  ["x + \u{1F600}", 5, "found"],
  ["select(x, 0, 1, 0)", 1, "unknown"],
  ["neg(x)", 1, "unknown"],
  ["swish", 1, "unknown"],
];

/** What people type, and the same in the plainest form. */
const TYPED: Readonly<Record<string, string>> = {
  "x**2": "x^2",
  "x**-2": "x^-2",
  "x^(-2)": "x^-2",
  "x^+2": "x^2",
  "x^(4/2)": "x^2",
  "pow(x, 3)": "x^3",
  "power(x + 1, 2)": "(x + 1)^2",
  "x^0.5": "sqrt(x)",
  "x^(1/2)": "sqrt(x)",
  "pow(x, 0.5)": "sqrt(x)",
  "x^1.5": "sqrt(x)^3",
  "x^-0.5": "1 / sqrt(x)",
  "+x": "x",
  "x * +2": "x * 2",
  "- + -x": "--x",
  "beta * x": "b * x",
  "BETA": "b",
  "pi * x": "3.141592653589793 * x",
  "e * x": "2.718281828459045 * x",
  "1 / (1 + e^-x)": "1 / (1 + exp(-x))",
  "e^(-x**2)": "exp(-x^2)",
  "e**x**2": "exp(x^2)",
  "pow(e, x)": "exp(x)",
  "e²": "exp(2)",
  "x − 1": "x - 1",
  "2 × x · x ÷ b": "2 * x * x / b",
  "x² + x³ − x⁻¹": "x^2 + x^3 - x^-1",
  "-x²": "-x^2",
  "-2²": "-2^2",
  "π · β": "3.141592653589793 * b",
  "σ(β·x)": "sigmoid(b * x)",
  "√x + √(x + 1)²": "sqrt(x) + sqrt(x + 1)^2",
  "|x|": "abs(x)",
  "x * |x - |b|| + 1": "x * abs(x - abs(b)) + 1",
  "ln(x) + arctan(x) + arcsinh(x) + arsinh(x)": "log(x) + atan(x) + asinh(x) + asinh(x)",
  "square(x + 1)": "(x + 1)^2",
  "rsqrt(x)": "1 / sqrt(x)",
  "tan(2 * x)": "sin(2 * x) / cos(2 * x)",
  "sech(x)": "1 / cosh(x)",
  "clip(x, -1, 1)": "min(max(x, -1), 1)",
  "clamp(x, hi = 6, lo = 0)": "min(max(x, 0), 6)",
  "threshold(x, 1, 20)": "where(x > 1, x, 20)",
  "max(x, 0, b)": "max(max(x, 0), b)",
  "min(x, 1, 2, 3)": "min(min(min(x, 1), 2), 3)",
  "maximum(x, 0) + minimum(x, 0)": "max(x, 0) + min(x, 0)",
  "where(0 > x, x, 1)": "where(x < 0, x, 1)",
  "where(x ≥ 0, x, 0) + where(x ≠ 0, 1, 2)": "where(x >= 0, x, 0) + where(x == 0, 2, 1)",
  "where(x <= b, 1, x)": "where(b >= x, 1, x)",
};

/** Functions of one argument as JavaScript has them. */
const ELSEWHERE: Readonly<Record<string, (x: number) => number>> = {
  ...{ ln: Math.log, log: Math.log, log1p: Math.log1p, expm1: Math.expm1, log2: Math.log2, log10: Math.log10 },
  ...{ tan: Math.tan, arctan: Math.atan, atan: Math.atan, arcsinh: Math.asinh, sign: Math.sign, sgn: Math.sign },
  ...{ square: (x) => x * x, rsqrt: (x) => 1 / Math.sqrt(x), sech: (x) => 1 / Math.cosh(x), step: () => 1 },
  ...{ logistic: (x) => 1 / (1 + Math.exp(-x)), expit: (x) => 1 / (1 + Math.exp(-x)) },
};

/** Fails unless the text is read, or rejected with an error that points into it. */
function checkReading(text: string): void {
  try {
    const expression = parseExpression(text);
    assertEquals(parseExpression(printExpression(expression)), expression, text);
  } catch (error) {
    assert(error instanceof ExpressionSyntaxError, `${JSON.stringify(text)} threw ${error}`);
    assert(error.column >= 1 && error.column <= text.length + 1, `column ${error.column} of ${JSON.stringify(text)}`);
  }
}

describe("parseExpression", () => {
  it("lets operators of one level associate to the left", () => {
    assertEquals(parseExpression("x - b - 1"), binary("sub", binary("sub", X, B), number(1)));
    assertEquals(parseExpression("x / b * 2"), binary("mul", binary("div", X, B), number(2)));
  });

  it("binds powers before minus, minus before products, products before sums", () => {
    assertEquals(parseExpression("-x^2"), unary("neg", power(X, 2)));
    assertEquals(parseExpression("-x * b"), binary("mul", unary("neg", X), B));
    assertEquals(parseExpression("x + b * 2"), binary("add", X, binary("mul", B, number(2))));
    assertEquals(parseExpression("x * -b^-3"), binary("mul", X, unary("neg", power(B, -3))));
    assertEquals(parseExpression("x^(-2)"), power(X, -2));
  });

  it("takes a minus before a number into the number, except under a power", () => {
    assertEquals(parseExpression("-2"), number(-2));
    assertEquals(parseExpression("x - -2"), binary("sub", X, number(-2)));
    assertEquals(parseExpression("-2^2"), unary("neg", power(number(2), 2)));
    assertEquals(parseExpression("-(2)"), unary("neg", number(2)));
  });

  it("reads numbers of every form", () => {
    const values = [["12", 12], ["1.5", 1.5], ["1.", 1], [".5", 0.5], ["1e-5", 1e-5], ["2.5E+3", 2500]] as const;
    for (const [text, value] of values) assertEquals(parseExpression(text), number(value));
  });

  it("reads names in any case and with any spacing", () => {
    assertEquals(parseExpression(" MAX( X,\t0 )\n"), binary("max", X, number(0)));
  });

  it("gives the value that the formula has", () => {
    const x = 1.25;
    const b = -0.5;
    assertEquals(evaluate(parseExpression("b*x + (1-b)*asinh(x)"), x, b), b * x + (1 - b) * Math.asinh(x));
    assertEquals(evaluate(parseExpression("2 - x^3 / -b / 4 - x"), x, b), 2 - x ** 3 / -b / 4 - x);
    assertEquals(evaluate(parseExpression("-x^2 + (-x)^3"), x, b), -(x ** 2) + (-x) ** 3);
  });

  it("takes names from the caller, alone as their function of x and called as that of the argument", () => {
    const double = { name: "double", aliases: [], parameters: { by: "2", shift: "b" }, text: "by * x + shift" };
    const names = new Map([["double", double]]);
    assertEquals(parseExpression("x + double", names), parseExpression("x + (2 * x + b)"));
    assertEquals(parseExpression("Double(sin(x))^2", names), parseExpression("(2 * sin(x) + b)^2"));
    assertEquals(parseExpression("double(x^2, 3)", names), parseExpression("3 * x^2 + b"));
    assertEquals(parseExpression("double(x, shift = x, by = b)", names), parseExpression("b * x + x"));
    assertEquals(parseExpression("double(x, 1)", names), parseExpression("x + b")); // a factor 1 is left out
    const { message } = assertThrows(() => parseExpression("double -x", names), ExpressionSyntaxError);
    assertStringIncludes(message, "at column 8, write double(-x) or double - x, as this could mean either");
  });

  it("reads what people type as what they mean", () => {
    for (const [typed, meaning] of Object.entries(TYPED)) {
      assertEquals(printExpression(parseExpression(typed)), printExpression(parseExpression(meaning)), typed);
    }
  });

  it("gives every name the function it has elsewhere", () => {
    for (const [name, value] of Object.entries(ELSEWHERE)) {
      const e = parseExpression(`${name}(x)`);
      for (const x of [0.11, 0.5, 0.93, 1.7, 12.5]) {
        const expected = value(x);
        assertAlmostEquals(evaluate(e, x, 1), expected, 1e-15 * Math.abs(expected), `${name}(${x})`);
      }
    }
  });

  it("computes constant powers as Math.pow does, and takes what is negative for 0 where they are not whole", () => {
    for (
      const p of [
        0.5,
        1.5,
        2.5,
        0.25,
        0.75,
        0.125,
        2.25,
        10.5,
        0.3,
        1.1,
        2.7,
        1 / 3,
        2 / 3,
        -4 / 3,
        7 / 3,
        Math.PI,
        -0.5,
        -1.5,
        -0.3,
        -2.7,
      ]
    ) {
      const e = parseExpression(`x^(${p})`);
      for (const x of [1e-30, 1e-3, 0.5, 1, 2, 17, 1e4, 1e10]) {
        assertAlmostEquals(evaluate(e, x, 1), x ** p, 2e-14 * x ** p, `${x}^${p}`);
        assertAlmostEquals(evaluate(derive(e, "x"), x, 1), p * x ** (p - 1), 4e-14 * Math.abs(p * x ** (p - 1)));
      }
      if (p > 0) { for (const by of [e, derive(e, "x")]) assertEquals(evaluate(by, -2, 1), 0, `(-2)^${p}`); }
      if (p > 0) assertEquals(evaluate(e, 0, 1), 0, `0^${p}`);
    }
  });

  it("chooses by each comparison, and otherwise where a side is not a number", () => {
    const holds = {
      ">": [0, 0, 1],
      "<": [1, 0, 0],
      ">=": [0, 1, 1],
      "<=": [1, 1, 0],
      "==": [0, 1, 0],
      "!=": [1, 0, 1],
    };
    for (const [sign, expected] of Object.entries(holds)) {
      const e = parseExpression(`where(x ${sign} 0.5, 1, 0)`);
      for (const chooses of [e, simplify(e)]) {
        assertEquals([0.25, 0.5, 0.75].map((x) => evaluate(chooses, x, 1)), expected, sign);
        assertEquals(evaluate(chooses, NaN, 1), sign === "!=" ? 1 : 0, `NaN ${sign}`);
      }
      assertEquals(parseExpression(printExpression(e)), e);
    }
  });

  it("derives a choice as what is chosen", () => {
    const slope = derive(parseExpression("where(x >= 1, x^2, 3 * x)"), "x");
    assertEquals([0.5, 1, 2].map((x) => evaluate(slope, x, 1)), [3, 2, 4]);
    assertEquals(evaluate(derive(parseExpression("where(x < 0, b * x, x)"), "b"), -3, 2), -3);
  });

  it("names the column and what was expected", () => {
    for (const [text, column, message] of REJECTED) {
      const error = assertThrows(() => parseExpression(text), ExpressionSyntaxError, message);
      assertEquals(error.column, column, text);
      assertStringIncludes(error.message, `at column ${column}, `);
      assertEquals(error.name, "ExpressionSyntaxError");
    }
  });

  it("bounds length, nesting, exponents and the growth of names, and quotes little of hostile text", () => {
    const gelu = new Map([["gelu", { name: "gelu", aliases: [], text: "0.5 * x * (1 + erf(0.7 * x))" }]]);
    const hostile = [
      "(".repeat(MAX_LENGTH),
      "(".repeat(MAX_NESTING + 1) + "x" + ")".repeat(MAX_NESTING + 1),
      "-".repeat(MAX_LENGTH - 1) + "x",
      "sin(".repeat(200) + "x",
      "x+".repeat(1_000_000) + "x",
      "9".repeat(400),
      `x^${MAX_EXPONENT + 1}`,
      "x+".repeat(MAX_OPERATIONS + 1) + "x",
      "gelu(".repeat(30) + "x" + ")".repeat(30),
    ];
    for (const text of hostile) {
      const error = assertThrows(() => parseExpression(text, gelu), ExpressionSyntaxError);
      assert(error.message.length < 300, error.message);
    }
    parseExpression("(".repeat(MAX_NESTING) + "x" + ")".repeat(MAX_NESTING));
  });

  it("reads the largest text so that it can be simplified, derived and printed", () => {
    const fill = (part: string, operations: number, last: string) =>
      part.repeat(Math.floor(MAX_OPERATIONS / operations)) + last;
    const nest = (open: string, close: string) => open.repeat(MAX_NESTING) + "x" + close.repeat(MAX_NESTING);
    const largest = [
      fill("x+", 1, "x"),
      fill("x*", 1, "x"),
      fill("x/", 1, "x"),
      fill("sin(x)*b/", 3, "x"),
      fill("exp(x)-exp(b*x)/", 5, "x"),
      fill("x^2*tanh(x)+", 4, "x"),
      nest("tanh(", ")"),
      nest("sigmoid(", ")"),
      nest("x/(b+", ")"),
      nest("x*(1-", ")"),
      "-".repeat(MAX_NESTING) + "x",
      nest("max(x,", ")"),
    ];
    for (const text of largest) {
      const value = simplify(parseExpression(text));
      for (const by of ["x", "b"] as const) assert(printExpression(derive(value, by)).length > 0);
    }
  });

  it("answers garbage with a syntax error that points into it, and never with another one", () => {
    const random = new Random(1);
    const pieces = [
      "x",
      "b",
      "1",
      "2.5e3",
      ".",
      "e",
      "+",
      "-",
      "*",
      "/",
      "^",
      "(",
      ")",
      ",",
      " ",
      "max",
      "sin(",
      "where(",
      ">",
      "==",
      "**",
      "|",
      "²",
      "√",
      "pow(",
      "é",
      "\0",
    ];
    for (let i = 0; i < 4000; i++) {
      const length = random.nextUint32() % 24;
      checkReading(Array.from({ length }, () => pieces[random.nextUint32() % pieces.length]).join(""));
    }
  });

  it("answers damaged expressions with a syntax error that points into them, and never with another one", () => {
    const random = new Random(2);
    const sound = "max(x, 0) + b * min(x^2, 1e-5) / (x - exp(-b * abs(x - sin(x))^-2))";
    for (let i = 0; i < 4000; i++) {
      const from = random.nextUint32() % sound.length;
      const to = from + random.nextUint32() % 6;
      const other = random.nextUint32() % sound.length;
      checkReading(sound.slice(0, from) + sound.slice(other, other + random.nextUint32() % 5) + sound.slice(to));
    }
  });
});
