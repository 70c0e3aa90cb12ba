/**
 * A network as data: nodes in topological order, their NHWC shapes, and the parameters they use. Engines compile graphs
 * and know no architecture; `autodiff.ts` derives the backward graph; `resnet.ts` and its neighbours build graphs.
 */
import type { Parameter } from "./parameters.ts";
import { type Shape, sizeOf } from "./shape.ts";

/** Index of a node in `Graph.nodes`. */
export type NodeId = number;

/** Every node has its output shape; `parameter` fields are names in `Graph.parameters`. */
export type Node =
  & { readonly shape: Shape }
  & (
    | { readonly kind: "input" }
    /** Square kernel of odd `size`, zero padding `(size - 1) / 2` on each side ("same" at stride 1). */
    | {
      readonly kind: "conv";
      readonly input: NodeId;
      readonly kernel: string;
      readonly size: number;
      readonly stride: number;
    }
    /** A convolution whose output channels read one input channel each; padding as of `conv`. */
    | {
      readonly kind: "depthwise_conv";
      readonly input: NodeId;
      readonly kernel: string;
      readonly size: number;
      readonly stride: number;
    }
    /**
     * Training uses the batch's mean and biased variance (eps 1e-5); evaluation the running ones, kept as
     * `<statistics>.mean` and `<statistics>.variance`: new = 0.9 old + 0.1 batch, with the unbiased variance.
     */
    | {
      readonly kind: "batch_norm";
      readonly input: NodeId;
      readonly scale: string;
      readonly shift: string;
      readonly statistics: string;
    }
    /** The candidate. `beta` names its parameter, absent when the expression has no b. */
    | { readonly kind: "activation"; readonly input: NodeId; readonly beta?: string }
    /** In training only (`dropout.ts`): 0 with probability `rate`, else divided by 1 - `rate`. */
    | { readonly kind: "dropout"; readonly input: NodeId; readonly rate: number }
    | { readonly kind: "add"; readonly left: NodeId; readonly right: NodeId }
    /** Option A of He et al. 2015: every `stride`-th pixel, new channels zero, padded equally on both sides. */
    | { readonly kind: "shortcut"; readonly input: NodeId; readonly stride: number }
    /** Channels of the one, then of the other. */
    | { readonly kind: "concat"; readonly left: NodeId; readonly right: NodeId }
    | { readonly kind: "global_average_pool"; readonly input: NodeId }
    /** Means of squares of `size` pixels side by side; pixels left over at the right and below are dropped. */
    | { readonly kind: "average_pool"; readonly input: NodeId; readonly size: number }
    /** The largest of `size` x `size` pixels, `size` odd, at every `stride`-th pixel; beyond the edge is nothing. */
    | { readonly kind: "max_pool"; readonly input: NodeId; readonly size: number; readonly stride: number }
    | { readonly kind: "dense"; readonly input: NodeId; readonly kernel: string; readonly bias: string }
    /**
     * Mean over the batch of -sum over classes of target log softmax(logits), where the target is 1 - `smoothing` for the
     * label, plus `smoothing` / classes for every class (Szegedy et al. 2015, arXiv 1512.00567, section 7). Always the
     * last node; its input is the logits.
     */
    | { readonly kind: "softmax_cross_entropy"; readonly input: NodeId; readonly smoothing: number }
  );

export type NodeKind = Node["kind"];
export type NodeOf<Kind extends NodeKind> = Extract<Node, { kind: Kind }>;

export interface Graph {
  readonly name: string;
  readonly classes: number;
  readonly nodes: readonly Node[];
  /** In the order they are used, which is the order they are initialised and saved in. */
  readonly parameters: readonly Parameter[];
}

/** Trainable values of a graph. */
export function parameterCount(graph: Graph): number {
  return graph.parameters.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
}
