/** Kernels that programs share: a program is the same whatever was compiled before it. */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { activationFrom } from "../../../../child/activation/catalog.ts";
import { compileChild } from "../../../../child/compiler/child.ts";
import { madeBefore } from "../../../../child/engine/wasm/kernels.ts";
import { type ModuleTexts, moduleTexts } from "../../../../child/engine/wasm/module.ts";
import { makePlan } from "../../../../child/engine/wasm/plan.ts";
import type { GraphOptions } from "../../../../child/network/graph_builder.ts";
import { buildNetwork } from "../../../../child/network/networks.ts";
import { DEFAULT_OPTIMIZER } from "../../../../child/network/optimizer.ts";

interface Case extends Partial<GraphOptions> {
  readonly network: string;
  readonly function_?: string;
  readonly batch?: number;
  readonly plain?: boolean;
}

/** What a name must tell apart: shapes, batch sizes, sets of kernels, and the loss. */
const CASES: readonly Case[] = [
  { network: "resnet8" },
  { network: "resnet8", batch: 16 },
  { network: "resnet8", plain: true },
  { network: "resnet8", labelSmoothing: 0.1 },
  { network: "resnet8", classes: 100, image: [16, 16, 3] },
  { network: "resnet8", function_: "tanh(x) * sin(b * x)" },
  { network: "preresnet11", batch: 3 },
  { network: "wrn-16-4", dropout: 0.3 },
  { network: "densenet-10-12" },
  { network: "densenet-10-12", image: [8, 12, 1], plain: true },
  { network: "mobilenet-0.25" },
  { network: "mobilenet-0.5", image: [16, 16, 3] },
  { network: "resnet18", image: [32, 32, 3], batch: 4 },
];

function textsOf({ network, function_ = "relu", batch = 32, plain = false, ...options }: Case): ModuleTexts {
  const graph = buildNetwork(network, { classes: 10, usesBeta: function_.includes("b"), ...options });
  const kernelSet = { winograd: !plain, packable: !plain };
  const plan = makePlan(compileChild(graph, activationFrom(function_)), { batch, threads: 1, slots: 1, ...kernelSet });
  return moduleTexts(plan, DEFAULT_OPTIMIZER);
}

describe("the text of a program", () => {
  it("is the same whatever was compiled before", () => {
    const alone = CASES.map((one) => {
      madeBefore.clear();
      return textsOf(one);
    });
    for (const order of [CASES, CASES.toReversed()]) {
      for (const one of order) {
        const texts = textsOf(one), expected = alone[CASES.indexOf(one)];
        for (const module of ["kernels", "program"] as const) {
          assert(texts[module] === expected[module], `${module} of ${JSON.stringify(one)}`); // without megabytes of text
        }
      }
    }
  });

  it("has the same kernels for all functions, with beta and without, which are then written once", () => {
    madeBefore.clear();
    const [relu, swish] = ["relu", "swish"].map((function_) => textsOf({ network: "resnet8", function_ }));
    const made = [...madeBefore.values()];
    assert(relu.kernels === swish.kernels);
    assertNotEquals(relu.program.length, swish.program.length);
    assert(relu.program.length < relu.kernels.length / 4, "most of a program's text is of the kernels");
    textsOf({ network: "resnet8", function_: "tanh(x)" });
    assertEquals([...madeBefore.values()].every((one, at) => one === made[at]), true);
  });
});
