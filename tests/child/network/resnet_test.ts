import { assert, assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { parameterCount } from "../../../child/network/graph.ts";
import { buildResNet } from "../../../child/network/resnet.ts";

const CIFAR10 = { classes: 10, usesBeta: false };

describe("ResNet", () => {
  it("has the parameter counts of He et al. 2015, table 6, with 10 classes and without beta", () => {
    // 0.27, 0.46, 0.66, 0.85 and 1.7 million there; to the last one as counted from the layers.
    const n2 = (depth: number) => (depth - 2) / 3; // convolutions of a stage, the first of stages 2 and 3 from half as many
    const byFormula = (depth: number) =>
      27 * 16 + 2 * 16 + // stem
      [16, 32, 64].reduce((sum, w) => sum + n2(depth) * (9 * w * w + 2 * w) - (w > 16 ? 9 * w * w / 2 : 0), 0) + 650;
    const counts = { 20: 269_722, 32: 464_154, 44: 658_586, 56: 853_018, 110: 1_727_962 };
    for (const [depth, count] of Object.entries(counts)) {
      assertEquals(parameterCount(buildResNet(Number(depth), CIFAR10)), count, `ResNet-${depth}`);
      assertEquals(byFormula(Number(depth)), count, `ResNet-${depth} by formula`);
    }
  });

  it("has as many weighted layers as its depth says", () => {
    for (const depth of [8, 14, 20, 110]) {
      const { nodes } = buildResNet(depth, CIFAR10);
      assertEquals(nodes.filter(({ kind }) => kind === "conv" || kind === "dense").length, depth);
      assertEquals(nodes.filter(({ kind }) => kind === "activation").length, depth - 1);
    }
  });

  it("ends its stages at 32, 16 and 8 pixels with 16, 32 and 64 channels", () => {
    const sums = buildResNet(20, CIFAR10).nodes.filter(({ kind }) => kind === "add").map(({ shape }) =>
      shape.join("x")
    );
    assertEquals([...new Set(sums)], ["32x32x16", "16x16x32", "8x8x64"]);
  });

  it("has one beta per channel at every activation when the function has b", () => {
    const graph = buildResNet(20, { classes: 10, usesBeta: true });
    const betas = graph.parameters.filter(({ role }) => role === "activation_beta");
    assertEquals(betas.length, 19);
    assertEquals(parameterCount(graph), 269_722 + 7 * 16 + 6 * 32 + 6 * 64);
    assert(graph.nodes.every((node) => node.kind !== "activation" || node.beta !== undefined));
  });

  it("names its parameters after stage, block and layer, in the order of use", () => {
    const names = buildResNet(8, { classes: 10, usesBeta: true }).parameters.map(({ name }) => name);
    assertEquals(names.slice(0, 12), [
      "stem.kernel",
      "stem.bn.scale",
      "stem.bn.shift",
      "stem.act.beta",
      "stage1.block1.conv1.kernel",
      "stage1.block1.bn1.scale",
      "stage1.block1.bn1.shift",
      "stage1.block1.act1.beta",
      "stage1.block1.conv2.kernel",
      "stage1.block1.bn2.scale",
      "stage1.block1.bn2.shift",
      "stage1.block1.act2.beta",
    ]);
    assertEquals(names.slice(-2), ["dense.kernel", "dense.bias"]);
    assertEquals(new Set(names).size, names.length);
  });

  it("refuses a depth that is not 6n + 2", () => {
    for (const depth of [2, 9, 18, 20.5]) assertThrows(() => buildResNet(depth, CIFAR10), RangeError, `${depth}`);
  });
});
