/**
 * The masks of dropout (Srivastava et al. 2014), inverted: in training an element is 0 with probability `rate`, else
 * multiplied by 1 / (1 - rate), so that evaluation needs no factor. A mask is a hash of the step's seed, the node and the
 * element's position in the batch (NHWC) and of nothing else: every engine drops the same elements, whatever its
 * threads, chunks and other children, and a resumed training goes on with the masks it would have had.
 *
 * The hash is Wellons's lowbias32 (https://github.com/skeeto/hash-prospector) with one key before its first round and
 * one before its last, so that no two masks are shifts of one sequence. Engines write it in their own operations.
 */

/** Multipliers of the two rounds; between and after them the upper bits are folded by 16, 15 and 16. */
export const MULTIPLIERS = [0x7feb352d, 0x846ca68b] as const;

/** The two keys of a node's mask in a training step; `seed` is a whole number of 32 bits. */
export function maskKeys(seed: number, node: number): readonly [number, number] {
  return [hash(seed ^ hash(2 * node, 0, 0), 0, 0), hash(seed ^ hash(2 * node + 1, 0, 0), 0, 0)];
}

/** Elements whose 24 random bits are below it are dropped. */
export function threshold(rate: number): number {
  return Math.round(rate * 2 ** 24);
}

/** The mask of the first `length` elements of a batch: 0 or 1 / (1 - rate). */
export function mask(seed: number, node: number, rate: number, length: number): Float64Array {
  const [first, second] = maskKeys(seed, node), least = threshold(rate), scale = 1 / (1 - rate);
  return Float64Array.from({ length }, (_, element) => hash(element, first, second) >>> 8 < least ? 0 : scale);
}

function hash(value: number, first: number, second: number): number {
  let x = value ^ first;
  x = Math.imul(x ^ x >>> 16, MULTIPLIERS[0]);
  x = (x ^ x >>> 15) + second;
  x = Math.imul(x, MULTIPLIERS[1]);
  return (x ^ x >>> 16) >>> 0;
}
