/** The known names nearest to a mistyped one. */

/** The three nearest by spelling, the nearest first; ties go to those with the same beginning. */
export function nearestNames(name: string, known: readonly string[]): string[] {
  return [...new Set(known)]
    .map((candidate) => ({ candidate, slips: editDistance(name, candidate), alike: commonStart(name, candidate) }))
    .sort((a, b) => a.slips - b.slips || b.alike - a.alike || (a.candidate < b.candidate ? -1 : 1))
    .slice(0, 3)
    .map(({ candidate }) => candidate);
}

function commonStart(one: string, other: string): number {
  let length = 0;
  while (length < one.length && one[length] === other[length]) length++;
  return length;
}

/** A swap is likelier than other typos: tahn is tanh, not tan. */
const SWAP = 0.9;

/** Insertions, deletions, replacements and swaps of neighbours from one word to the other (Damerau 1964). */
function editDistance(from: string, to: string): number {
  const distance = Array.from({ length: from.length + 1 }, (_, i) => [i, ...Array<number>(to.length).fill(i)]);
  distance[0] = Array.from({ length: to.length + 1 }, (_, j) => j);
  for (let i = 1; i <= from.length; i++) {
    for (let j = 1; j <= to.length; j++) {
      const replaced = distance[i - 1][j - 1] + (from[i - 1] === to[j - 1] ? 0 : 1);
      const isSwap = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1];
      const swapped = isSwap ? distance[i - 2][j - 2] + SWAP : Infinity;
      distance[i][j] = Math.min(replaced, swapped, distance[i - 1][j] + 1, distance[i][j - 1] + 1);
    }
  }
  return distance[from.length][to.length];
}
