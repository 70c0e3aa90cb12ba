/**
 * A framework that a network is written for, in Python: a table with a row per kind of layer, and how classes and stages
 * look. `networkCode` puts the pieces together.
 */
import { codeOf, type CodeTarget } from "../../activation/code.ts";
import { printExpression } from "../../activation/print.ts";
import { simplify } from "../../activation/simplify.ts";
import type { Graph, Node, NodeKind, NodeOf } from "../../network/graph.ts";
import { encodeSafetensors, type SavedTensor } from "../safetensors.ts";
import type { Model } from "../model_file.ts";
import { docText, numberIn, statements } from "./python.ts";
import { type BlockClass, type Layer, memberName, type Plain, type Structure, structureOf } from "./structure.ts";
import { tensorsOf } from "./weights.ts";

/** Kinds that become layers: not the images, the loss, and dropout, of which saved models are without. */
export type LayerKind = Exclude<NodeKind, "input" | "dropout" | "softmax_cross_entropy">;

export interface LayerRow<Kind extends LayerKind> {
  /** The numbers that appear in its code. */
  numbers(node: NodeOf<Kind>, graph: Graph): Readonly<Record<string, number>>;
  /** Its tensors by the framework's names of them, in the framework's layout. Left out where it has none. */
  tensors?(
    node: NodeOf<Kind>,
    graph: Graph,
    tensor: (name: string) => Float32Array,
  ): Readonly<Record<string, SavedTensor>>;
  /** The constructor's call, where layers are objects. `number` gives the text of each of the row's numbers. */
  create?(number: (name: string) => string, node: NodeOf<Kind>): string;
  /** The call on the texts of its inputs; `self` is how the code reaches this layer or its parameters. */
  call(self: string, inputs: readonly string[], number: (name: string) => string, node: NodeOf<Kind>): string;
  /** A helper's name that its code uses. */
  readonly uses?: string;
}

export type LayerTable = { readonly [Kind in LayerKind]: LayerRow<Kind> };

export interface Framework {
  readonly target: Exclude<CodeTarget, "latex" | "numpy">;
  /** Lines of imports after those of the activation's code. */
  readonly imports: readonly string[];
  readonly layers: LayerTable;
  /** Definitions by the names under `uses`, in the order to write them. */
  readonly helpers: Readonly<Record<string, string>>;
  /** Between the parts of a layer's path in the file of weights: "stage1", 0, "conv1". */
  readonly separator: string;
  /** Between a layer's path and the name of a tensor of it. */
  readonly tensorSeparator: string;
  /** A block's name in its stage: its index from 0, or its own name. */
  blockName(name: string, place: number): string;
  /** Definitions of the classes and of the network. */
  network(structure: Structure, model: Model): readonly string[];
}

/** The row of a layer's kind. TypeScript cannot see that a node and its row belong together. */
export function rowOf(table: LayerTable, node: Node): LayerRow<LayerKind> {
  return table[node.kind as LayerKind] as unknown as LayerRow<LayerKind>;
}

/** `network.py` and `weights.safetensors`. */
export function frameworkFiles(model: Model, framework: Framework): ReadonlyMap<string, Uint8Array | string> {
  const { graph, about } = model;
  const numbers = (node: Node, graph: Graph) => rowOf(framework.layers, node).numbers(node as NodeOf<LayerKind>, graph);
  const structure = structureOf(about.network, graph, numbers);
  return new Map<string, Uint8Array | string>([
    ["network.py", networkCode(structure, model, framework)],
    ["weights.safetensors", weightsFile(structure, model, framework)],
  ]);
}

function networkCode(structure: Structure, model: Model, framework: Framework): string {
  const { activation, about: { network, image, mean, standard_deviation: deviation }, graph } = model;
  const [imports, ...activationCode] = codeOf(activation, framework.target).split("\n\n\n");
  const used = new Set(graph.nodes.map((node) => rowOf(framework.layers, node)?.uses));
  const helpers = Object.entries(framework.helpers).filter(([name]) => used.has(name)).map(([, code]) => code);
  const expression = docText(printExpression(simplify(activation.expression)));
  return [
    [
      `"""${network} for images of ${image[0]} x ${image[1]}, each of whose activations is ${expression}."""`,
      "import numpy",
      ...imports.split("\n"),
      ...framework.imports,
    ].join("\n"),
    [
      "# of each channel of the training images, scaled to [0, 1]",
      `MEAN = numpy.array([${mean.join(", ")}], dtype="float32")`,
      `STANDARD_DEVIATION = numpy.array([${deviation.join(", ")}], dtype="float32")`,
    ].join("\n"),
    ...activationCode,
    ...helpers,
    ...framework.network(structure, model),
  ].join("\n\n\n") + "\n";
}

/** The tensors under the names that the code gives its layers. */
function weightsFile(structure: Structure, model: Model, framework: Framework): Uint8Array {
  const tensor = tensorsOf(model), tensors = new Map<string, SavedTensor>();
  const add = ({ node }: Layer, path: readonly string[]) => {
    const row = rowOf(framework.layers, node);
    const own = row.tensors?.(node as NodeOf<LayerKind>, model.graph, tensor) ?? {};
    for (const [name, saved] of Object.entries(own)) {
      tensors.set(path.join(framework.separator) + framework.tensorSeparator + name, saved);
    }
  };
  for (const part of structure.parts) {
    if (part.kind === "layers") part.layers.forEach((layer) => add(layer, [memberName(layer)]));
    else {
      part.blocks.forEach((block, place) => {
        const name = framework.blockName(block.name.split(".")[1], place);
        for (const layer of block.layers) add(layer, [part.name, name, memberName(layer)]);
      });
    }
  }
  return encodeSafetensors({ metadata: { format: framework.target === "pytorch" ? "pt" : "np" }, tensors });
}

/** Numbers of a layer outside of blocks, as texts. */
export function ownNumbers(table: LayerTable, { node }: Layer, graph: Graph): (name: string) => string {
  const numbers = rowOf(table, node).numbers(node as NodeOf<LayerKind>, graph);
  return (name) => `${numbers[name]}`;
}

/**
 * Statements of layers outside of blocks, from `x` to `x`, or to the end of the function where they are the last. `self`
 * is how the code reaches a member.
 */
export function plainLines(
  table: LayerTable,
  { layers, input }: Plain,
  graph: Graph,
  self: (member: string) => string,
  end: "return " | "x = ",
): string[] {
  const { lines, result } = statements(layers, input, (layer, inputs) => {
    const { call } = rowOf(table, layer.node);
    return call(self(memberName(layer)), inputs, ownNumbers(table, layer, graph), layer.node as never);
  });
  return [...lines, end + result];
}

/** Statements of a class of blocks, from `x` to what it returns. */
export function blockLines(table: LayerTable, block: BlockClass, self: (member: string) => string): string[] {
  const { lines, result } = statements(block.layers, block.input, (layer, inputs) => {
    const { call } = rowOf(table, layer.node);
    return call(self(memberName(layer)), inputs, numberIn(block, layer), layer.node as never);
  });
  return [...lines, `return ${result}`];
}

/** Values of a layer's kernel in HWIO or [in, out], as they are here. */
export const shaped = (shape: readonly number[], values: Float32Array): SavedTensor => ({ shape, values });

/** Channels of what a node with one input reads. */
export function inputChannels(node: { readonly input: number }, { nodes }: Graph): number {
  return nodes[node.input].shape[2];
}
