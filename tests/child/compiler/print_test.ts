import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { activationFrom } from "../../../child/activation/catalog.ts";
import { compileChild } from "../../../child/compiler/child.ts";
import { differentiate } from "../../../child/compiler/derivatives.ts";
import { lowerActivation } from "../../../child/compiler/lower.ts";
import { printChild, printList } from "../../../child/compiler/print.ts";
import { buildNetwork } from "../../../child/network/networks.ts";

describe("a printed list", () => {
  it("has a line for each operation, with its position and operands", () => {
    const list = lowerActivation(differentiate(activationFrom("x * 3 + tanh(b)")), "called", ["value"]);
    assertEquals(printList(list).map((line) => line.trim()), [
      "0 = input x",
      "1 = channel b",
      "2 = constant 3",
      "3 = call tanh 1",
      "4 = multiplyAdd 2 0 3",
      "5 = store value 4",
    ]);
  });
});

describe("a printed child", () => {
  it("shows every stage, what it reads and how long that lives, and the activation's operations", () => {
    const graph = buildNetwork("resnet8", { classes: 10, usesBeta: true });
    const child = compileChild(graph, activationFrom("swish"));
    const text = printChild(child), lines = text.split("\n");
    const { forward, backward } = child.stages;
    assertEquals(lines.filter((line) => line.includes("<-")).length, forward.length + backward.length);
    assertMatch(lines[1], /^ {4}0 input {8}0 \(32x32x3\) @\d+ +<- $/);
    for (const word of ["convolution", "pointwise", "call sigmoid", "multiplyAdd"]) assertStringIncludes(text, word);
    assert(!text.includes("undefined"), text);
  });
});
