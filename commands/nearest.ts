/** "Did you mean …?": the known name closest to a mistyped one. */

/** The closest of `names`, or undefined if none is within a third of the typed length (at least 2 edits). */
export function nearest(typed: string, names: readonly string[]): string | undefined {
  const allowed = Math.min(typed.length - 1, Math.max(2, Math.floor(typed.length / 3)));
  const [best] = names
    .map((name) => ({ name, distance: name.startsWith(typed) ? 1 : editDistance(typed, name) }))
    .filter(({ distance }) => distance <= allowed)
    .sort((left, right) => left.distance - right.distance);
  return best?.name;
}

/** Levenshtein distance, one row of the table at a time. */
export function editDistance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, j) => j);
  for (let i = 1; i <= left.length; i++) {
    const next = [i];
    for (let j = 1; j <= right.length; j++) {
      const substituted = row[j - 1] + (left[i - 1] === right[j - 1] ? 0 : 1);
      next.push(Math.min(substituted, row[j] + 1, next[j - 1] + 1));
    }
    row = next;
  }
  return row[right.length];
}
