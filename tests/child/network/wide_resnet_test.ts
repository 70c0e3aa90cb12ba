import { assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { type NodeOf, parameterCount } from "../../../child/network/graph.ts";
import { buildWideResNet } from "../../../child/network/wide_resnet.ts";

const CIFAR10 = { classes: 10, usesBeta: false };

/** Counted from the authors' table 1, not from a graph: c is what a unit reads, w its width. */
function countedByHand(units: number, k: number, classes: number): number {
  const first = (c: number, w: number) => 9 * c * w + 9 * w * w + c * w + 2 * (c + w);
  const stage = (c: number, w: number) => first(c, w) + (units - 1) * (18 * w * w + 4 * w);
  return 27 * 16 + stage(16, 16 * k) + stage(16 * k, 32 * k) + stage(32 * k, 64 * k) + 128 * k +
    (64 * k + 1) * classes;
}

describe("wide ResNet", () => {
  it("has the parameters of its table of layers, with 10 and with 100 classes", () => {
    for (const [depth, width, classes] of [[16, 4, 10], [28, 10, 10], [28, 10, 100], [22, 2, 10]] as const) {
      const graph = buildWideResNet(depth, width, { classes, usesBeta: false });
      assertEquals(parameterCount(graph), countedByHand((depth - 4) / 6, width, classes));
    }
  });

  it("has as many 3x3 convolutions as its depth less the projections and the dense layer", () => {
    const { nodes } = buildWideResNet(28, 10, CIFAR10);
    const convolutions = nodes.filter((node): node is NodeOf<"conv"> => node.kind === "conv");
    assertEquals(convolutions.filter(({ size }) => size === 3).length, 28 - 3);
    assertEquals(convolutions.filter(({ size }) => size === 1).map(({ stride }) => stride), [1, 2, 2]);
    assertEquals(nodes.filter(({ kind }) => kind === "activation").length, 28 - 3);
  });

  it("projects from the activation that the first convolution of the unit reads, also where only the width changes", () => {
    const { nodes } = buildWideResNet(10, 2, CIFAR10);
    const convolutions = nodes.filter((node): node is NodeOf<"conv"> => node.kind === "conv");
    const named = (name: string) => convolutions.find(({ kernel }) => kernel === `${name}.kernel`)!;
    [1, 2, 3].forEach((stage) => {
      const [projection, first] = ["projection", "conv1"].map((layer) => named(`stage${stage}.unit1.${layer}`));
      assertEquals([projection.input, projection.stride], [first.input, first.stride]);
      assertEquals(nodes[projection.input].kind, "activation");
    });
  });

  it("refuses a depth that is not 6n + 4 and a width that is no whole number", () => {
    for (const depth of [4, 15, 28.5]) {
      assertThrows(() => buildWideResNet(depth, 2, CIFAR10), RangeError, `${depth}`);
    }
    for (const width of [0, -1, 1.5]) assertThrows(() => buildWideResNet(16, width, CIFAR10), RangeError, `${width}`);
  });
});
