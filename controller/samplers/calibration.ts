/**
 * Rewards from elsewhere on this search's scale. Another child may find all functions easier or harder: ranked among
 * them by its own rewards, whatever this search trains would look poor, or better than anything known.
 */
import { medianOf } from "../comparison/statistics.ts";
import type { FunctionFacts } from "./function_facts.ts";
import type { Judged, Known } from "./sampler.ts";

/**
 * The known functions, the rewards of those from elsewhere moved by the median, over such functions that this search has
 * also judged, of what the search's own reward is higher by; as they are while there are none.
 */
export function calibrate(known: readonly Known[], told: readonly Judged[], facts: FunctionFacts): readonly Known[] {
  const own = new Map([
    ...known.filter(({ isOwn }) => isOwn).map(({ expression, reward }) =>
      [facts.found(expression).fingerprint, reward] as const
    ),
    ...told.map(({ tokens, reward }) => [facts.of(tokens).fingerprint, reward] as const),
  ]);
  const differences = known.flatMap(({ expression, reward, isOwn }) => {
    const here = isOwn ? undefined : own.get(facts.found(expression).fingerprint);
    return here === undefined ? [] : [here - reward];
  });
  if (differences.length === 0) return known;
  const offset = medianOf(differences);
  return known.map((one) => one.isOwn ? one : { ...one, reward: one.reward + offset });
}
