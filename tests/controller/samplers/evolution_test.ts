import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { crossOver, EvolutionSampler, mutateToken, mutateUnit } from "../../../controller/samplers/evolution.ts";
import { ExhaustiveSampler, permuted } from "../../../controller/samplers/exhaustive.ts";
import { FunctionFacts } from "../../../controller/samplers/function_facts.ts";
import { SearchSpace } from "../../../controller/search_space.ts";
import { Random } from "../../../datasets/random.ts";

const space = new SearchSpace(2), choices = space.positions.map(({ choices }) => choices.length);
const parent = [0, 0, 3, 4, 5, 0, 1, 6, 7, 8], other = [0, 0, 9, 10, 1, 1, 0, 11, 12, 2];

describe("evolution", () => {
  it("changes exactly one token to any other one, wherever there is a choice", () => {
    const random = new Random(1), places = new Set<number>(), tokens = new Set<number>();
    for (let i = 0; i < 3000; i++) {
      const child = mutateToken(parent, other, choices, random);
      space.check(child);
      const changed = child.flatMap((token, at) => token === parent[at] ? [] : [at]);
      assertEquals(changed.length, 1);
      places.add(changed[0]);
      if (changed[0] === 2) tokens.add(child[2]);
    }
    assertEquals([...places].sort(), [2, 3, 4, 5, 6, 7, 8, 9]);
    assertEquals(tokens.size, 24);
  });

  it("draws one whole core unit again and leaves the other", () => {
    const random = new Random(2), seen = new Set<string>();
    for (let i = 0; i < 200; i++) {
      const child = mutateUnit(parent, other, choices, random);
      space.check(child);
      const same = [
        child.slice(0, 5).join() === parent.slice(0, 5).join(),
        child.slice(5).join() === parent.slice(5).join(),
      ];
      assert(same.includes(true));
      seen.add(same.join());
    }
    assert(seen.has("true,false") && seen.has("false,true"));
  });

  it("crosses two parents token by token", () => {
    const random = new Random(3), from = choices.map(() => new Set<number>());
    for (let i = 0; i < 200; i++) {
      crossOver(parent, other, choices, random).forEach((token, at) => from[at].add(token));
    }
    from.forEach((tokens, at) => assertEquals(tokens, new Set([parent[at], other[at]])));
  });

  it("lets the oldest die, however good: what was best long ago has no more children", async () => {
    const sampler = new EvolutionSampler(new FunctionFacts(space), 1, { population: 10, tournament: 10 });
    const [best] = await sampler.ask(1);
    await sampler.tell([{ ...best, reward: 1 }]);
    const closeness = (tokens: readonly number[]) => tokens.filter((token, at) => token === best.tokens[at]).length;
    const meanCloseness: number[] = [];
    for (let batch = 0; batch < 12; batch++) {
      const candidates = await sampler.ask(10);
      meanCloseness.push(candidates.reduce((sum, { tokens }) => sum + closeness(tokens), 0) / 10);
      // From the second batch on, the less alike the better.
      await sampler.tell(candidates.map(({ tokens }) => ({ tokens, reward: -closeness(tokens) })));
    }
    assert(meanCloseness[11] < meanCloseness[0] + 2 && meanCloseness[11] < 4, `${meanCloseness}`);
  });
});

describe("exhaustive", () => {
  it("goes through a permutation of the space, another one for another seed", () => {
    for (const size of [1, 2, 5, 1000, 6250]) {
      const orders = [1, 2].map((seed) => Array.from({ length: size }, (_, at) => permuted(at, size, seed)));
      for (const order of orders) {
        assertEquals(
          order.toSorted((a, b) => a - b),
          Array.from({ length: size }, (_, at) => at),
        );
      }
      if (size >= 1000) assert(orders[0].join() !== orders[1].join());
    }
  });

  it("spreads what it proposes first over a space that nobody could list", async () => {
    const large = new SearchSpace(3);
    const first = await new ExhaustiveSampler(new FunctionFacts(large), 1).ask(300);
    const tokens = new Set(first.map(({ tokens }) => tokens[2]));
    assert(tokens.size === 25, `${tokens.size} of 25 functions stand at the first place`);
  });
});
