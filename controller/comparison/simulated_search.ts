/** One search with simulated trainings: which functions a sampler finds, and what the search names at its end. */
import { Random } from "../../datasets/random.ts";
import { createSampler } from "../samplers/samplers.ts";
import { NAMING_RULES, type NamingRuleName, type Trained } from "./naming_rules.ts";
import type { SimulatedTable } from "./simulated_training.ts";

export interface SimulationSettings {
  readonly trials: number;
  /** Candidates that a sampler learns from at once. */
  readonly batch: number;
  readonly rule: NamingRuleName;
}

export interface SimulatedResult {
  readonly sampler: string;
  readonly seed: number;
  /** After each training, the truth of the best function trained so far. */
  readonly bestSoFar: readonly number[];
  /**
   * Trainings until a function of the true top 1 % was trained, and until one truly better than ReLU and Swish; null if
   * never.
   */
  readonly trainingsToTop1: number | null;
  readonly trainingsToBeat: number | null;
  /** The function named, its truth, and the score that the search reports for it. */
  readonly named: string;
  readonly truth: number;
  readonly reported: number;
}

/** Every training is one candidate with seed 1, as in a search; the rule takes the first part of the candidates. */
export async function simulateSearch(
  table: SimulatedTable,
  name: string,
  seed: number,
  { trials, batch, rule }: SimulationSettings,
): Promise<SimulatedResult> {
  const { facts } = table, train = table.trainings(new Random(seed).split("simulation"));
  const sampler = createSampler(name, facts.space, seed, { facts });
  const trained: Trained[] = [];
  while (trained.length < trials) {
    const candidates = await sampler.ask(Math.min(batch, trials - trained.length));
    if (candidates.length === 0) break; // the whole table was proposed
    const scored = candidates.map(({ tokens }) => {
      const { fingerprint } = facts.of(tokens);
      return { tokens, fingerprint, score: train(fingerprint, 1) };
    });
    await sampler.tell(scored.map(({ tokens, score }) => ({ tokens, reward: score })));
    trained.push(...scored.map(({ fingerprint, score }) => ({ fingerprint, score })));
  }
  sampler.dispose();
  const truths = trained.map(({ fingerprint }) => table.truth(fingerprint));
  const firstOf = (passes: (truth: number) => boolean) => {
    const at = truths.findIndex(passes);
    return at < 0 ? null : at + 1;
  };
  const { searching, name: nameBest } = NAMING_RULES[rule];
  const searched = trained.slice(0, Math.max(1, Math.round(searching * trials)));
  const named = nameBest(searched, train, trials - searched.length);
  let best = -Infinity;
  const { top1, toBeat } = table;
  return {
    sampler: name,
    seed,
    bestSoFar: truths.map((truth) => best = Math.max(best, truth)),
    trainingsToTop1: firstOf((truth) => truth >= top1),
    trainingsToBeat: toBeat === null ? null : firstOf((truth) => truth > toBeat),
    named: named.fingerprint,
    truth: table.truth(named.fingerprint),
    reported: named.reported,
  };
}
