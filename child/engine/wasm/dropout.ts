/** The masks of `network/dropout.ts` in WebAssembly: numbers that a program writes before each run, and the hash. */
import { maskKeys, MULTIPLIERS, threshold } from "../../network/dropout.ts";
import type { Dropout } from "../../compiler/stages.ts";
import { FLOAT_BYTES, floatBits, type FunctionBuilder, type Int, LANES, type Vector } from "./function_builder.ts";

/** Words of one stage: two keys, the threshold, and the factor of what is kept. */
export const DROPOUT_WORDS = 4;
const [FIRST_KEY, SECOND_KEY, THRESHOLD, FACTOR] = [0, 1, 2, 3].map((word) => word * FLOAT_BYTES);

/** The words of a stage in a step with this seed; null in evaluation, where all is kept as it is. */
export function dropoutWords({ node, rate }: Dropout, seed: number | null): readonly number[] {
  if (seed === null) return [0, 0, 0, floatBits(1)];
  return [...maskKeys(seed, node), threshold(rate), floatBits(1 / (1 - rate))];
}

/** Loads the words at the address. The result writes the mask of consecutive elements from 1/4 of a position on. */
export function maskCode(f: FunctionBuilder, words: Int, parts: number): (position: Int) => Vector {
  const [first, second, least, factor] = [FIRST_KEY, SECOND_KEY, THRESHOLD, FACTOR]
    .map((offset) => f.broadcast(words, offset, parts));
  const lanes = f.bind(lanesOf(parts).map((lanes) => `(v128.const i32x4 ${lanes.join(" ")})`), "lanes");
  const fold = (x: Vector, bits: number) => f.apply("v128.xor", x, f.shift("i32x4.shr_u", x, bits));
  const times = (x: Vector, i: 0 | 1) => f.apply("i32x4.mul", x, f.constantBits(MULTIPLIERS[i], parts));
  return (position) => {
    const [start] = f.bind([`(i32x4.splat (i32.shr_u ${position} (i32.const 2)))`], "element");
    let x = f.apply("v128.xor", f.apply("i32x4.add", lanes, lanes.map(() => start)), first);
    x = f.apply("i32x4.add", fold(times(fold(x, 16), 0), 15), second);
    x = f.shift("i32x4.shr_u", fold(times(x, 1), 16), 8);
    return f.apply("v128.andnot", factor, f.apply("i32x4.lt_s", x, least));
  };
}

/** The numbers of each part's lanes. */
function lanesOf(parts: number): readonly (readonly number[])[] {
  return Array.from({ length: parts }, (_, part) => [0, 1, 2, 3].map((lane) => part * LANES + lane));
}
