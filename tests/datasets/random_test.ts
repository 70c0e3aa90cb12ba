/** Random numbers: the published algorithms to the bit, streams that do not touch each other, fair draws. */
import { assert, assertAlmostEquals, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { Random } from "../../datasets/random.ts";

/**
 * numpy 2.4.6, `numpy.random.SeedSequence(path).generate_state(4)`; a path is seed and labels, each after its length.
 */
const BY_NUMPY: readonly { random: Random; path: number[]; words: number[] }[] = [
  { random: new Random(0), path: [1], words: [1835504127, 1731038949, 1320224556, 2330041505] },
  { random: new Random(1), path: [2, 1], words: [307626447, 1538850434, 3092219749, 3926071173] },
  { random: new Random(2 ** 32), path: [3, 0, 1], words: [3578933982, 2260443800, 1783213810, 2743873350] },
  {
    random: new Random(7).split("a"),
    path: [2, 7, 0x80000001, 0x61],
    words: [1676092583, 3148254961, 1111856774, 1890182249],
  },
  {
    random: new Random(5).split(1, 2, 3),
    path: [2, 5, 2, 1, 2, 2, 2, 3],
    words: [1667383596, 4087080563, 1781433741, 2031274084],
  },
];

/** xoshiro128** 1.1 in whole numbers, line for line after its authors' C. */
function* xoshiro(words: readonly number[]): Generator<number> {
  const s = words.map(BigInt), mask = 0xffffffffn;
  const rotate = (x: bigint, k: bigint) => ((x << k) | (x >> (32n - k))) & mask;
  while (true) {
    yield Number(rotate((s[1] * 5n) & mask, 7n) * 9n & mask);
    const t = (s[1] << 9n) & mask;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 11n);
  }
}

const take = (random: Random, count: number) => Array.from({ length: count }, () => random.nextUint32());

/** Chi-squared over its degrees of freedom. */
function unevenness(counts: readonly number[], expected: number): number {
  return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0) / (counts.length - 1);
}

describe("Random", () => {
  it("seeds as numpy's SeedSequence does", () => {
    for (const { random, path, words } of BY_NUMPY) assertEquals(random.state(), { path, words });
  });

  it("draws the words of xoshiro128**", () => {
    for (const { random, words } of BY_NUMPY) {
      const oracle = xoshiro(words);
      assertEquals(take(random, 200), Array.from({ length: 200 }, () => oracle.next().value));
    }
  });

  it("makes a uniform number of two words, below 1", () => {
    const random = new Random(3), words = take(new Random(3), 2000);
    for (let i = 0; i < 1000; i++) {
      const [high, low] = [words[2 * i] >>> 5, words[2 * i + 1] >>> 6];
      assertEquals(random.uniform(), Number(BigInt(high) * 2n ** 26n + BigInt(low)) / 2 ** 53);
    }
  });

  it("splits by labels alone, however much was drawn", () => {
    const random = new Random(11), before = take(random.split("order", 4), 5);
    take(random, 100);
    assertEquals(take(random.split("order", 4), 5), before);
    assertEquals(take(random.split("order").split(4), 5), before);
    take(random.split("order"), 10);
    assertEquals(take(random.split("order", 4), 5), before);
  });

  it("gives every path its own stream, alike as paths may look", () => {
    const root = new Random(1);
    const streams = [
      ...[
        root,
        new Random(2),
        new Random(2 ** 32),
        root.split(0),
        root.split(1),
        root.split(0, 0),
        root.split(2 ** 32),
      ],
      ...[root.split(""), root.split("a"), root.split("aa"), root.split("a", "a"), root.split("a\0"), root.split("1")],
      ...[root.split("a").split("b"), root.split("b").split("a"), root.split("ab")],
    ].map((random) => take(random, 4).join());
    assertEquals(new Set(streams).size, streams.length);
  });

  it("continues exactly where its state was taken, through JSON", () => {
    const random = new Random(9).split("child");
    take(random, 17);
    const copy = Random.from(JSON.parse(JSON.stringify(random.state())));
    assertEquals(take(copy, 20), take(random, 20));
    assertEquals(take(copy.split("x"), 3), take(random.split("x"), 3));
  });

  it("draws integers evenly, also where n does not divide 2^32", () => {
    for (const n of [1, 2, 3, 7, 10, 1000]) {
      const random = new Random(n), counts = new Array<number>(n).fill(0), draws = 100 * n;
      for (let i = 0; i < draws; i++) counts[random.integer(n)]++;
      // With 999 degrees of freedom 1.2 is 4.5 standard deviations off; small n get a wide berth.
      if (n > 1) assert(unevenness(counts, 100) < (n === 1000 ? 1.2 : 4), `n = ${n}`);
    }
    // Taking words modulo n would give the lower third of this n twice as often as the rest.
    const n = 3 * 2 ** 30, random = new Random(1);
    const low = Array.from({ length: 3000 }, () => random.integer(n)).filter((value) => value < 2 ** 30).length;
    assertAlmostEquals(low / 3000, 1 / 3, 0.035);
  });

  it("draws normal numbers of mean 0, variance 1 and the normal's tails", () => {
    const random = new Random(4), n = 50_000, values = Array.from({ length: n }, () => random.normal());
    const moment = (power: number) => values.reduce((sum, value) => sum + value ** power, 0) / n;
    // Standard errors of the moments of n normal values: 1, 2, 15 and 96 over n, square rooted; five of them.
    [[1, 0, 1], [2, 1, 2], [3, 0, 15], [4, 3, 96]].forEach(([power, expected, variance]) =>
      assertAlmostEquals(moment(power), expected, 5 * Math.sqrt(variance / n), `moment ${power}`)
    );
    const share = (limit: number) => values.filter((value) => Math.abs(value) > limit).length / n;
    assertAlmostEquals(share(1), 0.31731, 0.011);
    assertAlmostEquals(share(2), 0.0455, 0.005);
    assertAlmostEquals(share(3), 0.0027, 0.0012);
  });

  it("permutes fairly: every order of four as often, every number once", () => {
    const random = new Random(6), counts = new Map<string, number>();
    for (let i = 0; i < 4800; i++) {
      const order = random.permutation(4).join();
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    assertEquals(counts.size, 24);
    assert(unevenness([...counts.values()], 200) < 2.2); // 23 degrees of freedom: four standard deviations
    assertEquals([...random.permutation(1000)].sort((a, b) => a - b), Array.from({ length: 1000 }, (_, i) => i));
    assertEquals(random.permutation(0).length, 0);
  });

  it("refuses seeds, labels and bounds that are no whole numbers", () => {
    for (const seed of [-1, 0.5, NaN, Infinity, 2 ** 53]) {
      assertThrows(() => new Random(seed), RangeError, String(seed));
      assertThrows(() => new Random(1).split(seed), RangeError);
    }
    for (const n of [0, -1, 1.5, NaN, 2 ** 32 + 1]) assertThrows(() => new Random(1).integer(n), RangeError, String(n));
    assertNotEquals(new Random(2n ** 64n).state(), new Random(2n ** 65n).state());
  });

  it("refuses a state that is none", () => {
    const state = new Random(1).state();
    for (const words of [[0, 0, 0, 0], [1, 2, 3], [1, 2, 3, -1], [1, 2, 3, 0.5], [1, 2, 3, 4, 5]]) {
      assertThrows(() => Random.from({ ...state, words }), RangeError, "not a state of one");
    }
    assertThrows(() => Random.from({ ...state, path: [-1] }), RangeError, "not a state of one");
  });
});
