import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { FunctionFacts } from "../../../controller/samplers/function_facts.ts";
import { RandomSampler } from "../../../controller/samplers/random.ts";
import { SearchSpace } from "../../../controller/search_space.ts";

describe("random sampler", () => {
  it("draws every function of one core unit as often as the space has ways to write it", async () => {
    const space = new SearchSpace(1), facts = new FunctionFacts(space);
    const useful = Array.from({ length: space.size }, (_, index) => space.tokensAt(index))
      .filter((tokens) => facts.of(tokens).useless === null);
    const ways = useful.filter((tokens) => tokens[4] === 4).length / useful.length; // max(x1, x2)
    const runs = 4000;
    let drawn = 0;
    for (let seed = 0; seed < runs; seed++) {
      const [{ tokens }] = await new RandomSampler(facts, seed).ask(1);
      if (tokens[4] === 4) drawn++;
    }
    const deviation = Math.sqrt(runs * ways * (1 - ways));
    assert(Math.abs(drawn - runs * ways) <= 4.5 * deviation, `${drawn} of ${runs}, expected ${runs * ways}`);
  });

  it("draws positions independently of each other", async () => {
    const facts = new FunctionFacts(new SearchSpace(3));
    const candidates = await new RandomSampler(facts, 1).ask(2000);
    facts.space.positions.forEach(({ name, choices }, at) => {
      const share = candidates.filter(({ tokens }) => tokens[at] === 0).length / candidates.length;
      const p = 1 / choices.length;
      // A tenth of the draws are useless functions, of some choices more than of others.
      assert(Math.abs(share - p) <= 0.2 * p + 4.5 * Math.sqrt(p * (1 - p) / candidates.length), `${name}: ${share}`);
    });
  });

  it("proposes the same whatever its candidates earned", async () => {
    const make = () => new RandomSampler(new FunctionFacts(new SearchSpace(2)), 3);
    const [poor, rich] = [make(), make()];
    await poor.tell((await poor.ask(20)).map(({ tokens }) => ({ tokens, reward: 0 })));
    const update = await rich.tell((await rich.ask(20)).map(({ tokens }, at) => ({ tokens, reward: at })));
    assertEquals(await poor.ask(20), await rich.ask(20));
    assertEquals(update.metrics.map(({ name }) => name), ["mean_reward", "best_reward"]);
    assertEquals(update.probabilities, null);
  });
});
