/**
 * How good is the function that a search names? Searches are simulated whose truths are known: each has a budget of
 * trainings, draws functions at random, and judges them with the pruners, the playoff and the estimates that a real
 * search uses.
 *
 *     deno run tests/bench/naming.ts [SEARCHES]
 *
 * Noise and spread are those of ResNet-20 after 300 steps on CIFAR-10 (2026-11-25): a training varies by 1.56 points
 * over seeds, 30 % of that variance common to all functions of a seed; three of five functions train well, and their
 * values spread by 1.3 points. `true top 1 %` is the share of searches whose function is among the best hundredth of
 * all that can be drawn; `too good by` is the mean of what the rule says of it less what it is.
 */
import { estimate, type Estimates } from "../../controller/comparison/estimate.ts";
import { playoffRound, roundsOf } from "../../controller/comparison/playoff.ts";
import { type PrunerName, PRUNERS } from "../../controller/pruners/pruners.ts";
import { Random } from "../../datasets/random.ts";

const SEED_DEVIATION = 1.56, COMMON = 0.3, SPREAD = 1.3, BAD = 0.4;
const NOISE = SEED_DEVIATION * Math.sqrt(1 - COMMON);
const PRIOR = { deviation: NOISE, freedom: 4 };
/** What a hundredth of all functions reaches: the good ones beyond the quantile 0.01 / 0.6 from above. */
const TOP = SPREAD * 2.128;
const TRAININGS = 200, BATCH = 10;

/** How a search spends its trainings and names a function. */
interface Rule {
  readonly name: string;
  readonly pruner: PrunerName;
  /** Share of the trainings that is kept for the playoff, and candidates in it. */
  readonly finals: number;
  readonly finalists: number;
  /** As said by the highest single training, without estimates. */
  readonly isNaive?: boolean;
}

const RULES: readonly Rule[] = [
  { name: "one training each, the highest is named", pruner: "none", finals: 0, finalists: 0, isNaive: true },
  { name: "asha, no playoff", pruner: "asha", finals: 0, finalists: 0 },
  ...(["none", "race", "asha"] as const).flatMap((pruner) =>
    [0.2, 1 / 3, 0.5].map((finals): Rule => ({
      name: `${pruner}, ${Math.round(100 * finals)} % for a playoff of 10`,
      ...{ pruner, finals, finalists: 10 },
    }))
  ),
  { name: "race, 33 % for a playoff of 20", pruner: "race", finals: 1 / 3, finalists: 20 },
  { name: "race, 33 % for a playoff of 5", pruner: "race", finals: 1 / 3, finalists: 5 },
];

class Simulation {
  readonly truths: number[] = [];
  readonly scores: number[][] = [];
  readonly #random: Random;
  readonly #effects: number[] = [];
  spent = 0;

  constructor(seed: number) {
    this.#random = new Random(seed);
  }

  propose(): void {
    const random = this.#random;
    this.truths.push(random.uniform() < BAD ? -2 - 20 * random.uniform() : SPREAD * random.normal());
    this.scores.push([]);
    this.train(this.truths.length - 1);
  }

  train(candidate: number): void {
    const scores = this.scores[candidate], seed = scores.length;
    while (this.#effects.length <= seed) {
      this.#effects.push(SEED_DEVIATION * Math.sqrt(COMMON) * this.#random.normal());
    }
    scores.push(this.truths[candidate] + this.#effects[seed] + NOISE * this.#random.normal());
    this.spent++;
  }

  estimates(): Estimates {
    return estimate(this.scores.map((scores) => ({ scores })), PRIOR);
  }
}

/** What is named, what it is said to be, and what it is. */
function searchBy(
  rule: Rule,
  seed: number,
): { readonly said: number; readonly is: number; readonly functions: number } {
  const simulation = new Simulation(seed), pruner = PRUNERS[rule.pruner];
  const kept = Math.round(TRAININGS * rule.finals);
  while (simulation.spent < TRAININGS - kept) {
    for (let i = 0; i < BATCH && simulation.spent < TRAININGS - kept; i++) simulation.propose();
    const standings = simulation.scores.map((scores, id) => ({ id, scores }));
    for (const { id, seeds } of pruner.promote(standings, simulation.estimates())) {
      while (simulation.scores[id].length < seeds && simulation.spent < TRAININGS - kept) simulation.train(id);
    }
  }
  for (let round = 0; round < roundsOf(rule.finalists); round++) {
    const standing = simulation.estimates().candidates.map(({ value }, id) => ({ id, value }));
    const left = TRAININGS - simulation.spent;
    const { field, trainings } = playoffRound(standing, { finalists: rule.finalists, round, left });
    for (let i = 0; i < trainings; i++) field.forEach((id) => simulation.train(id));
  }
  const said = rule.isNaive
    ? simulation.scores.map(([score]) => score)
    : simulation.estimates().candidates.map(({ value }) => value);
  const named = said.reduce((best, value, id) => value > said[best] ? id : best, 0);
  return { said: said[named], is: simulation.truths[named], functions: simulation.truths.length };
}

const searches = Number(Deno.args[0] ?? 1000);
console.log(`${searches} searches of ${TRAININGS} trainings, seeds 1 to ${searches}\n`);
console.log("| rule | functions | true top 1 % | true value | too good by |\n| --- | ---: | ---: | ---: | ---: |");
for (const rule of RULES) {
  const results = Array.from({ length: searches }, (_, i) => searchBy(rule, i + 1));
  const mean = (of: (result: typeof results[number]) => number) =>
    results.reduce((sum, result) => sum + of(result), 0) / searches;
  const top = mean(({ is }) => is >= TOP ? 1 : 0), error = Math.sqrt(top * (1 - top) / searches);
  console.log(
    `| ${rule.name} | ${Math.round(mean(({ functions }) => functions))} | ${(100 * top).toFixed(1)} ± ${
      (100 * error).toFixed(1)
    } % | ${mean(({ is }) => is).toFixed(2)} | ${mean(({ said, is }) => said - is).toFixed(2)} |`,
  );
}
