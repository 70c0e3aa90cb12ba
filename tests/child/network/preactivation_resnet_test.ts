import { assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { type NodeOf, parameterCount } from "../../../child/network/graph.ts";
import { buildPreactivationResNet } from "../../../child/network/preactivation_resnet.ts";

const CIFAR10 = { classes: 10, usesBeta: false };

/** Counted from the paper's table of layers, not from a graph: c is what a unit reads, w its width. */
function countedByHand(units: number, classes: number): number {
  const first = (c: number, w: number) => c * w + 9 * w * w + w * 4 * w + c * 4 * w + 2 * (c + w + w);
  const other = (w: number) => 4 * w * w + 9 * w * w + 4 * w * w + 2 * (4 * w + w + w);
  const stage = (c: number, w: number) => first(c, w) + (units - 1) * other(w);
  return 27 * 16 + stage(16, 16) + stage(64, 32) + stage(128, 64) + 2 * 256 + 257 * classes;
}

describe("pre-activation ResNet", () => {
  it("has the 1.70 million parameters of ResNet-164 in He et al. 2016, with 10 and with 100 classes", () => {
    for (const [classes, count] of [[10, 1_703_258], [100, 1_726_388]]) {
      assertEquals(countedByHand(18, classes), count);
      assertEquals(parameterCount(buildPreactivationResNet("resnet164", 164, { classes, usesBeta: false })), count);
    }
  });

  it("has as many weighted layers as its depth says, beside one projection per stage, and an activation before each", () => {
    for (const depth of [11, 164]) {
      const { nodes } = buildPreactivationResNet("test", depth, CIFAR10);
      assertEquals(nodes.filter(({ kind }) => kind === "conv" || kind === "dense").length, depth + 3);
      assertEquals(nodes.filter(({ kind }) => kind === "activation").length, depth - 1);
    }
  });

  it("ends its units at 32, 16 and 8 pixels with 64, 128 and 256 channels, nothing but additions between them", () => {
    const { nodes } = buildPreactivationResNet("test", 20, CIFAR10);
    const sums = nodes.filter((node): node is NodeOf<"add"> => node.kind === "add");
    assertEquals(sums.map(({ shape }) => shape.join("x")), [
      ...["32x32x64", "32x32x64", "16x16x128", "16x16x128", "8x8x256", "8x8x256"],
    ]);
    assertEquals(sums.map(({ right }) => nodes[right].kind), ["conv", "add", "conv", "add", "conv", "add"]);
  });

  it("projects from the activation that the first convolution of the unit reads, with its stride", () => {
    const { nodes } = buildPreactivationResNet("test", 11, CIFAR10);
    const convolutions = nodes.filter((node): node is NodeOf<"conv"> => node.kind === "conv");
    const named = (name: string) => convolutions.find(({ kernel }) => kernel === `${name}.kernel`)!;
    [1, 2, 2].forEach((stride, stage) => {
      const projection = named(`stage${stage + 1}.unit1.projection`), first = named(`stage${stage + 1}.unit1.conv1`);
      assertEquals([projection.input, projection.stride], [first.input, stride]);
      assertEquals(nodes[projection.input].kind, "activation");
    });
  });

  it("refuses a depth that is not 9n + 2", () => {
    for (const depth of [2, 12, 165, 11.5]) {
      assertThrows(() => buildPreactivationResNet("test", depth, CIFAR10), RangeError, `${depth}`);
    }
  });
});
