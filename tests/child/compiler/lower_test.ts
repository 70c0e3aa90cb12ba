import { assert, assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { activationFrom, CATALOG } from "../../../child/activation/catalog.ts";
import { compileToClosure } from "../../../child/activation/evaluate.ts";
import { differentiate, hasBeta } from "../../../child/compiler/derivatives.ts";
import { lowerActivation } from "../../../child/compiler/lower.ts";
import { checkList, ListBuilder, type OperationList } from "../../../child/compiler/operations.ts";
import { interpret } from "../../../child/compiler/interpret.ts";
import { oneUnitSpace } from "../activation/random_expressions.ts";
import { at } from "./lists.ts";

const POINTS = Float32Array.from({ length: 121 }, (_, i) => (i - 60) / 7 + 0.01);

const EXPRESSIONS = [
  ...CATALOG.map(({ text }) => activationFrom(text).expression),
  ...["where(b * x >= 0.3, x^2, b)", "x^-3 + x^7", "exp(x) * gauss(x)", "x / 4 - b / 3", "sqrt(abs(x)) * relu(x)"].map((
    text,
  ) => activationFrom(text).expression),
  ...oneUnitSpace().filter((_, i) => i % 97 === 0),
];

const lists = (text: string) =>
  (["expanded", "called"] as const).map((functions) => lowerActivation(differentiate(activationFrom(text)), functions));

const kinds = (list: OperationList) => list.map((operation) => operation.kind);

describe("a lowered activation", () => {
  it("is legal: operands stand before their use and have its types", () => {
    for (const expression of EXPRESSIONS) {
      for (const functions of ["expanded", "called"] as const) {
        checkList(lowerActivation(differentiate({ expression }), functions));
      }
    }
  });

  it("has the value and derivatives of the expression, in float64 with functions called", () => {
    for (const expression of EXPRESSIONS) {
      const derivatives = differentiate({ expression });
      const list = lowerActivation(derivatives, "called");
      for (const part of ["value", "byX", "byB"] as const) {
        const of = derivatives[part];
        if (!of) continue;
        const closure = compileToClosure(of);
        at(list, "float64", part, POINTS, 0.75).forEach((found, i) => {
          const expected = closure(POINTS[i], 0.75);
          const isSame = Object.is(found, expected) ||
            Math.abs(found - expected) <= 1e-11 * Math.max(1, Math.abs(expected));
          assert(isSame, `${part} at ${POINTS[i]} is ${found}, not ${expected}`);
        });
      }
    }
  });

  it("computes what function and derivatives share once", () => {
    const [expanded, called] = lists("x * tanh(b * x)");
    assertEquals(kinds(called).filter((kind) => kind === "call").length, 2); // tanh and its derivative
    assertEquals(kinds(expanded).filter((kind) => kind === "div").length, 1); // 1 / (1 + exp(-2 |u|)), of both
    const texts = expanded.filter(({ kind }) => kind !== "store").map((operation) => JSON.stringify(operation));
    assertEquals(new Set(texts).size, texts.length);
  });

  it("has a multiply-add for a product that is added, unless 0 wins in it", () => {
    assertEquals(kinds(lists("x * b + 1")[0]).filter((kind) => kind === "multiplyAdd").length, 1);
    const [guarded] = lists("exp(x) * gauss(x) + 1");
    assert(kinds(guarded).includes("zeroWhere"));
  });

  it("has no beta where simplification leaves none", () => {
    const activation = activationFrom("x + 0 * b");
    assertEquals(hasBeta(activation), false);
    assertEquals(differentiate(activation).byB, null);
    assert(!lists("x + 0 * b").flatMap(kinds).includes("channel"));
  });

  it("of a thousand operations takes well under a second", () => {
    const activation = activationFrom(Array.from({ length: 333 }, (_, i) => `sin(${i + 1}*x)`).join("+"));
    const derivatives = differentiate(activation);
    const start = performance.now();
    lowerActivation(derivatives, "expanded");
    assert(performance.now() - start < 1000);
  });
});

describe("the check of lists", () => {
  it("names the operation whose operand comes later or has another type", () => {
    const f = new ListBuilder();
    const x = f.input("x"), mask = f.less(x, f.constant(1));
    assertThrows(() => checkList([{ kind: "abs", operands: [0] }]), TypeError, "operation 0 (abs)");
    assertThrows(() => checkList([...f.operations, { kind: "add", operands: [x, mask] }]), TypeError, "is mask");
    assertThrows(() => checkList([...f.operations, { kind: "root", operands: [x, x] }]), TypeError, "1 operands");
  });
});

describe("the interpreter", () => {
  it("rounds a multiply-add once in float32", () => {
    const f = new ListBuilder();
    const x = f.input("x");
    f.store("y", f.negativeMultiplyAdd(x, x, f.mul(x, x))); // the rounding error of x^2
    const x32 = Math.fround(1.1);
    assertEquals(interpret(f.operations, "float32")({ x: x32 }).y, Math.fround(Math.fround(x32 * x32) - x32 * x32));
    assertEquals(interpret(f.operations, "float64")({ x: x32 }).y, 0);
  });

  it("refuses to look at bits in float64", () => {
    assertThrows(() => interpret(lists("tanh(x)")[0], "float64"), TypeError, "float32's bits");
  });

  it("gives what a point adds to a sum", () => {
    const f = new ListBuilder();
    f.sum("s", f.input("x"), f.channel("b"));
    assertEquals(interpret(f.operations, "float32")({ x: 3, b: 4 }), { s: 12 });
  });
});
