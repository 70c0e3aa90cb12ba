import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { derive } from "../../../child/activation/derive.ts";
import { evaluate } from "../../../child/activation/evaluate.ts";
import { B, binary, number, power, unary, X } from "../../../child/activation/expression.ts";
import {
  ExpressionSyntaxError,
  MAX_EXPONENT,
  MAX_LENGTH,
  MAX_NESTING,
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
  ["sigmod(x)", 1, 'the name "sigmod" is unknown; did you mean sigmoid?'],
  ["x * zebra", 5, "known are x, b, abs, asinh"],
  ["sin", 4, 'expected "(" after sin, as in sin(x)'],
  ["max", 4, "as in max(x, 0)"],
  ["max(x)", 6, 'expected "," and a second argument of max'],
  ["max(x, 0, 1)", 9, 'expected ")"'],
  ["sin(x, 0)", 6, "as sin has one argument"],
  ["x^1.5", 3, "expected an integer from -64 to 64 as the exponent, found"],
  ["x^65", 3, "from -64 to 64"],
  ["x^b", 3, 'expected an integer as the exponent, found "b"'],
  ["x^2^3", 4, 'write "(x^2)^3"'],
  ["1e999", 1, "expected a number below 1.8e308"],
  ["x @ 2", 3, 'found "@"'],
  ["x + \u{1F600}", 5, "found"],
  ["sign(x)", 1, "unknown"],
  ["dsinc(x)", 1, "unknown"],
  ["select(x, 0, 1, 0)", 1, "unknown"],
  ["neg(x)", 1, "unknown"],
  ["swish", 1, "unknown"],
];

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
    const names = new Map([["double", parseExpression("2 * x + b")]]);
    assertEquals(parseExpression("x + double", names), parseExpression("x + (2 * x + b)"));
    assertEquals(parseExpression("Double(sin(x))^2", names), parseExpression("(2 * sin(x) + b)^2"));
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
    const gelu = new Map([["gelu", parseExpression("0.5 * x * (1 + erf(0.7 * x))")]]);
    const hostile = [
      "(".repeat(MAX_LENGTH),
      "(".repeat(MAX_NESTING + 1) + "x" + ")".repeat(MAX_NESTING + 1),
      "-".repeat(MAX_LENGTH - 1) + "x",
      "sin(".repeat(200) + "x",
      "x+".repeat(1_000_000) + "x",
      "9".repeat(400),
      `x^${MAX_EXPONENT + 1}`,
      "gelu(".repeat(30) + "x" + ")".repeat(30),
    ];
    for (const text of hostile) {
      const error = assertThrows(() => parseExpression(text, gelu), ExpressionSyntaxError);
      assert(error.message.length < 300, error.message);
    }
    parseExpression("(".repeat(MAX_NESTING) + "x" + ")".repeat(MAX_NESTING));
  });

  it("reads the largest text so that it can be simplified, derived and printed", () => {
    const fill = (part: string, last: string) =>
      part.repeat(Math.floor((MAX_LENGTH - last.length) / part.length)) + last;
    const nest = (open: string, close: string) => open.repeat(MAX_NESTING) + "x" + close.repeat(MAX_NESTING);
    const largest = [
      fill("x+", "x"),
      fill("x*", "x"),
      fill("x/", "x"),
      fill("sin(x)*b/", "x"),
      fill("exp(x)-exp(b*x)/", "x"),
      fill("x^2*tanh(x)+", "x"),
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
