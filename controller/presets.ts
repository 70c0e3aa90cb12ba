/** Presets: the size of a search, from a smoke test to the paper's own. */
import { DEFAULT_OPTIMIZER } from "../child/network/optimizer.ts";
import type { PairSettings } from "../child/pair_settings.ts";
import type { ChildSettings } from "../child/trainer.ts";
import type { JudgingSettings, Target } from "./runs/events.ts";
import type { Units } from "./search_space.ts";
import { type ControllerSettings, DEFAULT_CONTROLLER, PAPER_CONTROLLER } from "./samplers/ppo/config.ts";

export interface Preset {
  readonly trials: number;
  /** Core units of an expression. */
  readonly units: Units;
  /** Candidates per batch, from which the sampler learns together. */
  readonly batch: number;
  readonly child: PairSettings;
  readonly judging: JudgingSettings;
  /** How samplers with a policy learn; the batch is the preset's own. */
  readonly controller: ControllerSettings;
}

/** Training of He et al. 2015, §4.2, with the cosine decay of Zoph et al. 2017. */
const CHILD = {
  batch: 128,
  learningRate: 0.1,
  schedule: "cosine",
  optimizer: DEFAULT_OPTIMIZER,
  augment: true,
  validationImages: null,
} as const;

/**
 * How candidates are judged, chosen by measurement: of 120 simulated searches of 200 trainings by the surrogate, 86 %
 * name a function of the true top 1 % if each candidate is trained once and a third of the trainings is reserved for a
 * playoff of twenty; 78 % if leading candidates are trained three times and a fifth is reserved for ten
 * (tests/bench/records/2026-11-26_naming.md). 16 fresh seeds show a true gain of one point in five of six cases at the
 * noise of ResNet-20 after 300 steps.
 */
const JUDGING: JudgingSettings = {
  pruner: "none",
  references: ["ReLU", "Swish"],
  finals: 1 / 3,
  finalists: 20,
  verdictSeeds: 16,
  target: null,
};

/**
 * A shallow child of whole images beside the deep one of `LAPTOP`: each overrates what the other does not. Over 49
 * functions the mean of both ranks as ResNet-20 does after 2,000 steps of 128 with a Spearman coefficient of 0.94, within
 * the best third of them with 0.65, the deep one alone with 0.93 and 0.30. Of the sixteen best of a search on the deep
 * one alone that does not know which are good on ResNet-20 after 500 steps, 0.0, and the shallow one does, 0.9
 * (tests/bench/records/2026-11-26_panel.md).
 */
export const SECOND: ChildSettings = { ...CHILD, network: "resnet8", steps: 100, batch: 64 };

/**
 * The network of the paper's search, stopped early. A training costs what 38 of `laptop` do, whose deep child alone saw
 * 0.7 to 1.7 points between its winner and Swish where this network, after 500 steps, has 0.4 ± 0.4
 * (tests/bench/records/2026-11-26_confirms_deeper.md). As that tells so little of the order of its best, many of them train
 * the target, few times each (tests/bench/records/2026-11-26_naming.md). Its learning rate warms up: after 500 steps
 * ReLU's accuracy then varies by 1.9 points with the seed instead of 5.9, Swish's by 1.0 instead of 1.3
 * (tests/bench/records/2026-11-28_target_warm_up.md).
 */
export const TARGET: Target = {
  child: { ...CHILD, network: "resnet20", steps: 2000, schedule: "warm-cosine" },
  candidates: 16,
  seeds: 2,
};

/**
 * A real search in an hour of 2 cores. A deep child, as shallow ones alone favour functions that fail in deep networks:
 * on ResNet-8 a search named `atan(x) - cos(x)`, 1.5 points above ReLU there and 8 below it on ResNet-20 after 500 steps
 * of 128; of small images, so that it is cheap; and a second one beside it. One core unit, as the random functions of one
 * are better: of 45 on that ResNet-8 8 reached 36 %, the best 41.6 %; of 29 of two units 2, the best 37.7 % (all in
 * tests/bench/records/2026-11-26_panel.md). A verdict on twice the usual seeds: at the noise of these children it shows a
 * true gain of half a point over both references in 77 of 100 searches, on 16 seeds in 41
 * (tests/bench/records/2026-11-28_search_two_children_2.md).
 */
const LAPTOP = {
  trials: 200,
  units: 1,
  batch: 10,
  child: { ...CHILD, network: "resnet14", steps: 400, batch: 64, imageSize: 16, second: SECOND },
  judging: { ...JUDGING, verdictSeeds: 32 },
  controller: DEFAULT_CONTROLLER,
} satisfies Preset;

export const PRESETS = {
  /** Every stage once, in well under a minute. */
  smoke: {
    trials: 4,
    units: 2,
    batch: 4,
    child: { ...CHILD, network: "resnet8", steps: 20, batch: 32, validationImages: 500 },
    judging: { ...JUDGING, finals: 0.2, finalists: 2, verdictSeeds: 2 },
    controller: DEFAULT_CONTROLLER,
  },
  laptop: LAPTOP,
  /** Hours on a CPU: the search of `laptop`, whose best meet on ResNet-20 in the end and are judged there. */
  workstation: { ...LAPTOP, judging: { ...JUDGING, target: TARGET } },
  /** Ramachandran et al. 2017: ResNet-20 for 10,000 steps of 128, 20 candidates per batch (Zoph et al. 2017). */
  paper: {
    trials: 2000,
    units: 2,
    batch: 20,
    child: { ...CHILD, network: "resnet20", steps: 10_000 },
    judging: JUDGING,
    controller: PAPER_CONTROLLER,
  },
} as const satisfies Record<string, Preset>;

export type PresetName = keyof typeof PRESETS;

export const PRESET_NAMES = Object.keys(PRESETS) as readonly PresetName[];
