/** The gradient that a convolution reads: as it is, or computed from what batch norm sends back, on the way. */
import type { BufferName, Numbers, Operand } from "./kernel.ts";

/**
 * A gradient: a tensor, or batch norm's function k1 tensor + k2 y + k3 of one. Offsets are those of the coefficients
 * per channel, in quads from the child's first.
 */
export interface Gradient extends Operand {
  readonly norm?: {
    readonly y: Operand;
    readonly coefficients: Operand;
    readonly k1: number;
    readonly k2: number;
    readonly k3: number;
  };
}

/** The numbers and buffers of a gradient that batch norm's is computed from. */
export function addNorm(numbers: Numbers, { norm }: Gradient): BufferName[] {
  if (!norm) return [];
  numbers.unsigned("y_child", norm.y.stride);
  numbers.unsigned("coefficients_child", norm.coefficients.stride);
  for (const name of ["k1", "k2", "k3"] as const) numbers.unsigned(`${name}_offset`, norm[name]);
  return [norm.y.buffer, norm.coefficients.buffer];
}

/** The coefficients of a quad of channels, and the gradient at a quad of the tensors. */
export const NORM_TEXT = {
  bindings: [{ name: "y_", access: "read" }, { name: "coefficients", access: "read" }] as const,
  coefficients: (quad: string) =>
    ["k1", "k2", "k3"].map((name) =>
      `let ${name} = coefficients[child * coefficients_child + ${name}_offset + ${quad}];`
    ).join("\n"),
  gradient: (gradient: string, y: string) => `fma(k1, ${gradient}, fma(k2, ${y}, k3))`,
};

/** Operations for each value. */
export const NORM_OPERATIONS = 4;
