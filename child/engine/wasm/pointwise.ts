/**
 * Elementwise operations, fused so that every tensor is read or written once:
 *
 *     forward    out = f(scale (y - mean) + shift + r, b)     batch norm, residual add, activation; each part optional
 *     backward   du = (sum of terms) f'(u, b), with u computed again from y and r, and the sums that the gradients of
 *                scale, shift and beta need
 *
 * A term is a gradient that a consumer of `out` sends back: a tensor itself, or batch norm's linear function of one,
 * k1 du + k2 y + k3, where the three coefficients per channel come from sums over the whole batch (batch_norm.ts).
 */
import type { ActivationCode } from "./activation_code.ts";
import { type ConstantTable, FLOAT_BYTES, FunctionBuilder, type Int, type Vector } from "./function_builder.ts";
import { type Layout, partsOf } from "./layout.ts";
import { type Body, cutIntoPasses, MAX_KEPT_BYTES } from "./passes.ts";

/** Order of the rows of a batch norm's coefficients, each `lanes` floats. */
export const COEFFICIENTS = ["scale", "shift", "mean", "inverseDeviation", "k1", "k2", "k3"] as const;
export type Coefficient = typeof COEFFICIENTS[number];

export function coefficientOffset(name: Coefficient, lanes: number): number {
  return COEFFICIENTS.indexOf(name) * lanes * FLOAT_BYTES;
}

export interface TermLayout {
  readonly kind: "plain" | "batch_norm";
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
}

/** Position of a walk in one tensor; `row` is the band's first row, `line` the row of the pixel. */
interface Pointers {
  readonly layout: Layout;
  readonly image: Int;
  block?: Int;
  row?: Int;
  line?: Int;
  pixel?: Int;
}

/** Pointers that walk over several tensors of one shape, a block of channels at a time. */
class Walk {
  readonly #tensors: Pointers[] = [];
  readonly #vectors: { pointer: Int }[] = [];

  /** With `scratch`, the address in the parameter of that name, work at a pixel may be cut into passes. */
  constructor(
    readonly f: FunctionBuilder,
    readonly shape: Layout,
    readonly parts: number,
    readonly scratch = false,
  ) {}

  /** A tensor whose first image is at the parameter. Returns how to reach the current pixel. */
  tensor(parameter: string, layout: Layout): () => Int {
    const entry: Pointers = { layout, image: this.f.int(parameter, this.f.parameter(parameter)) };
    this.#tensors.push(entry);
    return () => entry.pixel!;
  }

  /** A vector of channels at the parameter. Returns how to reach the current block. */
  channels(parameter: string): Int {
    const pointer = this.f.int(parameter, this.f.parameter(parameter));
    this.#vectors.push({ pointer });
    return pointer;
  }

  /** Whole rows, a divisor of the height, of at most BAND_PIXELS where a row allows. */
  get #bandRows(): number {
    const { height, width } = this.shape;
    let rows = Math.max(1, Math.min(height, Math.floor(BAND_PIXELS / width)));
    while (height % rows > 0) rows--;
    return rows;
  }

  /** The pixels of a few rows, in as many passes as the work per pixel is cut into. */
  #band(pixel: () => void): void {
    const { f } = this;
    if (!this.scratch) return this.#pass(this.#tensors, pixel);
    const kept = f.int("kept", f.parameter("scratch"));
    let body: Body = { lines: [], vectors: [] }, [first, ...later]: (readonly string[])[] = [];
    let pixelBytes = 0;
    this.#pass(this.#tensors, () => {
      body = f.record(pixel);
      ({ passes: [first, ...later], pixelBytes } = cutIntoPasses(body, kept));
      first.forEach((line) => f.line(line));
      f.advance(kept, pixelBytes);
    });
    for (const lines of later) {
      f.set(kept, f.parameter("scratch"));
      const read = this.#tensors.filter(({ pixel }) => lines.some((line) => line.includes(pixel!)));
      this.#pass(read, () => {
        f.replay(lines, body);
        f.advance(kept, pixelBytes);
      });
    }
  }

  #pass(tensors: readonly Pointers[], body: () => void): void {
    const { f, shape } = this;
    for (const t of tensors) t.line = f.int("line", t.row!);
    f.repeat(this.#bandRows, () => {
      for (const t of tensors) {
        if (t.pixel) f.set(t.pixel, t.line!);
        else t.pixel = f.int("pixel", t.line!);
      }
      f.repeat(shape.width, () => {
        body();
        for (const t of tensors) f.advance(t.pixel!, t.layout.pixelBytes);
      });
      for (const t of tensors) f.advance(t.line!, t.layout.rowBytes);
    });
  }

  /** Visits every block of channels of every pixel: `before` and `after` once per block of an image. */
  run(before: () => void, pixel: () => void, after: () => void): void {
    const { f, shape, parts } = this;
    const blocks = shape.lanes / (parts * 4);
    f.repeat(f.parameter("images"), () => {
      for (const t of this.#tensors) t.block = f.int("block", t.image);
      f.repeat(blocks, () => {
        before();
        for (const t of this.#tensors) t.row = f.int("row", `(i32.add ${t.block} (i32.const ${t.layout.origin}))`);
        f.repeat(shape.height / this.#bandRows, () => {
          this.#band(pixel);
          for (const t of this.#tensors) f.advance(t.row!, this.#bandRows * t.layout.rowBytes);
        });
        after();
        for (const t of this.#tensors) f.advance(t.block!, parts * 16);
        for (const v of this.#vectors) f.advance(v.pointer, parts * 16);
      });
      for (const t of this.#tensors) f.advance(t.image, t.layout.imageBytes);
      for (const v of this.#vectors) f.advance(v.pointer, -shape.lanes * FLOAT_BYTES);
    });
  }
}

/**
 * Pixels that each pass of a pointwise kernel goes over, few enough that the values kept between passes stay in the
 * cache.
 */
const BAND_PIXELS = 64;

/** Bytes of scratch memory for the kernels of images of this width. */
export function passScratchBytes(width: number): number {
  return Math.max(BAND_PIXELS, width) * MAX_KEPT_BYTES;
}

/**
 * Channels that a kernel takes at once: 16, which V8 packs into two registers, so that constants are loaded half as
 * often.
 */
const MAX_PARTS = 4;

/** (images, scratch, y, residual, out, coefficients, beta) */
export function pointwiseForward(name: string, p: Pointwise, out: Layout, constants: ConstantTable): string {
  const f = new FunctionBuilder(name, ["images", "scratch", "y", "residual", "out", "coefficients", "beta"], constants);
  const parts = partsOf(out.lanes, MAX_PARTS);
  const walk = new Walk(f, out, parts, p.activation?.isInline ?? true);
  const y = walk.tensor("y", p.y);
  const residual = p.residual && walk.tensor("residual", p.residual);
  const into = walk.tensor("out", out);
  const coefficients = p.batchNorm ? walk.channels("coefficients") : null;
  const hasBeta = p.activation?.hasBeta ?? false;
  const betas = hasBeta ? walk.channels("beta") : null;
  let row = (_: Coefficient): Vector => [];
  let b: Vector | null = null;
  walk.run(
    () => {
      row = coefficientRows(f, coefficients, out.lanes, parts, ["scale", "shift", "mean"]);
      b = betas === null ? null : f.load(betas, 0, parts);
    },
    () => {
      const u = preactivation(f, p, f.load(y(), 0, parts), residual && f.load(residual(), 0, parts), row);
      f.store(into(), 0, p.activation ? p.activation.value(f, u, b) : u);
    },
    () => {},
  );
  return f.text();
}

/**
 * (images, scratch, y, residual, coefficients, beta, scaleGradient, shiftGradient, betaGradient, du, term0, y0, k0,
 * term1, …) The gradients are added to.
 */
export function pointwiseBackward(
  name: string,
  p: Pointwise,
  terms: readonly TermLayout[],
  du: Layout,
  constants: ConstantTable,
): string {
  const f = new FunctionBuilder(name, [
    ...["images", "scratch", "y", "residual", "coefficients", "beta"],
    ...["scaleGradient", "shiftGradient", "betaGradient", "du"],
    ...termParameters(terms),
  ], constants);
  const parts = partsOf(du.lanes, MAX_PARTS);
  const walk = new Walk(f, du, parts, p.activation?.isInline ?? true);
  const y = walk.tensor("y", p.y);
  const residual = p.residual && walk.tensor("residual", p.residual);
  const into = walk.tensor("du", du);
  const sum = new TermSum(walk, terms);
  const coefficients = p.batchNorm ? walk.channels("coefficients") : null;
  const hasBeta = p.activation?.hasBeta ?? false;
  const betas = hasBeta ? walk.channels("beta") : null;
  const gradientOf = {
    scale: p.batchNorm ? walk.channels("scaleGradient") : null,
    shift: p.batchNorm ? walk.channels("shiftGradient") : null,
    beta: hasBeta ? walk.channels("betaGradient") : null,
  };
  let row = (_: Coefficient): Vector => [];
  let b: Vector | null = null;
  let sums: { scale: Vector; shift: Vector; beta: Vector };
  walk.run(
    () => {
      row = coefficientRows(f, coefficients, du.lanes, parts, ["scale", "shift", "mean", "inverseDeviation"]);
      b = betas === null ? null : f.load(betas, 0, parts);
      sum.begin();
      sums = { scale: f.zero(parts), shift: f.zero(parts), beta: f.zero(parts) };
    },
    () => {
      const input = f.load(y(), 0, parts);
      const u = preactivation(f, p, input, residual && f.load(residual(), 0, parts), row);
      const gradient = sum.value();
      const slopes = p.activation?.slopes(f, u, b);
      if (slopes?.byB) f.assign(sums.beta, f.madd(gradient, slopes.byB(), sums.beta));
      const value = slopes ? f.mul(gradient, slopes.byX()) : gradient;
      if (p.batchNorm) {
        f.assign(sums.shift, f.add(sums.shift, value));
        f.assign(sums.scale, f.madd(value, f.sub(input, row("mean")), sums.scale));
      }
      f.store(into(), 0, value);
    },
    () => {
      const addTo = (pointer: Int | null, value: () => Vector) => {
        if (pointer) f.store(pointer, 0, f.add(f.load(pointer, 0, parts), value()));
      };
      addTo(gradientOf.scale, () => f.mul(sums.scale, row("inverseDeviation")));
      addTo(gradientOf.shift, () => sums.shift);
      addTo(gradientOf.beta, () => sums.beta);
    },
  );
  return f.text();
}

/** out = sum of terms: (images, out, term0, y0, k0, term1, …). A convolution's kernels read the result. */
export function gatherTerms(name: string, terms: readonly TermLayout[], out: Layout, constants: ConstantTable): string {
  const f = new FunctionBuilder(name, ["images", "out", ...termParameters(terms)], constants);
  const parts = partsOf(out.lanes, MAX_PARTS);
  const walk = new Walk(f, out, parts);
  const into = walk.tensor("out", out);
  const sum = new TermSum(walk, terms);
  walk.run(() => sum.begin(), () => f.store(into(), 0, sum.value()), () => {});
  return f.text();
}

function termParameters(terms: readonly TermLayout[]): string[] {
  return terms.flatMap((_, i) => [`term${i}`, `y${i}`, `k${i}`]);
}

/** The sum of the terms at the walk's pixel. */
class TermSum {
  readonly #terms: { kind: TermLayout["kind"]; at: () => Int; y: (() => Int) | null; k: Int | null }[];
  #rows: ((name: Coefficient) => Vector)[] = [];

  constructor(readonly walk: Walk, terms: readonly TermLayout[]) {
    this.#terms = terms.map((term, i) => ({
      kind: term.kind,
      at: walk.tensor(`term${i}`, term.tensor),
      y: term.kind === "batch_norm" ? walk.tensor(`y${i}`, term.y!) : null,
      k: term.kind === "batch_norm" ? walk.channels(`k${i}`) : null,
    }));
  }

  begin(): void {
    const { f, shape, parts } = this.walk;
    this.#rows = this.#terms.map(({ k }) => coefficientRows(f, k, shape.lanes, parts, ["k1", "k2", "k3"]));
  }

  value(): Vector {
    const { f, parts } = this.walk;
    return this.#terms.map(({ at, y }, i) => {
      const value = f.load(at(), 0, parts);
      if (!y) return value;
      const row = this.#rows[i];
      return f.madd(row("k1"), value, f.madd(row("k2"), f.load(y(), 0, parts), row("k3")));
    }).reduce((sum, value) => f.add(sum, value));
  }
}

/** Loads rows of coefficients of the current block once, before its pixels. */
function coefficientRows(
  f: FunctionBuilder,
  pointer: Int | null,
  lanes: number,
  parts: number,
  names: readonly Coefficient[],
): (name: Coefficient) => Vector {
  if (!pointer) return () => [];
  const rows = new Map(names.map((name) => [name, f.load(pointer, coefficientOffset(name, lanes), parts)]));
  return (name) => rows.get(name)!;
}

function preactivation(
  f: FunctionBuilder,
  p: Pointwise,
  y: Vector,
  residual: Vector | null,
  row: (name: Coefficient) => Vector,
): Vector {
  // y - mean first: folding the mean into the shift would lose precision if it is larger than the deviation.
  const normalised = p.batchNorm ? f.madd(f.sub(y, row("mean")), row("scale"), row("shift")) : y;
  return residual ? f.add(normalised, residual) : normalised;
}

/** Sums over pixels of y - pivot and of its square, added to `sums`: (images, y, pivot, sums [2][lanes]). */
export function statistics(name: string, y: Layout, constants: ConstantTable): string {
  const f = new FunctionBuilder(name, ["images", "y", "pivot", "sums"], constants);
  const parts = partsOf(y.lanes, MAX_PARTS);
  const walk = new Walk(f, y, parts);
  const at = walk.tensor("y", y);
  const pivots = walk.channels("pivot"), into = walk.channels("sums");
  let pivot: Vector, sum: Vector, square: Vector;
  walk.run(
    () => {
      pivot = f.load(pivots, 0, parts);
      [sum, square] = [f.zero(parts), f.zero(parts)];
    },
    () => {
      const d = f.sub(f.load(at(), 0, parts), pivot);
      f.assign(sum, f.add(sum, d));
      f.assign(square, f.madd(d, d, square));
    },
    () => {
      const squares = y.lanes * FLOAT_BYTES;
      f.store(into, 0, f.add(f.load(into, 0, parts), sum));
      f.store(into, squares, f.add(f.load(into, squares, parts), square));
    },
  );
  return f.text();
}
