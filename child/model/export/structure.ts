/**
 * A graph as a person would write it: named layers, one after another; repeating blocks of layers as classes with
 * arguments; stages as lists of blocks. It is found from the graph alone: names of layers tell which belong together
 * (`stage1.block1.conv1`), and blocks of the same layers in the same wiring are one class, whose arguments are the
 * numbers in which they differ.
 */
import type { Graph, Node, NodeId, NodeKind } from "../../network/graph.ts";
import { inputsOf } from "../../network/autodiff.ts";
import { buildNetwork } from "../../network/networks.ts";

/** A node of the graph as a member of a class or of the network. */
export interface Layer {
  readonly id: NodeId;
  readonly node: Node;
  /** "conv1" in a block, "stem_bn" outside; null of a node without parameters. */
  readonly name: string | null;
  readonly inputs: readonly NodeId[];
}

/** Layers that read one value and give one, named as in the graph: "stage1.block1". */
export interface Block {
  readonly kind: "block";
  readonly name: string;
  readonly input: NodeId;
  readonly layers: readonly Layer[];
  readonly class: BlockClass;
  /** In the order of the class's arguments. */
  readonly values: readonly number[];
}

/** What a block's number is for: layer and number ("conv1 stride"). */
export type Slot = string;

export interface BlockClass {
  readonly name: string;
  /** Names of what differs between its blocks. */
  readonly arguments: readonly string[];
  /** A slot's argument, or the number that it has in every block. */
  readonly slots: ReadonlyMap<Slot, string | number>;
  /** Its first block, as the pattern of its code. */
  readonly layers: readonly Layer[];
  readonly input: NodeId;
}

/** Blocks of one stage in a row, "stage1". */
export interface Stage {
  readonly kind: "stage";
  readonly name: string;
  readonly blocks: readonly Block[];
}

/** Layers outside of blocks, one after another: a stem, or what comes after the last stage. */
export interface Plain {
  readonly kind: "layers";
  readonly layers: readonly Layer[];
  readonly input: NodeId;
}

export interface Structure {
  /** From the images to the logits, in order. */
  readonly parts: readonly (Stage | Plain)[];
  readonly classes: readonly BlockClass[];
}

/** The numbers of a node of a graph that its code needs; `inputs` are the channels of what it reads. */
export type NumbersOf = (node: Node, graph: Graph) => Readonly<Record<string, number>>;

/**
 * Finds the structure of a graph that `buildNetwork(network, …)` built. `numbers` are those that appear in the code of
 * a node, which differ between frameworks. Throws a RangeError if the blocks are not a chain, as no network here is.
 */
export function structureOf(network: string, graph: Graph, numbers: NumbersOf): Structure {
  const layers = layersOf(network, graph);
  const runs = runsOf(layers, graph);
  for (const run of runs) requireChain(run.layers, layers, graph);
  const blocks = runs.filter(({ block }) => block !== null)
    .map(({ block, layers }) => ({ name: block!, layers, input: layers[0].id - 1 }));
  const classes = classesOf(blocks, graph, numbers);
  const found = new Map(blocks.map((block, index) => [block.layers[0].id, { ...block, ...classes.of[index] }]));
  const parts: (Stage | Plain)[] = [];
  for (const { block, layers } of runs) {
    if (block === null) parts.push({ kind: "layers", layers, input: layers[0].id - 1 });
    else addBlock(parts, { kind: "block", ...found.get(layers[0].id)! });
  }
  return { parts, classes: classes.all };
}

function addBlock(parts: (Stage | Plain)[], block: Block): void {
  const name = block.name.split(".")[0], last = parts.at(-1);
  if (last?.kind === "stage" && last.name === name) {
    parts[parts.length - 1] = { ...last, blocks: [...last.blocks, block] };
  } else parts.push({ kind: "stage", name, blocks: [block] });
}

/** Every node but the images and the loss. */
function layersOf(network: string, graph: Graph): Layer[] {
  const { classes, nodes } = graph;
  // With beta every activation has a name.
  const named = buildNetwork(network, { classes, image: nodes[0].shape, usesBeta: true });
  return nodes.slice(1, -1).map((node, index) => ({
    id: index + 1,
    node,
    name: nameOf(named.nodes[index + 1]),
    inputs: inputsOf(node),
  }));
}

function nameOf(node: Node): string | null {
  const parameter = "kernel" in node ? node.kernel : "scale" in node ? node.scale : "beta" in node ? node.beta : null;
  return parameter?.replace(/\.[^.]+$/, "") ?? null;
}

interface Run {
  /** Null of layers outside of blocks. */
  readonly block: string | null;
  readonly layers: readonly Layer[];
}

/**
 * Layers in a row of one block; those without a name belong to the block before them. Names become those of members:
 * "conv1" in its block, "stem_bn" outside.
 */
function runsOf(layers: readonly Layer[], graph: Graph): Run[] {
  const runs: { block: string | null; layers: Layer[] }[] = [];
  for (const layer of layers) {
    const segments = layer.name?.split(".") ?? null, last = runs.at(-1);
    const isPool = layer.node.kind === "global_average_pool"; // after the last block, not in it
    const before = isPool ? null : last?.block ?? null;
    const block = segments === null ? before : segments.length < 3 ? null : segments.slice(0, 2).join(".");
    const name = block === null ? layer.name?.replaceAll(".", "_") : segments?.slice(2).join("_");
    const own = { ...layer, name: name ?? null };
    if (last !== undefined && last.block === block) last.layers.push(own);
    else runs.push({ block, layers: [own] });
  }
  if (runs.length > 0) return runs;
  throw new RangeError(`Cannot write ${graph.name} as it has no layers`);
}

/** Throws where a block reads more than what comes just before it, or is read inside by others. */
function requireChain(block: readonly Layer[], layers: readonly Layer[], graph: Graph): void {
  const [first, last] = [block[0].id, block[block.length - 1].id];
  const reachesOut = block.some(({ inputs }) => inputs.some((input) => input < first - 1));
  const isRead = layers.some(({ id, inputs }) =>
    id > last && inputs.some((input) => input >= first - 1 && input < last)
  );
  if (reachesOut || isRead) throw new RangeError(`Cannot write ${graph.name} as its blocks are not a chain`);
}

interface Named {
  readonly name: string;
  readonly layers: readonly Layer[];
  readonly input: NodeId;
}

function classesOf(blocks: readonly Named[], graph: Graph, numbers: NumbersOf) {
  const groups = Map.groupBy(blocks, patternOf);
  const names = new Set<string>();
  const of = new Map<Named, { readonly class: BlockClass; readonly values: readonly number[] }>();
  const all = [...groups.values()].map((group) => {
    const one = classOf(group, graph, numbers, uniqueName(classNameOf(group[0]), names));
    group.forEach((block, index) => of.set(block, { class: one.class, values: one.values[index] }));
    return one.class;
  });
  return { all, of: blocks.map((block) => of.get(block)!) };
}

/** Kinds, names and wiring: what the blocks of one class share. */
function patternOf({ layers, input }: Named): string {
  return JSON.stringify(layers.map(({ node, name, inputs }) => [node.kind, name, inputs.map((id) => id - input)]));
}

function classOf(group: readonly Named[], graph: Graph, numbers: NumbersOf, name: string) {
  const inputs = group.map(({ input }) => graph.nodes[input].shape[2]);
  const outputs = group.map(({ layers }) => layers[layers.length - 1].node.shape[2]);
  const slots = new Map<Slot, string | number>();
  const columns = new Map<string, { readonly name: string; readonly values: readonly number[] }>();
  const taken = new Set<string>();
  for (const [at, layer] of group[0].layers.entries()) {
    const here = group.map(({ layers }) => numbers(layers[at].node, graph));
    for (const number of Object.keys(here[0])) {
      const values = here.map((one) => one[number]), slot = slotOf(layer, number);
      if (values.every((value) => value === values[0])) {
        slots.set(slot, values[0]);
        continue;
      }
      const key = values.join();
      if (!columns.has(key)) {
        const wanted = key === outputs.join() ? "channels" : key === inputs.join() ? "inputs" : nameOfNumber(number);
        columns.set(key, { name: uniqueName(wanted, taken, "_"), values });
      }
      slots.set(slot, columns.get(key)!.name);
    }
  }
  // In the customary order: inputs, outputs, the rest.
  const order = [...columns.values()].toSorted((a, b) => rank(a.name) - rank(b.name));
  const { layers, input } = group[0];
  return {
    class: { name, arguments: order.map(({ name }) => name), slots, layers, input } satisfies BlockClass,
    values: group.map((_, index) => order.map(({ values }) => values[index])),
  };
}

/** What a layer is called as a member: by its name, or by its kind. */
export function memberName({ name, node }: Layer): string {
  return name ?? node.kind;
}

/** The key of a number of a layer in `BlockClass.slots`. */
export function slotOf({ name, id, node }: Layer, number: string): Slot {
  return `${name ?? `${node.kind} ${id}`} ${number}`;
}

const rank = (name: string) => ["inputs", "channels", "width"].indexOf(name) + 1 || 4;

/** Channels inside a block that are neither its input's nor its output's are its width. */
const nameOfNumber = (number: string) => number === "inputs" || number === "channels" ? "width" : number;

function uniqueName(wanted: string, taken: Set<string>, separator = ""): string {
  let name = wanted;
  for (let number = 2; taken.has(name); number++) name = `${wanted}${separator}${number}`;
  taken.add(name);
  return name;
}

/** The first kind that the block has. */
const CLASS_NAMES: readonly (readonly [kind: NodeKind, name: string])[] = [
  ["shortcut", "WideningBlock"],
  ["concat", "DenseLayer"],
  ["depthwise_conv", "SeparableBlock"],
  ["add", "ResidualBlock"],
];

function classNameOf({ layers }: Named): string {
  if (layers.some(({ name }) => name === "projection")) return "ProjectionBlock";
  const found = CLASS_NAMES.find(([kind]) => layers.some(({ node }) => node.kind === kind));
  return found?.[1] ?? "Block";
}

/** Blocks in a row with the same class and values, and how many. */
export function repeats(blocks: readonly Block[]): { readonly block: Block; readonly count: number }[] {
  const result: { block: Block; count: number }[] = [];
  for (const block of blocks) {
    const last = result.at(-1);
    const isSame = last?.block.class === block.class && last.block.values.join() === block.values.join();
    if (isSame) last!.count++;
    else result.push({ block, count: 1 });
  }
  return result;
}
