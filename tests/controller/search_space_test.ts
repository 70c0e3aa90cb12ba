import { assert, assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { compileToClosure } from "../../child/activation/evaluate.ts";
import { parseExpression } from "../../child/activation/parse.ts";
import { printExpression } from "../../child/activation/print.ts";
import { positions, SearchSpace, type Units } from "../../controller/search_space.ts";
import { Random } from "../../datasets/random.ts";

/** Token of a choice by its name. */
function token(units: Units, position: string, choice: string): number {
  const found = positions(units).find(({ name }) => name === position)!.choices.indexOf(choice);
  assert(found >= 0, `${position} has no ${choice}`);
  return found;
}

/** Tokens of a candidate by the names of its choices, five per unit. */
function tokensOf(units: Units, ...choices: string[]): number[] {
  return positions(units).map(({ name }, at) => token(units, name, choices[at]));
}

function values(text: string): number[] {
  const f = compileToClosure(parseExpression(text));
  return [-2.5, -1, -0.125, 0.5, 1.75].map((x) => f(x, 0.75));
}

describe("search space", () => {
  it("asks for input 1, input 2, unary 1, unary 2 and binary of each core unit", () => {
    assertEquals(positions(2).map(({ kind }) => kind).join(" "), "input input unary unary binary ".repeat(2).trim());
    assertEquals(positions(2)[7].name, "unit 2 unary 1");
  });

  it("offers x and the earlier core units as inputs, 25 unary and 10 binary functions", () => {
    const choices = positions(3).map(({ choices }) => choices.length);
    assertEquals(choices, [1, 1, 25, 25, 10, 2, 2, 25, 25, 10, 3, 3, 25, 25, 10]);
    assertEquals(positions(3)[10].choices, ["x", "unit 1", "unit 2"]);
  });

  it("has the sizes of the paper's spaces, inputs chosen", () => {
    assertEquals(new SearchSpace(1).size, 25 * 25 * 10);
    assertEquals(new SearchSpace(1).size, 6_250);
    assertEquals(new SearchSpace(2).size, 156_250_000);
    assertEquals(new SearchSpace(3).size, 8_789_062_500_000); // 8.8e12
  });

  it("holds the paper's chain of units as the part where no input is chosen", () => {
    const chain = (units: Units) =>
      positions(units).filter(({ kind }) => kind !== "input").reduce((size, { choices }) => size * choices.length, 1);
    assertEquals(chain(2), 39_062_500);
    assertEquals(chain(3), 244_140_625_000); // 2.4e11
    assertEquals(new SearchSpace(2).size, 4 * chain(2));
  });

  it("reads swish, one core unit", () => {
    const tokens = tokensOf(1, "x", "x", "b*x", "x", "sigmoid(x1)*x2");
    assertEquals(printExpression(new SearchSpace(1).expressionOf(tokens)), "sigmoid(b * x) * x");
  });

  it("reads the paper's figure 1, b2(u3(b1(u1(x), u2(x))), u4(x))", () => {
    const tokens = tokensOf(2, "x", "x", "sin(x)", "cos(x)", "x1*x2", "unit 1", "x", "tanh(x)", "|x|", "x1-x2");
    const f = compileToClosure(new SearchSpace(2).expressionOf(tokens));
    assertEquals([-2.5, -1, -0.125, 0.5, 1.75].map((x) => f(x, 0.75)), values("tanh(sin(x) * cos(x)) - abs(x)"));
  });

  it("takes the last unit's output where earlier units are not used", () => {
    const tokens = tokensOf(2, "x", "x", "sin(x)", "cos(x)", "x1*x2", "x", "x", "x", "max(x,0)", "max(x1,x2)");
    assertEquals(printExpression(new SearchSpace(2).expressionOf(tokens)), "max(x, max(x, 0))");
  });

  it("reads three units that share the first", () => {
    const unit1 = ["x", "x", "x^2", "b", "x1+x2"], unit2 = ["unit 1", "x", "atan(x)", "x", "x1*x2"];
    const tokens = tokensOf(3, ...unit1, ...unit2, "unit 2", "unit 1", "-x", "erf(x)", "min(x1,x2)");
    const f = compileToClosure(new SearchSpace(3).expressionOf(tokens));
    const expected = values("min(-(atan(x^2 + b) * x), erf(x^2 + b))");
    assertEquals([-2.5, -1, -0.125, 0.5, 1.75].map((x) => f(x, 0.75)), expected);
  });

  it("makes an expression of every member with one core unit", () => {
    const space = new SearchSpace(1);
    const texts = new Set<string>();
    for (let u1 = 0; u1 < 25; u1++) {
      for (let u2 = 0; u2 < 25; u2++) {
        for (let b = 0; b < 10; b++) texts.add(printExpression(space.expressionOf([0, 0, u1, u2, b])));
      }
    }
    // sigmoid(x1)*x2 writes what x1*x2 with sigmoid(x) first writes: 25 ways to write one thing twice.
    assertEquals(texts.size, 6_250 - 25);
  });

  it("makes expressions whose text is read back as they are, up to three core units", () => {
    const space = new SearchSpace(3), random = new Random(11);
    for (let n = 0; n < 500; n++) {
      const expression = space.expressionOf(space.positions.map(({ choices }) => random.integer(choices.length)));
      assertEquals(parseExpression(printExpression(expression)), expression);
    }
  });

  it("makes expressions within what can be written even if every choice is the longest", () => {
    const space = new SearchSpace(3);
    const unary = token(3, "unit 1 unary 1", "log(|x|+eps)");
    for (let binary = 0; binary < 10; binary++) {
      const tokens = space.positions.map(({ kind, choices }) =>
        kind === "input" ? choices.length - 1 : kind === "unary" ? unary : binary
      );
      const expression = space.expressionOf(tokens);
      assertEquals(parseExpression(printExpression(expression)), expression);
    }
  });

  it("names the position where tokens leave the space", () => {
    const space = new SearchSpace(2);
    const refuses = (tokens: number[], sentence: string) =>
      assertThrows(() => space.expressionOf(tokens), RangeError, sentence);
    refuses([0, 0, 0, 0, 0], "2 core units take 10 tokens: it has 5");
    refuses([1, 0, 0, 0, 0, 0, 0, 0, 0, 0], "unit 1 input 1 must be an integer from 0 to 0: it is 1");
    refuses([0, 0, 0, 25, 0, 0, 0, 0, 0, 0], "unit 1 unary 2 must be an integer from 0 to 24: it is 25");
    refuses([0, 0, 0, 0, 0, 2, 0, 0, 0, 0], "unit 2 input 1 must be an integer from 0 to 1: it is 2");
    refuses([0, 0, 0, 0, 0, 0, 0, 0, 0, -1], "unit 2 binary");
    refuses([0, 0, 0.5, 0, 0, 0, 0, 0, 0, 0], "it is 0.5");
    refuses([0, 0, NaN, 0, 0, 0, 0, 0, 0, 0], "it is NaN");
  });

  it("has one, two or three core units", () => {
    for (const units of [0, 4, 1.5, NaN]) {
      assertThrows(() => new SearchSpace(units as Units), RangeError, `${units} were asked for`);
    }
  });
});
