/**
 * The elementwise kernels: the lists of compiler/pointwise.ts in loops over images, blocks of channels and pixels. A
 * kernel's parameters have the names of the list's tensors; the coefficients of a batch norm lie together.
 */
import { backwardList, forwardList, gatherList, type PointwiseParts, type TermKind } from "../../compiler/pointwise.ts";
import type { OperationList } from "../../compiler/operations.ts";
import { cutIntoPasses } from "../../compiler/schedule.ts";
import type { ActivationCode } from "./activation.ts";
import { costModel, emit, type Surroundings } from "./emit.ts";
import { maskCode } from "./dropout.ts";
import { FLOAT_BYTES, FunctionBuilder, type Int, type Kernel } from "./function_builder.ts";
import type { Target, Vector } from "./function_builder.ts";
import type { Layout } from "./layout.ts";
import { BAND_PIXELS, type Pass, positions, Walk } from "./walk.ts";

/** Order of the rows of a batch norm's coefficients, each `lanes` floats. */
export const COEFFICIENTS = ["scale", "shift", "mean", "inverseDeviation", "k1", "k2", "k3"] as const;
export type Coefficient = typeof COEFFICIENTS[number];

export function coefficientOffset(name: Coefficient, lanes: number): number {
  return COEFFICIENTS.indexOf(name) * lanes * FLOAT_BYTES;
}

export interface TermLayout {
  readonly kind: TermKind;
  readonly tensor: Layout;
  /** The batch norm's input; present for that kind. */
  readonly y?: Layout;
}

export interface Pointwise {
  readonly y: Layout;
  readonly residual: Layout | null;
  readonly batchNorm: boolean;
  /** Null if nothing follows the addition. */
  readonly activation: ActivationCode | null;
  readonly dropout: boolean;
}

/** What the lists of a stage are made from. */
function partsOfStage({ batchNorm, residual, activation, dropout }: Pointwise): PointwiseParts {
  return { batchNorm, residual: residual !== null, activation: activation && activation.writer, dropout };
}

/** Parameters of kernels with dropout: its numbers in memory, and the place of the first image's first element. */
const DROPOUT_PARAMETERS = ["dropout", "mask"] as const;

/** Bytes per pixel that may be kept between passes: 8 vectors of 16 channels. */
const MAX_KEPT_BYTES = 8 * 64;

/** Bytes of scratch memory for the kernels of images of this width. */
export function passScratchBytes(width: number): number {
  return Math.max(BAND_PIXELS, width) * MAX_KEPT_BYTES;
}

/** The context of a list in a kernel, besides its tensors. */
interface ListWork {
  readonly list: OperationList;
  readonly activation: ActivationCode | null;
  readonly channel: (name: string) => Vector;
  /** Dropout's mask at the element whose position is there. */
  readonly mask?: Mask;
  readonly sum?: Surroundings["sum"];
}

type Mask = (position: Int) => Vector;

/** The list at every pixel of the walk; cut into passes if the kernel has scratch memory and makes no calls. */
function passesOf(walk: Walk, { list, activation, channel, mask, sum }: ListWork): Pass[] {
  const { f, parts } = walk, vectorBytes = parts * 16;
  const call = activation?.calls(f);
  const around = {
    input: (name: string) => mask && name === "mask" ? mask(walk.at(name)) : f.load(walk.at(name), 0, parts),
    store: (name: string, value: Vector) => f.store(walk.at(name), 0, value),
    channel,
    sum,
    call,
  };
  if (!f.parameters.includes("scratch") || activation?.isInPlace === false) {
    return [{ pixel: () => emit(f, list, parts, around) }];
  }
  const { passes, slots } = cutIntoPasses(list, costModel(parts), MAX_KEPT_BYTES / vectorBytes);
  let kept: Int;
  return passes.map((pass, i) => ({
    tensors: tensorsOf(pass),
    begin() {
      if (slots === 0) return;
      if (i === 0) kept = f.int("kept", f.parameter("scratch"));
      else f.set(kept, f.parameter("scratch"));
    },
    pixel() {
      emit(f, pass, parts, {
        ...around,
        keep: (slot, value) => f.store(kept, slot * vectorBytes, value),
        kept: (slot) => f.load(kept, slot * vectorBytes, parts),
      });
      if (slots > 0) f.advance(kept, slots * vectorBytes);
    },
  }));
}

function tensorsOf(list: OperationList): Set<string> {
  return new Set(
    list.flatMap((operation) => operation.kind === "input" || operation.kind === "store" ? [operation.name] : []),
  );
}

/** (images, scratch, y, residual, out, coefficients, beta) and, with dropout, (dropout, mask) */
export function pointwiseForward(name: string, p: Pointwise, out: Layout, target: Target): Kernel {
  const f = new FunctionBuilder(name, [
    ...["images", "scratch", "y", "residual", "out", "coefficients", "beta"],
    ...p.dropout ? DROPOUT_PARAMETERS : [],
  ], target);
  const walk = new Walk(f, out);
  walk.tensor("y", p.y);
  if (p.residual) walk.tensor("residual", p.residual);
  walk.tensor("out", out);
  const channels = new Channels(walk);
  if (p.batchNorm) channels.rows("coefficients", ["scale", "shift", "mean"]);
  if (p.activation?.writer.hasBeta) channels.vector("beta");
  const mask = takeMask(walk, p, out);
  const list = forwardList(partsOfStage(p));
  const passes = () => passesOf(walk, { list, activation: p.activation, channel: channels.get, mask: mask?.() });
  walk.run(() => channels.load(), passes);
  return f.kernel();
}

/** The mask of a stage with dropout, whose numbers are loaded where it is asked for. */
function takeMask(walk: Walk, { dropout }: Pointwise, shape: Layout): (() => Mask) | undefined {
  if (!dropout) return undefined;
  walk.tensor("mask", positions(shape));
  return () => maskCode(walk.f, walk.f.parameter("dropout"), walk.parts);
}

/** Sums over the pixels of a block, and the parameters that they are gradients of. */
const SUMS = ["scale", "shift", "beta"] as const;

/**
 * (images, scratch, y, residual, coefficients, beta, scaleGradient, shiftGradient, betaGradient, du, term0, y0, k0,
 * term1, …) and, with dropout, (dropout, mask). The gradients are added to.
 */
export function pointwiseBackward(
  name: string,
  p: Pointwise,
  terms: readonly TermLayout[],
  du: Layout,
  target: Target,
): Kernel {
  const f = new FunctionBuilder(name, [
    ...["images", "scratch", "y", "residual", "coefficients", "beta"],
    ...SUMS.map((sum) => `${sum}Gradient`),
    "du",
    ...termParameters(terms),
    ...p.dropout ? DROPOUT_PARAMETERS : [],
  ], target);
  const walk = new Walk(f, du), channels = new Channels(walk), hasBeta = p.activation?.writer.hasBeta ?? false;
  walk.tensor("y", p.y);
  if (p.residual) walk.tensor("residual", p.residual);
  walk.tensor("du", du);
  takeTerms(walk, channels, terms);
  if (p.batchNorm) channels.rows("coefficients", ["scale", "shift", "mean", "inverseDeviation"]);
  if (hasBeta) channels.vector("beta");
  const mask = takeMask(walk, p, du);
  const has = { scale: p.batchNorm, shift: p.batchNorm, beta: hasBeta };
  const gradients = SUMS.filter((sum) => has[sum]).map((sum) => ({ sum, into: walk.channels(`${sum}Gradient`) }));

  const sums = new Map<string, Vector>();
  const list = backwardList(partsOfStage(p), terms.map(({ kind }) => kind));
  const passes = () =>
    passesOf(walk, {
      list,
      activation: p.activation,
      channel: channels.get,
      mask: mask?.(),
      sum: (name, value, times) => {
        const sum = sums.get(name)!;
        f.assign(sum, times ? f.madd(value, times, sum) : f.add(sum, value));
      },
    });
  walk.run(
    () => {
      channels.load();
      for (const { sum } of gradients) sums.set(sum, f.zero(walk.parts));
    },
    passes,
    () => {
      for (const { sum, into } of gradients) {
        const value = sums.get(sum)!;
        // The sum over du (y - mean) becomes that over du times the normalised y.
        const scaled = sum === "scale" ? f.mul(value, channels.get("inverseDeviation")) : value;
        f.store(into, 0, f.add(f.load(into, 0, walk.parts), scaled));
      }
    },
  );
  return f.kernel();
}

/** out = sum of terms: (images, out, term0, y0, k0, term1, …). A convolution's kernels read the result. */
export function gatherTerms(name: string, terms: readonly TermLayout[], out: Layout, target: Target): Kernel {
  const f = new FunctionBuilder(name, ["images", "out", ...termParameters(terms)], target);
  const walk = new Walk(f, out), channels = new Channels(walk);
  walk.tensor("out", out);
  takeTerms(walk, channels, terms);
  const list = gatherList(terms.map(({ kind }) => kind));
  const passes = () => passesOf(walk, { list, activation: null, channel: channels.get });
  walk.run(() => channels.load(), passes);
  return f.kernel();
}

function termParameters(terms: readonly TermLayout[]): string[] {
  return terms.flatMap((_, i) => [`term${i}`, `y${i}`, `k${i}`]);
}

function takeTerms(walk: Walk, channels: Channels, terms: readonly TermLayout[]): void {
  terms.forEach((term, i) => {
    walk.tensor(`term${i}`, term.tensor);
    if (term.kind === "plain") return;
    walk.tensor(`y${i}`, term.y!);
    channels.rows(`k${i}`, ["k1", "k2", "k3"], `_${i}`);
  });
}

/** Vectors of channels that a block's pixels share, loaded once before them. */
class Channels {
  readonly #loads: (() => void)[] = [];
  readonly #values = new Map<string, Vector>();

  constructor(readonly walk: Walk) {}

  /** Rows of a batch norm's coefficients at the parameter; each is found by its name and the suffix. */
  rows(parameter: string, names: readonly Coefficient[], suffix = ""): void {
    const pointer = this.walk.channels(parameter);
    for (const name of names) this.#add(name + suffix, pointer, coefficientOffset(name, this.walk.shape.lanes));
  }

  /** The vector at the parameter, found by the parameter's name. */
  vector(parameter: string): void {
    this.#add(parameter, this.walk.channels(parameter), 0);
  }

  #add(name: string, pointer: Int, offset: number): void {
    this.#loads.push(() => this.#values.set(name, this.walk.f.load(pointer, offset, this.walk.parts)));
  }

  load(): void {
    for (const load of this.#loads) load();
  }

  get = (name: string): Vector => this.#values.get(name)!;
}

/** Sums over pixels of y - pivot and of its square, added to `sums`: (images, y, pivot, sums [2][lanes]). */
export function statistics(name: string, y: Layout, target: Target): Kernel {
  const f = new FunctionBuilder(name, ["images", "y", "pivot", "sums"], target);
  const walk = new Walk(f, y);
  walk.tensor("y", y);
  const pivots = walk.channels("pivot"), into = walk.channels("sums");
  let pivot: Vector, sum: Vector, square: Vector;
  walk.run(
    () => {
      pivot = f.load(pivots, 0, walk.parts);
      [sum, square] = [f.zero(walk.parts), f.zero(walk.parts)];
    },
    () => [{
      pixel: () => {
        const d = f.sub(f.load(walk.at("y"), 0, walk.parts), pivot);
        f.assign(sum, f.add(sum, d));
        f.assign(square, f.madd(d, d, square));
      },
    }],
    () => {
      const squares = y.lanes * FLOAT_BYTES;
      f.store(into, 0, f.add(f.load(into, 0, walk.parts), sum));
      f.store(into, squares, f.add(f.load(into, squares, walk.parts), square));
    },
  );
  return f.kernel();
}
