/** The settings of what a training of a search trains: one child, or two of different networks (`pair.ts`). */
import type { ChildSettings } from "./trainer.ts";

export interface PairSettings extends ChildSettings {
  /** Trained after the first, from the same seed; left out where there is one child. */
  readonly second?: ChildSettings;
}

/** The first child alone. */
export function firstOf({ second: _, ...first }: PairSettings): ChildSettings {
  return first;
}

/** Steps of a training, of both children. */
export function stepsOf({ steps, second }: PairSettings): number {
  return steps + (second?.steps ?? 0);
}

/** The file to which the second child saves its state, where the first has that one. */
export function secondCheckpoint(path: string): string {
  return `${path}.second`;
}
