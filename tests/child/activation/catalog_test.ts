import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
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
  sigmoid,
  tanh: Math.tanh,
  hardtanh: (x) => Math.min(1, Math.max(-1, x)),
  hardsigmoid: (x) => Math.min(1, Math.max(0, x / 6 + 0.5)),
  softsign: (x) => x / (1 + Math.abs(x)),
  isru: (x) => x / Math.sqrt(1 + x * x),
  sqnl: (x) => x > 2 ? 1 : x > 0 ? x - x * x / 4 : x > -2 ? x + x * x / 4 : -1,
  relu6: (x) => Math.min(6, Math.max(0, x)),
  squared_relu: (x) => Math.max(0, x) ** 2,
  star_relu: (x) => 0.8944 * Math.max(0, x) ** 2 - 0.4472,
  celu: (x) => x > 0 ? x : Math.exp(x) - 1,
  isrlu: (x) => x < 0 ? x / Math.sqrt(1 + x * x) : x,
  hardshrink: (x) => Math.abs(x) > 0.5 ? x : 0,
  softshrink: (x) => Math.sign(x) * Math.max(0, Math.abs(x) - 0.5),
  tanhshrink: (x) => x - Math.tanh(x),
  squareplus: (x) => (x + Math.sqrt(x * x + 4)) / 2,
  bent_identity: (x) => (Math.sqrt(x * x + 1) - 1) / 2 + x,
  hardswish: (x) => x * Math.min(6, Math.max(0, x + 3)) / 6,
  quick_gelu: (x) => x * sigmoid(1.702 * x),
  gelu_tanh: (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  mish: (x) => x * Math.tanh(Math.log(1 + Math.exp(x))),
  tanhexp: (x) => x * Math.tanh(Math.exp(x)),
  telu: (x) => x * Math.tanh(Math.exp(x)),
  logish: (x) => x * Math.log(1 + sigmoid(x)),
  smish: (x) => x * Math.tanh(Math.log(1 + sigmoid(x))),
  golu: (x) => x * Math.exp(-Math.exp(-x)),
  lisht: (x) => x * Math.tanh(x),
  elish: (x) => (x < 0 ? Math.exp(x) - 1 : x) * sigmoid(x),
  hardelish: (x) => (x < 0 ? Math.exp(x) - 1 : x) * Math.min(1, Math.max(0, (x + 1) / 2)),
  logsigmoid: (x) => Math.log(sigmoid(x)),
  snake: (x, b) => x + Math.sin(b * x) ** 2 / b,
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
    for (const name of ["swish", "relu", "x * b"]) assertEquals(activationFrom(name).betaStart, 1);
  });

  it("keeps what a row starts from wherever it stands, as far as the rows agree", () => {
    for (const text of ["prelu", "prelu(x)", " PReLU( x ) ", "prelu + 0", "tanh(prelu(2 * x))", "prelu(x) * selu(x)"]) {
      assertEquals(activationFrom(text).betaStart, 0.25, text);
    }
    for (const text of ["prelu(x) + swish(x)", "b * prelu(x)", "prelu(x, b)", "prelu(x, 0.1)", "prelu(x) + beta"]) {
      assertEquals(activationFrom(text).betaStart, 1, text);
    }
    for (const text of ["selu", "selu(x)", "0.5 * selu(x)", "selu(x) + relu(x)", "phish(selu)"]) {
      assertEquals(activationFrom(text).kernelGain, 1, text);
    }
    for (const text of ["prelu(x)", "relu(x)", "elu(x)"]) assertEquals(activationFrom(text).kernelGain, undefined);
  });

  it("takes a function of one argument alone as that of x", () => {
    for (const name of ["tanh", "sigmoid", "sin", "exp", "erf"]) {
      assertEquals(activationFrom(name).expression, parseExpression(`${name}(x)`));
    }
    assertThrows(() => activationFrom("max"), SyntaxError, '"(" after max');
    assertThrows(() => activationFrom("sin + 1"), SyntaxError, '"(" after sin');
  });

  it("takes parameters as PyTorch and the papers call them", () => {
    const same = {
      "elu(x, 0.5)": "where(x > 0, x, 0.5 * expm1(x))",
      "elu(x, alpha=0.5)": "where(x > 0, x, 0.5 * expm1(x))",
      "leaky_relu(x, 0.2)": "where(x > 0, x, 0.2 * x)",
      "leaky_relu(x, negative_slope=0.2)": "where(x > 0, x, 0.2 * x)",
      "softplus(x, 2)": "softplus(2 * x) / 2",
      "celu(x, 2)": "where(x > 0, x, 2 * expm1(x / 2))",
      "prelu(x, 0.1)": "where(x > 0, x, 0.1 * x)",
      "swish(x, 1.5)": "x * sigmoid(1.5 * x)",
      "snake(x, 0.5)": "x + sin(0.5 * x)^2 / 0.5",
      "hardtanh(x, -2, 2)": "where(x > -2, where(x < 2, x, 2), -2)",
      "softshrink(x, 1)": "where(x > 1, x - 1, where(x < -1, x + 1, 0))",
      "elu(x, b)": "where(x > 0, x, b * expm1(x))",
    };
    for (const [text, meaning] of Object.entries(same)) {
      assertEquals(printExpression(activationFrom(text).expression), meaning);
    }
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
      const { message } = assertThrows(() => activationFrom(text), SyntaxError, `did you mean ${name}, `);
      assert(/ did you mean \w+, \w+ or \w+\?$/.test(message), message); // the three nearest, never a long list
    }
    assertThrows(() => activationFrom("hardswosh(x)"), SyntaxError, "did you mean hardswish, ");
    assertThrows(() => activationFrom("quackgelu"), SyntaxError, "did you mean quickgelu, ");
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
    const rows = CATALOG.filter(({ same }) => same === undefined);
    assertEquals(new Set(rows.map(({ text }) => fingerprint(parseExpression(text)))).size, rows.length);
  });

  it("says which rows are the same function as another", () => {
    const print = (name: string) => fingerprint(activationFrom(name).expression);
    const rows = CATALOG.filter(({ same }) => same !== undefined);
    assertEquals(rows.map(({ name }) => name), ["CELU", "TeLU"]);
    for (const { name, same } of rows) assertEquals(print(name), print(same!));
  });

  it("names who published each, and when", () => {
    for (const { name, source } of CATALOG) {
      assert(/\b(1[89]|20)\d\d\b|^PyTorch$|^folklore$|^no activation function/.test(source), `${name}: ${source}`);
    }
  });

  it("has every name of the issue on notation", () => {
    const names =
      "mish hardswish hardsigmoid relu6 silu celu telu tanhexp softsign logsigmoid quick_gelu gelu_tanh snake " +
      "squared_relu star_relu logish smish serf phish golu gelusine tanh sigmoid";
    for (const name of names.split(" ")) {
      assert(activationFrom(name).expression, name);
      assertEquals(activationFrom(`${name}(x)`).expression, activationFrom(name).expression);
    }
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
