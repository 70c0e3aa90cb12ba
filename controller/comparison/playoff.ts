/**
 * The playoff: how the trainings kept for the end of a search are spent on its finalists. Sequential halving (Karnin,
 * Koren & Somekh 2013): each round costs the same, and only the better half advances, with twice the trainings each.
 */

/** A round of the playoff. */
export interface PlayoffRound {
  /** Ids of the finalists that train, best first. */
  readonly field: readonly number[];
  /** Trainings of each, from the seeds that follow those of the rounds before. */
  readonly trainings: number;
}

/** A finalist's current standing. */
export interface Finalist {
  readonly id: number;
  /** Its estimated score, from all its trainings so far. */
  readonly value: number;
}

/** Rounds for that many finalists: the last one is between two. 0 for fewer than two, who have no opponent. */
export function roundsOf(finalists: number): number {
  return finalists < 2 ? 0 : Math.ceil(Math.log2(finalists));
}

/**
 * The largest number of finalists, at least two, for which the given trainings suffice to train each once in every
 * round it reaches.
 */
export function affordableFinalists(trainings: number): number {
  let finalists = 2;
  while (leastTrainings(finalists + 1) <= trainings) finalists++;
  return finalists;
}

function leastTrainings(finalists: number): number {
  return Array.from({ length: roundsOf(finalists) }, (_, round) => fieldSize(finalists, round))
    .reduce((sum, size) => sum + size, 0);
}

function fieldSize(finalists: number, round: number): number {
  return Math.max(2, Math.ceil(finalists / 2 ** round));
}

/**
 * Round `round` of a playoff that began with `finalists` candidates and has `left` trainings to spend, this round and
 * later ones. The field is the best of `standing`; each trains at least once, whatever the budget.
 */
export function playoffRound(
  standing: readonly Finalist[],
  { finalists, round, left }: { readonly finalists: number; readonly round: number; readonly left: number },
): PlayoffRound {
  const size = fieldSize(finalists, round);
  const field = standing.toSorted((a, b) => b.value - a.value || a.id - b.id).slice(0, size).map(({ id }) => id);
  const share = left / (roundsOf(finalists) - round);
  return { field, trainings: Math.max(1, Math.floor(share / field.length)) };
}
