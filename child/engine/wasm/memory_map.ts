/**
 * Where a program's lasting data lies: parameters, gradients, optimiser slots, batch norms' numbers. What stages compute
 * is placed after them (plan.ts).
 */
import type { BatchNorm } from "../../compiler/stages.ts";
import type { BatchNormMemory } from "./batch_norm.ts";
import { FLOAT_BYTES } from "./function_builder.ts";
import { wholeVectors } from "./layout.ts";
import { COEFFICIENTS } from "./pointwise.ts";
import { hasWeightDecay, type Parameter } from "../../network/parameters.ts";
import { channelsOf, placesOf, sizeOf } from "../../network/shape.ts";

/**
 * After the control words, the constants of kernels: those that all children of a network share, and those that apply
 * the function; then those of the activation's functions, then everything else.
 */
export const CONSTANTS = {
  shared: { base: 64, capacity: 100 },
  own: { base: 3328, capacity: 400 },
  end: 16384,
} as const;
const RATES_ADDRESS = 32;

/** A parameter's place: the same offset in the parameters, in each chunk's gradient and in each slot. */
export interface Place {
  readonly parameter: Parameter;
  /** Byte offset from the start of the parameters. */
  readonly offset: number;
  /** Rows of `columns` values, each row filled up to whole vectors. */
  readonly rows: number;
  readonly columns: number;
}

/** Byte addresses. */
export interface MemoryMap {
  readonly rates: number;
  readonly labels: number;
  readonly losses: number;
  readonly parameters: number;
  /** Bytes of all parameters; those with weight decay come first and take `decayedBytes`. */
  readonly parameterBytes: number;
  readonly decayedBytes: number;
  /** Of the batch, in the place of the first chunk's. */
  readonly gradient: number;
  readonly chunkGradients: number;
  readonly slots: readonly number[];
  readonly chunkSums: number;
  readonly chunkSumsBytes: number;
}

const ALIGNMENT = 64;
export const align = (bytes: number) => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

/** Allocates consecutive memory. */
export class Allocator {
  constructor(public next = 0) {}
  take(bytes: number): number {
    const address = this.next;
    this.next = align(this.next + bytes);
    return address;
  }
}

/** Takes the memory of parameters and batch norms. */
export class LastingMemory {
  readonly places = new Map<string, Place>();
  readonly batchNorms = new Map<BatchNorm, BatchNormMemory>();
  readonly map: MemoryMap;

  constructor(
    allocator: Allocator,
    parameters: readonly Parameter[],
    batchNorms: readonly BatchNorm[],
    { batch, chunks, slots }: { readonly batch: number; readonly chunks: number; readonly slots: number },
  ) {
    const { bytes, decayed } = this.#placeParameters(parameters);
    const lanes = batchNorms.map(({ shape }) => wholeVectors(channelsOf(shape)));
    const chunkSumsBytes = lanes.reduce((sum, lanes) => sum + align(2 * lanes * FLOAT_BYTES), 0);
    const chunkGradients = allocator.take(bytes * chunks);
    this.map = {
      rates: RATES_ADDRESS,
      parameterBytes: bytes,
      decayedBytes: decayed,
      chunkGradients,
      gradient: chunkGradients,
      parameters: allocator.take(bytes),
      labels: allocator.take(batch * 4),
      losses: allocator.take(batch * FLOAT_BYTES),
      chunkSumsBytes,
      chunkSums: allocator.take(chunkSumsBytes * chunks),
      slots: Array.from({ length: slots }, () => allocator.take(bytes)),
    };
    let sums = this.map.chunkSums;
    batchNorms.forEach((batchNorm, i) => {
      this.batchNorms.set(batchNorm, this.#batchNormMemory(batchNorm, lanes[i], sums, allocator, batch, chunks));
      sums += align(2 * lanes[i] * FLOAT_BYTES);
    });
  }

  /** Address of a parameter. */
  parameter(name: string): number {
    return this.map.parameters + this.places.get(name)!.offset;
  }

  /** Address of its gradient in chunk 0. */
  chunkGradient(name: string): number {
    return this.map.chunkGradients + this.places.get(name)!.offset;
  }

  /** Kernels first, so that weight decay is one range. */
  #placeParameters(parameters: readonly Parameter[]): { bytes: number; decayed: number } {
    const allocator = new Allocator();
    const place = (parameter: Parameter) => {
      const columns = parameter.shape.at(-1)!, rows = sizeOf(parameter.shape) / columns;
      const offset = allocator.take(rows * wholeVectors(columns) * FLOAT_BYTES);
      this.places.set(parameter.name, { parameter, offset, rows, columns });
    };
    parameters.filter(hasWeightDecay).forEach(place);
    const decayed = allocator.next;
    parameters.filter((p) => !hasWeightDecay(p)).forEach(place);
    return { bytes: allocator.next, decayed };
  }

  #batchNormMemory(
    { scale, shift, shape }: BatchNorm,
    lanes: number,
    sums: number,
    allocator: Allocator,
    batch: number,
    chunks: number,
  ): BatchNormMemory {
    const row = lanes * FLOAT_BYTES;
    return {
      lanes,
      count: batch * placesOf(shape),
      coefficients: allocator.take(COEFFICIENTS.length * row),
      scale: this.parameter(scale),
      shift: this.parameter(shift),
      runningMean: allocator.take(row),
      runningVariance: allocator.take(row),
      sums,
      sumsStride: this.map.chunkSumsBytes,
      scaleGradient: this.chunkGradient(scale),
      shiftGradient: this.chunkGradient(shift),
      gradientStride: this.map.parameterBytes,
      chunks,
    };
  }
}
