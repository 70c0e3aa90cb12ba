import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { CATALOG } from "../../../child/activation/catalog.ts";
import { derive } from "../../../child/activation/derive.ts";
import { MAX_LENGTH, parseExpression } from "../../../child/activation/parse.ts";
import { printExpression } from "../../../child/activation/print.ts";
import { typesetLatex, typesetText } from "../../../child/activation/typeset.ts";
import { Random } from "../../../datasets/random.ts";
import { randomTree } from "./random_expressions.ts";

describe("typesetText", () => {
  it("is read back as the same tree, for 2,000 random trees, the catalogue and its derivatives", () => {
    const random = new Random(11);
    const trees = [
      ...Array.from({ length: 2000 }, () => randomTree(random, 4, undefined, true)),
      ...CATALOG.map(({ text }) => parseExpression(text)).flatMap((e) => [e, derive(e, "x"), derive(e, "b")]),
    ];
    for (const tree of trees.filter((tree) => printExpression(tree).length < MAX_LENGTH)) {
      assertEquals(printExpression(parseExpression(typesetText(tree))), printExpression(tree), typesetText(tree));
    }
  });

  it("writes the signs of formulas", () => {
    const written = {
      "x * sigmoid(b * x) - 1": "x · σ(β · x) − 1",
      "x^2 + x^-3": "x² + x⁻³",
      "abs(x - abs(b))": "|x − |β||",
      "log(asinh(x)) + sqrt(x)": "ln(arsinh(x)) + √(x)",
      "where(x >= 0, relu(x), -1e-7)": "where(x ≥ 0, ReLU(x), −1e-7)",
    };
    for (const [text, expected] of Object.entries(written)) {
      assertEquals(typesetText(parseExpression(text)), expected);
    }
  });
});

describe("typesetLatex", () => {
  it("writes every kind of node", () => {
    const written = {
      "x * sigmoid(b * x)": String.raw`x \cdot \sigma\left(\beta \cdot x\right)`,
      "-x^2 / (1 + exp(-x))": String.raw`\frac{-x^{2}}{1 + e^{-x}}`,
      "(x + 1)^2 * -b": String.raw`\left(x + 1\right)^{2} \cdot \left(-\beta\right)`,
      "abs(x) + sqrt(erf(x))": String.raw`\left|x\right| + \sqrt{\operatorname{erf}\left(x\right)}`,
      "where(x > 0, x, 1e-7)": String.raw`\begin{cases} x & x > 0 \\ 1 \cdot 10^{-7} & \text{otherwise} \end{cases}`,
      "max(x, tanh(x))": String.raw`\max\left(x, \tanh\left(x\right)\right)`,
    };
    for (const [text, expected] of Object.entries(written)) {
      assertEquals(typesetLatex(parseExpression(text)), expected);
    }
  });

  it("closes every brace and parenthesis of random trees", () => {
    const random = new Random(12);
    for (let i = 0; i < 500; i++) {
      const latex = typesetLatex(randomTree(random, 4, undefined, true));
      assertEquals(latex.split("{").length, latex.split("}").length);
      assertEquals(latex.split("\\left").length, latex.split("\\right").length);
      assert(!latex.includes("undefined"));
    }
  });
});
