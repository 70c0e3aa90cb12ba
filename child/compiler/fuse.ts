/**
 * Graph -> forward stages. Batch norm, residual addition, activation and dropout that follow one another, each read by
 * nothing else, are one pass over memory; every other node is a stage of its own.
 */
import { inputsOf, trainableNodes } from "../network/autodiff.ts";
import type { Graph, Node, NodeId, NodeKind, NodeOf } from "../network/graph.ts";
import type { BatchNorm, ConcatenationStage, PointwiseStage, Stage, Stages, Values } from "./stages.ts";

/** Stages and batch norms in the order of the graph. */
export function forwardStages(graph: Graph): Pick<Stages, "forward" | "batchNorms"> {
  const fuser = new Fuser(graph);
  return { forward: fuser.stages(), batchNorms: fuser.batchNorms };
}

type Make<Kind extends NodeKind> = (node: NodeOf<Kind>, id: NodeId, fuser: Fuser) => Stage | null;

/** The stage that ends at a node of each kind; null if the node is computed within the stage of its only consumer. */
const STAGES: { readonly [Kind in NodeKind]: Make<Kind> } = {
  input: (_node, id, fuser) => ({ kind: "input", ...fuser.output(id) }),
  conv: ({ input, kernel, size, stride }, id, fuser) => ({
    kind: "convolution",
    ...{ size, stride, kernel },
    ...fuser.inputAndOutput(input, id),
  }),
  depthwise_conv: ({ input, kernel, size, stride }, id, fuser) => ({
    kind: "depthwise",
    ...{ size, stride, kernel },
    ...fuser.inputAndOutput(input, id),
  }),
  dense: ({ input, kernel, bias }, id, fuser) => ({
    kind: "dense",
    ...{ kernel, bias },
    ...fuser.inputAndOutput(input, id),
  }),
  shortcut: ({ input, stride }, id, fuser) => ({ kind: "shortcut", stride, ...fuser.inputAndOutput(input, id) }),
  global_average_pool: ({ input }, id, fuser) => ({ kind: "average_pool", ...fuser.inputAndOutput(input, id) }),
  average_pool: ({ input, size }, id, fuser) => ({ kind: "square_pool", size, ...fuser.inputAndOutput(input, id) }),
  max_pool: ({ input, size, stride }, id, fuser) => ({
    kind: "max_pool",
    ...{ size, stride },
    ...fuser.inputAndOutput(input, id),
  }),
  concat: ({ left, right }, id, fuser) => fuser.concatenation(left, right, id),
  softmax_cross_entropy: ({ input, smoothing }, id, fuser) => ({
    kind: "loss",
    smoothing,
    ...fuser.inputAndOutput(input, id),
  }),
  batch_norm: (_node, id, fuser) => fuser.pointwise(id),
  add: (_node, id, fuser) => fuser.pointwise(id),
  activation: (_node, id, fuser) => fuser.pointwise(id),
  dropout: (_node, id, fuser) => fuser.pointwise(id),
};

class Fuser {
  readonly #consumers: readonly NodeId[][];
  readonly #trainable: readonly boolean[];
  readonly #batchNorms = new Map<NodeId, BatchNorm>();

  constructor(readonly graph: Graph) {
    this.#consumers = graph.nodes.map(() => []);
    graph.nodes.forEach((node, id) => inputsOf(node).forEach((input) => this.#consumers[input].push(id)));
    this.#trainable = trainableNodes(graph);
    graph.nodes.forEach((node, id) => {
      if (node.kind !== "batch_norm") return;
      const { scale, shift, statistics, shape } = node;
      this.#batchNorms.set(id, { scale, shift, statistics, shape });
    });
  }

  get batchNorms(): BatchNorm[] {
    return [...this.#batchNorms.values()];
  }

  stages(): Stage[] {
    return this.graph.nodes.flatMap((node, id) => this.#stage(node, id) ?? []);
  }

  /** TypeScript cannot see that a node and the row of its kind belong together; the table's type says that they do. */
  #stage<Kind extends NodeKind>(node: NodeOf<Kind>, id: NodeId): Stage | null {
    return (STAGES[node.kind] as unknown as Make<Kind>)(node, id, this);
  }

  values(id: NodeId): Values {
    return { id, shape: this.graph.nodes[id].shape };
  }

  output(id: NodeId) {
    const normalisedBy = this.#consumers[id].flatMap((consumer) => this.#batchNorms.get(consumer) ?? []);
    return { out: this.values(id), normalisedBy };
  }

  inputAndOutput(input: NodeId, id: NodeId) {
    return { input: this.values(input), needsInputGradient: this.#trainable[input], ...this.output(id) };
  }

  concatenation(left: NodeId, right: NodeId, id: NodeId): ConcatenationStage {
    return {
      kind: "concatenation",
      parts: [this.values(left), this.values(right)],
      needsGradients: [this.#trainable[left], this.#trainable[right]],
      ...this.output(id),
    };
  }

  /** The stage that ends at a batch norm, addition, activation or dropout. */
  pointwise(out: NodeId): PointwiseStage | null {
    if (this.#isAbsorbed(out)) return null;
    let id = out, node: Node = this.graph.nodes[id];
    const parts = { batchNorm: null as BatchNorm | null, residual: null as Values | null };
    let activation: PointwiseStage["activation"] = null, dropout: PointwiseStage["dropout"] = null;
    const ending = (y: NodeId): PointwiseStage => ({
      kind: "pointwise",
      y: this.values(y),
      ...parts,
      ...{ activation, dropout },
      ...this.output(out),
    });
    if (node.kind === "dropout") {
      dropout = { node: id, rate: node.rate };
      id = node.input;
      if (!this.#isAbsorbed(id)) return ending(id);
      node = this.graph.nodes[id];
    }
    if (node.kind === "activation") {
      activation = { beta: node.beta ?? null };
      id = node.input;
      if (!this.#isAbsorbed(id)) return ending(id);
      node = this.graph.nodes[id];
    }
    if (node.kind === "add") {
      const normalised = this.#normalisedOperand(node);
      id = normalised ?? node.left;
      parts.residual = this.values(id === node.left ? node.right : node.left);
      if (normalised === null) return ending(id);
      node = this.graph.nodes[id];
    }
    if (node.kind === "batch_norm") {
      parts.batchNorm = this.#batchNorms.get(id)!;
      id = node.input;
    }
    return ending(id);
  }

  /** Whether the node's only consumer takes it into its own stage. */
  #isAbsorbed(id: NodeId): boolean {
    const [consumer, ...others] = this.#consumers[id];
    if (others.length > 0 || consumer === undefined) return false;
    const node = this.graph.nodes[id], next = this.graph.nodes[consumer];
    if (next.kind === "dropout") return node.kind === "activation";
    if (next.kind === "activation") return node.kind === "batch_norm" || node.kind === "add";
    return node.kind === "batch_norm" && next.kind === "add" && this.#normalisedOperand(next) === id;
  }

  /** The operand of an addition that is a batch norm used nowhere else; null if there is none. */
  #normalisedOperand(add: NodeOf<"add">): NodeId | null {
    const usable = (id: NodeId) => this.graph.nodes[id].kind === "batch_norm" && this.#consumers[id].length === 1;
    return [add.left, add.right].find(usable) ?? null;
  }
}
