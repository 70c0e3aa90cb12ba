// That the gradients are right is for tests/child/engine/reference_test.ts to say, by finite differences.
import { assert, assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { backwardGraph, type BackwardNode } from "../../../child/network/autodiff.ts";
import { GraphBuilder } from "../../../child/network/graph_builder.ts";
import { buildResNet } from "../../../child/network/resnet.ts";

const newBuilder = () => new GraphBuilder("test", { classes: 4, usesBeta: true, image: [6, 6, 3] });

function kinds(nodes: readonly BackwardNode[]): string[] {
  return nodes.map(({ kind }) => kind);
}

describe("backwardGraph", () => {
  it("walks from the loss to the first parameters", () => {
    const builder = newBuilder();
    const conv = builder.conv("conv", builder.input(), { channels: 4, size: 3 });
    const pooled = builder.globalAveragePool(builder.activation("act", builder.batchNorm("bn", conv)));
    assertEquals(kinds(backwardGraph(builder.build(builder.dense("dense", pooled, { outputs: 4 }))).nodes), [
      "softmax_cross_entropy_gradient",
      "dense_parameter_gradient",
      "dense_input_gradient",
      "global_average_pool_gradient",
      "activation_gradient",
      "batch_norm_gradient",
      "conv_kernel_gradient",
    ]);
  });

  it("computes no gradient that only the images would receive", () => {
    const builder = newBuilder();
    const skipped = builder.shortcut(builder.input(), { channels: 5, stride: 2 });
    const pooled = builder.globalAveragePool(skipped);
    assertEquals(kinds(backwardGraph(builder.build(builder.dense("dense", pooled, { outputs: 4 }))).nodes), [
      "softmax_cross_entropy_gradient",
      "dense_parameter_gradient",
    ]);
    const { nodes } = backwardGraph(buildResNet(20, { classes: 10, usesBeta: false }));
    assertEquals(kinds(nodes).filter((kind) => kind === "conv_kernel_gradient").length, 19);
    assertEquals(kinds(nodes).filter((kind) => kind === "conv_input_gradient").length, 18);
  });

  it("sums what several consumers send back, once, before the node's own gradient is computed", () => {
    const builder = newBuilder();
    const value = builder.conv("conv", builder.input(), { channels: 4, size: 3 });
    const sum = builder.add(builder.add(value, value), builder.activation("act", value));
    const graph = builder.build(builder.dense("dense", builder.globalAveragePool(sum), { outputs: 4 }));
    const { nodes, gradients } = backwardGraph(graph);
    const sums = nodes.filter((node) => node.kind === "sum");
    assertEquals(sums.map(({ of, gradients }) => [of, gradients.length]), [[value, 3]]);
    assertEquals(nodes[gradients[value]!], sums[0]);
  });

  it("uses every gradient only after it was computed, with the shape of its forward node", () => {
    const graph = buildResNet(20, { classes: 10, usesBeta: true });
    const { nodes, gradients } = backwardGraph(graph);
    nodes.forEach((node, id) => {
      const used = node.kind === "sum" ? node.gradients : "gradient" in node ? [node.gradient] : [];
      assert(used.every((gradient) => gradient < id));
    });
    gradients.forEach((gradient, id) => {
      if (gradient !== null) assertEquals(nodes[gradient].shape, graph.nodes[id].shape);
    });
  });

  it("reaches every parameter exactly once", () => {
    const graph = buildResNet(20, { classes: 10, usesBeta: true });
    const reached = backwardGraph(graph).nodes.flatMap((node): string[] => {
      const forward = graph.nodes[node.of];
      if (node.kind === "conv_kernel_gradient" && forward.kind === "conv") return [forward.kernel];
      if (node.kind === "batch_norm_gradient" && forward.kind === "batch_norm") return [forward.scale, forward.shift];
      if (node.kind === "activation_gradient" && forward.kind === "activation") return [forward.beta!];
      if (node.kind === "dense_parameter_gradient" && forward.kind === "dense") return [forward.kernel, forward.bias];
      return [];
    });
    assertEquals(reached.toSorted(), graph.parameters.map(({ name }) => name).toSorted());
  });

  it("refuses a graph without a loss", () => {
    const { nodes, ...rest } = buildResNet(8, { classes: 10, usesBeta: false });
    assertThrows(() => backwardGraph({ ...rest, nodes: nodes.slice(0, -1) }), RangeError, "dense");
  });
});
