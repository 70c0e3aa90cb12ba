/**
 * What holds for every sampler. `tell` is given a reward that depends on the tokens only, so that runs can be repeated.
 */
import { assert, assertEquals, assertMatch, assertNotEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { type ControllerSettings, PAPER_CONTROLLER } from "../../../controller/samplers/ppo/config.ts";
import { metricOf, type SamplerUpdate } from "../../../controller/runs/events.ts";
import type { Candidate, Judged, Sampler } from "../../../controller/samplers/sampler.ts";
import { FunctionFacts } from "../../../controller/samplers/function_facts.ts";
import { createSampler, type SamplerName } from "../../../controller/samplers/samplers.ts";
import { packState, unpackState } from "../../../controller/samplers/sampler_state.ts";
import { uselessness } from "../../../controller/samplers/useless.ts";
import { SearchSpace, type Units } from "../../../controller/search_space.ts";
import { mirrorFingerprint } from "../../../child/activation/fingerprint.ts";

/** A small policy, whose draws are screened from the third batch of ten on. */
const SETTINGS: ControllerSettings = { ...PAPER_CONTROLLER, hidden: 6, learningRate: 0.01, screen: 2 };

/** Shared by all samplers of a space, so that each function is worked out once. */
const FACTS = {
  1: new FunctionFacts(new SearchSpace(1)),
  2: new FunctionFacts(new SearchSpace(2)),
  3: new FunctionFacts(new SearchSpace(3)),
};

/** A reward in [0, 1) for each candidate, without structure. */
export function judge(candidates: readonly Candidate[]): Judged[] {
  return candidates.map(({ tokens }) => {
    const mixed = tokens.reduce((hash, token) => Math.imul(hash ^ token, 0x01000193) >>> 0, 0x811c9dc5);
    return { tokens, reward: mixed / 2 ** 32 };
  });
}

/** How many functions of one core unit may be useful; worked out once, from the space alone, for all samplers. */
function usefulFunctions(): number {
  const space = new SearchSpace(1);
  return useful ??= new Set(
    Array.from({ length: space.size }, (_, index) => space.expressionOf(space.tokensAt(index)))
      .filter((expression) => uselessness(expression) === null).map(mirrorFingerprint),
  ).size;
}
let useful: number | undefined;

export function samplerCases(name: SamplerName): void {
  const make = (seed = 1, units: Units = 2) =>
    createSampler(name, FACTS[units].space, seed, { controller: SETTINGS, facts: FACTS[units] });

  describe(`sampler ${name}`, () => {
    for (const units of [1, 2, 3] as const) {
      it(`proposes members of the space of ${units} core units only`, async () => {
        const space = new SearchSpace(units);
        const sampler = make(5, units);
        for (let batch = 0; batch < 3; batch++) {
          const candidates = await sampler.ask(40);
          assertEquals(candidates.length, 40);
          candidates.forEach(({ tokens }) => space.check(tokens));
          await sampler.tell(judge(candidates));
        }
      });
    }

    it("proposes and learns the same from the same seed", async () => {
      assertEquals(await course(make(7), 3), await course(make(7), 3));
    });

    it("proposes other candidates from another seed", async () => {
      assertNotEquals(await make(7).ask(20), await make(8).ask(20));
    });

    it("resumes from a saved state exactly as if never interrupted", async () => {
      const unbroken = make(3);
      await course(unbroken, 2);
      const saved = await unbroken.state();
      const expected = await course(unbroken, 3);

      const resumed = make(99);
      await course(resumed, 1);
      await resumed.restore(saved);
      assertEquals(await course(resumed, 3), expected);
      assertEquals(await resumed.state(), await unbroken.state());
    });

    it("resumes from a state that was saved while a batch was pending", async () => {
      const unbroken = make(3);
      await course(unbroken, 1);
      const out = await unbroken.ask(10);
      const saved = await unbroken.state();
      const expected = [await unbroken.tell(judge(out)), ...await course(unbroken, 2)];

      const resumed = make(99);
      await resumed.restore(saved);
      assertEquals([await resumed.tell(judge(out)), ...await course(resumed, 2)], expected);
    });

    it("is not changed by saving its state", async () => {
      const watched = make(4), left = make(4);
      const seen = [];
      for (let batch = 0; batch < 2; batch++) {
        await watched.state();
        seen.push(...await course(watched, 1));
        await watched.state();
      }
      assertEquals(seen, await course(left, 2));
    });

    it("counts batches and reports the mean and the best reward", async () => {
      const sampler = make();
      for (const batch of [0, 1]) {
        const [first, second] = await sampler.ask(2);
        const update = await sampler.tell([{ ...first, reward: 0.25 }, { ...second, reward: 0.75 }]);
        assertEquals(update.batch, batch);
        assertEquals([metricOf(update, "mean_reward"), metricOf(update, "best_reward")], [0.5, 0.75]);
        const names = update.metrics.map(({ name }) => name);
        assertEquals(new Set(names).size, names.length);
        for (const { name, label, value } of update.metrics) {
          assertMatch(name, /^[a-z][a-z_]*$/, "it is a field of --json");
          assert(label !== "" && Number.isFinite(value), `${name}: ${value}`);
        }
      }
    });

    for (const units of [1, 2] as const) {
      it(`proposes no function of ${units} core units twice, however it is written or mirrored, and none that is useless`, async () => {
        const space = new SearchSpace(units), sampler = make(6, units);
        const seen = new Set<string>();
        // Earns more the earlier its tokens stand, so that what learns proposes the same ones again and again.
        const judgeTokens = (candidates: readonly Candidate[]) =>
          candidates.map(({ tokens }) => ({ tokens, reward: 1 / (1 + tokens.reduce((sum, token) => sum + token, 0)) }));
        for (let batch = 0; batch < 8; batch++) {
          const candidates = await sampler.ask(20);
          assertEquals(candidates.length, 20);
          for (const { tokens } of candidates) {
            const expression = space.expressionOf(tokens), print = mirrorFingerprint(expression);
            assert(!seen.has(print), `${tokens} trains like what was proposed before`);
            assertEquals(uselessness(expression), null);
            seen.add(print);
          }
          if (batch === 5) await sampler.restore(await sampler.state()); // what was proposed is part of the state
          await sampler.tell(judgeTokens(candidates));
        }
      });
    }

    it("proposes every function of one core unit that may be useful, but no reference, then nothing", async () => {
      const space = new SearchSpace(1), controller = { ...SETTINGS, hidden: 2, epochs: 1 };
      const make = (seed: number) => createSampler(name, space, seed, { controller, facts: FACTS[1] });
      let sampler = make(1);
      await sampler.learnFrom([{ expression: "swish", reward: 0.5, isOwn: true, isReference: true }]);
      const count = usefulFunctions() - 1;
      const first = await sampler.ask(100);
      await sampler.tell(judge(first));
      const saved = await sampler.state();
      sampler = make(2);
      await sampler.restore(saved);
      const others = await sampler.ask(count); // more than there are left
      assertEquals(first.length + others.length, count);
      await sampler.tell(judge(others));
      assertEquals(await sampler.ask(1), []);
    });

    it("learns from functions found elsewhere, exactly, and still proposes only new functions", async () => {
      const known = [{ expression: "swish", reward: 0.9 }, { expression: "sin(sin(x)) + 1", reward: 0.2 }];
      const told = make(5);
      await course(told, 1);
      await told.learnFrom(known);
      const saved = await told.state();
      const expected = await course(told, 3);
      const resumed = make(99);
      await resumed.restore(saved);
      assertEquals(await course(resumed, 3), expected);
    });

    it("refuses to learn from functions found elsewhere while a batch is pending, from a non-function, and from a non-number", async () => {
      const sampler = make(5), before = await sampler.state();
      await assertRejects(() => sampler.learnFrom([{ expression: "swich", reward: 1 }]), Error, "swich");
      await assertRejects(
        () => sampler.learnFrom([{ expression: "swish", reward: NaN }]),
        RangeError,
        "Cannot learn from swish as rewards must be finite",
      );
      assertEquals(await sampler.state(), before);
      await sampler.ask(2);
      await assertRejects(() => sampler.learnFrom([]), Error, "as the last batch has not been told yet");
    });

    it("resumes from a state of 2026-11-25, which does not record what was proposed", async () => {
      const sampler = make(3);
      await course(sampler, 1);
      const { header, arrays } = unpackState<Record<string, unknown>>(await sampler.state());
      const { told: _, known: __, ...old } = header;
      const resumed = make(99);
      await resumed.restore(packState({ header: old, arrays }));
      assertEquals((await resumed.ask(10)).length, 10);
    });

    it("refuses to propose again before the last batch is told", async () => {
      const sampler = make();
      await sampler.ask(3);
      await assertRejects(
        () => sampler.ask(3),
        Error,
        "Cannot propose candidates as the last batch has not been told yet: 3 of its candidates are waiting",
      );
    });

    it("refuses to learn from a batch that was never proposed", async () => {
      const sampler = make();
      await assertRejects(() => sampler.tell([]), Error, "as none was asked for");
      const batch = judge(await sampler.ask(2));
      await sampler.tell(batch);
      await assertRejects(() => sampler.tell(batch), Error, "as none was asked for");
    });

    it("refuses a batch that is not the one proposed, and still learns from that one", async () => {
      const sampler = make();
      const batch = judge(await sampler.ask(3));
      const [first, second, third] = batch;
      await assertRejects(() => sampler.tell([first, second]), RangeError, "all 3 candidates proposed");
      await assertRejects(() => sampler.tell([second, first, third]), RangeError, "in the order of proposal: number 0");
      await assertRejects(
        () => sampler.tell([first, second, { ...third, reward: NaN }]),
        RangeError,
        "rewards must be finite: that of number 2 is NaN",
      );
      assertEquals((await sampler.tell(batch)).batch, 0);
    });

    for (const count of [0, -1, 2.5, NaN]) {
      it(`refuses to propose ${count} candidates`, async () => {
        await assertRejects(() => make().ask(count), RangeError, `must be a positive integer: it is ${count}`);
      });
    }

    it("refuses to be saved in the middle of learning", async () => {
      const sampler = make();
      const learning = sampler.tell(judge(await sampler.ask(4)));
      await assertRejects(() => sampler.state(), Error, "while the sampler is busy: it is about to learn");
      await learning;
      assert((await sampler.state()).length > 0);
    });

    it("refuses the state of another sampler or space, or a damaged one, and stays as it was", async () => {
      const sampler = make(2);
      const before = await sampler.state();
      const other = createSampler(name === "random" ? "ppo" : "random", new SearchSpace(2), 1, {
        controller: SETTINGS,
      });
      await assertRejects(async () => sampler.restore(await other.state()), RangeError, "as the state is that of");
      await assertRejects(async () => sampler.restore(await make(2, 1).state()), RangeError, "as the state is that of");
      for (const length of [0, 3, 20, before.length - 1]) {
        await assertRejects(() => sampler.restore(before.slice(0, length)), SyntaxError, "its state is damaged");
      }
      assertEquals(await sampler.state(), before);
    });
  });
}

/** Batches of ten and what was learnt from them. */
async function course(sampler: Sampler, batches: number): Promise<(readonly Candidate[] | SamplerUpdate)[]> {
  const seen = [];
  for (let batch = 0; batch < batches; batch++) {
    const candidates = await sampler.ask(10);
    seen.push(candidates, await sampler.tell(judge(candidates)));
  }
  return seen;
}
