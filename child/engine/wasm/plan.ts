/**
 * Stages -> plan: which kernels run in which order on which memory.
 *
 * Vocabulary:
 * - A segment is the work of one phase (compiler/stages.ts) on a few images. Between segments every thread waits, and
 *   where batch norms are complete one thread finishes their statistics.
 * - A chunk is 16 images, or more where parameters are many, with its own partial gradients and sums, added in the order
 *   of the chunks: results do not depend on how chunks are spread over threads.
 * - A group is the images of a chunk that go through a whole segment together, few enough to stay in the cache.
 *
 * Over 400 lines, as one class of stage after another is planned on the same segments, groups and memory.
 */
import type { CompiledChild } from "../../compiler/child.ts";
import { type Lifetime, lifetimesOf, placeBuffers, type Times } from "../../compiler/memory.ts";
import {
  type BatchNorm,
  type ConvolutionStage,
  type DenseStage,
  type Dropout,
  type GradientKind,
  type GradientOf,
  phasesOf,
  type PointwiseStage,
  type StageKind,
  type StageOf,
  type Term,
  type Values,
} from "../../compiler/stages.ts";
import { type ActivationCode, activationCode } from "./activation.ts";
import type { BatchNormMemory } from "./batch_norm.ts";
import { type Argument, type Call, fixed, images, type Tensor, tensor } from "./call.ts";
import { scheduleConvolution } from "./convolution/convolution.ts";
import type { ConvolutionSchedule } from "./convolution/schedule.ts";
import { DROPOUT_WORDS } from "./dropout.ts";
import { FLOAT_BYTES } from "./function_builder.ts";
import { Kernels } from "./kernels.ts";
import { Layout } from "./layout.ts";
import { align, Allocator, CONSTANTS, LastingMemory, type MemoryMap, type Place } from "./memory_map.ts";
import { passScratchBytes, type Pointwise, type TermLayout } from "./pointwise.ts";
import type { Parameter } from "../../network/parameters.ts";
import { channelsOf, imageSizes, type Shape, sizeOf } from "../../network/shape.ts";

const CHUNK_IMAGES = 16;
/** Bytes of all chunks' gradients; chunks are doubled until they are within it. WRN-28-10 at batch 128 has 4 of 32. */
const MAX_GRADIENT_BYTES = 640 * 2 ** 20;
/** A group's largest tensor should stay well inside a second-level cache of 512 KiB beside its neighbours. */
const GROUP_BYTES = 64 * 1024;
/** Kernels of more bytes are read for at least so many pixels at once, as reading them costs more than the pixels. */
const LARGE_KERNEL = { bytes: 640 * 1024, pixels: 1024 };

export interface Segment {
  readonly calls: Call[];
  /** Batch norms whose statistics (forward) or gradient sums (backward) the segment completes. */
  readonly finishes: BatchNormMemory[];
  group: number;
  /** Bytes of its largest kernel. */
  kernelBytes: number;
}

export interface Plan {
  readonly forward: readonly Segment[];
  readonly backward: readonly Segment[];
  readonly kernels: Kernels;
  readonly activation: ActivationCode;
  /** Kernel transforms, run once before the pass. */
  readonly prepare: { readonly forward: readonly Call[]; readonly backward: readonly Call[] };
  readonly batchNorms: readonly {
    readonly statistics: string;
    readonly channels: number;
    readonly memory: BatchNormMemory;
  }[];
  /** Stages with dropout, and where the words of each lie (dropout.ts). */
  readonly dropouts: ReadonlyMap<Dropout, number>;
  /** In the order of the graph. */
  readonly places: readonly Place[];
  readonly memory: MemoryMap;
  /** Scratch memory of the first thread, with a part for segments at byte `segment`; the others' follow. */
  readonly scratch: { readonly address: number; readonly bytes: number; readonly segment: number };
  readonly totalBytes: number;
  readonly chunks: number;
  readonly chunkImages: number;
  readonly batch: number;
  readonly input: Tensor;
  readonly logits: Tensor;
}

export interface PlanOptions {
  /** Images of a training step. */
  readonly batch: number;
  readonly threads: number;
  /** Of the optimiser, per parameter. */
  readonly slots: number;
  /** Whether convolutions may use Winograd's algorithm. */
  readonly winograd: boolean;
  /** Whether kernels may be packed (`Target`). */
  readonly packable: boolean;
}

export function makePlan(child: CompiledChild, options: PlanOptions): Plan {
  return new Planner(child, options).plan();
}

type Emit<Stage> = (stage: Stage, planner: Planner) => void;

/** Emits the calls of each kind of forward stage. */
const FORWARD: { readonly [Kind in StageKind]: Emit<StageOf<Kind>> } = {
  input: () => {},
  convolution: (stage, planner) => planner.convolution(stage, planner.tensor(stage.input), stage, 0),
  depthwise({ input, out, kernel, ...window }, planner) {
    const [from, to] = [planner.tensor(input), planner.tensor(out)];
    planner.emit(planner.kernels.depthwise(from.layout, to.layout, window), [
      ...[images, tensor(from), tensor(to)],
      fixed(planner.lasting.parameter(kernel)),
    ]);
  },
  dense: (stage, planner) =>
    planner.convolution(stage, planner.flattened(stage), { size: 1, stride: 1 }, planner.lasting.parameter(stage.bias)),
  pointwise: (stage, planner) => planner.pointwise(stage),
  shortcut({ input, out, stride }, planner) {
    const [from, to] = [planner.tensor(input), planner.tensor(out)];
    planner.emit(planner.kernels.shortcut(from.layout, to.layout, stride, false), [images, tensor(from), tensor(to)]);
  },
  average_pool({ input, out }, planner) {
    const [from, to] = [planner.tensor(input), planner.tensor(out)];
    planner.emit(planner.kernels.averagePool(from.layout, to.layout), [images, tensor(from), tensor(to)]);
  },
  square_pool({ input, out, size }, planner) {
    const [from, to] = [planner.tensor(input), planner.tensor(out)];
    planner.emit(planner.kernels.squarePool(from.layout, to.layout, size, false), [images, tensor(from), tensor(to)]);
  },
  max_pool({ input, out, ...window }, planner) {
    const [from, to] = [planner.tensor(input), planner.tensor(out)];
    planner.emit(planner.kernels.maxPool(from.layout, to.layout, window, null), [images, tensor(from), tensor(to)]);
  },
  concatenation({ parts, out }, planner) {
    const to = planner.tensor(out);
    for (const [at, values] of parts.entries()) {
      const part = planner.tensor(values), first = at === 0 ? 0 : channelsOf(parts[0].shape);
      planner.emit(planner.kernels.joinChannels(part.layout, to.layout, first, false), [
        images,
        tensor(part),
        tensor(to),
      ]);
    }
  },
  loss: () => {}, // evaluation has no labels: it is computed with its gradient
};

/** The same of the backward stages. */
const BACKWARD: { readonly [Kind in GradientKind]: Emit<GradientOf<Kind>> } = {
  loss({ of, into }, planner) {
    const logits = planner.tensor(of.input), { labels, losses } = planner.lasting.map;
    planner.emit(planner.kernels.softmaxCrossEntropy(logits.layout, planner.options.batch, of.smoothing), [
      images,
      tensor(logits),
      { kind: "per_image", address: labels, bytes: 4 },
      { kind: "per_image", address: losses, bytes: FLOAT_BYTES },
      tensor(planner.tensor(into)),
    ]);
  },
  convolution: (stage, planner) => planner.convolutionGradient(stage, (stage.of.size - 1) / 2),
  depthwise({ of, terms, into }, planner) {
    const gradient = planner.gathered(terms, of.out.shape, (of.size - 1) / 2), input = planner.tensor(of.input);
    planner.emit(planner.kernels.depthwiseKernelGradient(input.layout, gradient.layout, of), [
      ...[images, tensor(input), tensor(gradient)],
      { kind: "chunk_gradient", address: planner.lasting.chunkGradient(of.kernel) },
    ]);
    if (into === null) return;
    const to = planner.tensor(into);
    planner.emit(planner.kernels.depthwiseInputGradient(gradient.layout, to.layout, of), [
      ...[images, tensor(gradient), tensor(to)],
      fixed(planner.lasting.parameter(of.kernel)),
    ]);
  },
  dense: (stage, planner) => planner.convolutionGradient(stage, 0),
  shortcut({ of, terms, into }, planner) {
    const gradient = planner.gathered(terms, of.out.shape, 0), to = planner.tensor(into);
    planner.emit(planner.kernels.shortcut(to.layout, gradient.layout, of.stride, true), [
      images,
      tensor(to),
      tensor(gradient),
    ]);
  },
  average_pool({ of, terms, into }, planner) {
    const gradient = planner.gathered(terms, of.out.shape, 0), to = planner.tensor(into);
    planner.emit(planner.kernels.averagePoolGradient(gradient.layout, to.layout), [
      images,
      tensor(gradient),
      tensor(to),
    ]);
  },
  square_pool({ of, terms, into }, planner) {
    const gradient = planner.gathered(terms, of.out.shape, 0), to = planner.tensor(into);
    planner.emit(planner.kernels.squarePool(to.layout, gradient.layout, of.size, true), [
      images,
      tensor(to),
      tensor(gradient),
    ]);
  },
  max_pool({ of, terms, into }, planner) {
    const gradient = planner.gathered(terms, of.out.shape, 0),
      to = planner.tensor(into),
      input = planner.tensor(of.input);
    planner.emit(planner.kernels.maxPool(input.layout, gradient.layout, of, to.layout), [
      ...[images, tensor(input), tensor(gradient), tensor(to)],
    ]);
  },
  concatenation({ of, terms, part, into }, planner) {
    const gradient = planner.gathered(terms, of.out.shape, 0), to = planner.tensor(into);
    const first = part === 0 ? 0 : channelsOf(of.parts[0].shape);
    planner.emit(planner.kernels.joinChannels(to.layout, gradient.layout, first, true), [
      images,
      tensor(to),
      tensor(gradient),
    ]);
  },
  pointwise: (stage, planner) => planner.pointwiseGradient(stage),
  gather: ({ terms, into }, planner) => planner.gather(terms, planner.tensor(into)),
};

/** A tensor of the whole batch, placed when all are known. */
interface Buffer {
  readonly tensor: Tensor;
  readonly lifetime: { first: number; last: number };
}

class Planner {
  readonly kernels: Kernels;
  readonly lasting: LastingMemory;
  readonly chunks: number;
  readonly #chunkImages: number;
  readonly #activation: ActivationCode;
  readonly #allocator: Allocator;
  readonly #scratch = new Allocator();
  /** Tensors in scratch memory by layout; segments reuse each other's. */
  readonly #scratchOffsets = new Map<string, number>();
  #scratchUses = new Map<string, number>();
  /** Scratch memory of the segment alone: what is taken, what is shared, and the most that a segment took. */
  #segmentScratch = new Allocator();
  #shared = new Map<string, Argument>();
  #segmentScratchBytes = 0;
  readonly #times: Times;
  readonly #lifetimes: ReadonlyMap<number, Lifetime>;
  readonly #pads = new Map<number, number>();
  readonly #tensors = new Map<number, Tensor>();
  /** Inputs of dense layers as one row of channels, by the input's id. */
  readonly #flat = new Map<number, Buffer>();
  readonly #buffers: Buffer[] = [];
  readonly #schedules = new Map<string, ConvolutionSchedule>();
  readonly #dropouts = new Map<Dropout, number>();
  readonly #forward: Segment[] = [];
  readonly #backward: Segment[] = [];
  readonly #prepare = { forward: [] as Call[], backward: [] as Call[] };
  /** The stage being planned: where its calls go, its time, and whether it is of the backward pass. */
  #at: { segment: Segment; time: number; isBackward: boolean } | null = null;

  constructor(readonly child: CompiledChild, readonly options: PlanOptions) {
    const { stages, parameters, activation } = child, { batch, packable, slots } = options;
    this.kernels = new Kernels(packable);
    this.#activation = activationCode(activation, CONSTANTS.end, packable);
    this.#allocator = new Allocator(align(this.#activation.constants.end));
    this.#chunkImages = chunkImagesFor(parameters, batch);
    this.chunks = Math.ceil(batch / this.#chunkImages);
    const size = { batch, slots, chunks: this.chunks };
    this.lasting = new LastingMemory(this.#allocator, parameters, stages.batchNorms, size);
    this.#times = timesOf(child);
    this.#lifetimes = lifetimesOf(stages, this.#times);
    for (const stage of stages.forward) {
      if (stage.kind !== "convolution" && stage.kind !== "depthwise") continue;
      const { id } = stage.input;
      this.#pads.set(id, Math.max(this.#pads.get(id) ?? 0, (stage.size - 1) / 2));
    }
  }

  plan(): Plan {
    const { forward, backward, batchNorms } = this.child.stages;
    forward.forEach((stage, i) => this.#planForward(stage, this.#times.forward[i]));
    backward.forEach((stage, i) => this.#planBackward(stage, this.#times.backward[i]));
    for (const segment of [...this.#forward, ...this.#backward]) segment.group = groupOf(segment);
    this.#placeBuffers();
    const segment = align(this.#scratch.next), scratchBytes = segment + align(this.#segmentScratchBytes) + align(1);
    const address = this.#allocator.take(scratchBytes * this.options.threads);
    const logits = forward.find(({ kind }) => kind === "loss") as StageOf<"loss">;
    return {
      forward: this.#forward,
      backward: this.#backward,
      kernels: this.kernels,
      activation: this.#activation,
      prepare: this.#prepare,
      batchNorms: batchNorms.map((batchNorm) => ({
        statistics: batchNorm.statistics,
        channels: channelsOf(batchNorm.shape),
        memory: this.lasting.batchNorms.get(batchNorm)!,
      })),
      dropouts: this.#dropouts,
      places: this.child.parameters.map(({ name }) => this.lasting.places.get(name)!),
      memory: this.lasting.map,
      scratch: { address, bytes: scratchBytes, segment },
      totalBytes: this.#allocator.next,
      chunks: this.chunks,
      chunkImages: this.#chunkImages,
      batch: this.options.batch,
      input: this.tensor(forward[0].out),
      logits: this.tensor(logits.input),
    };
  }

  /** TypeScript cannot see that a stage and the row of its kind belong together; the table's type says that they do. */
  #planForward<Kind extends StageKind>(stage: StageOf<Kind>, time: number): void {
    this.#begin(this.#forward, time, time, false);
    (FORWARD[stage.kind] as unknown as Emit<StageOf<Kind>>)(stage, this);
    for (const batchNorm of stage.normalisedBy) this.#statistics(stage.out, batchNorm);
  }

  #planBackward<Kind extends GradientKind>(stage: GradientOf<Kind>, time: number): void {
    this.#begin(this.#backward, time - this.#times.backward[0], time, true);
    (BACKWARD[stage.kind] as unknown as Emit<GradientOf<Kind>>)(stage, this);
  }

  /** Makes the segment the current one; it is the last one or the next. */
  #begin(list: Segment[], index: number, time: number, isBackward: boolean): void {
    if (index === list.length) {
      list.push({ calls: [], finishes: [], group: 1, kernelBytes: 0 });
      this.#scratchUses = new Map();
      this.#segmentScratch = new Allocator();
      this.#shared = new Map();
    }
    this.#at = { segment: list[index], time, isBackward };
  }

  // Memory --------------------------------------------------------------------------------------------------------

  /**
   * The tensor of these values: of the whole batch, or, for a gradient that lives in one segment only, of a group. With
   * a border where a convolution reads it.
   */
  tensor(values: Values): Tensor {
    let tensor = this.#tensors.get(values.id);
    if (!tensor) this.#tensors.set(values.id, tensor = this.#newTensor(values));
    return tensor;
  }

  #newTensor({ id, shape }: Values): Tensor {
    const lifetime = this.#lifetimes.get(id)!;
    const layout = new Layout(shape, this.#pads.get(id) ?? 0);
    if (this.#at!.isBackward && lifetime.first === lifetime.last) return this.#scratchTensor(layout);
    return this.#batchTensor(layout, lifetime).tensor;
  }

  #batchTensor(layout: Layout, { first, last }: Lifetime): Buffer {
    const buffer: Buffer = { tensor: { layout, place: "batch", address: 0 }, lifetime: { first, last } };
    this.#buffers.push(buffer);
    return buffer;
  }

  /** A group's tensor for the segment being planned. Its memory keeps the layout, so a zero border stays zero. */
  #scratchTensor(layout: Layout): Tensor {
    const times = this.#scratchUses.get(layout.key) ?? 0;
    this.#scratchUses.set(layout.key, times + 1);
    const name = `${layout.key}:${times}`;
    let address = this.#scratchOffsets.get(name);
    if (address === undefined) {
      this.#scratchOffsets.set(name, address = this.#scratch.take(layout.imageBytes * maxGroupFor(layout)));
    }
    return { layout, place: "scratch", address };
  }

  #takeScratch = (bytes: number): Argument => {
    const offset = this.#segmentScratch.take(bytes);
    this.#segmentScratchBytes = Math.max(this.#segmentScratchBytes, this.#segmentScratch.next);
    return { kind: "segment_scratch", offset };
  };

  #shareScratch = (use: string, bytes: number): Argument => {
    const key = `${use}:${bytes}`, scratch = this.#shared.get(key) ?? this.#takeScratch(bytes);
    this.#shared.set(key, scratch);
    return scratch;
  };

  /**
   * Tensors share memory with others of their layout; those without a border, which must stay zero, with all of their
   * like. The images, which are written from outside, and the logits, which are read, share with none.
   */
  #placeBuffers(): void {
    const { forward } = this.child.stages;
    const apart = [
      this.tensor(forward[0].out),
      ...forward.flatMap((s) => s.kind === "loss" ? this.tensor(s.input) : []),
    ];
    const poolOf = ({ tensor }: Buffer) => {
      if (apart.includes(tensor)) return `alone ${apart.indexOf(tensor)}`;
      return tensor.layout.pad > 0 ? tensor.layout.key : "without border";
    };
    for (const pool of Map.groupBy(this.#buffers, poolOf).values()) {
      const bytes = pool.map(({ tensor, lifetime }) => ({
        ...lifetime,
        bytes: tensor.layout.imageBytes * this.options.batch,
      }));
      const placement = placeBuffers(bytes, align(1));
      const base = this.#allocator.take(placement.bytes);
      pool.forEach(({ tensor }, i) => tensor.address = base + placement.offsets[i]);
    }
  }

  // Calls ---------------------------------------------------------------------------------------------------------

  emit(kernel: string, args: readonly Argument[], trainingOnly = this.#at!.isBackward): void {
    this.#at!.segment.calls.push({ kernel, arguments: args, when: "group", trainingOnly });
  }

  #statistics(of: Values, batchNorm: BatchNorm): void {
    const memory = this.lasting.batchNorms.get(batchNorm)!, y = this.tensor(of);
    const sums: Argument = { kind: "chunk_sums", address: memory.sums };
    this.emit(this.kernels.statistics(y.layout), [images, tensor(y), fixed(memory.runningMean), sums], true);
    this.#at!.segment.finishes.push(memory);
  }

  // Convolutions and dense layers

  convolution(
    stage: ConvolutionStage | DenseStage,
    input: Tensor,
    { size, stride }: { readonly size: number; readonly stride: number },
    bias: number,
  ): void {
    const output = this.tensor(stage.out), kernel = this.lasting.parameter(stage.kernel);
    const schedule = scheduleConvolution({
      winograd: this.options.winograd,
      kernels: this.kernels,
      input: input.layout,
      output: output.layout,
      ...{ size, stride },
      bias: stage.kind === "dense",
      maxImages: maxGroupFor(output.layout),
      takeScratch: this.#takeScratch,
      shareScratch: this.#shareScratch,
      takeMemory: (bytes) => this.#allocator.take(bytes),
      needsInputGradient: stage.needsInputGradient,
    });
    this.#schedules.set(stage.kernel, schedule);
    this.#prepare.forward.push(...schedule.prepareForward(kernel));
    this.#prepare.backward.push(...schedule.prepareBackward(kernel));
    this.#run(schedule, schedule.forward(input, output, kernel, bias));
  }

  #run({ kernelBytes }: ConvolutionSchedule, calls: readonly Call[]): void {
    const { segment } = this.#at!;
    segment.kernelBytes = Math.max(segment.kernelBytes, kernelBytes);
    segment.calls.push(...calls);
  }

  /** A dense layer's input with all pixels of an image in one row of channels. */
  flattened({ input }: DenseStage): Tensor {
    const from = this.tensor(input), { height, width, channels } = from.layout;
    if (height * width === 1) return from;
    const known = this.#flat.get(input.id);
    if (known) return known.tensor;
    const { time } = this.#at!;
    const flat = this.#batchTensor(new Layout([1, 1, height * width * channels], 0), { first: time, last: time });
    this.#flat.set(input.id, flat);
    const args = [images, tensor(from), tensor(flat.tensor)];
    this.emit(this.kernels.flatten(from.layout, flat.tensor.layout, false), args);
    return flat.tensor;
  }

  convolutionGradient({ of, terms, into }: GradientOf<"convolution" | "dense">, pad: number): void {
    const schedule = this.#schedules.get(of.kernel)!;
    const gradient = this.gathered(terms, of.out.shape, pad);
    const flat = this.#flat.get(of.input.id), input = flat?.tensor ?? this.tensor(of.input);
    if (flat) flat.lifetime.last = this.#at!.time;
    this.#run(schedule, schedule.kernelGradient(input, gradient, this.lasting.chunkGradient(of.kernel)));
    if (of.kind === "dense") {
      const bias: Argument = { kind: "chunk_gradient", address: this.lasting.chunkGradient(of.bias) };
      this.emit(this.kernels.sumOverImages(gradient.layout), [images, tensor(gradient), bias]);
    }
    if (!into) return;
    const to = this.tensor(into);
    if (!flat) {
      this.#run(schedule, schedule.inputGradient(gradient, to));
      return;
    }
    const row = this.#scratchTensor(input.layout);
    this.#run(schedule, schedule.inputGradient(gradient, row));
    this.emit(this.kernels.flatten(to.layout, row.layout, true), [images, tensor(to), tensor(row)]);
  }

  // Pointwise stages

  pointwise(stage: PointwiseStage): void {
    const out = this.tensor(stage.out);
    this.emit(this.kernels.pointwiseForward(this.#pointwiseOf(stage), out.layout), [
      images,
      this.#passScratch(),
      ...this.#operands(stage),
      tensor(out),
      this.#coefficients(stage.batchNorm),
      this.#beta(stage),
      ...this.#maskOf(stage),
    ]);
  }

  pointwiseGradient({ of, terms, into }: GradientOf<"pointwise">): void {
    const { batchNorm } = of, du = this.tensor(into);
    const gradientOf = (name: string | null | undefined): Argument =>
      name ? { kind: "chunk_gradient", address: this.lasting.chunkGradient(name) } : fixed(0);
    this.emit(this.kernels.pointwiseBackward(this.#pointwiseOf(of), this.#layoutsOf(terms), du.layout), [
      images,
      this.#passScratch(),
      ...this.#operands(of),
      this.#coefficients(batchNorm),
      this.#beta(of),
      gradientOf(batchNorm?.scale),
      gradientOf(batchNorm?.shift),
      gradientOf(of.activation?.beta),
      tensor(du),
      ...this.#argumentsOf(terms),
      ...this.#maskOf(of),
    ]);
    if (batchNorm) this.#at!.segment.finishes.push(this.lasting.batchNorms.get(batchNorm)!);
  }

  #pointwiseOf({ y, residual, batchNorm, activation, dropout }: PointwiseStage): Pointwise {
    return {
      y: this.tensor(y).layout,
      residual: residual && this.tensor(residual).layout,
      batchNorm: batchNorm !== null,
      activation: activation && this.#activation,
      dropout: dropout !== null,
    };
  }

  #operands({ y, residual }: PointwiseStage): Argument[] {
    return [tensor(this.tensor(y)), residual ? tensor(this.tensor(residual)) : fixed(0)];
  }

  /** The numbers of dropout, and the positions of the images' elements as addresses. */
  #maskOf({ dropout, out }: PointwiseStage): Argument[] {
    if (!dropout) return [];
    let address = this.#dropouts.get(dropout);
    if (address === undefined) this.#dropouts.set(dropout, address = this.#allocator.take(DROPOUT_WORDS * 4));
    return [fixed(address), { kind: "per_image", address: 0, bytes: sizeOf(out.shape) * FLOAT_BYTES }];
  }

  #coefficients(batchNorm: BatchNorm | null): Argument {
    return fixed(batchNorm ? this.lasting.batchNorms.get(batchNorm)!.coefficients : 0);
  }

  #beta({ activation }: PointwiseStage): Argument {
    return fixed(activation?.beta && this.#activation.writer.hasBeta ? this.lasting.parameter(activation.beta) : 0);
  }

  /** Where a pointwise kernel keeps values between its passes: shared by all. */
  #passScratch(): Argument {
    const widest = Math.max(...this.child.stages.forward.map(({ out }) => imageSizes(out.shape).width));
    const bytes = Math.max(passScratchBytes(widest), this.#activation.scratchBytes);
    return { kind: "scratch", offset: this.#passScratchOffset ??= this.#scratch.take(bytes) };
  }
  #passScratchOffset?: number;

  // Terms

  /** The sum of terms as one tensor with this border: the only term as it is, or the sum in scratch memory. */
  gathered(terms: readonly Term[], shape: Shape, pad: number): Tensor {
    const [first] = terms;
    if (terms.length === 1 && first.kind === "plain") {
      const only = this.tensor(first.gradient);
      if (only.layout.pad === pad) return only;
    }
    const sum = this.#scratchTensor(new Layout(shape, pad));
    this.gather(terms, sum);
    return sum;
  }

  gather(terms: readonly Term[], into: Tensor): void {
    const kernel = this.kernels.gatherTerms(this.#layoutsOf(terms), into.layout);
    this.emit(kernel, [images, tensor(into), ...this.#argumentsOf(terms)]);
  }

  #layoutsOf(terms: readonly Term[]): TermLayout[] {
    return terms.map((term) => ({
      kind: term.kind,
      tensor: this.tensor(term.gradient).layout,
      y: term.kind === "batch_norm" ? this.tensor(term.y).layout : undefined,
    }));
  }

  #argumentsOf(terms: readonly Term[]): Argument[] {
    return terms.flatMap((term) =>
      term.kind === "batch_norm"
        ? [tensor(this.tensor(term.gradient)), tensor(this.tensor(term.y)), this.#coefficients(term.batchNorm)]
        : [tensor(this.tensor(term.gradient)), fixed(0), fixed(0)]
    );
  }
}

/** Phases of both passes as one time; threads wait between the two. */
function timesOf({ stages }: CompiledChild): Times {
  const { forward, backward } = phasesOf(stages), last = forward.at(-1)!;
  return { forward, backward: backward.map((phase) => last + 1 + phase) };
}

function chunkImagesFor(parameters: readonly Parameter[], batch: number): number {
  const bytes = FLOAT_BYTES * parameters.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  let images = CHUNK_IMAGES;
  while (images < batch && bytes * Math.ceil(batch / images) > MAX_GRADIENT_BYTES) images *= 2;
  return images;
}

/** As many images as the largest tensor of the segment allows. */
function groupOf(segment: Segment): number {
  const pixels = segment.kernelBytes > LARGE_KERNEL.bytes ? LARGE_KERNEL.pixels : 0;
  const groups = segment.calls.flatMap((call) =>
    call.arguments.flatMap((a) => a.kind === "tensor" ? [groupFor(a.tensor.layout, pixels)] : [])
  );
  return Math.min(CHUNK_IMAGES, ...groups);
}

/** Images of a group of tensors of this layout that stay in the cache, or have at least so many pixels. */
function groupFor({ height, width, lanes }: Layout, pixels: number): number {
  const cached = Math.floor(GROUP_BYTES / (height * width * lanes * FLOAT_BYTES));
  return Math.min(CHUNK_IMAGES, Math.max(1, cached, Math.ceil(pixels / (height * width))));
}

/** The most images of any group of them. */
function maxGroupFor(layout: Layout): number {
  return groupFor(layout, LARGE_KERNEL.pixels);
}
