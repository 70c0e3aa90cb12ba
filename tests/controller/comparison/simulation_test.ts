/** The plan of the table, and searches simulated on one whose scores come from a formula. */
import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { FunctionTable, spreadOf, truthOf } from "../../../controller/comparison/function_table.ts";
import { medianReached, summariseSamplers } from "../../../controller/comparison/sampler_summary.ts";
import { type SimulatedResult, simulateSearch } from "../../../controller/comparison/simulated_search.ts";
import { SimulatedTable, truthsOf } from "../../../controller/comparison/simulated_training.ts";
import { simulateAll } from "../../../controller/comparison/simulations.ts";
import {
  distinctFunctions,
  nextSecondTrainings,
  nextTrainings,
  referenceFunctions,
  trainingOrder,
} from "../../../controller/comparison/table_plan.ts";
import { PRESETS, SECOND } from "../../../controller/presets.ts";
import { Random } from "../../../datasets/random.ts";
import { syntheticTable } from "./synthetic_table.ts";

const SIZE = 400;
const table = syntheticTable(1, SIZE);
const simulated = new SimulatedTable(table);

describe("plan of the table", () => {
  const members = distinctFunctions();

  it("knows the functions of one core unit and which of them are useless", () => {
    const expressions = members.map(({ expression }) => expression);
    assertEquals(new Set(expressions).size, members.length);
    const useless = (text: string) => members.find(({ expression }) => expression === text)?.useless;
    assertEquals([useless("x"), useless("b"), useless("x * sigmoid(x)")], ["linear", "constant", null]);
  });

  it("draws the same random functions from the same seed, a larger part holding the smaller", () => {
    const prints = (seed: number, limit: number) => trainingOrder(members, seed, limit).map((one) => one.fingerprint);
    assertEquals(prints(1, 100), prints(1, 500).slice(0, 100));
    assert(prints(1, 100).join() !== prints(2, 100).join());
  });

  it("trains references and the best twentieth 16 times, the best quarter 4 times, all once, with common seeds", () => {
    const references = new Set(referenceFunctions().map(({ fingerprint }) => fingerprint));
    const counts = table.entries.filter(({ fingerprint }) => !references.has(fingerprint)).map(({ scores }) => {
      assert(![...scores].includes(undefined), "seeds follow each other from 1");
      return scores.length;
    });
    const often = (n: number) => counts.filter((count) => count >= n).length;
    const unlisted = SIZE - counts.length; // references that are members too
    assert(often(16) + unlisted >= SIZE / 20 && often(16) <= SIZE / 20, `${often(16)}`);
    assert(often(4) + unlisted >= SIZE / 4 && often(4) <= SIZE / 4, `${often(4)}`);
    for (const print of references) assertEquals(table.entry(print)!.scores.length, 16);
  });

  it("asks for nothing more of a complete table, and for all of an empty one from the references on", () => {
    const order = trainingOrder(members, 1, SIZE);
    assertEquals(nextTrainings(table, order), []);
    const first = nextTrainings(new FunctionTable(table.header), order);
    assertEquals(first.length, 16 * referenceFunctions().length);
  });

  it("trains the best tenth of a table on a second child, and of that those whose mean of both is best", () => {
    const second = new FunctionTable({ ...table.header, child: SECOND }), size = table.entries.length;
    const references = referenceFunctions().map(({ fingerprint }) => fingerprint);
    const isReference = (text: string) => references.includes(table.entryOf(text)!.fingerprint);
    // The best on the first child is the worst on the second.
    const best = truthsOf(table).find(({ expression }) => !isReference(expression))!;
    const rounds: number[] = [];
    for (let left = nextSecondTrainings(second, table); left.length > 0; left = nextSecondTrainings(second, table)) {
      rounds.push(left.length);
      for (const { expression, fingerprint, seed } of left) {
        second.add(expression, seed, expression === best.expression ? 0.1 : 0.4, { fingerprint });
      }
    }
    const often = (n: number) =>
      second.entries.filter(({ fingerprint, scores }) => !references.includes(fingerprint) && scores.length >= n)
        .length;
    for (const [share, seeds] of [[1 / 10, 1], [1 / 20, 4], [1 / 50, 16]]) {
      const expected = Math.ceil(share * size), missing = expected - often(seeds);
      assert(missing >= 0 && missing <= references.length, `${often(seeds)} of ${expected} have ${seeds} seeds`);
    }
    assertEquals(rounds.length, 4, "the references and three stages");
    const taken = truthsOf(table).slice(0, Math.floor(size / 10) - references.length);
    assert(taken.every(({ expression }) => second.entryOf(expression) !== undefined), "the best of the first child");
    assertEquals(second.entryOf(best.expression)!.scores.length, 1);
  });
});

describe("simulated trainings", () => {
  it("score the truth on average, vary as the table does, and agree with themselves", () => {
    const [{ fingerprint, truth }] = simulated.ranked;
    const scores = Array.from(
      { length: 3000 },
      (_, run) => simulated.trainings(new Random(run)).train({ fingerprint }, 1),
    );
    const mean = scores.reduce((sum, score) => sum + score, 0) / scores.length;
    const deviation = Math.sqrt(scores.reduce((sum, score) => sum + (score - mean) ** 2, 0) / scores.length);
    assertAlmostEquals(mean, truth, 0.001);
    assertAlmostEquals(deviation, Math.hypot(0.005, 0.0075), 0.0015);
    const again = simulated.trainings(new Random(7));
    assertEquals(again.train({ fingerprint }, 2), simulated.trainings(new Random(7)).train({ fingerprint }, 2));
  });

  it("of one seed are paired: their differences vary less than those of two seeds", () => {
    const [a, b] = [simulated.ranked[0], simulated.ranked[3]];
    const differences = (seed: number) =>
      Array.from({ length: 2000 }, (_, run) => {
        const { train } = simulated.trainings(new Random(run));
        return train(a, 1) - train(b, seed);
      });
    const variance = (values: number[]) => {
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      return values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    };
    assert(variance(differences(1)) < 0.85 * variance(differences(2)));
  });

  it("take a function and its mirror image, which train alike, for one", () => {
    const both = new FunctionTable(table.header), [relu, mirror] = ["relu(x)", "min(x, 0)"];
    for (const { expression, scores } of table.entries.slice(0, 50)) {
      scores.forEach((score, at) => both.add(expression, at + 1, score!));
    }
    for (const seed of [1, 2]) both.add(relu, 20 + seed, 0.3 + 0.02 * seed), both.add(mirror, 20 + seed, 0.5);
    const { ranked, facts } = new SimulatedTable(both), print = facts.found(relu).fingerprint;
    assertEquals(print, facts.found(mirror).fingerprint);
    const truths = ranked.filter(({ fingerprint }) => fingerprint === print);
    const known = both.alike().get(print)!, spread = spreadOf(both);
    assertEquals(truths.map(({ truth }) => truth), [truthOf(known, spread, both.header.guessing)]);
    const means = known.map((entry) => truthOf([entry], spread, both.header.guessing));
    assertEquals(means.length, 2);
    assert(truths[0].truth > Math.min(...means) + 0.01 && truths[0].truth < Math.max(...means) - 0.01);
  });

  it("are refused if no function has two", () => {
    const poor = new FunctionTable(table.header);
    for (const { expression, scores } of table.entries) poor.add(expression, 1, scores[0]!);
    assertThrows(() => new SimulatedTable(poor), RangeError, "none of its functions was trained with two seeds");
  });
});

describe("simulated searches", () => {
  const { judging } = PRESETS.laptop;
  const settings = { trainings: 60, batch: 10, judging };

  it("are the same on two threads as on one, in order", async () => {
    const searches = [1, 2, 3].flatMap((seed) => ["random", "evolution"].map((sampler) => ({ sampler, seed })));
    const [one, two] = await Promise.all(
      [1, 2].map((workers) => simulateAll({ table: simulated, settings, searches, workers })),
    );
    assertEquals(two, one);
    assertEquals(one.map(({ sampler, seed }) => ({ sampler, seed })), searches);
    assertEquals(one[1], await simulateSearch(simulated, "evolution", 1, settings));
  });

  it("only meet functions of the table, and end where all were", async () => {
    const { bestSoFar } = await simulateSearch(simulated, "random", 1, {
      ...settings,
      trainings: 10_000,
      judging: null,
    });
    assertEquals(bestSoFar.length, simulated.ranked.length);
    assertEquals(bestSoFar.at(-1), simulated.ranked[0].truth);
  });

  it("by an oracle of their truth: random finds the top 1 % as late as chance has it", async () => {
    const results = [];
    for (let seed = 1; seed <= 200; seed++) {
      results.push(await simulateSearch(simulated, "random", seed, { ...settings, trainings: 300, judging: null }));
    }
    const [summary] = summariseSamplers(results, ["random"], { top1: simulated.top1, best: simulated.ranked[0].truth });
    // The oracle: all members of the space in random order, each function counted where it comes first.
    const { facts, top1 } = simulated, firsts: number[] = [];
    for (let seed = 1; seed <= 200; seed++) {
      const seen = new Set<string>();
      for (const index of new Random(seed).permutation(facts.space.size)) {
        const { fingerprint, useless } = facts.of(facts.space.tokensAt(index));
        if (useless !== null) continue;
        seen.add(fingerprint);
        if (simulated.truth(fingerprint) >= top1) break;
      }
      firsts.push(seen.size);
    }
    const expected = medianReached(firsts)!, found = summary.median_trainings_to_top1!;
    assert(found > 0.7 * expected && found < 1.4 * expected, `${found}, by chance ${expected}`);
  });

  it("spend the trainings asked for, those of the playoff among them", async () => {
    for (const pruner of ["none", "race", "asha"] as const) {
      const { bestSoFar } = await simulateSearch(simulated, "random", 1, {
        ...settings,
        judging: { ...judging, pruner },
      });
      assertAlmostEquals(bestSoFar.length, 60, 8); // the last round deals equal numbers to its field
    }
  });

  it("name by a playoff without reporting too much, and by the maximum too much", async () => {
    const results = async (by: typeof judging | null) => {
      const all: SimulatedResult[] = [];
      for (let seed = 1; seed <= 60; seed++) {
        all.push(await simulateSearch(simulated, "random", seed, { trainings: 100, batch: 10, judging: by }));
      }
      const meanOf = (of: (one: SimulatedResult) => number) => all.reduce((sum, one) => sum + of(one) / 60, 0);
      return {
        optimism: meanOf(({ reported, truth }) => reported - truth),
        shrunken: meanOf(({ shrunken, truth }) => shrunken - truth),
        truth: meanOf(({ truth }) => truth),
      };
    };
    const maximum = await results(null), judged = await results(judging);
    assert(maximum.optimism > 0.003);
    assert(Math.abs(judged.optimism) < 0.0015 && Math.abs(judged.shrunken) < 0.0025, JSON.stringify(judged));
    // A third fewer functions are seen, and what is named is as good: 0.07 points apart over 200 searches, ± 0.1.
    assert(judged.truth > maximum.truth - 0.003, JSON.stringify({ maximum, judged }));
  });

  it("say of what beats the references that it does, and of what does not that it does not", async () => {
    const { toBeat } = simulated, found = { better: 0, worse: 0 }, count = { better: 0, worse: 0 };
    for (let seed = 1; seed <= 40; seed++) {
      const { truth, found: isFound } = await simulateSearch(simulated, "evolution", seed, {
        ...settings,
        trainings: 120,
      });
      const which = truth > toBeat! + 0.004 ? "better" : truth <= toBeat! ? "worse" : null;
      if (which === null) continue;
      count[which]++;
      if (isFound) found[which]++;
    }
    assert(count.better > 5 && found.better > 0.5 * count.better, JSON.stringify({ count, found }));
    assert(found.worse <= 0.05 * 40, JSON.stringify({ count, found }));
  });

  it("count what was never reached as more than any number", () => {
    assertEquals(medianReached([3, null, 1]), 3);
    assertEquals(medianReached([null, null, 1]), null);
    assertEquals(medianReached([null, 2]), 2);
  });
});
