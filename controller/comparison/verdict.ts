/**
 * The verdict: what a run reports about the function it names, judged beside the references on fresh seeds that had no
 * part in choosing it; p-values are those of paired t tests, one-sided, corrected for the number of references (Holm
 * 1979).
 */
import { halfWidth95, holm, meanOf, pairedT, varianceOf } from "./statistics.ts";

export interface Versus {
  /** Mean over the common seeds of the function's score less the reference's. */
  readonly difference: number;
  readonly standardError: number;
  /** One-sided, after Holm's correction: small where the function is better. */
  readonly p: number;
  /** Seeds from which both were trained. */
  readonly n: number;
}

export interface Verdict {
  /** Mean over the fresh seeds. */
  readonly score: number;
  /** Of the mean; NaN of one seed. */
  readonly standardError: number;
  /** Half the width of the 95 % interval of the mean; NaN of one seed. */
  readonly halfWidth: number;
  readonly n: number;
  /** By the reference's name. */
  readonly versus: Readonly<Record<string, Versus>>;
  /** Whether it beats every reference: better, and p below 0.05. False without references. */
  readonly found: boolean;
}

/** Significance level. */
export const SIGNIFICANT = 0.05;

/** Scores by fresh seed; undefined if there is none. */
export type SeedScores = readonly (number | undefined)[];

/** Null if the function has no score on a fresh seed. */
export function verdictOf(scores: SeedScores, references: Readonly<Record<string, SeedScores>>): Verdict | null {
  const own = scores.filter((score) => score !== undefined), n = own.length;
  if (n === 0) return null;
  const tests = Object.entries(references).flatMap(([name, others]) => {
    const pairs = scores.flatMap((score, k) =>
      score === undefined || others[k] === undefined ? [] : [[score, others[k]] as const]
    );
    return pairs.length === 0 ? [] : [{ name, test: pairedT(pairs) }];
  });
  const adjusted = holm(tests.map(({ test }) => test.oneSidedP));
  const standardError = Math.sqrt(varianceOf(own) / n);
  return {
    score: meanOf(own),
    standardError,
    halfWidth: halfWidth95(standardError, n),
    n,
    versus: Object.fromEntries(tests.map(({ name, test: { difference, standardError, n } }, i) => [
      name,
      { difference, standardError, p: adjusted[i], n },
    ])),
    found: tests.length > 0 && tests.length === Object.keys(references).length &&
      tests.every(({ test }, i) => test.difference > 0 && adjusted[i] < SIGNIFICANT),
  };
}
