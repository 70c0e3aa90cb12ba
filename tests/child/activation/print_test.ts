import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { derive } from "../../../child/activation/derive.ts";
import type { Expression } from "../../../child/activation/expression.ts";
import { B, binary, number, power, select, unary, X } from "../../../child/activation/expression.ts";
import { PAPER_BINARY, PAPER_UNARY } from "../../../child/activation/paper_functions.ts";
import { MAX_LENGTH, parseExpression } from "../../../child/activation/parse.ts";
import { printExpression } from "../../../child/activation/print.ts";
import { Random } from "../../../datasets/random.ts";
import { oneUnitSpace, randomTree, randomTwoUnits } from "./random_expressions.ts";

function parsed(text: string): Expression | null {
  try {
    return parseExpression(text);
  } catch {
    return null;
  }
}

/** The text without each pair of parentheses that is not of a call. */
function* withoutAPair(text: string): Generator<string> {
  for (let open = 0; open < text.length; open++) {
    if (text[open] !== "(" || /\w/.test(text[open - 1] ?? "")) continue;
    let close = open;
    for (let depth = 0; close < text.length; close++) {
      depth += text[close] === "(" ? 1 : text[close] === ")" ? -1 : 0;
      if (depth === 0) break;
    }
    yield text.slice(0, open) + text.slice(open + 1, close) + text.slice(close + 1);
  }
}

describe("printExpression", () => {
  it("is read back as the same tree, for 3,000 random trees", () => {
    const random = new Random(3);
    for (let i = 0; i < 3000; i++) {
      const tree = randomTree(random, 4, undefined, true);
      const text = printExpression(tree);
      if (text.length <= MAX_LENGTH) assertEquals(parseExpression(text), tree, text);
    }
  });

  it("is read back as the same tree, for the search space", () => {
    const random = new Random(4);
    const members = [...oneUnitSpace(), ...Array.from({ length: 1000 }, () => randomTwoUnits(random))];
    for (const tree of members) assertEquals(parseExpression(printExpression(tree)), tree);
  });

  it("leaves the longest expression of three core units well within what is read", () => {
    const log = PAPER_UNARY.find(({ name }) => name === "log(|x|+eps)")!;
    const decay = PAPER_BINARY.find(({ name }) => name === "exp(-b*(x1-x2)^2)")!;
    const unit = (e: Expression) => decay.build(log.build(e), log.build(e));
    assert(printExpression(unit(unit(unit(X)))).length < MAX_LENGTH / 2);
  });

  it("has no pair of parentheses that could be left out, except to keep two minuses apart", () => {
    const random = new Random(5);
    for (let i = 0; i < 1000; i++) {
      const tree = randomTree(random, 4);
      for (const shorter of withoutAPair(printExpression(tree))) {
        const other = shorter.includes("--") ? null : parsed(shorter);
        if (other) assertEquals(printExpression(other) === printExpression(tree), false, shorter);
      }
    }
  });

  it("writes numbers as their shortest exact decimal, and tells a negative number from a negation", () => {
    assertEquals(printExpression(number(0.1)), "0.1");
    assertEquals(printExpression(number(1e-7)), "1e-7");
    assertEquals(printExpression(number(-2)), "-2");
    assertEquals(printExpression(unary("neg", number(2))), "-(2)");
    assertEquals(printExpression(unary("neg", number(-2))), "-(-2)");
    assertEquals(printExpression(power(number(-2), 2)), "(-2)^2");
    assertEquals(printExpression(binary("sub", X, number(-0))), "x - -0");
  });

  it("writes a choice as where, a constant on the right of its comparison", () => {
    const choice = select(X, number(0), unary("sign", X), unary("dsinc", X));
    assertEquals(printExpression(choice), "where(x > 0, sign(x), dsinc(x))");
    assertEquals(printExpression(select(number(0), X, X, B, ">=")), "where(x <= 0, x, b)");
    assertEquals(printExpression(select(number(0), X, X, B, "==")), "where(0 == x, x, b)");
  });

  it("is read back as the same tree, for derivatives", () => {
    const random = new Random(7);
    for (let i = 0; i < 1000; i++) {
      const tree = derive(randomTree(random, 3, undefined, true), "x");
      const text = printExpression(tree);
      if (text.length <= MAX_LENGTH && !text.includes("^-65")) assertEquals(parseExpression(text), tree, text);
    }
  });
});
