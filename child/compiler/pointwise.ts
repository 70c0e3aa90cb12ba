/**
 * What the elementwise stages compute at each point, so that every tensor is read or written once:
 *
 *     forward    out = f(scale (y - mean) + shift + residual, beta) mask     each of batch norm, residual, activation
 *                                                                            and dropout is optional
 *     backward   du = (sum of terms) mask f'(u, beta), with u computed again from y and residual, and the sums that
 *                the gradients of scale, shift and beta need
 *     gather     out = sum of terms
 *
 * A term is a gradient that a consumer of `out` sends back: a tensor itself, or batch norm's linear function of one,
 * k1 du + k2 y + k3, where the three coefficients per channel come from sums over the whole batch (Ioffe & Szegedy
 * 2015, section 3).
 *
 * Inputs of the lists are the tensors `y`, `residual`, `term0`, and `y0` for a term of kind batch_norm, `term1`, …, and
 * dropout's `mask` (`network/dropout.ts`), which devices compute where it is read, as 1 in evaluation if at all;
 * channels are `scale` (over the deviation), `shift`, `mean`, `beta`, and the terms' `k1_0`, `k2_0`, `k3_0`, ….
 */
import type { Derivatives } from "./derivatives.ts";
import { Lowering } from "./lower.ts";
import { ListBuilder, type OperationList, type Value } from "./operations.ts";

/** Parts of an elementwise stage, each optional. */
export interface PointwiseParts {
  readonly batchNorm: boolean;
  readonly residual: boolean;
  /** Null if nothing follows the addition. */
  readonly activation: ActivationWriter | null;
  readonly dropout: boolean;
}

export type TermKind = "plain" | "batch_norm";

/** How lists compute the activation. */
export interface ActivationWriter {
  readonly hasBeta: boolean;
  /** f(u, b); `b` is null if there is no beta. */
  value(f: ListBuilder, u: Value, b: Value | null): Value;
  /** The derivatives, each written on demand; that by b is null if there is no beta. */
  slopes(f: ListBuilder, u: Value, b: Value | null): Slopes;
}

export interface Slopes {
  readonly byX: () => Value;
  readonly byB: (() => Value) | null;
}

/** The activation's operations where they are needed. */
export function writtenInPlace({ value, byX, byB }: Derivatives): ActivationWriter {
  return {
    hasBeta: byB !== null,
    value: (f, u, b) => new Lowering(f, u, b).write(value),
    slopes(f, u, b) {
      const lowering = new Lowering(f, u, b);
      return { byX: () => lowering.write(byX), byB: byB && (() => lowering.write(byB)) };
    },
  };
}

/** Stores `out`. */
export function forwardList(parts: PointwiseParts): OperationList {
  const f = new ListBuilder();
  const { activation } = parts, b = activation?.hasBeta ? f.channel("beta") : null;
  const u = preactivation(f, parts);
  f.store("out", masked(f, parts, activation ? activation.value(f, u, b) : u));
  return f.operations;
}

/**
 * Stores `du`, and sums `beta`, `shift` and `scale`, the last over du (y - mean): that is the gradient of scale once
 * divided by the deviation.
 */
export function backwardList(parts: PointwiseParts, terms: readonly TermKind[]): OperationList {
  const f = new ListBuilder();
  const { activation, batchNorm } = parts, b = activation?.hasBeta ? f.channel("beta") : null;
  const u = activation && preactivation(f, parts);
  const gradient = masked(f, parts, sumOfTerms(f, terms));
  const slopes = activation?.slopes(f, u!, b);
  if (slopes?.byB) f.sum("beta", gradient, slopes.byB());
  const value = slopes ? f.mul(gradient, slopes.byX()) : gradient;
  if (batchNorm) {
    f.sum("shift", value);
    f.sum("scale", value, f.sub(f.input("y"), f.channel("mean")));
  }
  f.store("du", value);
  return f.operations;
}

/** Stores `out`. */
export function gatherList(terms: readonly TermKind[]): OperationList {
  const f = new ListBuilder();
  f.store("out", sumOfTerms(f, terms));
  return f.operations;
}

function preactivation(f: ListBuilder, { batchNorm, residual }: PointwiseParts): Value {
  const y = f.input("y"), r = residual ? f.input("residual") : null;
  // y - mean first: folding the mean into the shift would lose precision if it is larger than the deviation.
  const normalised = batchNorm ? f.multiplyAdd(f.sub(y, f.channel("mean")), f.channel("scale"), f.channel("shift")) : y;
  return r === null ? normalised : f.add(normalised, r);
}

function masked(f: ListBuilder, { dropout }: PointwiseParts, value: Value): Value {
  return dropout ? f.mul(value, f.input("mask")) : value;
}

function sumOfTerms(f: ListBuilder, terms: readonly TermKind[]): Value {
  return terms.map((kind, i) => {
    const value = f.input(`term${i}`);
    if (kind === "plain") return value;
    const rest = f.multiplyAdd(f.channel(`k2_${i}`), f.input(`y${i}`), f.channel(`k3_${i}`));
    return f.multiplyAdd(f.channel(`k1_${i}`), value, rest);
  }).reduce((sum, value) => f.add(sum, value));
}
