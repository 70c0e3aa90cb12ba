/** What a network trains: its parameters by name and role, and which of them weight decay touches. */

export type ParameterRole =
  | "conv_kernel" // HWIO
  | "depthwise_kernel" // [height, width, channels]
  | "dense_kernel" // [in, out]
  | "dense_bias" // [out]
  | "batch_norm_scale" // [channels], starts at 1
  | "batch_norm_shift" // [channels], starts at 0
  | "activation_beta"; // [channels], starts at the activation's betaStart

/** A trainable tensor. */
export interface Parameter {
  readonly name: string;
  readonly role: ParameterRole;
  readonly shape: readonly number[];
}

const DECAYS: Readonly<Record<ParameterRole, boolean>> = {
  conv_kernel: true,
  depthwise_kernel: true,
  dense_kernel: true,
  dense_bias: false,
  batch_norm_scale: false,
  batch_norm_shift: false,
  activation_beta: false,
};

/** Whether weight decay touches the parameter: kernels of convolutions and dense layers only. */
export function hasWeightDecay({ role }: Parameter): boolean {
  return DECAYS[role];
}

/** Tensors by name, in the order of the graph; flat, row-major (HWIO kernels). */
export type Tensors = Map<string, Float32Array | Float64Array>;
