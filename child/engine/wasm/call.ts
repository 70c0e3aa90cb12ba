/** A kernel call of a plan, as data: which kernel, on which tensors and addresses, and when. */
import type { Layout } from "./layout.ts";

/** Where a tensor is: for the whole batch, or for a group in a thread's scratch memory, reused by every segment. */
export interface Tensor {
  readonly layout: Layout;
  place: "batch" | "scratch";
  /** Byte address, or byte offset into the scratch. */
  address: number;
}

/** An argument of a kernel call. */
export type Argument =
  | { readonly kind: "images" } // images of the group
  | { readonly kind: "tensor"; readonly tensor: Tensor }
  | { readonly kind: "per_image"; readonly address: number; readonly bytes: number }
  | { readonly kind: "fixed"; readonly address: number }
  /** In the chunk's own gradients (or sums): address in chunk 0. */
  | { readonly kind: "chunk_gradient" | "chunk_sums"; readonly address: number }
  | { readonly kind: "scratch"; readonly offset: number }
  /** In the part of a thread's scratch memory that each segment uses in its own way. */
  | { readonly kind: "segment_scratch"; readonly offset: number }
  /** Winograd tiles of the group, or blocks of them. */
  | { readonly kind: "tiles" | "tile_blocks"; readonly perImage: number }
  | { readonly kind: "number"; readonly value: number };

export interface Call {
  readonly kernel: string;
  readonly arguments: readonly Argument[];
  /** Runs for every group (default), or once before or after a chunk's groups. */
  readonly when: "group" | "chunk_start" | "chunk_end";
  /** Skipped in evaluation. */
  readonly trainingOnly: boolean;
}

/** The images of the group. */
export const images: Argument = { kind: "images" };

export function tensor(tensor: Tensor): Argument {
  return { kind: "tensor", tensor };
}

export function fixed(address: number): Argument {
  return { kind: "fixed", address };
}
