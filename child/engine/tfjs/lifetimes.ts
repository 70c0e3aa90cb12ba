/**
 * When a tensor of a step can be freed: after the last node that reads it. A step of ResNet-20 with 128 images makes
 * over a gigabyte, of which a fraction is needed at any time.
 */
import type { CommonBackwardKind } from "../../network/kinds.ts";
import { type BackwardGraph, inputsOf } from "../../network/autodiff.ts";
import type { Graph, NodeId } from "../../network/graph.ts";
import { READS } from "./kernels.ts";

/** By node, the values with no later reader. */
export interface Lifetimes {
  /** Values to free after each forward node, when no backward pass follows. */
  readonly evaluation: readonly (readonly NodeId[])[];
  /** Values to free after each forward node, when one does. */
  readonly forward: readonly (readonly NodeId[])[];
  /** After each backward node. */
  readonly backward: readonly { readonly values: readonly NodeId[]; readonly gradients: readonly number[] }[];
}

export function lifetimes(graph: Graph, backward: BackwardGraph): Lifetimes {
  // A value that nobody reads, as the loss, is the caller's.
  const lastForward = new Map<NodeId, number>();
  graph.nodes.forEach((node, id) => inputsOf(node).forEach((input) => lastForward.set(input, id)));
  const lastBackward = new Map<NodeId, number>();
  const lastGradient = new Map<number, number>();
  backward.nodes.forEach((node, at) => {
    if (READS[node.kind as CommonBackwardKind]) {
      inputsOf(graph.nodes[node.of]).forEach((input) => lastBackward.set(input, at));
    }
    const gradients = "gradients" in node ? node.gradients : "gradient" in node ? [node.gradient] : [];
    gradients.forEach((gradient) => lastGradient.set(gradient, at));
    if (!lastGradient.has(at) && node.shape !== null) lastGradient.set(at, at); // until a reader is found
  });
  const keysOf = (last: ReadonlyMap<number, number>, at: number) =>
    [...last].filter(([, l]) => l === at).map(([k]) => k);
  return {
    evaluation: graph.nodes.map((_, id) => keysOf(lastForward, id)),
    forward: graph.nodes.map((_, id) => keysOf(lastForward, id).filter((value) => !lastBackward.has(value))),
    backward: backward.nodes.map((_, at) => ({
      values: keysOf(lastBackward, at),
      gradients: keysOf(lastGradient, at),
    })),
  };
}
