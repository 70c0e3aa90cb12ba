/** What a run does after its last proposal, in a few words, for every place that shows it. */
import type { JudgingSettings, Stage } from "./runs/events.ts";

/** "playoff of 20, round 2"; null while the search proposes. */
export function stageText(stage: Stage, { target, verdictSeeds }: JudgingSettings): string | null {
  switch (stage.name) {
    case "search":
      return null;
    case "playoff":
      return `playoff of ${stage.finalists.length}, round ${stage.round}`;
    case "target":
      return `${stage.finalists.length} on ${target!.child.network}, round ${stage.round}`;
    case "verdict":
      return `verdict on ${verdictSeeds} fresh seeds`;
  }
}
