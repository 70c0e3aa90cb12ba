import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { printExpression } from "../../../child/activation/print.ts";
import { calibrate } from "../../../controller/samplers/calibration.ts";
import { allMembers, FunctionFacts } from "../../../controller/samplers/function_facts.ts";
import type { Judged, Known } from "../../../controller/samplers/sampler.ts";
import { createSampler } from "../../../controller/samplers/samplers.ts";
import { SearchSpace } from "../../../controller/search_space.ts";

const facts = new FunctionFacts(new SearchSpace(1));

function judged(expression: string, reward: number): Judged {
  return { tokens: facts.tokensOf(expression)!, reward };
}

describe("calibration", () => {
  const known: Known[] = [
    { expression: "sin(x)", reward: 0.5 },
    { expression: "max(x, 0)", reward: 0.75 },
    { expression: "x * tanh(x)", reward: 0.25 },
    { expression: "x * x", reward: 0.125 },
    { expression: "cos(x)", reward: 0.25, isOwn: true },
  ];

  it("moves rewards from elsewhere by the median difference over the functions that both judged", () => {
    // One of three trains here and not there; a function counts as the same however it is written.
    const told = [judged("sin(x)", 0.25), judged("relu(x)", 0.5), judged("tanh(x) * x", 1), judged("atan(x)", 0)];
    assertEquals(calibrate(known, told, facts).map(({ reward }) => reward), [0.25, 0.5, 0, -0.125, 0.25]);
  });

  it("compares with references and what was added by hand, too", () => {
    const own: Known[] = [{ expression: "sin(x)", reward: 0.25, isOwn: true, isReference: true }];
    assertEquals(calibrate([...known, ...own], [], facts).map(({ reward }) => reward), [
      ...[0.25, 0.5, 0, -0.125, 0.25],
      0.25,
    ]);
  });

  it("moves none while there is nothing to compare with, and none of this search's child", () => {
    for (const told of [[], [judged("atan(x)", 0)], [judged("cos(x)", 1)]]) {
      assertEquals(calibrate(known, told, facts), known);
    }
  });
});

/** A multiple of 1 / 1024, so that sums are exact; what both children find, in the middle of its range. */
const rewardOf = ([, , first, second]: readonly number[]) => (256 + 16 * first + second) / 1024;

describe("rewards from elsewhere", () => {
  const members = allMembers(facts.space).filter((_, at) => at % 20 === 0);

  /** The proposals of four batches, the first of which shows how much harder the child is than the one elsewhere. */
  async function proposals(name: string, harder: number): Promise<readonly string[]> {
    const sampler = createSampler(name, facts.space, 1, { facts }), proposed: string[] = [];
    await sampler.learnFrom(
      members.map(({ tokens, expression }) => ({
        expression: printExpression(expression),
        reward: rewardOf(tokens) + harder,
      })),
    );
    for (let batch = 0; batch < 4; batch++) {
      const candidates = await sampler.ask(10);
      proposed.push(...candidates.map(({ tokens }) => tokens.join()));
      await sampler.tell(candidates.map(({ tokens }) => ({ tokens, reward: rewardOf(tokens) })));
    }
    return proposed;
  }

  for (const name of ["ppo", "surrogate"]) {
    it(`teach ${name} the same, however much easier or harder the child was`, async () => {
      const same = await proposals(name, 0);
      assertEquals(await proposals(name, 0.5), same);
      assertEquals(await proposals(name, -0.25), same);
      assert(new Set(same).size === 40);
    });
  }
});
