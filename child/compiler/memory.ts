/** Lifetimes -> places: tensors that are never alive at the same time share memory. */
import { gradientReadsOf, readsOf, type Stages, type Values } from "./stages.ts";

/** When a tensor is alive: from when it is written to when it is last read, both included. */
export interface Lifetime {
  readonly first: number;
  readonly last: number;
}

/** The time of each stage; equal times are not ordered. */
export interface Times {
  readonly forward: readonly number[];
  readonly backward: readonly number[];
}

/** Of all values and gradients by their ids. What nothing reads lives as long as its stage. */
export function lifetimesOf(
  { forward, backward }: Pick<Stages, "forward" | "backward">,
  times: Times,
): Map<number, Lifetime> {
  const lifetimes = new Map<number, { first: number; last: number }>();
  const write = ({ id }: Values, time: number) => lifetimes.set(id, { first: time, last: time });
  const read = ({ id }: Values, time: number) => {
    const lifetime = lifetimes.get(id)!;
    lifetime.last = Math.max(lifetime.last, time);
  };
  forward.forEach((stage, i) => {
    readsOf(stage).forEach((values) => read(values, times.forward[i]));
    write(stage.out, times.forward[i]);
  });
  backward.forEach((stage, i) => {
    gradientReadsOf(stage).forEach((values) => read(values, times.backward[i]));
    if (stage.into) write(stage.into, times.backward[i]);
  });
  return lifetimes;
}

/** One stage after the other, as devices that compute a whole batch at a time do. */
export function inOrder({ forward, backward }: Pick<Stages, "forward" | "backward">): Times {
  return { forward: forward.map((_, i) => i), backward: backward.map((_, i) => forward.length + i) };
}

export interface Buffer extends Lifetime {
  readonly bytes: number;
}

export interface Placement {
  /** Of each buffer, in the order given. */
  readonly offsets: readonly number[];
  readonly bytes: number;
}

/**
 * Places buffers so that those alive at the same time do not overlap: the largest first, each at the lowest offset
 * where it fits. Offsets are multiples of `alignment`.
 */
export function placeBuffers(buffers: readonly Buffer[], alignment: number): Placement {
  const offsets = new Array<number>(buffers.length).fill(0);
  const align = (bytes: number) => Math.ceil(bytes / alignment) * alignment;
  const placed: number[] = [];
  const order = [...buffers.keys()].sort((a, b) => buffers[b].bytes - buffers[a].bytes || a - b);
  for (const i of order) {
    const beside = placed.filter((j) => isAliveWith(buffers[i], buffers[j])).sort((a, b) => offsets[a] - offsets[b]);
    let offset = 0;
    for (const j of beside) {
      if (offsets[j] - offset >= buffers[i].bytes) break;
      offset = Math.max(offset, align(offsets[j] + buffers[j].bytes));
    }
    offsets[i] = offset;
    placed.push(i);
  }
  return { offsets, bytes: Math.max(0, ...buffers.map(({ bytes }, i) => align(offsets[i] + bytes))) };
}

function isAliveWith(a: Lifetime, b: Lifetime): boolean {
  return a.first <= b.last && b.first <= a.last;
}
