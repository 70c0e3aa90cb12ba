/**
 * Stages -> plan: what one child computes, as dispatches on named buffers, for a training step and for an evaluation.
 * The plan knows sizes of one child; `group.ts` makes the buffers for as many children as train side by side. What is
 * derived from the graph, and how, is in `child/compiler/`; here is one row per kind of stage.
 *
 * Over 400 lines, as one class of stage after another is planned on the same tensors and parts.
 */
import type { Activation } from "../../activation/expression.ts";
import { compileChild, type CompiledChild } from "../../compiler/child.ts";
import { ListBuilder, type OperationList } from "../../compiler/operations.ts";
import {
  type ActivationWriter,
  backwardList,
  forwardList,
  gatherList,
  type PointwiseParts,
  writtenInPlace,
} from "../../compiler/pointwise.ts";
import {
  type BatchNorm,
  type ConvolutionStage,
  type DenseStage,
  type Dropout,
  type GradientKind,
  type GradientOf,
  kindsOf,
  type PointwiseStage,
  type StageKind,
  type StageOf,
  type Term,
  type Values,
} from "../../compiler/stages.ts";
import { type Graph, parameterCount } from "../../network/graph.ts";
import { type Optimizer, SLOTS } from "../../network/optimizer.ts";
import { channelsOf, placesOf, type Shape } from "../../network/shape.ts";
import { convolutionForward, convolutionInputGradient, TILE_PIXELS } from "./convolution.ts";
import type { Convolution } from "./products.ts";
import type { Gradient } from "./gradient.ts";
import { convolutionKernelGradient, gradientSplits, kernelQuads } from "./kernel_gradient.ts";
import type { BufferName, Dispatch, Operand, Work } from "./kernel.ts";
import { aligned, type Entries, parameterEntries, quadsOf, type Statistics, statisticsEntries } from "./layout.ts";
import { type ChannelSource, chunksOf, type PassSum, pointwise, type Source } from "./pointwise.ts";
import {
  batchMoments,
  chunkMoments,
  type Coefficient,
  coefficientOffset,
  coefficientQuads,
  gradientSums,
  momentPartQuads,
  normGradient,
  type NormParts,
  type NormPlaces,
  runningMoments,
  type Sum,
  sumTable,
} from "./reduction.ts";
import { advance, pickImages, softmaxCrossEntropy, stageImages, update } from "./step_kernels.ts";
import {
  type Depthwise,
  depthwiseForward,
  depthwiseInputGradient,
  depthwiseKernelGradient,
  depthwiseSplits,
  maxPool,
  maxPoolGradient,
  poolImages,
  squarePool,
  type Windows,
} from "./windows.ts";

export interface Plan {
  readonly graph: Graph;
  readonly batch: number;
  readonly optimizer: Optimizer;
  readonly training: readonly Dispatch[];
  readonly evaluation: readonly Dispatch[];
  /** Takes the place of a step's first dispatch where its images are picked on the card. */
  readonly picking: Dispatch;
  /** Quads of one child in every buffer with an axis of children. */
  readonly quads: ReadonlyMap<BufferName, number>;
  /** Contents of buffers that all children share and nothing changes. */
  readonly tables: ReadonlyMap<BufferName, Uint32Array<ArrayBuffer>>;
  readonly parameters: Entries;
  readonly statistics: Statistics;
  readonly logits: { readonly buffer: BufferName; readonly quads: number };
}

interface PlanOptions {
  readonly batch: number;
  readonly optimizer: Optimizer;
  /** Whether the device rounds a multiply-add once. */
  readonly fused: boolean;
}

export function makePlan(graph: Graph, activation: Pick<Activation, "expression">, options: PlanOptions): Plan {
  return new Planner(graph, compileChild(graph, activation), options).plan();
}

type Emit<Stage> = (stage: Stage, planner: Planner) => void;

/** The dispatches of each kind of forward stage, or where its values are found without any. */
const FORWARD: { readonly [Kind in StageKind]: Emit<StageOf<Kind>> } = {
  input: ({ out }, planner) => planner.emit(stageImages(planner.batch, out.shape, planner.tensor(out))),
  convolution: (stage, planner) => planner.convolution(stage),
  dense: (stage, planner) => planner.convolution(stage),
  depthwise: (stage, planner) =>
    planner.emit(depthwiseForward(planner.depthwise(stage), planner.tensor(stage.input), planner.tensor(stage.out))),
  pointwise: (stage, planner) => planner.pointwise(stage),
  shortcut({ input, out, stride }, planner) {
    const { buffer: tensor } = planner.tensor(input);
    planner.find(out, { tensor, route: { kind: "shortcut", stride, from: input.shape } });
  },
  average_pool: ({ input, out }, planner) =>
    planner.emit(poolImages(planner.batch, input.shape, planner.tensor(input), planner.tensor(out))),
  square_pool: ({ input, out, size }, planner) =>
    planner.emit(squarePool(
      { images: planner.batch, input: input.shape, output: out.shape, size },
      planner.tensor(input),
      planner.tensor(out),
    )),
  max_pool: (stage, planner) =>
    planner.emit(maxPool(planner.windows(stage), planner.tensor(stage.input), planner.tensor(stage.out))),
  concatenation: (stage, planner) => planner.concatenation(stage),
  loss: () => {}, // evaluation has no labels: it is computed with its gradient
};

/** The same of the backward stages. */
const BACKWARD: { readonly [Kind in GradientKind]: Emit<GradientOf<Kind>> } = {
  loss: ({ of, into }, planner) =>
    planner.emit(softmaxCrossEntropy({
      images: planner.batch,
      classes: planner.graph.classes,
      smoothing: of.smoothing,
      logits: planner.tensor(of.input),
      gradient: planner.tensor(into),
    })),
  convolution: (stage, planner) => planner.convolutionGradient(stage),
  dense(stage, planner) {
    planner.biasGradient(stage);
    planner.convolutionGradient(stage);
  },
  depthwise({ of, terms, into }, planner) {
    const gradient = planner.gathered(terms, of.out.shape);
    planner.emit(depthwiseKernelGradient(planner.windows(of), {
      input: planner.tensor(of.input),
      gradient,
      ...planner.partsFor(of.kernel),
    }));
    if (into) planner.emit(depthwiseInputGradient(planner.depthwise(of), gradient, planner.tensor(into)));
  },
  pointwise: (stage, planner) => planner.pointwiseGradient(stage),
  shortcut({ of, terms, into }, planner) {
    const { buffer: tensor } = planner.gathered(terms, of.out.shape);
    planner.find(into, { tensor, route: { kind: "shortcut gradient", stride: of.stride, from: of.out.shape } });
  },
  average_pool({ of, terms, into }, planner) {
    planner.find(into, { tensor: planner.gathered(terms, of.out.shape).buffer, route: { kind: "image" } });
  },
  square_pool({ of, terms, into }, planner) {
    const { buffer: tensor } = planner.gathered(terms, of.out.shape);
    planner.find(into, { tensor, route: { kind: "squares", size: of.size, from: of.out.shape } });
  },
  max_pool: ({ of, terms, into }, planner) =>
    planner.emit(maxPoolGradient(
      planner.windows(of),
      planner.tensor(of.input),
      planner.gathered(terms, of.out.shape),
      planner.tensor(into),
    )),
  concatenation({ of, terms, part, into }, planner) {
    const { buffer: tensor } = planner.gathered(terms, of.out.shape);
    const first = part === 0 ? 0 : channelsOf(of.parts[0].shape);
    planner.find(into, { tensor, route: { kind: "shortcut", stride: 1, from: of.out.shape, first } });
  },
  gather: ({ terms, into }, planner) => planner.gather(terms, into.shape, planner.tensor(into)),
};

/** Terms that a kernel adds up: each may read two tensors, and a kernel's buffers are limited. */
const MAX_TERMS = 2;

/** One pass over memory: its list, and what it reads and sums. */
interface PassRequest {
  readonly name: string;
  readonly work: Work;
  readonly shape: Shape;
  readonly list: OperationList;
  readonly inputs: ReadonlyMap<string, Source>;
  readonly channels: ReadonlyMap<string, ChannelSource>;
  readonly store?: readonly [name: string, to: Operand];
  readonly sums?: readonly PassSum[];
  readonly dropout?: Dropout;
  readonly own?: boolean;
}

class Planner {
  readonly batch: number;
  readonly #child: CompiledChild;
  readonly #options: PlanOptions;
  readonly #writer: ActivationWriter;
  readonly #dispatches: Dispatch[] = [];
  readonly #sizes = new Map<BufferName, number>();
  readonly #parameters: Entries;
  readonly #statistics: Statistics;
  /** The parts of gradients that are added up before the update, by parameter. */
  readonly #sums = new Map<string, Sum>();
  /** Values that are part of other tensors, by their ids. */
  readonly #found = new Map<number, Source>();
  #isTraining = true;
  #buffers = 0;

  constructor(readonly graph: Graph, child: CompiledChild, options: PlanOptions) {
    this.batch = options.batch;
    this.#child = child;
    this.#options = options;
    this.#writer = writtenInPlace(child.activation);
    this.#parameters = parameterEntries(graph);
    this.#statistics = statisticsEntries(graph);
    for (const name of ["parameters", "gradients", ...SLOTS[options.optimizer.kind].map((_, i) => `slot${i}`)]) {
      this.#sizes.set(name, this.#parameters.quads);
    }
    this.#sizes.set("statistics", this.#statistics.quads);
    this.#sizes.set("coefficients", aligned(coefficientQuads(this.#statistics.half)));
    this.#sizes.set("parts", aligned(this.#placeParts()));
  }

  plan(): Plan {
    const { graph, batch } = this, { optimizer } = this.#options, { forward, backward } = this.#child.stages;
    forward.forEach((stage) => this.#planForward(stage));
    backward.forEach((stage) => this.#planBackward(stage));
    const sums = [...this.#sums.values()], { quads, decayed } = this.#parameters;
    this.emit(gradientSums(sums, {
      table: "sums",
      parts: this.operand("parts"),
      gradients: this.operand("gradients"),
    }));
    const slots = SLOTS[optimizer.kind].length;
    this.emit(update({ optimizer, slots, quads, decayed, values: parameterCount(graph) }));
    this.emit(advance());
    const training = this.#dispatches.splice(0);

    this.#isTraining = false;
    this.#found.clear();
    const { half } = this.#statistics;
    if (half > 0) this.emit(runningMoments(half, this.#parameters.scales, this.#normOperands()));
    forward.forEach((stage) => this.#planForward(stage));
    this.emit(advance());
    const evaluation = this.#dispatches.splice(0);

    const images = this.tensor(forward[0].out), loss = forward.at(-1) as StageOf<"loss">;
    return {
      ...{ graph, batch, optimizer, training, evaluation },
      picking: pickImages(batch, forward[0].out.shape, images),
      quads: this.#sizes,
      tables: new Map([["sums", sumTable(sums)]]),
      parameters: this.#parameters,
      statistics: this.#statistics,
      logits: { buffer: this.tensor(loss.input).buffer, quads: quadsOf(graph.classes) },
    };
  }

  /** TypeScript cannot see that a stage and the row of its kind belong together; the table's type says that they do. */
  #planForward<Kind extends StageKind>(stage: StageOf<Kind>): void {
    (FORWARD[stage.kind] as unknown as Emit<StageOf<Kind>>)(stage, this);
    if (!this.#isTraining || isProduct(stage) || stage.normalisedBy.length === 0) return;
    const { shape } = stage.out, quads = quadsOf(channelsOf(shape)), pixels = this.batch * placesOf(shape);
    const { chunks: count, length } = chunksOf(pixels, quads, true);
    const parts = { parts: this.#buffer(momentPartQuads(pixels, quads)), count, length, pixels, quads };
    this.emit(chunkMoments(this.tensor(stage.out), parts));
    this.#finishMoments(stage.normalisedBy, parts);
  }

  #planBackward<Kind extends GradientKind>(stage: GradientOf<Kind>): void {
    (BACKWARD[stage.kind] as unknown as Emit<GradientOf<Kind>>)(stage, this);
  }

  emit(dispatch: Dispatch): void {
    this.#dispatches.push(dispatch);
  }

  // Convolutions and dense layers ---------------------------------------------------------------------------------

  convolution(stage: ConvolutionStage | DenseStage): void {
    const shape = this.#convolutionOf(stage), to = this.tensor(stage.out), { normalisedBy } = stage;
    const pixels = this.batch * placesOf(stage.out.shape), quads = quadsOf(channelsOf(stage.out.shape));
    const count = Math.ceil(pixels / TILE_PIXELS);
    const moments = this.#isTraining && normalisedBy.length > 0 ? this.#buffer(2 * count * quads) : undefined;
    this.emit(convolutionForward({
      shape,
      from: this.tensor(stage.input),
      to,
      parameters: this.operand("parameters"),
      kernelOffset: this.#offset(stage.kernel),
      ...stage.kind === "dense" && { biasOffset: this.#offset(stage.bias) },
      moments,
      fused: this.#options.fused,
    }));
    if (moments) this.#finishMoments(normalisedBy, { parts: moments, count, length: TILE_PIXELS, pixels, quads });
  }

  convolutionGradient({ of, terms, into }: GradientOf<"convolution" | "dense">): void {
    const shape = this.#convolutionOf(of), gradient = this.#gradientOf(terms, of.out.shape);
    this.emit(convolutionKernelGradient({
      shape,
      input: this.tensor(of.input),
      gradient,
      ...this.partsFor(of.kernel),
    }));
    if (!into) return;
    this.emit(convolutionInputGradient({
      shape,
      from: gradient,
      to: this.tensor(into),
      parameters: this.operand("parameters"),
      kernelOffset: this.#offset(of.kernel),
      fused: this.#options.fused,
    }));
  }

  biasGradient({ of, terms }: GradientOf<"dense">): void {
    const list = new ListBuilder();
    list.sum("bias", list.input("gradient"));
    this.#pass({
      name: "gradient of a bias",
      work: "kernel gradient",
      shape: of.out.shape,
      list: list.operations,
      inputs: new Map([["gradient", plain(this.gathered(terms, of.out.shape))]]),
      channels: new Map(),
      sums: [this.#partsOf("bias", of.bias)],
    });
  }

  /** As a dense layer reads one row of all images' vectors, and a product of pixels one row of all their pixels. */
  #convolutionOf(stage: ConvolutionStage | DenseStage): Convolution {
    const { input, out } = stage, [height, width, channels] = input.shape, outputs = channelsOf(out.shape);
    const rows = (pixels: number, places: number, size: number): Convolution => ({
      images: 1,
      input: { height: 1, width: pixels, quads: places * quadsOf(channels), channels: places * channels },
      output: { height: 1, width: pixels, quads: quadsOf(outputs), channels: outputs },
      size,
      stride: 1,
    });
    if (stage.kind === "dense") return rows(this.batch, height * width, 1);
    const { size, stride } = stage;
    if (size === 1 && stride === 1) return rows(this.batch * height * width, 1, 1);
    return {
      images: this.batch,
      input: { height, width, quads: quadsOf(channels), channels },
      output: { height: out.shape[0], width: out.shape[1], quads: quadsOf(outputs), channels: outputs },
      size,
      stride,
    };
  }

  // Windows, parts of channels -------------------------------------------------------------------------------------

  windows({ input, out, size, stride }: StageOf<"depthwise" | "max_pool">): Windows {
    return { images: this.batch, input: input.shape, output: out.shape, size, stride };
  }

  depthwise(stage: StageOf<"depthwise">): Depthwise {
    return {
      windows: this.windows(stage),
      parameters: this.operand("parameters"),
      kernelOffset: this.#offset(stage.kernel),
    };
  }

  /** The sum of the parts, each with zeros at the other's channels. */
  concatenation({ parts, out }: StageOf<"concatenation">): void {
    const list = new ListBuilder();
    list.store("out", list.add(list.input("left"), list.input("right")));
    const source = (part: Values, first: number): Source => ({
      tensor: this.tensor(part).buffer,
      route: { kind: "shortcut", stride: 1, from: part.shape, first },
    });
    const [left, right] = parts;
    this.#pass({
      name: "concatenation",
      work: "concatenation",
      shape: out.shape,
      list: list.operations,
      inputs: new Map([["left", source(left, 0)], ["right", source(right, -channelsOf(left.shape))]]),
      channels: new Map(),
      store: ["out", this.tensor(out)],
    });
  }

  // Pointwise stages ----------------------------------------------------------------------------------------------

  pointwise(stage: PointwiseStage): void {
    this.#pass({
      name: stage.activation ? "activation" : "elementwise",
      work: "pointwise",
      shape: stage.out.shape,
      list: forwardList(this.#partsOfStage(stage)),
      ...this.#operandsOf(stage),
      ...this.#dropoutOf(stage),
      store: ["out", this.tensor(stage.out)],
      own: stage.activation !== null,
    });
  }

  pointwiseGradient({ of, terms: all, into }: GradientOf<"pointwise">): void {
    const { batchNorm, activation, dropout, out: { shape } } = of;
    const terms = this.#fewTerms(all, shape, dropout ? 1 : MAX_TERMS);
    const pixels = this.batch * placesOf(shape), quads = quadsOf(channelsOf(shape));
    const { chunks: count, length } = chunksOf(pixels, quads, true);
    const parts = batchNorm && this.#buffer(2 * count * quads), name = parts?.buffer ?? "";
    const own = batchNorm || activation ? this.#operandsOf(of) : { inputs: [], channels: [] },
      sent = this.#operandsOfTerms(terms);
    this.#pass({
      name: activation ? "activation gradient" : "elementwise gradient",
      work: "pointwise gradient",
      shape,
      list: backwardList(this.#partsOfStage(of), kindsOf(terms)),
      inputs: new Map([...own.inputs, ...sent.inputs]),
      channels: new Map([...own.channels, ...sent.channels]),
      ...this.#dropoutOf(of),
      store: ["du", this.tensor(into)],
      sums: [
        ...activation?.beta ? [this.#partsOf("beta", activation.beta)] : [],
        ...batchNorm
          ? [{ name: "shift", parts: name, offset: 0 }, { name: "scale", parts: name, offset: count * quads }]
          : [],
      ],
      own: activation !== null,
    });
    if (parts) this.emit(normGradient({ parts, count, length, pixels, quads }, this.#normPlaces(batchNorm)));
  }

  #partsOfStage(stage: PointwiseStage): PointwiseParts {
    const { batchNorm, residual, activation } = stage;
    return {
      batchNorm: batchNorm !== null,
      residual: residual !== null,
      activation: activation && this.#writer,
      dropout: this.#dropoutOf(stage).dropout !== undefined,
    };
  }

  #dropoutOf({ dropout }: PointwiseStage): { readonly dropout?: Dropout } {
    return dropout && this.#isTraining ? { dropout } : {};
  }

  /** What a stage reads, also a beta that its function may not have. */
  #operandsOf({ y, residual, batchNorm, activation }: PointwiseStage) {
    const inputs = new Map([["y", this.#source(y)]]);
    if (residual) inputs.set("residual", this.#source(residual));
    const channels = new Map<string, ChannelSource>();
    if (batchNorm) {
      channels.set("mean", this.#coefficient("mean", batchNorm));
      channels.set("scale", this.#coefficient("scale", batchNorm));
      channels.set("shift", { buffer: "parameters", offset: this.#offset(batchNorm.shift) });
    }
    if (activation?.beta) channels.set("beta", { buffer: "parameters", offset: this.#offset(activation.beta) });
    return { inputs, channels };
  }

  // Terms ---------------------------------------------------------------------------------------------------------

  /** The sum of terms as one tensor: the only one as it is, or a new one. */
  gathered(terms: readonly Term[], shape: Shape): Operand {
    const [first] = terms;
    if (terms.length === 1 && first.kind === "plain") return this.tensor(first.gradient);
    const sum = this.#buffer(this.#quadsOf(shape));
    this.gather(terms, shape, sum);
    return sum;
  }

  gather(all: readonly Term[], shape: Shape, to: Operand): void {
    const terms = this.#fewTerms(all, shape);
    this.#pass({
      name: "sum of gradients",
      work: "pointwise gradient",
      shape,
      list: gatherList(kindsOf(terms)),
      ...this.#operandsOfTerms(terms),
      store: ["out", to],
    });
  }

  /** The terms as a convolution reads them: batch norm's gradient is computed on the way. */
  #gradientOf(terms: readonly Term[], shape: Shape): Gradient {
    const [term] = terms;
    if (terms.length > 1 || term.kind === "plain") return this.gathered(terms, shape);
    const offset = (name: Coefficient) => this.#coefficient(name, term.batchNorm).offset;
    return {
      ...this.tensor(term.gradient),
      norm: {
        y: this.tensor(term.y),
        coefficients: this.operand("coefficients"),
        ...{ k1: offset("scale"), k2: offset("k2"), k3: offset("k3") },
      },
    };
  }

  /** As many terms as a kernel adds up; the others are added up before. */
  #fewTerms(terms: readonly Term[], shape: Shape, most = MAX_TERMS): readonly Term[] {
    if (terms.length <= most) return terms;
    const gradient: Values = { id: --this.#lastSum, shape };
    this.gather(terms.slice(0, MAX_TERMS), shape, this.tensor(gradient));
    return this.#fewTerms([{ kind: "plain", gradient }, ...terms.slice(MAX_TERMS)], shape, most);
  }
  /** Sums made here have negative ids. */
  #lastSum = 0;

  #operandsOfTerms(terms: readonly Term[]) {
    const inputs = new Map<string, Source>(), channels = new Map<string, ChannelSource>();
    for (const [i, term] of terms.entries()) {
      inputs.set(`term${i}`, this.#source(term.gradient));
      if (term.kind === "plain") continue;
      inputs.set(`y${i}`, this.#source(term.y));
      for (const [k, name] of [["k1", "scale"], ["k2", "k2"], ["k3", "k3"]] as const) {
        channels.set(`${k}_${i}`, this.#coefficient(name, term.batchNorm));
      }
    }
    return { inputs, channels };
  }

  // Batch norms ---------------------------------------------------------------------------------------------------

  #finishMoments(norms: readonly BatchNorm[], parts: NormParts): void {
    for (const norm of norms) this.emit(batchMoments(parts, this.#normPlaces(norm)));
  }

  #normPlaces(norm: BatchNorm): NormPlaces {
    return {
      ...this.#normOperands(),
      half: this.#statistics.half,
      offset: this.#statistics.entries.get(`${norm.statistics}.mean`)!.offset,
      scale: this.#offset(norm.scale),
      shift: this.#offset(norm.shift),
    };
  }

  #normOperands() {
    return {
      coefficients: this.operand("coefficients"),
      statistics: this.operand("statistics"),
      parameters: this.operand("parameters"),
      gradients: this.operand("gradients"),
    };
  }

  #coefficient(name: Coefficient, norm: BatchNorm): ChannelSource {
    const { half, offset } = this.#normPlaces(norm);
    return { buffer: "coefficients", offset: coefficientOffset(name, half) + offset };
  }

  // Tensors and parts ---------------------------------------------------------------------------------------------

  operand(buffer: BufferName): Operand {
    return { buffer, stride: this.#sizes.get(buffer)! };
  }

  /** The values as a tensor of their own: copied, if they are found in another. */
  tensor(values: Values): Operand {
    const name = `values ${values.id}`;
    if (!this.#sizes.has(name)) this.#sizes.set(name, this.#quadsOf(values.shape));
    const to = this.operand(name), source = this.#found.get(values.id);
    if (source) {
      const list = new ListBuilder();
      list.store("out", list.input("value"));
      this.#pass({
        name: "copy",
        work: "pointwise",
        shape: values.shape,
        list: list.operations,
        inputs: new Map([["value", source]]),
        channels: new Map(),
        store: ["out", to],
      });
      this.#found.delete(values.id);
    }
    return to;
  }

  /** Notes that values need no tensor of their own, as long as they are read pixel by pixel. */
  find(values: Values, source: Source): void {
    this.#found.set(values.id, source);
  }

  #source(values: Values): Source {
    return this.#found.get(values.id) ?? plain(this.tensor(values));
  }

  #buffer(quads: number): Operand {
    const name = `tensor ${this.#buffers++}`;
    this.#sizes.set(name, aligned(quads));
    return this.operand(name);
  }

  #quadsOf(shape: Shape): number {
    return aligned(this.batch * placesOf(shape) * quadsOf(channelsOf(shape)));
  }

  #offset(parameter: string): number {
    return this.#parameters.entries.get(parameter)!.offset;
  }

  partsFor(kernel: string) {
    return { parts: this.operand("parts"), partsOffset: this.#sums.get(kernel)!.start };
  }

  #partsOf(name: string, parameter: string): PassSum {
    return { name, parts: "parts", offset: this.#sums.get(parameter)!.start };
  }

  /** Places the parts of all gradients that are summed before the update; the quads of all together. */
  #placeParts(): number {
    let start = 0;
    const place = (parameter: string, count: number, quads: number) => {
      this.#sums.set(parameter, { start, count, quads, to: this.#offset(parameter) });
      start += count * quads;
    };
    const placePass = (parameter: string, shape: Shape) => {
      const quads = quadsOf(channelsOf(shape));
      place(parameter, chunksOf(this.batch * placesOf(shape), quads, true).chunks, quads);
    };
    for (const stage of this.#child.stages.backward) {
      if (stage.kind === "convolution" || stage.kind === "dense") {
        const shape = this.#convolutionOf(stage.of);
        place(stage.of.kernel, gradientSplits(shape), kernelQuads(shape));
      }
      if (stage.kind === "depthwise") {
        const { kernel, size, out: { shape } } = stage.of;
        place(kernel, depthwiseSplits(this.windows(stage.of)), size ** 2 * quadsOf(channelsOf(shape)));
      }
      if (stage.kind === "dense") placePass(stage.of.bias, stage.of.out.shape);
      if (stage.kind === "pointwise" && stage.of.activation?.beta) {
        placePass(stage.of.activation.beta, stage.of.out.shape);
      }
    }
    return start;
  }

  #pass({ name, work, shape, list, inputs, channels, store, dropout, sums = [], own = false }: PassRequest): void {
    this.emit(pointwise({
      ...{ name, work, shape, list, inputs, channels, dropout, sums, own },
      images: this.batch,
      stores: new Map(store ? [[store[0], store[1].buffer]] : []),
      fused: this.#options.fused,
      quadsIn: (buffer) => this.#sizes.get(buffer)!,
    }));
  }
}

function plain({ buffer }: Operand): Source {
  return { tensor: buffer, route: { kind: "same" } };
}

/** Whether a convolution computes the stage, and the moments of what it gives with it. */
function isProduct({ kind }: { readonly kind: StageKind }): boolean {
  return kind === "convolution" || kind === "dense";
}
