/**
 * A graph as stages, each of which writes one tensor: convolutions, dense layers, pooling, and elementwise stages. In
 * an elementwise stage one pass over memory computes an activation of a sum of terms, where a term is a tensor, its
 * batch norm, or its shortcut.
 */
import { inputsOf } from "../../network/autodiff.ts";
import type { Graph, NodeId, NodeOf } from "../../network/graph.ts";
import type { CommonKind } from "../../network/kinds.ts";

export interface Term {
  /** The node whose tensor is read. */
  readonly value: NodeId;
  readonly norm?: NodeOf<"batch_norm">;
  readonly shortcut?: NodeOf<"shortcut">;
}

export type Stage =
  | { readonly kind: "input"; readonly id: NodeId }
  | { readonly kind: "conv"; readonly id: NodeId; readonly node: NodeOf<"conv"> }
  | { readonly kind: "dense"; readonly id: NodeId; readonly node: NodeOf<"dense"> }
  | { readonly kind: "pool"; readonly id: NodeId; readonly node: NodeOf<"global_average_pool"> }
  | { readonly kind: "loss"; readonly id: NodeId; readonly node: NodeOf<"softmax_cross_entropy"> }
  | {
    readonly kind: "elementwise";
    readonly id: NodeId;
    readonly terms: readonly Term[];
    readonly activation?: NodeOf<"activation">;
  };

export type ElementwiseStage = Extract<Stage, { kind: "elementwise" }>;

/** Terms of one stage at most: each may read two tensors, and a kernel's buffers are limited. */
const MAX_TERMS = 3;

export function stagesOf(graph: Graph): readonly Stage[] {
  const consumers = graph.nodes.map(() => 0);
  for (const node of graph.nodes) for (const input of inputsOf(node)) consumers[input]++;
  const folded = new Set<NodeId>();
  const stages: Stage[] = [];
  // From the end, so that a node is folded into its consumer before it would become a stage itself.
  for (let id = graph.nodes.length - 1; id >= 0; id--) {
    if (folded.has(id)) continue;
    stages.push(stageAt(graph, id, consumers, folded));
  }
  return stages.reverse();
}

function stageAt(graph: Graph, id: NodeId, consumers: readonly number[], folded: Set<NodeId>): Stage {
  const node = graph.nodes[id] as NodeOf<CommonKind>;
  switch (node.kind) {
    case "input":
      return { kind: "input", id };
    case "conv":
      return { kind: "conv", id, node };
    case "dense":
      return { kind: "dense", id, node };
    case "global_average_pool":
      return { kind: "pool", id, node };
    case "softmax_cross_entropy":
      return { kind: "loss", id, node };
    case "activation":
      return { kind: "elementwise", id, activation: node, terms: termsOf(graph, [node.input], consumers, folded) };
    case "add":
      return { kind: "elementwise", id, terms: termsOf(graph, [node.left, node.right], consumers, folded) };
    case "batch_norm":
      return { kind: "elementwise", id, terms: [{ value: node.input, norm: node }] };
    case "shortcut":
      return { kind: "elementwise", id, terms: [{ value: node.input, shortcut: node }] };
  }
}

/** The terms of a sum of nodes: what only this sum reads is computed in it. */
function termsOf(
  graph: Graph,
  summands: readonly NodeId[],
  consumers: readonly number[],
  folded: Set<NodeId>,
): readonly Term[] {
  const terms: NodeId[] = [...summands];
  for (let i = 0; i < terms.length;) {
    const node = graph.nodes[terms[i]];
    if (node.kind !== "add" || consumers[terms[i]] > 1 || terms.length === MAX_TERMS) i++;
    else {
      folded.add(terms[i]);
      terms.splice(i, 1, node.left, node.right);
    }
  }
  return terms.map((id): Term => {
    const node = graph.nodes[id];
    if (consumers[id] > 1 || (node.kind !== "batch_norm" && node.kind !== "shortcut")) return { value: id };
    folded.add(id);
    return node.kind === "batch_norm" ? { value: node.input, norm: node } : { value: node.input, shortcut: node };
  });
}
