/**
 * Rewards from elsewhere on this search's scale. Another child may find all functions easier or harder: ranked among
 * them by its own rewards, whatever this search trains would look poor, or better than anything known.
 */
import { medianOf } from "../comparison/statistics.ts";
import type { FunctionFacts } from "./function_facts.ts";
import type { Judged, Known } from "./sampler.ts";

export interface Calibration {
  /** Added to each reward from elsewhere. */
  readonly offset: number;
  /** All known functions, those from elsewhere with the offset. */
  readonly known: readonly Known[];
}

/**
 * The offset is the median, over the functions from elsewhere that were also told, of what the search's own reward is
 * higher by; 0 while there are none.
 */
export function calibrate(known: readonly Known[], told: readonly Judged[], facts: FunctionFacts): Calibration {
  const own = new Map(told.map(({ tokens, reward }) => [facts.of(tokens).fingerprint, reward]));
  const differences = known.flatMap(({ expression, reward, isOwn }) => {
    const here = isOwn ? undefined : own.get(facts.found(expression).fingerprint);
    return here === undefined ? [] : [here - reward];
  });
  const offset = differences.length === 0 ? 0 : medianOf(differences);
  return { offset, known: known.map((one) => one.isOwn ? one : { ...one, reward: one.reward + offset }) };
}
