/**
 * Reverse-mode differentiation of a graph, as data. `backwardGraph` walks the nodes from the loss to the input and
 * applies one rule per node kind; the result is a second list of nodes, in the order to compute them, that engines
 * compile beside the forward ones. A gradient is d loss / d (output of a forward node), with that node's shape.
 *
 * Gradients that only the input images would receive are not computed.
 */
import type { Graph, Node, NodeId, NodeKind, NodeOf } from "./graph.ts";
import type { Shape } from "./shape.ts";

/** Index of a node in `BackwardGraph.nodes`. */
export type GradientId = number;

/**
 * `of` is the forward node that is differentiated (with its fields: input, stride, parameters), `gradient` the
 * gradient of its output, and `shape` that of the gradient produced, which is the gradient of its input.
 */
export type BackwardNode =
  /** (softmax(logits) - onehot(label)) / images. The seed: the loss itself has gradient 1. */
  | { readonly kind: "softmax_cross_entropy_gradient"; readonly of: NodeId; readonly shape: Shape }
  | WithGradient<"dense_input_gradient">
  /** Gradients of the kernel and of the bias; no gradient of values. */
  | ParametersOnly<"dense_parameter_gradient">
  | WithGradient<"global_average_pool_gradient">
  | WithGradient<"shortcut_gradient">
  /** Gradient of the input, through the batch's mean and variance, and of scale and shift, in one node. */
  | WithGradient<"batch_norm_gradient">
  /** Gradient of the input and, where the node has one, of beta, in one node. */
  | WithGradient<"activation_gradient">
  | WithGradient<"dropout_gradient">
  | WithGradient<"conv_input_gradient">
  | ParametersOnly<"conv_kernel_gradient">
  | WithGradient<"depthwise_conv_input_gradient">
  | ParametersOnly<"depthwise_conv_kernel_gradient">
  /** To the first of equal largest pixels, as PyTorch does. */
  | WithGradient<"max_pool_gradient">
  | WithGradient<"average_pool_gradient">
  | WithGradient<"concat_left_gradient">
  | WithGradient<"concat_right_gradient">
  /** Gradient of a node with several consumers: the sum of their contributions, in this order. */
  | { readonly kind: "sum"; readonly gradients: readonly GradientId[]; readonly of: NodeId; readonly shape: Shape };

interface WithGradient<Kind extends string> {
  readonly kind: Kind;
  readonly of: NodeId;
  readonly gradient: GradientId;
  readonly shape: Shape;
}

interface ParametersOnly<Kind extends string> {
  readonly kind: Kind;
  readonly of: NodeId;
  readonly gradient: GradientId;
  readonly shape: null;
}

export type BackwardKind = BackwardNode["kind"];
export type BackwardOf<Kind extends BackwardKind> = Extract<BackwardNode, { kind: Kind }>;

export interface BackwardGraph {
  /** In the order to compute them. */
  readonly nodes: readonly BackwardNode[];
  /** For each forward node, the backward node that holds the gradient of its output; null if it is not needed. */
  readonly gradients: readonly (GradientId | null)[];
}

/** A rule's result: this gradient, for this forward node. */
interface Contribution {
  readonly to: NodeId;
  readonly gradient: GradientId;
}

interface RuleContext {
  readonly id: NodeId;
  /** Gradient of the node's output. */
  readonly gradient: GradientId;
  /** Output shape of a forward node. */
  shape(node: NodeId): Shape;
  /** True if a parameter lies at or before the node, so that its gradient is needed. */
  trainable(node: NodeId): boolean;
  emit(node: BackwardNode): GradientId;
}

type Rule<Kind extends NodeKind> = (node: NodeOf<Kind>, context: RuleContext) => readonly Contribution[];

const RULES: { readonly [Kind in NodeKind]: Rule<Kind> } = {
  input: () => [],
  conv: (node, context) => {
    parametersOnly("conv_kernel_gradient", context);
    return toInput("conv_input_gradient", node.input, context);
  },
  depthwise_conv: (node, context) => {
    parametersOnly("depthwise_conv_kernel_gradient", context);
    return toInput("depthwise_conv_input_gradient", node.input, context);
  },
  batch_norm: (node, context) => withGradient("batch_norm_gradient", node.input, context),
  activation: (node, context) => withGradient("activation_gradient", node.input, context),
  dropout: (node, context) => toInput("dropout_gradient", node.input, context),
  add: (node, { gradient }) => [{ to: node.left, gradient }, { to: node.right, gradient }],
  shortcut: (node, context) => toInput("shortcut_gradient", node.input, context),
  concat: (node, context) => [
    ...toInput("concat_left_gradient", node.left, context),
    ...toInput("concat_right_gradient", node.right, context),
  ],
  max_pool: (node, context) => toInput("max_pool_gradient", node.input, context),
  average_pool: (node, context) => toInput("average_pool_gradient", node.input, context),
  global_average_pool: (node, context) => toInput("global_average_pool_gradient", node.input, context),
  dense: (node, context) => {
    parametersOnly("dense_parameter_gradient", context);
    return toInput("dense_input_gradient", node.input, context);
  },
  softmax_cross_entropy: () => [], // seeds the walk, see backwardGraph
};

/**
 * The backward graph of a graph whose last node is its loss.
 * Throws a RangeError if it is not.
 */
export function backwardGraph(graph: Graph): BackwardGraph {
  const trainable = trainableNodes(graph);
  const nodes: BackwardNode[] = [];
  const emit = (node: BackwardNode) => nodes.push(node) - 1;
  const contributions: GradientId[][] = graph.nodes.map(() => []);
  const gradients: (GradientId | null)[] = graph.nodes.map(() => null);

  const lossId = graph.nodes.length - 1;
  const loss = graph.nodes[lossId];
  if (loss?.kind !== "softmax_cross_entropy") {
    throw new RangeError(`Cannot differentiate ${graph.name} as its last node must be the loss: it is ${loss?.kind}`);
  }
  const shape = (node: NodeId) => graph.nodes[node].shape;
  contributions[loss.input].push(
    emit({ kind: "softmax_cross_entropy_gradient", of: lossId, shape: shape(loss.input) }),
  );

  for (let id = lossId - 1; id >= 0; id--) {
    if (contributions[id].length === 0 || !trainable[id]) continue;
    const gradient = contributions[id].length === 1
      ? contributions[id][0]
      : emit({ kind: "sum", gradients: contributions[id], of: id, shape: shape(id) });
    gradients[id] = gradient;
    const context = { id, gradient, shape, trainable: (node: NodeId) => trainable[node], emit };
    for (const { to, gradient } of applyRule(graph.nodes[id], context)) contributions[to].push(gradient);
  }
  return { nodes, gradients };
}

/** TypeScript cannot see that a node and the rule of its kind belong together; the table's type says that they do. */
function applyRule<Kind extends NodeKind>(node: NodeOf<Kind>, context: RuleContext): readonly Contribution[] {
  return (RULES[node.kind] as unknown as Rule<Kind>)(node, context);
}

type WithGradientKind = Extract<BackwardNode, WithGradient<string>>["kind"];
type ParametersOnlyKind = Extract<BackwardNode, ParametersOnly<string>>["kind"];

/** A node that computes only the gradient of the input: left out if that is not needed. */
function toInput(kind: WithGradientKind, input: NodeId, context: RuleContext): readonly Contribution[] {
  return context.trainable(input) ? withGradient(kind, input, context) : [];
}

function withGradient(kind: WithGradientKind, input: NodeId, context: RuleContext): readonly Contribution[] {
  const { id, gradient, shape, emit } = context;
  return [{ to: input, gradient: emit({ kind, of: id, gradient, shape: shape(input) }) }];
}

function parametersOnly(kind: ParametersOnlyKind, { id, gradient, emit }: RuleContext): void {
  emit({ kind, of: id, gradient, shape: null });
}

/** For each node, whether it or a node before it has a parameter. */
export function trainableNodes(graph: Graph): boolean[] {
  const result: boolean[] = [];
  for (const node of graph.nodes) result.push(hasParameter(node) || inputsOf(node).some((input) => result[input]));
  return result;
}

const HAS_PARAMETER: { readonly [Kind in NodeKind]: (node: NodeOf<Kind>) => boolean } = {
  input: () => false,
  conv: () => true,
  depthwise_conv: () => true,
  batch_norm: () => true,
  activation: ({ beta }) => beta !== undefined,
  dropout: () => false,
  add: () => false,
  shortcut: () => false,
  concat: () => false,
  max_pool: () => false,
  average_pool: () => false,
  global_average_pool: () => false,
  dense: () => true,
  softmax_cross_entropy: () => false,
};

function hasParameter<Kind extends NodeKind>(node: NodeOf<Kind>): boolean {
  return (HAS_PARAMETER[node.kind] as unknown as (node: NodeOf<Kind>) => boolean)(node);
}

/** The nodes whose outputs a node reads. */
export function inputsOf(node: Node): readonly NodeId[] {
  if (node.kind === "input") return [];
  return node.kind === "add" || node.kind === "concat" ? [node.left, node.right] : [node.input];
}
