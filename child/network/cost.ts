/** The computation of a network, counted from its graph before any training. */
import { backwardGraph } from "./autodiff.ts";
import { type Graph, type NodeId } from "./graph.ts";
import { channelsOf, sizeOf } from "./shape.ts";

/** Multiply-adds of one image. */
export interface MultiplyAdds {
  /** Of the forward pass. */
  readonly evaluation: number;
  /** Of a training step: forward, gradients of the inputs and of the parameters. */
  readonly training: number;
}

/**
 * Multiply-adds of the convolutions and dense layers, as papers count them (He et al. 2015, arXiv 1512.03385, table 1);
 * everything else is memory-bound. A convolution costs height x width x outputs x size^2 x inputs, a dense layer inputs
 * x outputs; each of their two gradients is a sum over the same products, so a step costs three times the forward pass
 * less the gradients of the images.
 *
 * These are the products of the definition: an engine that saves some (Winograd) is faster than they suggest. So they
 * compare networks on one engine; for a time estimate, measure the first steps.
 */
export function multiplyAdds(graph: Graph): MultiplyAdds {
  const forward = graph.nodes.map((_, id) => products(graph, id));
  // A sum's `of` is the node whose gradient it adds up, not one that is differentiated.
  const backward = backwardGraph(graph).nodes.map(({ kind, of }) => kind === "sum" ? 0 : forward[of]);
  const total = (costs: readonly number[]) => costs.reduce((sum, cost) => sum + cost, 0);
  return { evaluation: total(forward), training: total(forward) + total(backward) };
}

/** No default: a new node kind must state its cost. */
function products({ nodes }: Graph, id: NodeId): number {
  const node = nodes[id];
  switch (node.kind) {
    case "conv":
      return sizeOf(node.shape) * node.size ** 2 * channelsOf(nodes[node.input].shape);
    case "depthwise_conv":
      return sizeOf(node.shape) * node.size ** 2;
    case "dense":
      return sizeOf(node.shape) * sizeOf(nodes[node.input].shape);
    case "input":
    case "batch_norm":
    case "activation":
    case "dropout":
    case "add":
    case "shortcut":
    case "concat":
    case "global_average_pool":
    case "average_pool":
    case "max_pool":
    case "softmax_cross_entropy":
      return 0;
  }
}
