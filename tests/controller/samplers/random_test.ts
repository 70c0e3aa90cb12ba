import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { RandomSampler } from "../../../controller/samplers/random.ts";
import { SearchSpace } from "../../../controller/search_space.ts";

describe("random sampler", () => {
  it("draws every choice of every position equally often", async () => {
    const space = new SearchSpace(3), draws = 20_000;
    const candidates = await new RandomSampler(space, 1).ask(draws);
    space.positions.forEach(({ name, choices }, at) => {
      const p = 1 / choices.length;
      const deviation = Math.sqrt(draws * p * (1 - p));
      const counts = choices.map(() => 0);
      for (const { tokens } of candidates) counts[tokens[at]]++;
      for (const count of counts) {
        assert(Math.abs(count - draws * p) <= 4.5 * deviation, `${name}: ${count} of ${draws}, expected ${draws * p}`);
      }
    });
  });

  it("draws positions independently of each other", async () => {
    const draws = 20_000;
    const candidates = await new RandomSampler(new SearchSpace(1), 2).ask(draws);
    const pairs = new Set(candidates.map(({ tokens }) => tokens.join()));
    // Of 6,250 members, each is missed with probability exp(-3.2): about 255 of them.
    assert(pairs.size > 5_920 && pairs.size < 6_070, `${pairs.size} of 6,250 members seen`);
  });

  it("proposes the same whatever its candidates earned", async () => {
    const [poor, rich] = [new RandomSampler(new SearchSpace(2), 3), new RandomSampler(new SearchSpace(2), 3)];
    await poor.tell((await poor.ask(20)).map(({ tokens }) => ({ tokens, reward: 0 })));
    const update = await rich.tell((await rich.ask(20)).map(({ tokens }, at) => ({ tokens, reward: at })));
    assertEquals(await poor.ask(20), await rich.ask(20));
    const { baseline, entropy, kl, loss, probabilities } = update;
    assertEquals([baseline, entropy, kl, loss, probabilities], [null, null, null, null, null]);
  });
});
