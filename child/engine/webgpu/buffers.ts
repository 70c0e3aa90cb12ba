/** The buffers that children side by side need, known from the plan before there are any. */
import { SLOTS } from "../../network/optimizer.ts";
import { sizeOf } from "../../network/shape.ts";
import { MAX_STEPS } from "./dropout.ts";
import { type BufferName, type Dispatch, recordWords } from "./kernel.ts";
import { QUAD_BYTES } from "./layout.ts";
import { shareBuffers } from "./memory.ts";
import type { Plan } from "./plan.ts";

/** Bindings at an offset start at multiples of this many bytes on every card. */
export const ALIGNMENT = 256;
/** Bytes of the images in one submission. */
const MAX_IMAGE_BYTES = 2 ** 26;

/** A buffer with an axis of children that is kept between steps. */
export type Kept = "parameters" | "gradients" | "statistics" | `slot${number}`;

/** Their names, in the order in which a child's are set to zero. */
export function keptNames({ optimizer }: Plan): Kept[] {
  return ["parameters", "gradients", ...SLOTS[optimizer.kind].map((_, i) => `slot${i}` as const), "statistics"];
}

/** Steps of one submission where they carry their images. */
export function carriedSteps(plan: Plan, places: number): number {
  const imageBytes = places * plan.batch * sizeOf(plan.graph.nodes[0].shape) * 4;
  return Math.max(1, Math.min(MAX_STEPS, Math.floor(MAX_IMAGE_BYTES / imageBytes)));
}

interface BufferRequest {
  readonly names: readonly BufferName[];
  readonly bytes: number;
  readonly usage: GPUBufferUsageFlags;
}

/** The buffers of a group: tensors that are never needed at the same time share one. */
export function buffersFor(plan: Plan, places: number): BufferRequest[] {
  const { training, evaluation, quads, tables } = plan;
  const storage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC;
  const one = (name: BufferName, bytes: number, usage = storage) => ({
    names: [name],
    bytes: Math.max(16, bytes),
    usage,
  });
  const kept = keptNames(plan), isKept = new Set<BufferName>(kept);
  const tensors = new Map([...quads].filter(([name]) => !isKept.has(name)));
  const shared = shareBuffers([training, evaluation], tensors, new Set([plan.logits.buffer]));
  const steps = places * MAX_STEPS, carried = carriedSteps(plan, places);
  const images = plan.batch * sizeOf(plan.graph.nodes[0].shape);
  return [
    ...kept.map((name) => one(name, places * quads.get(name)! * QUAD_BYTES)),
    ...shared.sizes.map((size, place) => ({
      names: [...shared.places].filter(([, at]) => at === place).map(([name]) => name),
      bytes: places * size * QUAD_BYTES,
      usage: storage,
    })),
    ...[...tables].map(([name, { byteLength }]) => one(name, byteLength)),
    one("control", 16),
    one("children", 4 * places),
    one("places", ALIGNMENT * places),
    one("picks", 8 * steps * plan.batch),
    one("labels", 4 * steps * plan.batch),
    one("rates", 16 * steps),
    one("dropout_seeds", 4 * steps),
    one("losses", 4 * steps),
    one("logits", places * carried * quads.get(plan.logits.buffer)! * QUAD_BYTES),
    one("images", 4 * places * carried * images),
    one(
      "records",
      ALIGNMENT * (training.length + evaluation.length + 1),
      GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    ),
  ];
}

/** Bytes of a group of so many places. */
export function bytesFor(plan: Plan, places: number): number {
  return buffersFor(plan, places).reduce((sum, { bytes }) => sum + bytes, 0);
}

/** The uniform records of the dispatches, one at each multiple of ALIGNMENT. */
export function records(dispatches: readonly Dispatch[]): Uint32Array<ArrayBuffer> {
  const words = new Uint32Array(dispatches.length * ALIGNMENT / 4);
  dispatches.forEach(({ record }, i) => words.set(recordWords(record), i * ALIGNMENT / 4));
  return words;
}
