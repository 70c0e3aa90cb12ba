import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { FunctionFacts } from "../../../controller/samplers/function_facts.ts";
import { SurrogateSampler } from "../../../controller/samplers/surrogate.ts";
import { SearchSpace } from "../../../controller/search_space.ts";

const facts = new FunctionFacts(new SearchSpace(1));

/** Token by token, the proposals of five batches, of which the first two are random. */
async function proposals(rewardOf: (tokens: readonly number[]) => number): Promise<string[]> {
  const sampler = new SurrogateSampler(facts, 1), proposed: string[] = [];
  for (let batch = 0; batch < 5; batch++) {
    const candidates = await sampler.ask(10);
    proposed.push(...candidates.map(({ tokens }) => tokens.join()));
    await sampler.tell(candidates.map(({ tokens }) => ({ tokens, reward: rewardOf(tokens) })));
  }
  return proposed;
}

/** The first unary function decides, the second a little. */
const smooth = ([, , first, second]: readonly number[]) => 0.3 + first / 250 + second / 1000;

describe("surrogate", () => {
  it("learns from the order of rewards alone, so that one far below all others hides no difference", async () => {
    const plain = await proposals(smooth);
    assertEquals(await proposals((tokens) => smooth(tokens) ** 7), plain);
    // Half of the functions hardly train in both; how badly is the same order.
    const low = (tokens: readonly number[], least: number) => smooth(tokens) < 0.36 ? least * smooth(tokens) : null;
    const near = await proposals((tokens) => low(tokens, 0.9) ?? smooth(tokens));
    const far = await proposals((tokens) => low(tokens, 0.01) ?? smooth(tokens));
    assertEquals(far, near);
  });

  it("proposes like what earned most", async () => {
    const proposed = (await proposals(smooth)).map((text) => text.split(",").map(Number));
    const mean = (from: number, to: number) =>
      proposed.slice(from, to).reduce((sum, tokens) => sum + smooth(tokens), 0) / (to - from);
    assert(mean(20, 50) > mean(0, 20) + 0.01, `${mean(0, 20)}, then ${mean(20, 50)}`);
  });
});
