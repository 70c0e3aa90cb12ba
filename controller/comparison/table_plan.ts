/**
 * What the table of one core unit will hold: which functions, and how many trainings each. All of them are trained
 * once, in a random order derived from a seed, so that the table is a random sample of the space at any time; then the
 * best of them three times more, and the best of those again. The k-th training of every function has seed k. A table of
 * a second child has the best of these functions alone.
 */
import { activationFrom } from "../../child/activation/catalog.ts";
import { fingerprint, type Fingerprints, fingerprintsOf } from "../../child/activation/fingerprint.ts";
import { printExpression } from "../../child/activation/print.ts";
import { simplify } from "../../child/activation/simplify.ts";
import { Random } from "../../datasets/random.ts";
import { allMembers } from "../samplers/function_facts.ts";
import { type Useless, uselessness } from "../samplers/useless.ts";
import { SearchSpace } from "../search_space.ts";
import type { FunctionTable } from "./function_table.ts";
import { scoresOf, spreadOf, truthOf } from "./function_table.ts";
import { meanOf } from "./statistics.ts";

/** Functions that the others are compared with, members or not; trained first, as often as the best. */
export const REFERENCES = ["ReLU", "Swish-1", "Swish", "GELU", "ELU", "Softplus", "tanh(x)"] as const;

/** The best share of the functions, and the trainings each of them gets. */
interface Stage {
  readonly share: number;
  readonly seeds: number;
}

export const STAGES = [
  { share: 1, seeds: 1 },
  { share: 1 / 4, seeds: 4 },
  { share: 1 / 20, seeds: 16 },
] as const satisfies readonly Stage[];

/**
 * Of a second child. In the tables that come with the project the first one has the last of the best tenth at 38.2 %, no
 * training of the second is above 38.7 %, and the leader has a mean of 39.9 %: none of the other nine tenths could lead.
 */
const SECOND_STAGES: readonly Stage[] = [
  { share: 1 / 10, seeds: 1 },
  { share: 1 / 20, seeds: 4 },
  { share: 1 / 50, seeds: 16 },
];

interface TrainedFunction {
  /** Simplified text form. */
  readonly expression: string;
  readonly fingerprint: string;
}

export interface Member extends TrainedFunction {
  readonly useless: Useless | null;
}

export interface Training extends TrainedFunction {
  readonly seed: number;
}

/** The distinct functions of the space, in the order of their first members: about 1.5 s for one core unit. */
export function distinctFunctions(space: SearchSpace = new SearchSpace(1)): readonly Member[] {
  const members = new Map<string, Member>(), texts = new Set<string>();
  for (const member of allMembers(space)) {
    const simplified = simplify(member.expression), expression = printExpression(simplified);
    if (texts.has(expression)) continue; // as a third of them
    texts.add(expression);
    const print = fingerprint(simplified);
    if (!members.has(print)) {
      members.set(print, { expression, fingerprint: print, useless: uselessness(simplified) });
    }
  }
  return [...members.values()];
}

/** Members worth a training in the order of training; the first `limit` of them if given. */
export function trainingOrder(members: readonly Member[], seed: number, limit = Infinity): readonly Member[] {
  const useful = members.filter(({ useless }) => useless === null);
  return [...new Random(seed).split("table").permutation(useful.length)].slice(0, limit).map((at) => useful[at]);
}

/** The next trainings, all independent of each other; empty if the table is complete. */
export function nextTrainings(table: FunctionTable, order: readonly Member[]): readonly Training[] {
  return nextInStages(table, STAGES, order);
}

/**
 * The same for the table of a second child, of the functions that a table of the first has: by the mean of both, which
 * is what a search with both is for.
 */
export function nextSecondTrainings(table: FunctionTable, first: FunctionTable): readonly Training[] {
  const { guessing } = first.header, spread = spreadOf(first), alike = first.alike();
  const truths = new Map(
    [...alike.values()].flatMap((entries) => {
      const truth = truthOf(entries, spread, guessing);
      return entries.map(({ fingerprint }) => [fingerprint, truth] as const);
    }),
  );
  return nextInStages(table, SECOND_STAGES, first.entries, ({ fingerprint }) => truths.get(fingerprint)!);
}

/** `known` is added to a function's mean where the functions of a stage are chosen. */
function nextInStages(
  table: FunctionTable,
  stages: readonly Stage[],
  functions: readonly TrainedFunction[],
  known: (one: TrainedFunction) => number = () => 0,
): readonly Training[] {
  const missing = (functions: readonly TrainedFunction[], seeds: number) =>
    Array.from({ length: seeds }, (_, at) => at + 1).flatMap((seed) =>
      functions.filter(({ fingerprint }) => table.entry(fingerprint)?.scores[seed - 1] === undefined)
        .map(({ expression, fingerprint }) => ({ expression, fingerprint, seed }))
    );
  const references = missing(referenceFunctions(), stages[stages.length - 1].seeds);
  if (references.length > 0) return references;
  // Only by the seeds of the stage before: later trainings must not change the choice.
  const valueOf = (one: TrainedFunction, seeds: number) => {
    if (seeds === 0) return known(one);
    const scores = table.entry(one.fingerprint)!.scores.slice(0, seeds);
    return known(one) + meanOf(scoresOf({ scores }, table.header.guessing));
  };
  let left = functions, before = 0;
  for (const { share, seeds } of stages) {
    if (share < 1) {
      const values = new Map(left.map((one) => [one, valueOf(one, before)]));
      left = left.toSorted((a, b) => values.get(b)! - values.get(a)! || compareText(a.fingerprint, b.fingerprint))
        .slice(0, Math.ceil(share * functions.length));
    }
    before = seeds;
    const trainings = missing(left, seeds);
    if (trainings.length > 0) return trainings;
  }
  return [];
}

/** The references as functions. */
export function referenceFunctions(): readonly (Fingerprints & {
  readonly name: string;
  readonly expression: string;
})[] {
  return REFERENCES.map((name) => {
    const { expression } = activationFrom(name);
    return { name, expression: printExpression(expression), ...fingerprintsOf(expression) };
  });
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
