/** The masks of `network/dropout.ts` in WGSL. The seeds of a submission's steps lie in a buffer of [place][step]. */
import { MULTIPLIERS, threshold } from "../../network/dropout.ts";
import type { Dropout } from "../../compiler/stages.ts";
import type { Binding, BufferName, Numbers } from "./kernel.ts";

/** Steps of one submission at most: a place's seeds. */
export const MAX_STEPS = 20;

/** What a kernel binds beside its tensors, under the buffers' own names. */
export const MASK_BUFFERS: readonly BufferName[] = ["control", "dropout_seeds"];
export const MASK_BINDINGS: readonly Binding[] = MASK_BUFFERS.map((name) => ({ name, access: "read", type: "u32" }));

const [FIRST, SECOND] = MULTIPLIERS.map((multiplier) => `${multiplier}u`);

/** Declares what the two texts below call. */
export const MASK_DECLARATIONS = `
fn dropout_hash(value: vec4u, first: u32, second: u32) -> vec4u {
  var x = value ^ vec4u(first);
  x = (x ^ (x >> vec4u(16u))) * ${FIRST};
  x = (x ^ (x >> vec4u(15u))) + second;
  x *= ${SECOND};
  return x ^ (x >> vec4u(16u));
}`;

/** The lines that give a kernel the keys of its step, once before its loop. */
export function maskKeysText(numbers: Numbers, { node, rate }: Dropout): string {
  numbers.unsigned("dropout_node", node);
  numbers.unsigned("dropout_least", threshold(rate));
  numbers.float("dropout_factor", 1 / (1 - rate));
  return `
  let dropout_seed = dropout_seeds[child * ${MAX_STEPS}u + control[0]];
  let dropout_halves = 2u * vec4u(dropout_node) + vec4u(0u, 1u, 0u, 0u);
  let dropout_keys = dropout_hash(vec4u(dropout_seed) ^ dropout_hash(dropout_halves, 0u, 0u), 0u, 0u);`;
}

/** Declares `in_mask` as that of four elements from this position on. */
export function maskText(position: string): string {
  return `      let dropout_bits = dropout_hash(${position} + vec4u(0u, 1u, 2u, 3u), dropout_keys.x, dropout_keys.y) >> vec4u(8u);
      let in_mask = select(vec4f(dropout_factor), vec4f(), dropout_bits < vec4u(dropout_least));`;
}
