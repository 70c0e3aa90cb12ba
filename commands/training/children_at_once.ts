/** How many trainings run at once: on a graphics card several, elsewhere one with all threads. */
import { childrenOnCard } from "../../child/engine/card_children.ts";
import type { Engine } from "../../child/engine/engine.ts";
import { MAX_CHILDREN, workloadOf } from "../../child/engine/speed.ts";
import type { ChildSettings } from "../../child/trainer.ts";
import type { Dataset } from "../../datasets/dataset.ts";
import { type Io, UsageError } from "../command.ts";

export const CHILDREN_FLAG = {
  name: "children",
  type: "integer",
  min: 1,
  max: MAX_CHILDREN,
  help: "trainings at once on a graphics card (measured); results do not depend on it",
} as const;

interface Trainings {
  /** As --children has it. */
  readonly asked: number | undefined;
  readonly count: number;
  /** Of the first of them, which is measured. */
  readonly settings: ChildSettings;
  readonly dataset: Dataset;
}

/**
 * On a card as many as are worthwhile by a measurement, `count` at most. Throws a UsageError if several are asked of an
 * engine that would train them no faster.
 */
export async function childrenAtOnce(
  { asked, count, settings, dataset }: Trainings,
  engine: Engine,
  io: Io,
): Promise<number> {
  if (engine.name !== "webgpu") {
    if (asked === undefined || asked === 1) return 1;
    throw new UsageError(
      `--children needs --engine webgpu: ${engine.name} trains one after another, each with --threads`,
    );
  }
  if (count <= 1) return 1;
  const atOnce = Math.min(asked ?? await childrenOnCard(engine, workloadOf(settings, dataset)), count);
  if (atOnce > 1) io.err(`${atOnce} trainings at once on the card`);
  return atOnce;
}
