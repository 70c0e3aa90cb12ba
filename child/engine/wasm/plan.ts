/**
 * Graph -> plan: which kernels run in which order on which memory. It departs from the node-by-node backward graph of
 * `autodiff.ts` because it fuses across nodes: batch norm, residual add and activation are one pass (pointwise.ts), and
 * a gradient that several consumers send back is a list of terms added where it is next read, so no sum is ever stored.
 *
 * Vocabulary:
 * - A segment is work on a few images that does not depend on the others. Batch norm ends one: its statistics are of
 *   the whole batch. Between segments every thread waits, and one finishes the statistics.
 * - A chunk is CHUNK_IMAGES images, with its own partial gradients and sums, added in the order of the chunks: results
 *   do not depend on how chunks are spread over threads.
 * - A group is the images of a chunk that go through a whole segment together, few enough to stay in the cache.
 *
 * Over 400 lines, as forward, backward and memory planning write to one plan: one class, in paragraphs.
 */
import type { Activation } from "../../activation/expression.ts";
import { inputsOf } from "../../network/autodiff.ts";
import { type Graph, type Node, type NodeId, type NodeOf, type Parameter, sizeOf } from "../../network/graph.ts";
import { type ActivationCode, activationCode } from "./activation.ts";
import type { BatchNormMemory } from "./batch_norm.ts";
import { type Argument, type Call, fixed, images, type Tensor, tensor } from "./call.ts";
import { scheduleConvolution } from "./convolution.ts";
import type { ConvolutionSchedule } from "./convolution_schedule.ts";
import { ConstantTable, FLOAT_BYTES } from "./function_builder.ts";
import { Kernels } from "./kernels.ts";
import { Layout, wholeVectors } from "./layout.ts";
import { COEFFICIENTS, passScratchBytes, type TermLayout } from "./pointwise.ts";

export const CHUNK_IMAGES = 16;
/** A group's largest tensor should stay well inside a second-level cache of 512 KiB beside its neighbours. */
const GROUP_BYTES = 64 * 1024;

export interface Segment {
  readonly calls: Call[];
  /** Batch norms whose statistics (forward) or gradient sums (backward) the segment completes. */
  readonly finishes: BatchNormMemory[];
  group: number;
}

/** A parameter's place: the same offset in the parameters, in each chunk's gradient and in each slot. */
export interface Place {
  readonly parameter: Parameter;
  /** Byte offset from the start of the parameters. */
  readonly offset: number;
  /** Rows of `columns` values, each row filled up to whole vectors. */
  readonly rows: number;
  readonly columns: number;
}

export interface Plan {
  readonly forward: readonly Segment[];
  readonly backward: readonly Segment[];
  readonly kernels: Kernels;
  readonly activation: ActivationCode;
  /** Kernel transforms, run once before each pass. */
  readonly prepare: readonly Call[];
  readonly batchNorms: readonly {
    readonly statistics: string;
    readonly channels: number;
    readonly memory: BatchNormMemory;
  }[];
  readonly places: readonly Place[];
  readonly memory: MemoryMap;
  readonly chunks: number;
  readonly batch: number;
  readonly input: Tensor;
  readonly logits: Tensor;
}

/** Byte addresses of everything. */
export interface MemoryMap {
  readonly control: number;
  readonly rates: number;
  readonly labels: number;
  readonly losses: number;
  readonly parameters: number;
  /** Bytes of all parameters; those with weight decay come first and take `decayedBytes`. */
  readonly parameterBytes: number;
  readonly decayedBytes: number;
  readonly gradient: number;
  readonly chunkGradients: number;
  readonly slots: readonly [number, number];
  readonly chunkSums: number;
  readonly chunkSumsBytes: number;
  readonly scratch: number;
  readonly scratchBytes: number;
  /** Bytes in all. */
  readonly total: number;
}

const ALIGNMENT = 64;
const align = (bytes: number) => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

/** Allocates consecutive memory. */
class Allocator {
  constructor(public next = 0) {}
  take(bytes: number): number {
    const address = this.next;
    this.next = align(this.next + bytes);
    return address;
  }
}

/** A gradient sent back to a node: a tensor, or a batch norm's linear function of one; with the segment from which it is
 * available. */
interface Term {
  readonly kind: TermLayout["kind"];
  readonly tensor: Tensor;
  readonly y?: Tensor;
  readonly coefficients?: number;
  readonly ready: number;
}

/** Batch norm, residual and activation, each optional, that are computed in one pass. */
interface Fusion {
  readonly y: NodeId;
  readonly batchNorm: NodeId | null;
  readonly residual: NodeId | null;
  readonly activation: NodeId | null;
  readonly out: NodeId;
}

type Unit =
  | { readonly kind: "fusion"; readonly fusion: Fusion }
  | { readonly kind: "node"; readonly id: NodeId; readonly schedule?: ConvolutionSchedule };

/** Kernel constants, after the control words; then those of the activation's functions, then everything else. */
export const CONSTANTS = { base: 64, capacity: 500, end: 16384 } as const;

export interface PlanOptions {
  /** Images of a training step. */
  readonly batch: number;
  readonly threads: number;
  /** Whether convolutions may use Winograd's algorithm. */
  readonly winograd: boolean;
  /** Whether kernels may be packed (`Target`). */
  readonly packable: boolean;
}

export function makePlan(graph: Graph, activation: Activation, options: PlanOptions): Plan {
  return new Planner(graph, activation, options).plan();
}

class Planner {
  readonly #activation: ActivationCode;
  readonly #kernels: Kernels;
  readonly #allocator: Allocator;
  readonly #scratch = new Allocator();
  readonly #consumers: NodeId[][];
  readonly #tensors = new Map<NodeId, Tensor>();
  readonly #flat = new Map<NodeId, Tensor>();
  readonly #batchNorms = new Map<NodeId, BatchNormMemory>();
  readonly #places = new Map<string, Place>();
  readonly #units: Unit[] = [];
  readonly #forward: Segment[] = [];
  readonly #backward: Segment[] = [];
  readonly #prepare: Call[] = [];
  /** Scratch memory by use and size; segments reuse each other's. */
  readonly #scratchOffsets = new Map<string, number>();
  #scratchUses = new Map<string, number>();
  #sumsBytes = 0;
  readonly batch: number;
  readonly threads: number;
  readonly winograd: boolean;
  readonly chunks: number;

  constructor(
    readonly graph: Graph,
    activation: Activation,
    options: PlanOptions,
  ) {
    this.batch = options.batch;
    this.threads = options.threads;
    this.winograd = options.winograd;
    const constants = new ConstantTable(CONSTANTS.base, CONSTANTS.capacity), { packable } = options;
    this.#kernels = new Kernels({ constants, packable });
    this.#activation = activationCode(activation, CONSTANTS.end, packable);
    this.#allocator = new Allocator(align(this.#activation.constants.end));
    this.chunks = Math.ceil(this.batch / CHUNK_IMAGES);
    this.#consumers = graph.nodes.map(() => []);
    graph.nodes.forEach((node, id) => inputsOf(node).forEach((input) => this.#consumers[input].push(id)));
  }

  plan(): Plan {
    const parameters = this.#placeParameters();
    const chunkGradients = this.#allocator.take(parameters.bytes * this.chunks);
    this.#chunkGradients = chunkGradients;
    this.#parameters = this.#allocator.take(parameters.bytes);
    this.#parameterBytes = parameters.bytes;
    this.#labels = this.#allocator.take(this.batch * 4);
    this.#losses = this.#allocator.take(this.batch * FLOAT_BYTES);
    this.#placeBatchNorms();
    this.#planForward();
    this.#planBackward();
    for (const segment of [...this.#forward, ...this.#backward]) segment.group = this.#groupOf(segment);
    const memory: MemoryMap = {
      control: 0,
      rates: 32,
      labels: this.#labels,
      losses: this.#losses,
      parameters: this.#parameters,
      parameterBytes: parameters.bytes,
      decayedBytes: parameters.decayed,
      chunkGradients,
      gradient: this.#allocator.take(parameters.bytes),
      slots: [this.#allocator.take(parameters.bytes), this.#allocator.take(parameters.bytes)],
      chunkSums: this.#sums,
      chunkSumsBytes: this.#sumsBytes,
      scratchBytes: align(this.#scratch.next) + ALIGNMENT,
      scratch: this.#allocator.take((align(this.#scratch.next) + ALIGNMENT) * this.threads),
      total: 0,
    };
    return {
      forward: this.#forward,
      backward: this.#backward,
      kernels: this.#kernels,
      activation: this.#activation,
      prepare: this.#prepare,
      batchNorms: [...this.#batchNorms].map(([id, bn]) => ({
        statistics: (this.graph.nodes[id] as NodeOf<"batch_norm">).statistics,
        channels: this.graph.nodes[id].shape[2],
        memory: bn,
      })),
      places: [...this.#places.values()],
      memory: { ...memory, total: this.#allocator.next },
      chunks: this.chunks,
      batch: this.batch,
      input: this.#tensors.get(0)!,
      logits: this.#tensors.get(this.#logits)!,
    };
  }

  #chunkGradients = 0;
  #parameters = 0;
  #parameterBytes = 0;
  #labels = 0;
  #losses = 0;
  #sums = 0;
  #logits: NodeId = 0;

  // Memory --------------------------------------------------------------------------------------------------------

  /** Kernels first, so that weight decay is one range. */
  #placeParameters(): { bytes: number; decayed: number } {
    const decays = (p: Parameter) => p.role === "conv_kernel" || p.role === "dense_kernel";
    const allocator = new Allocator();
    const place = (parameter: Parameter) => {
      const columns = parameter.shape.at(-1)!, rows = sizeOf(parameter.shape) / columns;
      const offset = allocator.take(rows * wholeVectors(columns) * FLOAT_BYTES);
      this.#places.set(parameter.name, { parameter, offset, rows, columns });
    };
    this.graph.parameters.filter(decays).forEach(place);
    const decayed = allocator.next;
    this.graph.parameters.filter((p) => !decays(p)).forEach(place);
    return { bytes: allocator.next, decayed };
  }

  #placeBatchNorms(): void {
    const nodes = this.graph.nodes.flatMap((node, id) => node.kind === "batch_norm" ? [{ node, id }] : []);
    const lanes = nodes.map(({ node }) => wholeVectors(node.shape[2]));
    const sumsBytes = lanes.reduce((sum, l) => sum + align(2 * l * FLOAT_BYTES), 0);
    const sums = this.#allocator.take(sumsBytes * this.chunks);
    let offset = 0;
    nodes.forEach(({ node, id }, i) => {
      const row = lanes[i] * FLOAT_BYTES;
      this.#batchNorms.set(id, {
        lanes: lanes[i],
        count: this.batch * node.shape[0] * node.shape[1],
        coefficients: this.#allocator.take(COEFFICIENTS.length * row),
        scale: this.#parameters + this.#place(node.scale).offset,
        shift: this.#parameters + this.#place(node.shift).offset,
        runningMean: this.#allocator.take(row),
        runningVariance: this.#allocator.take(row),
        sums: sums + offset,
        sumsStride: sumsBytes,
        scaleGradient: this.#chunkGradients + this.#place(node.scale).offset,
        shiftGradient: this.#chunkGradients + this.#place(node.shift).offset,
        gradientStride: this.#parameterBytes,
        chunks: this.chunks,
      });
      offset += align(2 * row);
    });
    this.#sums = sums;
    this.#sumsBytes = sumsBytes;
  }

  #place(name: string): Place {
    return this.#places.get(name)!;
  }

  #batchTensor(layout: Layout): Tensor {
    return { layout, place: "batch", address: this.#allocator.take(layout.imageBytes * this.batch) };
  }

  /** A group's tensor for the segment being planned. Its memory keeps the layout, so a zero border stays zero. */
  #scratchTensor(layout: Layout): Tensor {
    const bytes = layout.imageBytes * groupFor(layout);
    return { layout, place: "scratch", address: this.#takeScratch(`tensor ${layout.key}`, bytes) };
  }

  /** Scratch memory of a thread until the segment ends. The same use in another segment may share it. */
  #takeScratch = (use: string, bytes: number): number => {
    const key = `${use}:${bytes}`;
    const times = this.#scratchUses.get(key) ?? 0;
    this.#scratchUses.set(key, times + 1);
    const name = `${key}:${times}`;
    let offset = this.#scratchOffsets.get(name);
    if (offset === undefined) this.#scratchOffsets.set(name, offset = this.#scratch.take(bytes));
    return offset;
  };

  /** The tensor a node's values are kept in; with a border where a convolution reads it. */
  #store(id: NodeId): Tensor {
    const pads = this.#consumers[id].map((consumer) => {
      const node = this.graph.nodes[consumer];
      return node.kind === "conv" ? (node.size - 1) / 2 : 0;
    });
    const tensor = this.#batchTensor(new Layout(this.graph.nodes[id].shape, Math.max(0, ...pads)));
    this.#tensors.set(id, tensor);
    return tensor;
  }

  #tensor(id: NodeId): Tensor {
    return this.#tensors.get(id)!;
  }

  // Forward -------------------------------------------------------------------------------------------------------

  #planForward(): void {
    this.#segment(this.#forward);
    this.graph.nodes.forEach((node, id) => {
      if (node.kind === "input") {
        this.#store(id);
        this.#emitStatistics(id);
      } else if (node.kind === "conv" || node.kind === "dense") {
        this.#forwardConvolution(id, node);
      } else if (node.kind === "shortcut") {
        const input = this.#tensor(node.input), output = this.#store(id);
        const kernel = this.#kernels.shortcut(input.layout, output.layout, node.stride, false);
        this.#emit(kernel, [images, tensor(input), tensor(output)]);
        this.#units.push({ kind: "node", id });
        this.#emitStatistics(id);
      } else if (node.kind === "global_average_pool") {
        const input = this.#tensor(node.input), output = this.#store(id);
        this.#emit(this.#kernels.averagePool(input.layout, output.layout), [images, tensor(input), tensor(output)]);
        this.#units.push({ kind: "node", id });
      } else if (node.kind === "softmax_cross_entropy") {
        this.#logits = node.input;
        this.#units.push({ kind: "node", id });
      } else if (!this.#absorbed(id)) {
        this.#forwardFusion(this.#fusionAt(id));
      }
    });
  }

  #forwardConvolution(id: NodeId, node: NodeOf<"conv"> | NodeOf<"dense">): void {
    const input = node.kind === "dense" ? this.#flattened(node.input) : this.#tensor(node.input);
    const output = this.#store(id);
    const size = node.kind === "conv" ? node.size : 1, stride = node.kind === "conv" ? node.stride : 1;
    const kernel = this.#parameters + this.#place(node.kernel).offset;
    const schedule = scheduleConvolution({
      winograd: this.winograd,
      kernels: this.#kernels,
      input: input.layout,
      output: output.layout,
      size,
      stride,
      bias: node.kind === "dense",
      maxImages: groupFor(output.layout),
      takeScratch: this.#takeScratch,
      takeMemory: (bytes) => this.#allocator.take(bytes),
      needsInputGradient: this.graph.nodes[node.input].kind !== "input",
    });
    this.#prepare.push(...schedule.prepare(kernel));
    const bias = node.kind === "dense" ? this.#parameters + this.#place(node.bias).offset : 0;
    for (const call of schedule.forward(input, output, kernel, bias)) this.#segment(this.#forward).calls.push(call);
    this.#units.push({ kind: "node", id, schedule });
    this.#emitStatistics(id);
  }

  /** A node's values with all pixels of an image in one row of channels, as a dense layer reads them. */
  #flattened(id: NodeId): Tensor {
    const known = this.#flat.get(id);
    if (known) return known;
    const input = this.#tensor(id), { height, width, channels } = input.layout;
    if (height * width === 1) return input;
    const flat = this.#batchTensor(new Layout([1, 1, height * width * channels], 0));
    this.#flat.set(id, flat);
    this.#emit(this.#kernels.flatten(input.layout, flat.layout, false), [images, tensor(input), tensor(flat)]);
    return flat;
  }

  #emitStatistics(id: NodeId): void {
    for (const consumer of this.#consumers[id]) {
      const bn = this.#batchNorms.get(consumer);
      if (!bn) continue;
      const y = this.#tensor(id);
      this.#emit(
        this.#kernels.statistics(y.layout),
        [images, tensor(y), fixed(bn.runningMean), {
          kind: "chunk_sums",
          address: bn.sums,
        }],
        "group",
        true,
      );
      this.#segment(this.#forward).finishes.push(bn);
    }
  }

  /** Whether the node's only consumer takes it into its own fusion. */
  #absorbed(id: NodeId): boolean {
    const [consumer, ...others] = this.#consumers[id];
    if (others.length > 0 || consumer === undefined) return false;
    const node = this.graph.nodes[id], next = this.graph.nodes[consumer];
    if (next.kind === "activation") return node.kind === "batch_norm" || node.kind === "add";
    return node.kind === "batch_norm" && next.kind === "add" && this.#normalisedOperand(next) === id;
  }

  /** The operand of an add that is a batch norm used nowhere else; null if there is none. */
  #normalisedOperand(add: NodeOf<"add">): NodeId | null {
    const usable = (id: NodeId) => this.graph.nodes[id].kind === "batch_norm" && this.#consumers[id].length === 1;
    return [add.left, add.right].find(usable) ?? null;
  }

  /** The fusion that ends at a batch norm, add or activation. */
  #fusionAt(out: NodeId): Fusion {
    let id = out;
    let node: Node = this.graph.nodes[id];
    let activation: NodeId | null = null, residual: NodeId | null = null, batchNorm: NodeId | null = null;
    if (node.kind === "activation") {
      activation = id;
      id = node.input;
      if (!this.#absorbed(id)) {
        return { y: id, batchNorm, residual, activation, out };
      }
    }
    node = this.graph.nodes[id];
    if (node.kind === "add") {
      const normalised = this.#normalisedOperand(node);
      id = normalised ?? node.left;
      residual = id === node.left ? node.right : node.left;
      if (normalised === null) return { y: id, batchNorm, residual, activation, out };
      node = this.graph.nodes[id];
    }
    if (node.kind === "batch_norm") {
      batchNorm = id;
      id = node.input;
    }
    return { y: id, batchNorm, residual, activation, out };
  }

  #forwardFusion(fusion: Fusion): void {
    const bn = fusion.batchNorm === null ? null : this.#batchNorms.get(fusion.batchNorm)!;
    if (bn && this.#segment(this.#forward).finishes.includes(bn)) this.#newSegment(this.#forward);
    const y = this.#tensor(fusion.y), residual = this.#residual(fusion), out = this.#store(fusion.out);
    const kernel = this.#kernels.pointwiseForward(this.#pointwise(fusion), out.layout);
    this.#emit(kernel, [
      images,
      this.#passScratch(),
      tensor(y),
      residual ? tensor(residual) : fixed(0),
      tensor(out),
      fixed(bn?.coefficients ?? 0),
      fixed(this.#betaAddress(fusion)),
    ]);
    this.#units.push({ kind: "fusion", fusion });
    this.#emitStatistics(fusion.out);
  }

  /** Where a pointwise kernel keeps values between its passes: shared by all. */
  #passScratch(): Argument {
    const widest = Math.max(...this.graph.nodes.map(({ shape }) => shape[1]));
    const bytes = Math.max(passScratchBytes(widest), this.#activation.scratchBytes);
    return { kind: "scratch", offset: this.#passScratchOffset ??= this.#scratch.take(bytes) };
  }
  #passScratchOffset?: number;

  #residual(fusion: Fusion): Tensor | null {
    return fusion.residual === null ? null : this.#tensor(fusion.residual);
  }

  #pointwise(fusion: Fusion) {
    return {
      y: this.#tensor(fusion.y).layout,
      residual: this.#residual(fusion)?.layout ?? null,
      batchNorm: fusion.batchNorm !== null,
      activation: fusion.activation === null ? null : this.#activation,
    };
  }

  #beta(fusion: Fusion): Place | null {
    if (fusion.activation === null || !this.#activation.writer.hasBeta) return null;
    const { beta } = this.graph.nodes[fusion.activation] as NodeOf<"activation">;
    return this.#place(beta!);
  }

  #betaAddress(fusion: Fusion): number {
    const place = this.#beta(fusion);
    return place ? this.#parameters + place.offset : 0;
  }

  // Backward ------------------------------------------------------------------------------------------------------

  readonly #terms = new Map<NodeId, Term[]>();

  #planBackward(): void {
    this.#newSegment(this.#backward);
    for (const unit of this.#units.reverse()) {
      if (unit.kind === "fusion") this.#backwardFusion(unit.fusion);
      else this.#backwardNode(unit.id, unit.schedule);
    }
  }

  #backwardNode(id: NodeId, schedule?: ConvolutionSchedule): void {
    const node = this.graph.nodes[id];
    switch (node.kind) {
      case "softmax_cross_entropy": {
        const logits = this.#tensor(node.input);
        const gradient = this.#batchTensor(logits.layout);
        this.#emitBackward(this.#kernels.softmaxCrossEntropy(logits.layout, this.batch), [
          images,
          tensor(logits),
          { kind: "per_image", address: this.#labels, bytes: 4 },
          { kind: "per_image", address: this.#losses, bytes: FLOAT_BYTES },
          tensor(gradient),
        ]);
        return this.#send(node.input, { kind: "plain", tensor: gradient, ready: this.#current });
      }
      case "dense":
      case "conv":
        return this.#backwardConvolution(id, node, schedule!);
      case "global_average_pool":
      case "shortcut": {
        const gradient = this.#gathered(id, 0);
        if (!gradient) return;
        const input = this.#gradientTensor(node.input);
        const kernel = node.kind === "shortcut"
          ? this.#kernels.shortcut(input.layout, gradient.layout, node.stride, true)
          : this.#kernels.averagePoolGradient(gradient.layout, input.layout);
        const args = node.kind === "shortcut" ? [input, gradient] : [gradient, input];
        this.#emitBackward(kernel, [images, ...args.map(tensor)]);
        return this.#send(node.input, { kind: "plain", tensor: input, ready: this.#current });
      }
    }
  }

  #backwardConvolution(
    id: NodeId,
    node: NodeOf<"conv"> | NodeOf<"dense">,
    schedule: ConvolutionSchedule,
  ): void {
    const size = node.kind === "conv" ? node.size : 1;
    const gradient = this.#gathered(id, (size - 1) / 2);
    if (!gradient) return;
    const input = this.#flat.get(node.input) ?? this.#tensor(node.input);
    const calls = this.#segment(this.#backward).calls;
    calls.push(...schedule.kernelGradient(input, gradient, this.#chunkGradients + this.#place(node.kernel).offset));
    if (node.kind === "dense") {
      const bias = this.#chunkGradients + this.#place(node.bias).offset;
      this.#emitBackward(this.#kernels.sumOverImages(gradient.layout), [images, tensor(gradient), {
        kind: "chunk_gradient",
        address: bias,
      }]);
    }
    if (this.graph.nodes[node.input].kind === "input") return;
    const into = this.#gradientTensor(node.input);
    if (input.layout.channels === into.layout.channels) calls.push(...schedule.inputGradient(gradient, into));
    else {
      const flat = this.#scratchTensor(input.layout);
      calls.push(...schedule.inputGradient(gradient, flat));
      this.#emitBackward(this.#kernels.flatten(into.layout, flat.layout, true), [images, tensor(into), tensor(flat)]);
    }
    this.#send(node.input, { kind: "plain", tensor: into, ready: this.#current });
  }

  #backwardFusion(fusion: Fusion): void {
    const terms = this.#take(fusion.out);
    if (!terms) return;
    const trivial = fusion.batchNorm === null && fusion.activation === null;
    const toResidual = (term: Term) => fusion.residual !== null && this.#send(fusion.residual, term);
    if (trivial) {
      // One tensor from here on: otherwise an identity chain would add one more term after each unit.
      const term: Term = { kind: "plain", tensor: this.#gathered(fusion.out, 0)!, ready: this.#current };
      toResidual(term);
      return this.#send(fusion.y, term);
    }
    const bn = fusion.batchNorm === null ? null : this.#batchNorms.get(fusion.batchNorm)!;
    const y = this.#tensor(fusion.y), residual = this.#residual(fusion);
    const du = this.#batchTensor(new Layout(this.graph.nodes[fusion.y].shape, 0));
    const parameter = (name: string | undefined): Argument =>
      name === undefined
        ? fixed(0)
        : { kind: "chunk_gradient", address: this.#chunkGradients + this.#place(name).offset };
    const bnNode = fusion.batchNorm === null ? null : this.graph.nodes[fusion.batchNorm] as NodeOf<"batch_norm">;
    const kernel = this.#kernels.pointwiseBackward(this.#pointwise(fusion), terms.map(layoutOf), du.layout);
    this.#emitBackward(kernel, [
      images,
      this.#passScratch(),
      tensor(y),
      residual ? tensor(residual) : fixed(0),
      fixed(bn?.coefficients ?? 0),
      fixed(this.#betaAddress(fusion)),
      parameter(bnNode?.scale),
      parameter(bnNode?.shift),
      parameter(this.#beta(fusion)?.parameter.name),
      tensor(du),
      ...terms.flatMap(termArguments),
    ]);
    const plain: Term = { kind: "plain", tensor: du, ready: this.#current };
    toResidual(plain);
    if (!bn) return this.#send(fusion.y, plain);
    this.#segment(this.#backward).finishes.push(bn);
    this.#send(fusion.y, {
      kind: "batch_norm",
      tensor: du,
      y,
      coefficients: bn.coefficients,
      ready: this.#current + 1,
    });
  }

  #send(to: NodeId, term: Term): void {
    this.#terms.set(to, [...this.#terms.get(to) ?? [], term]);
  }

  /** The terms of a node's gradient, in a segment where all are available; null if there are none. */
  #take(id: NodeId): Term[] | null {
    const terms = this.#terms.get(id);
    if (!terms) return null;
    while (this.#current < Math.max(...terms.map((term) => term.ready))) this.#newSegment(this.#backward);
    for (const { tensor, ready } of terms) {
      if (tensor.place === "scratch" && ready < this.#current) this.#keep(tensor);
    }
    return terms;
  }

  /** Moves a scratch tensor to memory that outlives its segment. */
  #keep(tensor: Tensor): void {
    Object.assign(tensor, this.#batchTensor(tensor.layout));
  }

  /** A node's gradient as one tensor with the given border: its only term as it is, or the sum in scratch memory. */
  #gathered(id: NodeId, pad: number): Tensor | null {
    const terms = this.#take(id);
    if (!terms) return null;
    const [first] = terms;
    if (terms.length === 1 && first.kind === "plain" && first.tensor.layout.pad === pad) return first.tensor;
    const sum = this.#scratchTensor(new Layout(this.graph.nodes[id].shape, pad));
    const kernel = this.#kernels.gatherTerms(terms.map(layoutOf), sum.layout);
    this.#emitBackward(kernel, [images, tensor(sum), ...terms.flatMap(termArguments)]);
    return sum;
  }

  /** Where a node's gradient goes: scratch memory, unless it turns out to be read in a later segment (`#take`). */
  #gradientTensor(id: NodeId): Tensor {
    return this.#scratchTensor(new Layout(this.graph.nodes[id].shape, 0));
  }

  // Segments ------------------------------------------------------------------------------------------------------

  get #current(): number {
    return this.#backward.length - 1;
  }

  #newSegment(list: Segment[]): Segment {
    const segment: Segment = { calls: [], finishes: [], group: 1 };
    list.push(segment);
    this.#scratchUses = new Map();
    return segment;
  }

  #segment(list: Segment[]): Segment {
    return list.at(-1) ?? this.#newSegment(list);
  }

  #emit(kernel: string, args: Argument[], when: Call["when"] = "group", trainingOnly = false): void {
    this.#segment(this.#forward).calls.push({ kernel, arguments: args, when, trainingOnly });
  }

  #emitBackward(kernel: string, args: Argument[]): void {
    this.#segment(this.#backward).calls.push({ kernel, arguments: args, when: "group", trainingOnly: true });
  }

  /** As many images as the largest tensor of the segment allows. */
  #groupOf(segment: Segment): number {
    const groups = segment.calls.flatMap((call) =>
      call.arguments.flatMap((a) => a.kind === "tensor" ? [groupFor(a.tensor.layout)] : [])
    );
    return Math.min(CHUNK_IMAGES, ...groups);
  }
}

/** Images of a group of tensors of this layout. */
function groupFor({ height, width, lanes }: Layout): number {
  return Math.max(1, Math.min(CHUNK_IMAGES, Math.floor(GROUP_BYTES / (height * width * lanes * FLOAT_BYTES))));
}

function layoutOf(term: Term): TermLayout {
  return { kind: term.kind, tensor: term.tensor.layout, y: term.y?.layout };
}

function termArguments(term: Term): Argument[] {
  return [tensor(term.tensor), term.y ? tensor(term.y) : fixed(0), fixed(term.coefficients ?? 0)];
}
