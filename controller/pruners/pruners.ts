/**
 * The table of pruners by name. Their results were measured by `tests/bench/naming.ts` on simulated runs of 200
 * trainings with the noise measured on CIFAR-10: the record is tests/bench/records/2026-11-26_naming.md.
 */
import type { Pruner } from "./pruner.ts";
import { rungs } from "./rungs.ts";

export const PRUNERS = {
  /** One training each. */
  none: rungs([1], 0),
  /** One training each, and three for the leading tenth. */
  race: rungs([1, 3], 0.1),
  /** Stops children below the median halfway, and trains the half above it 2 and 4 times. */
  median: { ...rungs([1, 2, 4], 0.5), stopsAt: 0.5 },
  /** 1, 4 and 16 trainings, a quarter promoted each time (Li et al. 2020). */
  asha: rungs([1, 4, 16], 0.25),
} as const satisfies Readonly<Record<string, Pruner>>;

export type PrunerName = keyof typeof PRUNERS;

export const PRUNER_NAMES = Object.keys(PRUNERS) as readonly PrunerName[];
