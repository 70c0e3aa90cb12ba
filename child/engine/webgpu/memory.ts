/**
 * Tensors that are never needed at the same time share a buffer. Each tensor has a buffer of its own otherwise: a kernel
 * that reads and writes parts of one buffer would have to declare all of it writable.
 */
import type { BufferName, Dispatch } from "./kernel.ts";

/** From the dispatch that first names a tensor to the last. */
interface Life {
  first: number;
  last: number;
}

/**
 * The physical buffer of each tensor, numbered from 0, and the size of each. `runs` are sequences of dispatches of
 * which only one is under way at a time, but for which a tensor has the same buffer; `kept` are read after any.
 */
export function shareBuffers(
  runs: readonly (readonly Dispatch[])[],
  sizes: ReadonlyMap<BufferName, number>,
  kept: ReadonlySet<BufferName>,
): { readonly places: ReadonlyMap<BufferName, number>; readonly sizes: readonly number[] } {
  const lives = runs.map((run) => livesIn(run, kept));
  const overlap = (a: BufferName, b: BufferName) =>
    lives.some((life) => {
      const [one, other] = [life.get(a), life.get(b)];
      return one !== undefined && other !== undefined && one.first <= other.last && other.first <= one.last;
    });

  const places = new Map<BufferName, number>();
  const shared: { size: number; readonly tensors: BufferName[] }[] = [];
  // The largest first, so that a buffer is as large as its first tensor.
  for (const [tensor, size] of [...sizes].sort(([, a], [, b]) => b - a)) {
    let place = shared.findIndex(({ tensors }) => !tensors.some((other) => overlap(tensor, other)));
    if (place < 0) place = shared.push({ size, tensors: [] }) - 1;
    shared[place].tensors.push(tensor);
    places.set(tensor, place);
  }
  return { places, sizes: shared.map(({ size }) => size) };
}

function livesIn(run: readonly Dispatch[], kept: ReadonlySet<BufferName>): ReadonlyMap<BufferName, Life> {
  const lives = new Map<BufferName, Life>();
  run.forEach(({ buffers }, at) => {
    for (const name of buffers) {
      const life = lives.get(name);
      const last = kept.has(name) ? run.length : at;
      if (life) life.last = Math.max(life.last, last);
      else lives.set(name, { first: at, last });
    }
  });
  return lives;
}
