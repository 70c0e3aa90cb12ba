/**
 * A network as data: nodes in topological order, their NHWC shapes, and the parameters they use. Engines compile graphs
 * and know no architecture; `autodiff.ts` derives the backward graph; `resnet.ts` and its neighbours build graphs.
 */

/** Height, width and channels of one image's values at a node (a vector has height and width 1). */
export type Shape = readonly [height: number, width: number, channels: number];

export type ParameterRole =
  | "conv_kernel" // HWIO
  | "dense_kernel" // [in, out]
  | "dense_bias" // [out]
  | "batch_norm_scale" // [channels], starts at 1
  | "batch_norm_shift" // [channels], starts at 0
  | "activation_beta"; // [channels], starts at the activation's betaStart

/** A trainable tensor. Weight decay touches kernels only (`conv_kernel`, `dense_kernel`). */
export interface Parameter {
  readonly name: string;
  readonly role: ParameterRole;
  readonly shape: readonly number[];
}

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
    | { readonly kind: "add"; readonly left: NodeId; readonly right: NodeId }
    /** Option A of He et al. 2015: every `stride`-th pixel, new channels zero, padded equally on both sides. */
    | { readonly kind: "shortcut"; readonly input: NodeId; readonly stride: number }
    | { readonly kind: "global_average_pool"; readonly input: NodeId }
    | { readonly kind: "dense"; readonly input: NodeId; readonly kernel: string; readonly bias: string }
    /** Mean over the batch of -log softmax(logits)[label]. Always the last node; its input is the logits. */
    | { readonly kind: "softmax_cross_entropy"; readonly input: NodeId }
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

export const BATCH_NORM_EPSILON = 1e-5;
/** Share of the old running statistics kept at each training step. */
export const BATCH_NORM_MOMENTUM = 0.9;

/** Values in a tensor of this shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

/** Trainable values of a graph. */
export function parameterCount(graph: Graph): number {
  return graph.parameters.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
}
