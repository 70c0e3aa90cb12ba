/**
 * That any function users can write compiles in time: a thousand operations in little more than what a process takes for
 * its first ResNet-20, with ReLU. Times are compared with one another, as they depend on the machine and what else it does.
 */
import { assert, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { activationFrom } from "../../../child/activation/catalog.ts";
import { derive } from "../../../child/activation/derive.ts";
import { usesBeta } from "../../../child/activation/expression.ts";
import { fingerprint } from "../../../child/activation/fingerprint.ts";
import { ExpressionSyntaxError, MAX_OPERATIONS } from "../../../child/activation/parse.ts";
import { compileChild } from "../../../child/compiler/child.ts";
import { simplify } from "../../../child/activation/simplify.ts";
import { assembleProgram } from "../../../child/engine/wasm/assemble.ts";
import { moduleTexts } from "../../../child/engine/wasm/module.ts";
import { makePlan } from "../../../child/engine/wasm/plan.ts";
import { buildNetwork } from "../../../child/network/networks.ts";
import { DEFAULT_OPTIMIZER } from "../../../child/network/optimizer.ts";

const list = (count: number, part: (i: number) => string) => Array.from({ length: count }, (_, i) => part(i + 1));
const nested = (name: string, depth: number) => `${name}(`.repeat(depth) + "x" + ")".repeat(depth);

/** Functions of up to a thousand operations, each of another shape. */
const LONG: Readonly<Record<string, string>> = {
  "a sum of 90 sines": list(90, (i) => `sin(${i}*x)`).join("+"),
  "a sum of 333 sines": list(333, (i) => `sin(${i}*x)`).join("+"),
  "a difference of 250 tanh": list(250, (i) => `tanh(x-${i}*b)`).join("-"),
  "a product of 330 sines": list(330, (i) => `sin(${i}*x)`).join("*"),
  "a quotient of 330 sines": list(330, (i) => `sin(${i}*x)`).join("/"),
  "a product of 200 exponentials": list(200, (i) => `exp(${i}*x*b)`).join("*"),
  "1001 x added": list(1001, () => "x").join("+"),
  "1001 x multiplied": list(1001, () => "x").join("*"),
  "1001 x divided": list(1001, () => "x").join("/"),
  "b and x divided by turns": list(500, () => "b/x").join("/"),
  "maxima of 200 lines": list(200, (i) => `max(x*${i},sin(x)-${i})`).join("*"),
  "two polynomials of degree 64": list(2, () => `(${list(64, (i) => `${i}*x^${i}`).join("-")})`).join("*"),
  "a continued fraction": list(62, (i) => `x/(${i}*b+`).join("") + "x" + ")".repeat(62),
  "sinc 60 deep": nested("sinc", 60),
  "tanh 60 deep": nested("tanh", 60),
  "softplus 60 deep": nested("softplus", 60),
  "swish 7 deep": nested("swish", 7),
};

async function compileSeconds(text: string, network: string): Promise<number> {
  const start = performance.now();
  const activation = activationFrom(text), expression = simplify(activation.expression);
  fingerprint(activation.expression);
  for (const by of ["x", "b"] as const) derive(expression, by);
  const graph = buildNetwork(network, { classes: 10, usesBeta: usesBeta(expression) });
  const plan = makePlan(compileChild(graph, activation), {
    batch: 128,
    threads: 2,
    slots: 1,
    winograd: true,
    packable: true,
  });
  await assembleProgram(network, moduleTexts(plan, DEFAULT_OPTIMIZER));
  return (performance.now() - start) / 1000;
}

describe("the time to compile", () => {
  it("a thousand operations for ResNet-20 is little more than for one", async () => {
    // The first: the kernels that children of one network share are then known.
    const first = await compileSeconds("relu", "resnet20");
    for (const [name, text] of Object.entries(LONG)) {
      const seconds = await compileSeconds(text, "resnet20");
      assert(seconds < 4 * first, `${name}: ${seconds.toFixed(2)} s where the first took ${first.toFixed(2)} s`);
    }
  });

  it("beyond the bound is none: it is refused at once, with the number", () => {
    const sum = (operations: number) => list(operations + 1, () => "x").join("+");
    activationFrom(sum(MAX_OPERATIONS));
    for (const text of [sum(MAX_OPERATIONS + 1), nested("gelu", 12), `gelu(${sum(900)})*gelu(${sum(900)})`]) {
      const start = performance.now();
      const error = assertThrows(() => activationFrom(text), ExpressionSyntaxError);
      assert(/more than 2000 operations: it has \d+/.test(error.message), error.message);
      assert(performance.now() - start < 500);
    }
  });
});
