import { assert, assertAlmostEquals, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { activationFrom, CATALOG } from "../../../child/activation/catalog.ts";
import { derive } from "../../../child/activation/derive.ts";
import { compileToClosure, evaluate } from "../../../child/activation/evaluate.ts";
import { parseExpression } from "../../../child/activation/parse.ts";
import { printExpression } from "../../../child/activation/print.ts";
import { fingerprint } from "../../../child/activation/fingerprint.ts";
import { simplify } from "../../../child/activation/simplify.ts";

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

/** The definitions, of x and b. GELU is given at two points from tables of the normal distribution below. */
const DEFINITIONS: Readonly<Record<string, (x: number, b: number) => number>> = {
  relu: (x) => x > 0 ? x : 0,
  lrelu: (x) => x > 0 ? x : 0.01 * x,
  prelu: (x, b) => x > 0 ? x : b * x,
  softplus: (x) => Math.log(1 + Math.exp(x)),
  elu: (x) => x > 0 ? x : Math.exp(x) - 1,
  selu: (x) => 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * (Math.exp(x) - 1)),
  "swish-1": (x) => x * sigmoid(x),
  swish: (x, b) => x * sigmoid(b * x),
  linear: (x) => x,
};

describe("activationFrom", () => {
  it("takes the names of the catalogue, in any case", () => {
    for (const [name, definition] of Object.entries(DEFINITIONS)) {
      const activation = activationFrom(` ${name.toUpperCase()} `);
      for (const x of [-3.1, -0.4, 0, 0.7, 5.3]) {
        assertAlmostEquals(evaluate(activation.expression, x, 0.3), definition(x, 0.3), 1e-14, `${name}(${x})`);
      }
    }
  });

  it("knows GELU as x times the normal distribution function", () => {
    const gelu = compileToClosure(activationFrom("gelu").expression);
    assertAlmostEquals(gelu(1, 1), 0.8413447460685429, 1e-15);
    assertAlmostEquals(gelu(-2, 1), -2 * 0.0227501319481792, 1e-15);
  });

  it("starts beta at 0.25 for PReLU and at 1 for everything else", () => {
    assertEquals(activationFrom("prelu").betaStart, 0.25);
    for (const name of ["swish", "relu", "x * b", "prelu + 0"]) assertEquals(activationFrom(name).betaStart, 1);
  });

  it("calls a row by its name, and an expression as it was typed", () => {
    assertEquals(activationFrom("SILU").name, "Swish-1");
    assertEquals(activationFrom(" x*sigmoid( b*x ) ").name, "x*sigmoid( b*x )");
  });

  it("lets names stand in expressions, and apply to arguments", () => {
    const value = (text: string) => evaluate(activationFrom(text).expression, 1.3, 0.7);
    assertEquals(value("gelu(2 * x) + swish"), value("0.5*(2*x)*(1 + erf(0.7071067811865476*(2*x))) + x*sigmoid(b*x)"));
    assertEquals(value("relu"), value("relu(x)"));
    assertEquals(value("selu(x)"), value("selu"));
  });

  it("tells Swish-1 from Swish less 1", () => {
    assertEquals(evaluate(activationFrom("swish-1").expression, 2, 1), 2 * sigmoid(2));
    assertEquals(evaluate(activationFrom("swish - 1").expression, 2, 1), 2 * sigmoid(2) - 1);
  });

  it("says which names are near one that is unknown", () => {
    const near = { "sigmod(x)": "sigmoid", swihs: "swish", "x * tahn(x)": "tanh", reul: "relu", gleu: "gelu" };
    for (const [text, name] of Object.entries(near)) {
      const { message } = assertThrows(() => activationFrom(text), SyntaxError, "did you mean");
      assertStringIncludes(message, name);
    }
    assertThrows(() => activationFrom("mish"), SyntaxError, "known are x, b, abs");
  });
});

describe("CATALOG", () => {
  it("has the paper's baselines, its eight findings and the identity", () => {
    const names = CATALOG.map(({ name }) => name);
    const baselines = ["ReLU", "LReLU", "PReLU", "Softplus", "ELU", "SELU", "GELU", "Swish-1", "Swish", "identity"];
    assertEquals(names.slice(0, 10), baselines);
    assertEquals(CATALOG.filter(({ source }) => source.endsWith("found by the search")).length, 8);
  });

  it("has names and aliases that mean one row each", () => {
    const names = CATALOG.flatMap(({ name, aliases }) => [name.toLowerCase(), ...aliases]);
    assertEquals(new Set(names).size, names.length);
    for (const name of names) assert(activationFrom(name).expression);
  });

  it("has a different function in every row", () => {
    assertEquals(new Set(CATALOG.map(({ text }) => fingerprint(parseExpression(text)))).size, CATALOG.length);
  });

  it("is finite with finite derivatives for large |x|", () => {
    for (const { name, text } of CATALOG) {
      const value = simplify(parseExpression(text));
      for (const e of [value, derive(value, "x"), derive(value, "b")]) {
        for (const x of [-1e6, -1000, -100, 0, 100, 1000, 1e6]) {
          assert(Number.isFinite(evaluate(e, x, 0.9)), `${name}: ${printExpression(e)} at ${x}`);
        }
      }
    }
  });
});
