/**
 * Seeded, splittable random numbers, the same on every machine: only integer arithmetic and exactly rounded floating
 * point decide what is drawn. The generator is xoshiro128** (Blackman & Vigna, "Scrambled linear pseudorandom number
 * generators", ACM TOMS 47, 2021; https://prng.di.unimi.it/xoshiro128starstar.c). Its four words come from the seed and
 * the labels by the hash of numpy's SeedSequence (after O'Neill, "Developing a seed_seq alternative", 2015).
 */

/** JSON-able; `Random.from(state)` continues exactly where `state()` was taken. */
export interface RandomState {
  /** Seed and labels as 32-bit words, on which `split` depends. */
  readonly path: readonly number[];
  /** The generator's four 32-bit words. */
  readonly words: readonly number[];
}

export class Random {
  readonly #path: readonly number[];
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  /** The seed is a non-negative integer (a bigint from 2^53 on) or a state; anything else is a RangeError. */
  constructor(seed: number | bigint | RandomState) {
    const { path, words } = typeof seed === "object" ? checkState(seed) : newState(wordsOf(seed));
    this.#path = path;
    [this.#a, this.#b, this.#c, this.#d] = words;
  }

  static from(state: RandomState): Random {
    return new Random(state);
  }

  /**
   * An independent stream for the labels, each a name or a non-negative integer. It depends on the seed and the labels
   * only, never on how much has been drawn: `split("a", 1)` is `split("a").split(1)`, at any time.
   */
  split(...labels: readonly (string | number)[]): Random {
    return new Random(newState([...this.#path, ...labels.flatMap(wordsOf)]));
  }

  state(): RandomState {
    return { path: [...this.#path], words: [this.#a, this.#b, this.#c, this.#d].map((word) => word >>> 0) };
  }

  /** Uniform integer in [0, 2^32). */
  nextUint32(): number {
    const product = Math.imul(this.#b, 5);
    const result = Math.imul((product << 7) | (product >>> 25), 9);
    const shifted = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= shifted;
    this.#d = (this.#d << 11) | (this.#d >>> 21);
    return result >>> 0;
  }

  /** Uniform in [0, 1), a multiple of 2^-53. */
  uniform(): number {
    const high = this.nextUint32() >>> 5;
    const low = this.nextUint32() >>> 6;
    return (high * 2 ** 26 + low) * 2 ** -53;
  }

  /**
   * Standard normal, by Leva's ratio of uniforms (ACM TOMS 18, 1992, pp. 449-453). The value is a quotient; the
   * logarithm, whose last bit may depend on the machine, only decides about 1 % of acceptances.
   */
  normal(): number {
    while (true) {
      const u = 1 - this.uniform();
      const v = 1.7156 * (this.uniform() - 0.5);
      const x = u - 0.449871;
      const y = Math.abs(v) + 0.386595;
      const q = x * x + y * (0.19600 * y - 0.25472 * x);
      if (q < 0.27597) return v / u;
      if (q <= 0.27846 && v * v <= -4 * Math.log(u) * u * u) return v / u;
    }
  }

  /** Uniform integer in [0, n), without bias; n is an integer in [1, 2^32], or it is a RangeError. */
  integer(n: number): number {
    if (!Number.isInteger(n) || n < 1 || n > 2 ** 32) {
      throw new RangeError(`Cannot draw an integer below n as n must be an integer from 1 to 2^32: n is ${n}`);
    }
    const accepted = 2 ** 32 - (2 ** 32 % n);
    while (true) {
      const word = this.nextUint32();
      if (word < accepted) return word % n;
    }
  }

  /** The integers 0 … n-1 in random order (Fisher-Yates). */
  permutation(n: number): Uint32Array {
    const order = Uint32Array.from({ length: n }, (_, index) => index);
    for (let last = n - 1; last > 0; last--) {
      const other = this.integer(last + 1);
      const value = order[last];
      order[last] = order[other];
      order[other] = value;
    }
    return order;
  }
}

function newState(path: readonly number[]): RandomState {
  return { path, words: hash(path) };
}

function checkState(state: RandomState): RandomState {
  const isWord = (word: unknown) => typeof word === "number" && word >>> 0 === word;
  // All zeros is the one state that xoshiro never leaves.
  if (state.path.every(isWord) && state.words.every(isWord) && state.words.length === 4 && state.words.some(Boolean)) {
    return { path: [...state.path], words: state.words };
  }
  throw new RangeError(`Cannot restore a random generator as this is not a state of one: ${JSON.stringify(state)}`);
}

/** A label as 32-bit words: first how many follow (and for text how many bytes), so that no two paths read alike. */
function wordsOf(label: string | number | bigint): number[] {
  if (typeof label === "string") return wordsOfText(label);
  if (label < 0 || (typeof label === "number" && !Number.isSafeInteger(label))) {
    throw new RangeError(`Cannot seed random numbers as a seed is a non-negative integer below 2^53: it is ${label}`);
  }
  const words: number[] = [];
  for (let rest = BigInt(label); rest > 0n; rest >>= 32n) words.push(Number(rest & 0xffffffffn));
  return [words.length + 1, ...words];
}

function wordsOfText(text: string): number[] {
  const bytes = new TextEncoder().encode(text);
  const words = new Array<number>(Math.ceil(bytes.length / 4)).fill(0);
  bytes.forEach((byte, index) => words[index >> 2] = (words[index >> 2] | (byte << (8 * (index & 3)))) >>> 0);
  return [(0x80000000 | bytes.length) >>> 0, ...words];
}

/** numpy.random.SeedSequence(entropy).generate_state(4), word for word. */
function hash(entropy: readonly number[]): number[] {
  let constant = 0x43b0d7e5;
  const scramble = (value: number) => {
    value ^= constant;
    constant = Math.imul(constant, 0x931e8875);
    value = Math.imul(value, constant);
    return value ^ (value >>> 16);
  };
  const mix = (x: number, y: number) => {
    const mixed = (Math.imul(0xca01f9dd, x) - Math.imul(0x4973f715, y)) | 0;
    return mixed ^ (mixed >>> 16);
  };

  const pool = [0, 1, 2, 3].map((index) => scramble(entropy[index] ?? 0));
  for (let from = 0; from < 4; from++) {
    for (let to = 0; to < 4; to++) if (from !== to) pool[to] = mix(pool[to], scramble(pool[from]));
  }
  for (const word of entropy.slice(4)) {
    for (let to = 0; to < 4; to++) pool[to] = mix(pool[to], scramble(word));
  }

  let output = 0x8b51f9dd;
  const words = pool.map((value) => {
    value ^= output;
    output = Math.imul(output, 0x58f38ded);
    value = Math.imul(value, output);
    return (value ^ (value >>> 16)) >>> 0;
  });
  return words.some(Boolean) ? words : [1, 0, 0, 0];
}
