/**
 * Rungs: the leading candidates of a rung are promoted to the next, as successive halving does one batch at a
 * time (Li et al. 2020, arXiv 1810.05934). A rung is a number of trainings from common seeds, not of steps.
 */
import type { Promotion, Pruner } from "./pruner.ts";

/**
 * A pruner with `trainings[r]` trainings in rung r, rising from 1 or more; `share` of those that ever reached a rung
 * advance to the next. Throws a RangeError if the numbers do not rise or the share is not in [0, 1].
 */
export function rungs(trainings: readonly number[], share: number): Pruner {
  const rising = trainings.every((count, r) => Number.isInteger(count) && count > (trainings[r - 1] ?? 0));
  if (!rising || trainings.length === 0) {
    throw new RangeError(`Cannot make rungs as their trainings must rise from 1 or more: they are ${trainings}`);
  }
  if (!(share >= 0 && share <= 1)) throw new RangeError(`Cannot promote a share of ${share} as it must be from 0 to 1`);
  return {
    stopsAt: null,
    maxSeeds: trainings[trainings.length - 1],
    promote: (standings, { candidates }) =>
      trainings.slice(1).flatMap((next, rung): Promotion[] => {
        const reached = standings.map(({ id }, i) => ({ id, ...candidates[i] }))
          .filter(({ n }) => n >= trainings[rung])
          .sort((a, b) => b.value - a.value || a.id - b.id);
        return reached.slice(0, Math.floor(reached.length * share)).filter(({ n }) => n < next)
          .map(({ id }) => ({ id, seeds: next }));
      }),
  };
}
