/**
 * What one child computes, as dispatches on named buffers: those of a training step and those of an evaluation. The
 * plan knows sizes of one child; `group.ts` makes the buffers for as many children as train side by side.
 *
 * Over 400 lines, as forward and backward of each stage are planned on the same buffers.
 */
import { ListBuilder, type Value } from "../../compiler/operations.ts";
import type { Derivatives } from "../../compiler/derivatives.ts";
import { Lowering } from "../../compiler/lower.ts";
import { type Graph, type NodeId, type NodeOf } from "../../network/graph.ts";
import { type Optimizer, SLOTS } from "../../network/optimizer.ts";
import { type Convolution, convolutionForward, convolutionInputGradient } from "./convolution.ts";
import { convolutionKernelGradient, gradientSplits, kernelQuads } from "./kernel_gradient.ts";
import type { BufferName, Dispatch } from "./kernel.ts";
import { aligned, type Entries, parameterEntries, QUAD_BYTES, quadsOf, statisticsEntries } from "./layout.ts";
import { type ChannelSource, chunksOf, type Pass, pointwise, type Route, type Source } from "./pointwise.ts";
import { batchMoments, chunkMoments, momentPartQuads, reduction, runningMoments } from "./reduction.ts";
import { type ElementwiseStage, type Stage, stagesOf, type Term } from "./stages.ts";
import { advance, pickImages, poolImages, softmaxCrossEntropy, stageImages, update } from "./step_kernels.ts";
import { type Shape, sizeOf } from "../../network/shape.ts";

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
  readonly parameters: Entries;
  readonly statistics: Entries & { readonly half: number };
  readonly logits: { readonly buffer: BufferName; readonly quads: number };
  /** Bytes of one child. */
  readonly bytes: number;
}

/** `fused`: whether the device rounds a multiply-add once. */
export function makePlan(
  graph: Graph,
  activation: Derivatives,
  { batch, optimizer, fused }: { readonly batch: number; readonly optimizer: Optimizer; readonly fused: boolean },
): Plan {
  return new Planner(graph, activation, batch, optimizer, fused).plan();
}

/** The gradient of a tensor, or a part of it: what is read, and where. */
interface Contribution extends Source {
  /** Factor, as pooling divides by its pixels. */
  readonly times: number;
}

class Planner {
  readonly #dispatches: Dispatch[] = [];
  readonly #sizes = new Map<BufferName, number>();
  readonly #parameters: Entries;
  readonly #statistics: Entries & { readonly half: number };
  readonly #values = new Map<NodeId, BufferName>();
  readonly #gradients = new Map<NodeId, Contribution[]>();
  readonly #trainable: boolean[] = [];
  /** Preactivations of a stage are computed again in the backward pass. */
  #tensors = 0;

  constructor(
    readonly graph: Graph,
    readonly activation: Derivatives,
    readonly batch: number,
    readonly optimizer: Optimizer,
    readonly fused: boolean,
  ) {
    this.#parameters = parameterEntries(graph);
    this.#statistics = statisticsEntries(graph);
    for (const name of ["parameters", "gradients", ...SLOTS[optimizer.kind].map((_, i) => `slot${i}`)]) {
      this.#sizes.set(name, this.#parameters.quads);
    }
    for (const name of ["moments", "statistics"]) this.#sizes.set(name, this.#statistics.quads);
  }

  plan(): Plan {
    const { graph, batch, optimizer } = this;
    const stages = stagesOf(graph);
    stages.forEach((stage) => this.#trainable[stage.id] = this.#hasParameters(stage));

    for (const stage of stages) this.#forward(stage, true);
    for (const stage of stages.toReversed()) this.#backward(stage);
    const { quads, decayed } = this.#parameters;
    this.#dispatches.push(update({ optimizer, slots: SLOTS[optimizer.kind].length, quads, decayed }), advance());
    const training = this.#dispatches.splice(0);

    if (this.#statistics.half > 0) {
      this.#dispatches.push(runningMoments(this.#statistics.half, this.#statistics.quads));
    }
    for (const stage of stages) if (stage.kind !== "loss") this.#forward(stage, false);
    const evaluation = this.#dispatches.splice(0);
    const images = this.#values.get(0)!; // the input is every graph's first node

    const loss = graph.nodes.at(-1) as NodeOf<"softmax_cross_entropy">;
    return {
      graph,
      batch,
      optimizer,
      training,
      evaluation,
      picking: pickImages(batch, this.#shape(0), images, this.#stride(images)),
      quads: this.#sizes,
      parameters: this.#parameters,
      statistics: this.#statistics,
      logits: { buffer: this.#values.get(loss.input)!, quads: quadsOf(graph.classes) },
      bytes: QUAD_BYTES * [...this.#sizes.values()].reduce((sum, quads) => sum + quads, 0),
    };
  }

  // Forward -------------------------------------------------------------------------------------------------------

  #forward(stage: Stage, isTraining: boolean): void {
    switch (stage.kind) {
      case "input": {
        const to = this.#value(stage.id);
        this.#dispatches.push(stageImages(this.batch, this.#shape(stage.id), to, this.#stride(to)));
        return;
      }
      case "conv":
      case "dense": {
        const { node } = stage, from = this.#values.get(node.input)!, to = this.#value(stage.id);
        this.#dispatches.push(convolutionForward({
          shape: this.#convolution(node),
          from,
          to,
          kernelOffset: this.#offset(node.kernel),
          ...node.kind === "dense" && { biasOffset: this.#offset(node.bias) },
          parameterQuads: this.#parameters.quads,
          fused: this.fused,
          fromStride: this.#stride(from),
          toStride: this.#stride(to),
        }));
        return;
      }
      case "pool":
        return this.#pool(stage.node, this.#value(stage.id));
      case "loss": {
        const logits = this.#values.get(stage.node.input)!;
        const gradient = this.#tensor(this.#shape(stage.node.input));
        this.#dispatches.push(softmaxCrossEntropy({
          images: this.batch,
          classes: this.graph.classes,
          logits,
          logitsStride: this.#stride(logits),
          gradient,
          gradientStride: this.#stride(gradient),
        }));
        this.#contribute(stage.node.input, { tensor: gradient, route: { kind: "same" }, times: 1 });
        return;
      }
      case "elementwise":
        if (isTraining) this.#moments(stage);
        return this.#elementwise(stage);
    }
  }

  /** Mean of each image's pixels: the sums of a pass whose images are one pixel each would be of the batch. */
  #pool(node: NodeOf<"global_average_pool">, to: BufferName): void {
    const from = this.#values.get(node.input)!, [height, width, channels] = this.#shape(node.input);
    this.#dispatches.push(
      poolImages(this.batch, height * width, quadsOf(channels), {
        from,
        to,
        fromStride: this.#stride(from),
        toStride: this.#stride(to),
      }),
    );
  }

  #moments({ terms }: ElementwiseStage): void {
    for (const { value, norm } of terms) {
      if (!norm) continue;
      const [height, width, channels] = norm.shape, pixels = this.batch * height * width, quads = quadsOf(channels);
      const parts = this.#buffer(momentPartQuads(pixels, quads)), tensor = this.#values.get(value)!;
      const moments = {
        pixels,
        quads,
        value: tensor,
        valueStride: this.#stride(tensor),
        parts,
        partsStride: this.#stride(parts),
        offset: this.#meanOffset(norm),
        half: this.#statistics.half,
        statisticsQuads: this.#statistics.quads,
      };
      this.#dispatches.push(chunkMoments(moments), batchMoments(moments));
    }
  }

  #elementwise(stage: ElementwiseStage): void {
    const pass = new PassBuilder(this, stage);
    const sum = pass.sum();
    const activation = stage.activation && new Lowering(pass.list, sum, pass.beta());
    pass.list.store("out", activation ? activation.write(this.activation.value) : sum);
    pass.stores.set("out", this.#value(stage.id));
    this.#dispatches.push(pass.dispatch(stage.activation ? "activation" : "elementwise"));
  }

  // Backward ------------------------------------------------------------------------------------------------------

  #backward(stage: Stage): void {
    if (!this.#trainable[stage.id] || stage.kind === "input" || stage.kind === "loss") return;
    const contributions = this.#gradients.get(stage.id);
    if (!contributions) return;
    switch (stage.kind) {
      case "conv":
      case "dense":
        return this.#convolutionBackward(stage.node, this.#single(stage.id, contributions));
      case "pool": {
        const { node } = stage, [height, width] = this.#shape(node.input);
        const tensor = this.#single(stage.id, contributions);
        return this.#contribute(node.input, { tensor, route: { kind: "image" }, times: 1 / (height * width) });
      }
      case "elementwise":
        return this.#elementwiseBackward(stage, contributions);
    }
  }

  #convolutionBackward(node: NodeOf<"conv"> | NodeOf<"dense">, gradient: BufferName): void {
    const shape = this.#convolution(node), input = this.#values.get(node.input)!;
    const splits = gradientSplits(shape), quads = kernelQuads(shape);
    const parts = this.#buffer(splits * quads);
    this.#dispatches.push(
      convolutionKernelGradient({
        shape,
        input,
        gradient,
        parts,
        inputStride: this.#stride(input),
        gradientStride: this.#stride(gradient),
        partsStride: this.#stride(parts),
      }),
      this.#reduce(parts, splits, quads, [this.#offset(node.kernel)]),
    );
    if (node.kind === "dense") this.#biasGradient(node, gradient);
    if (!this.#trainable[node.input]) return;
    const to = this.#tensor(this.#shape(node.input));
    this.#dispatches.push(convolutionInputGradient({
      shape,
      from: gradient,
      to,
      kernelOffset: this.#offset(node.kernel),
      parameterQuads: this.#parameters.quads,
      fused: this.fused,
      fromStride: this.#stride(gradient),
      toStride: this.#stride(to),
    }));
    this.#contribute(node.input, { tensor: to, route: { kind: "same" }, times: 1 });
  }

  #biasGradient(node: NodeOf<"dense">, gradient: BufferName): void {
    const pass = new PassBuilder(this, { shape: node.shape });
    pass.list.sum("bias", pass.read({ tensor: gradient, route: { kind: "same" } }));
    pass.sums.push({ name: "bias", offset: this.#offset(node.bias) });
    this.#dispatches.push(...pass.dispatches("gradient of a bias"));
  }

  /**
   * The gradient of the sum of terms, with the sums that batch norm and beta need, then that of each batch norm's
   * input. A term without batch norm has the gradient of the sum itself.
   */
  #elementwiseBackward(stage: ElementwiseStage, contributions: readonly Contribution[]): void {
    const { terms, activation } = stage;
    const norms = terms.filter(({ norm }) => norm);
    const [first] = contributions;
    const isPlain = contributions.length === 1 && first.times === 1 && first.route.kind === "same";
    let sum = isPlain && !activation ? first.tensor : null;
    if (sum === null || norms.length > 0) {
      const pass = new PassBuilder(this, stage);
      const { list } = pass;
      let gradient = pass.sumOf(contributions);
      if (activation) {
        const { byX, byB } = this.activation, lowering = new Lowering(list, pass.sum(), pass.beta());
        if (activation.beta !== undefined) {
          if (byB === null) list.sum("beta", list.constant(0));
          else list.sum("beta", gradient, lowering.write(byB));
          pass.sums.push({ name: "beta", offset: this.#offset(activation.beta) });
        }
        gradient = list.mul(gradient, lowering.write(byX));
      }
      if (sum === null) {
        sum = this.#tensor(this.#shape(stage.id));
        list.store("gradient", gradient);
        pass.stores.set("gradient", sum);
      }
      terms.forEach(({ norm }, i) => {
        if (!norm) return;
        list.sum(`shift${i}`, gradient);
        list.sum(`scale${i}`, gradient, pass.normalised(i));
        pass.sums.push({ name: `shift${i}`, offset: this.#offset(norm.shift) });
        pass.sums.push({ name: `scale${i}`, offset: this.#offset(norm.scale) });
      });
      this.#dispatches.push(...pass.dispatches(activation ? "activation gradient" : "elementwise gradient"));
    }
    terms.forEach((term, i) => this.#termGradient(stage, term, i, sum));
  }

  #termGradient(stage: ElementwiseStage, { value, norm, shortcut }: Term, i: number, gradient: BufferName): void {
    if (!this.#trainable[value]) return;
    if (shortcut) {
      const route = { kind: "shortcut gradient", stride: shortcut.stride, from: shortcut.shape } as const;
      return this.#contribute(value, { tensor: gradient, route, times: 1 });
    }
    const tensor = norm ? this.#normGradient(stage, norm, i, gradient) : gradient;
    this.#contribute(value, { tensor, route: { kind: "same" }, times: 1 });
  }

  /** Ioffe & Szegedy 2015, §3, as in `reference`: scale / deviation (g - (d shift + n d scale) / m). */
  #normGradient(stage: ElementwiseStage, norm: NodeOf<"batch_norm">, i: number, gradient: BufferName): BufferName {
    const [height, width] = norm.shape, m = this.batch * height * width;
    const pass = new PassBuilder(this, stage);
    const { list } = pass;
    const shift = pass.channel("gradients", this.#offset(norm.shift));
    const scale = pass.channel("gradients", this.#offset(norm.scale));
    const mean = list.mul(list.multiplyAdd(pass.normalised(i), scale, shift), list.constant(1 / m));
    const centred = list.sub(pass.read({ tensor: gradient, route: { kind: "same" } }), mean);
    const factor = list.mul(pass.channel("parameters", this.#offset(norm.scale)), pass.deviation(i));
    const to = this.#tensor(norm.shape);
    list.store("out", list.mul(factor, centred));
    pass.stores.set("out", to);
    this.#dispatches.push(pass.dispatch("batch norm gradient"));
    return to;
  }

  /** The whole gradient of a node as one tensor. */
  #single(id: NodeId, contributions: readonly Contribution[]): BufferName {
    const [first] = contributions;
    if (contributions.length === 1 && first.times === 1 && first.route.kind === "same") return first.tensor;
    const pass = new PassBuilder(this, { shape: this.#shape(id) });
    const to = this.#tensor(this.#shape(id));
    pass.list.store("out", pass.sumOf(contributions));
    pass.stores.set("out", to);
    this.#dispatches.push(pass.dispatch("sum of gradients"));
    return to;
  }

  #reduce(parts: BufferName, count: number, quads: number, offsets: readonly number[]): Dispatch {
    const partsStride = this.#stride(parts), gradientQuads = this.#parameters.quads;
    return reduction({ parts, partsStride, count, quads, gradientQuads, offsets });
  }

  // Names and sizes -----------------------------------------------------------------------------------------------

  #shape(id: NodeId): Shape {
    return this.graph.nodes[id].shape;
  }

  #contribute(to: NodeId, contribution: Contribution): void {
    if (!this.#trainable[to]) return;
    const known = this.#gradients.get(to);
    if (known) known.push(contribution);
    else this.#gradients.set(to, [contribution]);
  }

  #buffer(quads: number): BufferName {
    const name = `tensor${this.#tensors++}`;
    this.#sizes.set(name, aligned(quads));
    return name;
  }

  #tensor([height, width, channels]: Shape): BufferName {
    return this.#buffer(this.batch * height * width * quadsOf(channels));
  }

  /** The tensor of a node, the same in training and evaluation. */
  #value(id: NodeId): BufferName {
    const known = this.#values.get(id);
    if (known !== undefined) return known;
    const name = this.#tensor(this.#shape(id));
    this.#values.set(id, name);
    return name;
  }

  #stride(buffer: BufferName): number {
    return this.#sizes.get(buffer)!;
  }

  #offset(parameter: string): number {
    return this.#parameters.entries.get(parameter)!.offset;
  }

  #meanOffset({ statistics }: NodeOf<"batch_norm">): number {
    return this.#statistics.entries.get(`${statistics}.mean`)!.offset;
  }

  #convolution(node: NodeOf<"conv"> | NodeOf<"dense">): Convolution {
    const [height, width, channels] = this.#shape(node.input), images = this.batch;
    if (node.kind === "dense") {
      const row = { height: 1, width: images };
      const input = { ...row, quads: height * width * quadsOf(channels) };
      return { images: 1, input, output: { ...row, quads: quadsOf(sizeOf(node.shape)) }, size: 1, stride: 1 };
    }
    if (node.size === 1 && node.stride === 1) { // a plain matrix product, of which all pixels are one row
      const row = { height: 1, width: images * height * width };
      const input = { ...row, quads: quadsOf(channels) };
      return { images: 1, input, output: { ...row, quads: quadsOf(node.shape[2]) }, size: 1, stride: 1 };
    }
    return {
      images,
      input: { height, width, quads: quadsOf(channels) },
      output: { height: node.shape[0], width: node.shape[1], quads: quadsOf(node.shape[2]) },
      size: node.size,
      stride: node.stride,
    };
  }

  /** Whether a parameter lies at or before a stage. */
  #hasParameters(stage: Stage): boolean {
    const before = (id: NodeId) => this.#trainable[id];
    switch (stage.kind) {
      case "input":
        return false;
      case "conv":
      case "dense":
        return true;
      case "pool":
      case "loss":
        return before(stage.node.input);
      case "elementwise":
        return stage.activation?.beta !== undefined || stage.terms.some(({ norm, value }) => norm || before(value));
    }
  }

  /** For passes. */
  get tables() {
    return {
      values: this.#values,
      offset: (parameter: string) => this.#offset(parameter),
      meanOffset: (norm: NodeOf<"batch_norm">) => this.#meanOffset(norm),
      half: this.#statistics.half,
      stride: (buffer: BufferName) => this.#stride(buffer),
      buffer: (quads: number) => this.#buffer(quads),
      reduce: (parts: BufferName, count: number, quads: number, offsets: readonly number[]) =>
        this.#reduce(parts, count, quads, offsets),
    };
  }
}

/** One pass over memory, its list built up from the terms of a stage and from gradients. */
class PassBuilder {
  readonly list = new ListBuilder();
  readonly stores = new Map<string, BufferName>();
  /** With the places of the gradients that they are. */
  readonly sums: { readonly name: string; readonly offset: number }[] = [];
  readonly #shape: Shape;
  readonly #terms: readonly Term[];
  readonly #inputs = new Map<string, Source>();
  readonly #channels = new Map<string, ChannelSource>();
  #own = false;

  constructor(readonly planner: Planner, readonly stage: ElementwiseStage | { readonly shape: Shape }) {
    this.#shape = "shape" in stage ? stage.shape : planner.graph.nodes[stage.id].shape;
    this.#terms = "terms" in stage ? stage.terms : [];
  }

  read(source: Source): Value {
    const name = `${source.tensor}_${source.route.kind.replace(" ", "_")}`;
    this.#inputs.set(name, source);
    return this.list.input(name);
  }

  channel(buffer: BufferName, offset: number): Value {
    const name = `${buffer}${offset}`;
    this.#channels.set(name, { buffer, offset });
    return this.list.channel(name);
  }

  /** The activation's beta; null without one. */
  beta(): Value | null {
    this.#own = true;
    const activation = "activation" in this.stage ? this.stage.activation : undefined;
    if (activation?.beta === undefined) return null;
    return this.channel("parameters", this.planner.tables.offset(activation.beta));
  }

  /** 1 / standard deviation of a term's batch norm. */
  deviation(term: number): Value {
    const { meanOffset, half } = this.planner.tables;
    return this.channel("moments", half + meanOffset(this.#terms[term].norm!));
  }

  /** A term's value less the mean, over the standard deviation. */
  normalised(term: number): Value {
    return this.list.mul(this.#centred(term), this.deviation(term));
  }

  /** The sum of the stage's terms. */
  sum(): Value {
    return this.#terms.map((_, i) => this.#term(i)).reduce((sum, term) => this.list.add(sum, term));
  }

  sumOf(contributions: readonly Contribution[]): Value {
    const { list } = this;
    return contributions.map((contribution) => {
      const value = this.read(contribution);
      return contribution.times === 1 ? value : list.mul(value, list.constant(contribution.times));
    }).reduce((sum, value) => list.add(sum, value));
  }

  dispatch(name: string): Dispatch {
    return pointwise(this.#pass(name));
  }

  /** With the one that adds up the parts of its sums. */
  dispatches(name: string): Dispatch[] {
    if (this.sums.length === 0) return [this.dispatch(name)];
    const { batch, tables } = this.planner;
    const [height, width, channels] = this.#shape, quads = quadsOf(channels);
    const { chunks } = chunksOf(batch * height * width, quads, true);
    const parts = tables.buffer(this.sums.length * chunks * quads);
    const offsets = this.sums.map(({ offset }) => offset);
    return [pointwise({ ...this.#pass(name), parts }), tables.reduce(parts, chunks, quads, offsets)];
  }

  #pass(name: string): Pass {
    return {
      name,
      images: this.planner.batch,
      shape: this.#shape,
      list: this.list.operations,
      inputs: this.#inputs,
      channels: this.#channels,
      stores: this.stores,
      sums: this.sums.map(({ name }) => name),
      own: this.#own,
      fused: this.planner.fused,
      quadsIn: (buffer) => this.planner.tables.stride(buffer),
    };
  }

  /** A term's value less the mean first, as a mean larger than the deviation would cost precision in the shift. */
  #centred(term: number): Value {
    const mean = this.channel("moments", this.planner.tables.meanOffset(this.#terms[term].norm!));
    return this.list.sub(this.#termInput(term), mean);
  }

  #term(i: number): Value {
    const { norm } = this.#terms[i];
    if (!norm) return this.#termInput(i);
    const { offset } = this.planner.tables;
    const { list } = this;
    const scale = list.mul(this.channel("parameters", offset(norm.scale)), this.deviation(i));
    return list.multiplyAdd(this.#centred(i), scale, this.channel("parameters", offset(norm.shift)));
  }

  #termInput(i: number): Value {
    const { value, shortcut } = this.#terms[i];
    const from = this.planner.graph.nodes[value].shape;
    const route: Route = shortcut ? { kind: "shortcut", stride: shortcut.stride, from } : { kind: "same" };
    return this.read({ tensor: this.planner.tables.values.get(value)!, route });
  }
}
