/**
 * How many of the playoff's finalists should meet on the target's child, and how often should they train there? The
 * playoff ranks twenty functions by one child; their values on the target are known here, and agree with that ranking
 * more or less. Those that meet go through the rounds that a search gives them.
 *
 *     deno run tests/bench/target.ts [SEARCHES]
 *
 * A row is how well the two children agree on the twenty (their correlation) and how far the values spread on the
 * target; a column how many meet, and the trainings they share. A cell is the mean value of the function named, less
 * that of all twenty, in points. A training on the target varies by 0.8 points, so that paired differences vary by 1.15
 * as those of `max(x, sin(x))` and Swish do on ResNet-20 after 500 steps (2026-11-26_confirms_deeper.md).
 */
import { meanOf } from "../../controller/comparison/statistics.ts";
import { type Contestant, type Decision, nextDecision } from "../../controller/finals.ts";
import { PRESETS } from "../../controller/presets.ts";
import type { Stage } from "../../controller/runs/events.ts";
import { Random } from "../../datasets/random.ts";

const FINALISTS = 20, NOISE = 0.8;
const PLANS = [[4, 16], [8, 16], [8, 24], [12, 24], [16, 32], [16, 48], [20, 40]] as const;
const AGREEMENTS = [0, 0.3, 0.6, 0.9], SPREADS = [0.7, 1.2];

/** The true value of the function named: what a search decides from the playoff's end on, trained here. */
function named(seed: number, agreement: number, spread: number, [candidates, trainings]: typeof PLANS[number]): number {
  const random = new Random(seed).split("target"), { judging } = PRESETS.workstation;
  const values = Array.from({ length: FINALISTS }, () => random.normal());
  const trials = values.map((value, id): Contestant => ({
    ...{ id, role: "candidate", state: "complete", duplicateOf: null, fingerprint: `${id}`, trainings: [] },
    score: agreement * value + Math.sqrt(1 - agreement ** 2) * random.normal(),
  }));
  const finalists = trials.toSorted((a, b) => b.score! - a.score!).slice(0, candidates).map(({ id }) => id);
  let stage: Stage = { name: "target", round: 0, finalists, trainings };
  while (stage.name === "target") {
    const decision: Decision<Contestant> = nextDecision(trials, stage, judging)!;
    for (const trial of decision.changed) {
      trials[trial.id] = {
        ...trial,
        trainings: trial.trainings.map((training) => ({
          ...training,
          score: training.score ?? spread * values[trial.id] + NOISE * random.normal(),
        })),
      };
    }
    stage = decision.stage;
  }
  return stage.name === "verdict" ? spread * values[stage.trial] : NaN;
}

const searches = Number(Deno.args[0] ?? 4000);
console.log(`${searches} searches, seeds 1 to ${searches}\n`);
console.log(
  `| agreement, spread | ${PLANS.map(([candidates, trainings]) => `${candidates}, ${trainings}`).join(" | ")} |`,
);
console.log(`| --- | ${PLANS.map(() => "---:").join(" | ")} |`);
for (const agreement of AGREEMENTS) {
  for (const spread of SPREADS) {
    const cells = PLANS.map((plan) =>
      meanOf(Array.from({ length: searches }, (_, i) => named(i + 1, agreement, spread, plan))).toFixed(2)
    );
    console.log(`| ${agreement}, ${spread} | ${cells.join(" | ")} |`);
  }
}
