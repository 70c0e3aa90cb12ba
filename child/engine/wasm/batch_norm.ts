/**
 * Batch norm's computation once per batch, one channel at a time in float64, from the chunks' sums: the coefficients
 * that the fused kernels of pointwise.ts read. `n` is the number of values that a channel has in the batch.
 */
import { FLOAT_BYTES } from "./function_builder.ts";
import { type Coefficient, coefficientOffset } from "./pointwise.ts";
import { BATCH_NORM_EPSILON, BATCH_NORM_MOMENTUM } from "../../network/batch_norm.ts";

/** Byte addresses of one batch norm's data. */
export interface BatchNormMemory {
  readonly lanes: number;
  /** Values per channel in a training batch. */
  readonly count: number;
  readonly coefficients: number;
  readonly scale: number;
  readonly shift: number;
  readonly runningMean: number;
  readonly runningVariance: number;
  /** Sums of chunk 0, [2][lanes]; the next chunks' follow `sumsStride` bytes apart. */
  readonly sums: number;
  readonly sumsStride: number;
  /** Gradients of scale and shift in chunk 0; the next chunks' follow `gradientStride` bytes apart. */
  readonly scaleGradient: number;
  readonly shiftGradient: number;
  readonly gradientStride: number;
  readonly chunks: number;
}

const read = (address: number) => `(f64.promote_f32 (f32.load offset=${address} (local.get $c)))`;
const write = (address: number, value: string) =>
  `(f32.store offset=${address} (local.get $c) (f32.demote_f64 ${value}))`;
const get = (name: string) => `(local.get $${name})`;
const f64 = (value: number) => `(f64.const ${value})`;
const op = (name: "add" | "sub" | "mul" | "div", a: string, b: string) => `(f64.${name} ${a} ${b})`;

/** A function without parameters that runs `body` for the byte offset $c of each channel. */
function eachChannel(name: string, locals: string[], lanes: number, body: string[]): string {
  return [
    `  (func $${name} (local $c i32) (local $chunk i32) ${locals.map((l) => `(local $${l} f64)`).join(" ")}`,
    `    (loop $channels`,
    ...body.map((line) => `      ${line}`),
    `      (local.set $c (i32.add (local.get $c) (i32.const ${FLOAT_BYTES})))`,
    `      (br_if $channels (i32.lt_u (local.get $c) (i32.const ${lanes * FLOAT_BYTES})))))`,
  ].join("\n");
}

/** $into = sum over chunks of the float at `address` + chunk * stride + $c. */
function sumOverChunks(into: string, address: number, stride: number, chunks: number): string[] {
  return [
    `(local.set $${into} ${f64(0)})`,
    `(local.set $chunk (local.get $c))`,
    ...Array.from(
      { length: chunks },
      (_, chunk) =>
        `(local.set $${into} ${
          op("add", get(into), `(f64.promote_f32 (f32.load offset=${address + chunk * stride} (local.get $chunk)))`)
        })`,
    ),
  ];
}

function setScaleAndShift(m: BatchNormMemory): string[] {
  const row = (name: Coefficient) => m.coefficients + coefficientOffset(name, m.lanes);
  return [
    `(local.set $inverse ${op("div", f64(1), `(f64.sqrt ${op("add", get("variance"), f64(BATCH_NORM_EPSILON))})`)})`,
    `(local.set $scale ${op("mul", read(m.scale), get("inverse"))})`,
    write(row("mean"), get("mean")),
    write(row("inverseDeviation"), get("inverse")),
    write(row("scale"), get("scale")),
    write(row("shift"), read(m.shift)),
  ];
}

/**
 * Mean and biased variance of the batch from sums of y - p and (y - p)^2, p the running mean (a pivot near the mean
 * keeps the variance from cancelling); then the running statistics, with the unbiased variance.
 */
export function finishForward(name: string, m: BatchNormMemory): string {
  const n = f64(m.count), unbiased = f64(m.count / Math.max(1, m.count - 1));
  const blend = (address: number, value: string) =>
    write(
      address,
      op("add", op("mul", f64(BATCH_NORM_MOMENTUM), read(address)), op("mul", f64(1 - BATCH_NORM_MOMENTUM), value)),
    );
  return eachChannel(name, ["sum", "square", "mean", "variance", "inverse", "scale"], m.lanes, [
    ...sumOverChunks("sum", m.sums, m.sumsStride, m.chunks),
    ...sumOverChunks("square", m.sums + m.lanes * FLOAT_BYTES, m.sumsStride, m.chunks),
    `(local.set $sum ${op("div", get("sum"), n)})`,
    `(local.set $mean ${op("add", read(m.runningMean), get("sum"))})`,
    `(local.set $variance (f64.max ${f64(0)} ${
      op("sub", op("div", get("square"), n), op("mul", get("sum"), get("sum")))
    }))`,
    ...setScaleAndShift(m),
    blend(m.runningMean, get("mean")),
    blend(m.runningVariance, op("mul", get("variance"), unbiased)),
  ]);
}

/** The coefficients of evaluation, from the running statistics. */
export function prepareEvaluation(name: string, m: BatchNormMemory): string {
  return eachChannel(name, ["mean", "variance", "inverse", "scale"], m.lanes, [
    `(local.set $mean ${read(m.runningMean)})`,
    `(local.set $variance ${read(m.runningVariance)})`,
    ...setScaleAndShift(m),
  ]);
}

/**
 * dy = k1 du + k2 y + k3, from dy = scale' (du - S1/n - yhat S2/n) with scale' = scale / deviation, S1 the sum of du
 * (the gradient of shift) and S2 that of du yhat (the gradient of scale): Ioffe & Szegedy 2015, section 3.
 */
export function finishBackward(name: string, m: BatchNormMemory): string {
  const row = (name: Coefficient) => m.coefficients + coefficientOffset(name, m.lanes);
  const n = f64(m.count);
  return eachChannel(name, ["s1", "s2", "k1", "k2"], m.lanes, [
    ...sumOverChunks("s1", m.shiftGradient, m.gradientStride, m.chunks),
    ...sumOverChunks("s2", m.scaleGradient, m.gradientStride, m.chunks),
    `(local.set $k1 ${read(row("scale"))})`,
    `(local.set $k2 (f64.neg ${
      op("div", op("mul", op("mul", get("k1"), read(row("inverseDeviation"))), get("s2")), n)
    }))`,
    write(row("k1"), get("k1")),
    write(row("k2"), get("k2")),
    write(
      row("k3"),
      op("sub", `(f64.neg ${op("div", op("mul", get("k1"), get("s1")), n)})`, op("mul", get("k2"), read(row("mean")))),
    ),
  ]);
}
