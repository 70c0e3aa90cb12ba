/**
 * One search of a comparison: which functions a sampler finds, and what the search names at its end. It judges as
 * `deno task search` does, by the same decisions (`finals.ts`), estimates (`standings.ts`) and rewards; its trainings
 * are drawn from a table, or done by a pool (`TrainingSource`).
 */
import { Random } from "../../datasets/random.ts";
import { type Contestant, nextDecision, outcomeOf, promotionsAfter } from "../finals.ts";
import type { Standing } from "../pruners/pruner.ts";
import { PRUNERS } from "../pruners/pruners.ts";
import { rewardOf } from "../reward.ts";
import type { JudgingSettings, Stage } from "../runs/events.ts";
import type { Known } from "../samplers/sampler.ts";
import { createSampler, type SamplerOptions } from "../samplers/samplers.ts";
import { estimateTrials, standingsOf } from "../standings.ts";
import type { FunctionFacts } from "../samplers/function_facts.ts";
import { isCandidate, type Training } from "../trial.ts";
import { knownOf } from "../trial_changes.ts";
import type { Estimates } from "./estimate.ts";
import type { SimulatedTable } from "./simulated_training.ts";

export interface SimulationSettings {
  /** Trainings of candidates in all, those of the playoff among them. Those of references and the verdict are extra. */
  readonly trainings: number;
  /** Candidates that a sampler learns from at once. */
  readonly batch: number;
  /** How functions are judged; null to train each once and name the highest single score. */
  readonly judging: JudgingSettings | null;
  /** How samplers propose and learn; their defaults where absent. */
  readonly samplers?: Partial<Omit<SamplerOptions, "facts">>;
}

/** Where trainings come from. */
export interface TrainingSource {
  readonly facts: FunctionFacts;
  /** Known functions that can be trained. */
  readonly references: readonly { readonly name: string; readonly fingerprint: string }[];
  readonly classes: number;
  /** Images that a training is judged on. */
  readonly images: number;
  /** Text form of a member, if trainings need it. */
  textOf(tokens: readonly number[]): string;
  /** The score of a function's training with the seed, 1, 2, …; the same whenever it is asked for. */
  train(of: { readonly fingerprint: string; readonly expression: string }, seed: number): number | Promise<number>;
}

/** What a search did. */
export interface SearchTrace {
  readonly sampler: string;
  readonly seed: number;
  /** Fingerprints of the candidates in the order of their trainings. */
  readonly trained: readonly string[];
  /** The function named, the score reported for it, and whether it is reported to beat the references. */
  readonly named: string;
  readonly reported: number;
  readonly found: boolean;
  /** The shrunken score of the function named, before the verdict. */
  readonly shrunken: number;
}

/** A trace with the truth about its functions. */
export interface SimulatedResult extends Omit<SearchTrace, "trained"> {
  /** After each training, the truth of the best function trained so far. */
  readonly bestSoFar: readonly number[];
  /**
   * Trainings until a function of the true top 1 % was trained, and until one truly better than ReLU and Swish; null if
   * never.
   */
  readonly trainingsToTop1: number | null;
  readonly trainingsToBeat: number | null;
  /** Of the function named. */
  readonly truth: number;
}

/** What is known of all functions. */
export interface Truths {
  truth(fingerprint: string): number;
  /** The lowest truth among the top 1 % of the functions. */
  readonly top1: number;
  /** The truth of the better of ReLU and Swish; null if it is not known. */
  readonly toBeat: number | null;
}

/** The part of a trial that judging needs. */
interface Simulated extends Contestant {
  readonly expression: string;
  readonly fingerprint: string;
}

/** Seeds of the verdict begin here: fresh ones, which no search reaches. */
const VERDICT_SEEDS = 1000;
/** The judging of a search without racing: one training each. */
const ONCE: JudgingSettings = {
  pruner: "none",
  references: [],
  finals: 0,
  finalists: 0,
  verdictSeeds: 0,
  target: null,
};

/** A search on the table; its trainings follow from the seed. */
export async function simulateSearch(
  table: SimulatedTable,
  name: string,
  seed: number,
  settings: SimulationSettings,
): Promise<SimulatedResult> {
  const source = table.trainings(new Random(seed).split("simulation"));
  return resultOf(await searchOnce(source, name, seed, settings), table);
}

export async function searchOnce(
  source: TrainingSource,
  name: string,
  seed: number,
  { trainings, batch, judging, samplers }: SimulationSettings,
): Promise<SearchTrace> {
  const { facts } = source, sampler = createSampler(name, facts.space, seed, { ...samplers, facts });
  const search = new ComparedSearch(source, judging ?? ONCE);
  const searching = Math.max(1, Math.round(trainings * (1 - (judging?.finals ?? 0))));
  await search.trainReferences();
  for (let at = 0; search.trained.length < searching; at++) {
    if (at === 1) await sampler.learnFrom(search.knownReferences());
    const candidates = await sampler.ask(Math.min(batch, searching - search.trained.length));
    if (candidates.length === 0) break; // the whole table was proposed
    const rewards = await search.judge(at, candidates.map(({ tokens }) => tokens), searching);
    await sampler.tell(candidates.map(({ tokens }, i) => ({ tokens, reward: rewards[i] })));
  }
  const end = judging === null ? search.highest() : await search.end();
  return { sampler: name, seed, trained: search.trained, ...end };
}

export function resultOf({ trained, ...trace }: SearchTrace, { truth, top1, toBeat }: Truths): SimulatedResult {
  const truths = trained.map(truth);
  const firstOf = (passes: (truth: number) => boolean) => {
    const at = truths.findIndex(passes);
    return at < 0 ? null : at + 1;
  };
  let best = -Infinity;
  return {
    ...trace,
    bestSoFar: truths.map((truth) => best = Math.max(best, truth)),
    trainingsToTop1: firstOf((truth) => truth >= top1),
    trainingsToBeat: toBeat === null ? null : firstOf((truth) => truth > toBeat),
    truth: truth(trace.named),
  };
}

type End = Pick<SearchTrace, "named" | "reported" | "found" | "shrunken">;

class ComparedSearch {
  readonly #source: TrainingSource;
  readonly #judging: JudgingSettings;
  readonly #trials: Simulated[] = [];
  #stage: Stage = { name: "search", promoted: 0 };
  /** Fingerprints of candidates, in the order of their trainings. */
  readonly trained: string[] = [];

  constructor(source: TrainingSource, judging: JudgingSettings) {
    this.#source = source;
    this.#judging = judging;
  }

  async trainReferences(): Promise<void> {
    const seeds = PRUNERS[this.#judging.pruner].maxSeeds;
    const known = this.#source.references.filter(({ name }) => this.#judging.references.includes(name));
    await this.#train(known.map(({ name, fingerprint }, i) => newTrial(i, "reference", name, fingerprint, seeds)));
  }

  /** Trains a batch of candidates and promotes leading ones, within `limit` trainings; their rewards. */
  async judge(batch: number, candidates: readonly (readonly number[])[], limit: number): Promise<readonly number[]> {
    const { facts, classes } = this.#source, first = this.#trials.length;
    await this.#train(
      candidates.map((tokens, i) =>
        newTrial(first + i, "candidate", this.#source.textOf(tokens), facts.of(tokens).fingerprint, 1)
      ),
    );
    if (this.#judging === ONCE) return this.#trials.slice(first).map(({ trainings: [{ score }] }) => score!);
    const standings = standingsOf(this.#trials.filter(isCandidate));
    const decision = promotionsAfter(batch, this.#trials, this.#judging, standings, this.#estimates(standings));
    this.#stage = decision.stage;
    // Trainings beyond the budget, which a real search would still do, are left out, so that all rules spend the same.
    await this.#train(decision.changed, limit);
    this.#estimateAll();
    return this.#trials.slice(first).map((trial) => rewardOf(trial, classes));
  }

  /** What a real search tells the sampler of its references, once their scores are estimated with the first batch. */
  knownReferences(): readonly Known[] {
    return this.#trials.filter(({ role }) => role === "reference")
      .map((trial) => knownOf({ ...trial, reward: trial.score }));
  }

  /** The playoff and the verdict. */
  async end(): Promise<End> {
    while (true) {
      const decision = nextDecision(this.#trials, this.#stage, this.#judging);
      if (decision === null) break;
      this.#stage = decision.stage;
      await this.#train(decision.changed);
      this.#estimateAll();
    }
    const { trial, verdict } = outcomeOf(this.#trials)!;
    return { named: trial.fingerprint, reported: verdict.score, found: verdict.found, shrunken: trial.score! };
  }

  /** The function of the highest single score, with that score. */
  highest(): End {
    const scores = this.#trials.filter(isCandidate)
      .map(({ fingerprint, trainings: [{ score }] }) => ({ fingerprint, score: score! }));
    const { fingerprint, score } = scores.reduce((best, one) => one.score > best.score ? one : best);
    return { named: fingerprint, reported: score, found: false, shrunken: score };
  }

  /** Trains what is queued, in order, until `limit` trainings of candidates are spent; the rest is dropped. */
  async #train(trials: readonly Simulated[], limit = Infinity): Promise<void> {
    const admitted = trials.map((trial) => {
      const trainings = trial.trainings.filter(({ state, stage }) => {
        if (state !== "queued") return true;
        if (trial.role === "reference" || stage === "verdict") return true;
        if (this.trained.length >= limit) return false;
        this.trained.push(trial.fingerprint);
        return true;
      });
      return { ...trial, trainings };
    });
    const done = await Promise.all(admitted.map(async (trial) => {
      const trainings = await Promise.all(trial.trainings.map(async (training) => {
        if (training.state !== "queued") return training;
        const seed = 1 + training.seed + (training.stage === "verdict" ? VERDICT_SEEDS : 0);
        return { ...training, state: "complete" as const, score: await this.#source.train(trial, seed) };
      }));
      return { ...trial, trainings };
    }));
    for (const trial of done) this.#trials[trial.id] = trial;
  }

  #estimates(standings: readonly Standing[]): Estimates {
    return estimateTrials(standings, this.#source.images, this.#source.classes);
  }

  #estimateAll(): void {
    const standings = standingsOf(this.#trials);
    this.#estimates(standings).candidates.forEach(({ value }, i) => {
      const { id } = standings[i];
      this.#trials[id] = { ...this.#trials[id], score: value };
    });
  }
}

function newTrial(
  id: number,
  role: Simulated["role"],
  expression: string,
  fingerprint: string,
  seeds: number,
): Simulated {
  const trainings = Array.from(
    { length: seeds },
    (_, seed): Training => ({ seed, stage: "search", state: "queued", score: null }),
  );
  return { id, role, expression, fingerprint, trainings, state: "complete", score: null, duplicateOf: null };
}
