import { assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { buildDenseNet } from "../../../child/network/densenet.ts";
import { type NodeOf, parameterCount } from "../../../child/network/graph.ts";

const CIFAR10 = { classes: 10, usesBeta: false };

/** Counted from the authors' text, not from a graph: k is the growth, n the layers of a block. */
function countedByHand(n: number, k: number, classes: number): number {
  let channels = 2 * k, count = 27 * channels;
  for (let block = 0; block < 3; block++) {
    for (let layer = 0; layer < n; layer++, channels += k) {
      count += 2 * channels + channels * 4 * k + 8 * k + 9 * 4 * k * k;
    }
    if (block === 2) continue;
    count += 2 * channels + channels * Math.floor(channels / 2);
    channels = Math.floor(channels / 2);
  }
  return count + 2 * channels + (channels + 1) * classes;
}

describe("DenseNet-BC", () => {
  it("has the 0.8 million parameters of 100-12 in Huang et al. 2017, and those counted by hand", () => {
    assertEquals(parameterCount(buildDenseNet(100, 12, CIFAR10)), 769_162);
    for (const [depth, growth, classes] of [[100, 12, 100], [10, 12, 10], [16, 5, 10]] as const) {
      const graph = buildDenseNet(depth, growth, { classes, usesBeta: false });
      assertEquals(parameterCount(graph), countedByHand((depth - 4) / 6, growth, classes));
    }
  });

  it("has as many convolutions as its depth less the dense layer, and pools to a quarter of the side", () => {
    const { nodes } = buildDenseNet(100, 12, CIFAR10);
    assertEquals(nodes.filter(({ kind }) => kind === "conv").length, 99);
    const joined = nodes.filter((node): node is NodeOf<"concat"> => node.kind === "concat");
    assertEquals([joined.length, joined[15].shape, joined[47].shape], [48, [32, 32, 216], [8, 8, 342]]);
    for (const { left, right } of joined) assertEquals(nodes[right].shape[2], 12, `${left}`);
  });

  it("refuses a depth that is not 6n + 4 and a growth that is no whole number", () => {
    for (const depth of [4, 15, 100.5]) assertThrows(() => buildDenseNet(depth, 12, CIFAR10), RangeError, `${depth}`);
    for (const growth of [0, 1.5]) assertThrows(() => buildDenseNet(10, growth, CIFAR10), RangeError, `${growth}`);
  });
});
