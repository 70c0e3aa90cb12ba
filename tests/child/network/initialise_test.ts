import { assert, assertAlmostEquals, assertEquals, assertNotEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { activationFrom } from "../../../child/activation/catalog.ts";
import { initialParameters } from "../../../child/network/initialise.ts";
import { buildResNet } from "../../../child/network/resnet.ts";

const PRELU = activationFrom("prelu");
const graph = buildResNet(20, { classes: 10, usesBeta: true });
const parameters = initialParameters(graph, PRELU, 7);

function moments(values: ArrayLike<number>): { mean: number; variance: number } {
  const all = Array.from(values);
  const mean = all.reduce((a, b) => a + b) / all.length;
  return { mean, variance: all.reduce((sum, value) => sum + (value - mean) ** 2, 0) / all.length };
}

describe("initialParameters", () => {
  it("draws kernels from a normal distribution of variance 2 / fan in", () => {
    const kernel = Array.from(parameters.get("stage3.block3.conv2.kernel")!); // 36,864 values, fan in 576
    const { mean, variance } = moments(kernel);
    // Five standard errors of a mean and of a variance of so many normal values.
    assertAlmostEquals(mean, 0, 5 * Math.sqrt(2 / 576 / kernel.length));
    assertAlmostEquals(variance, 2 / 576, 5 * (2 / 576) * Math.sqrt(2 / kernel.length));
    const withinOne = kernel.filter((value) => Math.abs(value) < Math.sqrt(2 / 576)).length / kernel.length;
    assertAlmostEquals(withinOne, 0.6827, 0.015);
  });

  it("draws kernels from one of variance 1 / fan in for SELU, which was made for it", () => {
    const selu = initialParameters(graph, activationFrom("selu"), 7).get("stage3.block3.conv2.kernel")!;
    const { variance } = moments(selu);
    assertAlmostEquals(variance, 1 / 576, 5 * (1 / 576) * Math.sqrt(2 / selu.length));
  });

  it("draws the dense kernel uniformly within sqrt(6 / (in + out))", () => {
    const kernel = Array.from(parameters.get("dense.kernel")!);
    const bound = Math.sqrt(6 / 74);
    assert(kernel.every((value) => Math.abs(value) <= bound) && kernel.some((value) => Math.abs(value) > 0.95 * bound));
    assertAlmostEquals(moments(kernel).variance, bound ** 2 / 3, 0.15 * bound ** 2 / 3);
  });

  it("starts scales at 1, shifts and biases at 0 and betas where the activation says", () => {
    const values = (name: string) => [...new Set(parameters.get(name)!)];
    assertEquals(values("stage1.block1.bn1.scale"), [1]);
    assertEquals(values("stage1.block1.bn1.shift"), [0]);
    assertEquals(values("dense.bias"), [0]);
    assertEquals(values("stage1.block1.act1.beta"), [0.25]);
  });

  it("gives the same numbers for the same seed, others for another, in the order of the graph", () => {
    assertEquals(initialParameters(graph, PRELU, 7), parameters);
    assertNotEquals(initialParameters(graph, PRELU, 8).get("stem.kernel"), parameters.get("stem.kernel"));
    assertEquals([...parameters.keys()], graph.parameters.map(({ name }) => name));
  });

  it("starts the kernels of a seed alike with and without beta", () => {
    const plain = initialParameters(buildResNet(20, { classes: 10, usesBeta: false }), activationFrom("relu"), 7);
    for (const [name, tensor] of plain) assertEquals(tensor, parameters.get(name));
  });
});
