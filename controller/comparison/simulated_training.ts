/**
 * Trainings drawn from a table instead of trained, so that a search takes a second. The truth of a function is its mean
 * over the table's seeds, less their effects, shrunken if they are few (`truthOf`), those of its mirror image, which trains
 * alike, among them; a simulated training scores the truth, plus its seed's effect on every function (measured, so that
 * trainings of one seed are paired), plus a deviation drawn from the residuals of functions with several seeds. A function
 * that diverged with some seed scores one of its own trainings. Fingerprints here are those of `mirrorFingerprint`.
 */
import type { Random } from "../../datasets/random.ts";
import { type Facts, FunctionFacts } from "../samplers/function_facts.ts";
import { SearchSpace } from "../search_space.ts";
import { FunctionTable, scoresOf, spreadOf, type TableEntry, type TableHeader, truthOf } from "./function_table.ts";
import type { TrainingSource, Truths } from "./simulated_search.ts";
import { meanOf } from "./statistics.ts";
import { referenceFunctions, STAGES } from "./table_plan.ts";

/** Of CIFAR-10 and the other data sets with 50,000 training images: tables do not say how many there were. */
const VALIDATION_IMAGES = 5000;

/** A function, or one and its mirror image, as a table knows it. */
export interface KnownTruth {
  readonly fingerprint: string;
  /** As the table writes it: the one that was trained first. */
  readonly expression: string;
  readonly truth: number;
}

/** The truths of a table's functions, best first. */
export function truthsOf(
  table: FunctionTable,
  spread = spreadOf(table),
  alike: ReadonlyMap<string, readonly TableEntry[]> = table.alike(),
): readonly KnownTruth[] {
  const { guessing } = table.header;
  return [...alike].map(([fingerprint, entries]) => ({
    fingerprint,
    expression: entries[0].expression,
    truth: truthOf(entries, spread, guessing),
  })).sort((a, b) => b.truth - a.truth);
}

/** The truth of the better of ReLU and Swish; null if one is missing. */
export function toBeatOf(truths: readonly KnownTruth[]): number | null {
  const beaten = references().filter(({ name }) => name === "ReLU" || name === "Swish")
    .map((reference) => truths.find(({ fingerprint }) => fingerprint === reference.fingerprint)?.truth);
  return beaten.every((truth) => truth !== undefined) ? Math.max(...beaten) : null;
}

/** The functions that others are compared with. */
export function references(): readonly { readonly name: string; readonly fingerprint: string }[] {
  return referenceFunctions().map(({ name, mirror }) => ({ name, fingerprint: mirror }));
}

/** The lowest truth of the top 1 %; truths are sorted, best first. */
export function top1Of(sorted: readonly number[]): number {
  return sorted[Math.ceil(sorted.length / 100) - 1];
}

/** A table, and what is known of the members of the space, which takes seconds to find out: all that a thread needs. */
export interface SimulationData {
  readonly header: TableHeader;
  readonly entries: readonly TableEntry[];
  readonly facts: ReadonlyMap<string, Facts>;
}

export class SimulatedTable implements Truths {
  readonly facts: FunctionFacts;
  /** Of every member of the space that the table has, best first. */
  readonly ranked: readonly KnownTruth[];
  /** The truth of the better of ReLU and Swish; null if the table lacks one of them. */
  readonly toBeat: number | null;
  /** The known functions that the table has. */
  readonly references: readonly { readonly name: string; readonly fingerprint: string }[];
  readonly classes: number;
  /** Images that a training was judged on. */
  readonly images: number;
  readonly #truth: ReadonlyMap<string, number>;
  readonly #table: FunctionTable;
  readonly #alike: ReadonlyMap<string, readonly TableEntry[]>;
  readonly #seedEffects: readonly number[];
  readonly #deviations: readonly number[];

  static from({ header, entries, facts }: SimulationData): SimulatedTable {
    return new SimulatedTable(new FunctionTable(header, entries), facts);
  }

  /** Throws a RangeError if no function has two trainings: their variation is then unknown. */
  constructor(table: FunctionTable, facts?: ReadonlyMap<string, Facts>) {
    const { guessing } = table.header;
    this.#table = table;
    this.classes = Math.round(1 / guessing);
    this.images = table.header.child.validationImages ?? VALIDATION_IMAGES;
    this.#alike = table.alike();
    const spread = spreadOf(table), truths = truthsOf(table, spread, this.#alike);
    this.#truth = new Map(truths.map(({ fingerprint, truth }) => [fingerprint, truth]));
    this.#seedEffects = spread.seedEffects;
    this.#deviations = deviationsOf(table, this.#seedEffects);
    const space = new SearchSpace(1);
    this.facts = new FunctionFacts(space, new Set(this.#truth.keys()), facts);
    const members = new Set(
      Array.from({ length: space.size }, (_, index) => this.facts.of(space.tokensAt(index)))
        .flatMap(({ fingerprint, useless }) => useless === null ? [fingerprint] : []),
    );
    this.ranked = truths.filter(({ fingerprint }) => members.has(fingerprint));
    this.references = references().filter(({ fingerprint }) => this.#truth.has(fingerprint));
    this.toBeat = toBeatOf(truths);
  }

  /** For `from`, in another thread. */
  get data(): SimulationData {
    return { header: this.#table.header, entries: this.#table.entries, facts: this.facts.known };
  }

  truth = (fingerprint: string): number => this.#truth.get(fingerprint)!;

  /** The lowest truth among the top 1 % of the functions. */
  get top1(): number {
    return top1Of(this.ranked.map(({ truth }) => truth));
  }

  /** The trainings of one simulated search. */
  trainings(random: Random): SimulatedTrainings {
    const order = random.split("seeds").permutation(this.#seedEffects.length);
    const { guessing } = this.#table.header;
    const { facts, references, classes, images } = this;
    return {
      ...{ facts, references, classes, images },
      textOf: () => "",
      train: ({ fingerprint }, seed) => {
        const own = random.split("training", fingerprint, seed), alike = this.#alike.get(fingerprint)!;
        if (alike.some((entry) => entry.scores.includes(null))) {
          const scores = alike.flatMap((entry) => scoresOf(entry, guessing));
          return scores[own.integer(scores.length)];
        }
        const effect = this.#seedEffects[order[(seed - 1) % order.length]];
        const score = this.truth(fingerprint) + effect + this.#deviations[own.integer(this.#deviations.length)];
        return Math.max(0, Math.min(1, score));
      },
    };
  }
}

/** In the order in which a search trains them, but without delay. */
export interface SimulatedTrainings extends TrainingSource {
  train(of: { readonly fingerprint: string }, seed: number): number;
}

/**
 * Deviations of trainings from their functions' means and seeds' effects. Scores by which a function was chosen for more
 * trainings are left out, as they are biased upwards. Throws a RangeError if there is none.
 */
function deviationsOf(table: FunctionTable, seedEffects: readonly number[]): readonly number[] {
  const deviations = table.entries.filter(({ scores }) => !scores.includes(null)).flatMap(({ scores }) => {
    const chosenBy = Math.max(0, ...STAGES.map(({ seeds }) => seeds < scores.length ? seeds : 0));
    const measured = [...scores].flatMap((score, at) =>
      typeof score === "number" && at >= chosenBy ? [score - seedEffects[at]] : []
    );
    const mean = meanOf(measured), n = measured.length;
    // A residual about the mean of n is smaller than the deviation itself by sqrt((n - 1) / n).
    return n > 1 ? measured.map((score) => (score - mean) * Math.sqrt(n / (n - 1))) : [];
  });
  if (deviations.length === 0) {
    throw new RangeError(
      "Cannot simulate trainings from the table as none of its functions was trained with two seeds",
    );
  }
  const centre = meanOf(deviations);
  return deviations.map((deviation) => deviation - centre);
}
