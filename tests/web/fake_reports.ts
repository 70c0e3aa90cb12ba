/** A comparison of samplers and confirmations, as their commands store them, kept in memory. */
import type { ComparisonReport, ConfirmationReport, ConfirmationRow, Reports } from "../../controller/runs/reports.ts";

const SUMMARY = {
  ...{ seeds: 20, top1_rate: 0.8, median_trainings_to_top1: 24, median_trainings_to_beat: null, regret: 0.004 },
  ...{ optimism: 0.0003, area: 0.41, area_interval: [0.4, 0.42] as const, best: 0.425, p_over_random: 0.01 },
  best_interval: [0.42, 0.43] as const,
};

export const COMPARISON: ComparisonReport = {
  synthetic: true,
  truth: "NOT MEASURED but computed from a formula",
  ...{ seeds: 20, trials: 60, top1: 0.42, to_beat: 0.418 },
  samplers: { ppo: SUMMARY, random: { ...SUMMARY, median_trainings_to_top1: null, p_over_random: null } },
  bands: ["ppo", "random"].map((sampler, at) => {
    const curve = (offset: number) =>
      Array.from({ length: 60 }, (_, i) => 0.3 + 0.12 * (1 - 1 / (i + 2 + at)) + offset);
    return { sampler, low: curve(-0.01), middle: curve(0), high: curve(0.01) };
  }),
};

export const CONFIRMATION: ConfirmationReport = {
  run: "fake",
  ...{ network: "resnet20;wrn-16-4", dataset: "cifar10", synthetic: false, steps: 2000, batch: 128, seeds: 16 },
  rows: ["resnet20", "wrn-16-4"].flatMap((network): ConfirmationRow[] => {
    const common = { network, dataset: "cifar10", standard_error: 0.002, n: 16 };
    const versus = { relu: { difference: 0.01, p: 0.003, n: 16 } };
    return [
      { ...common, reference: true, expression: "ReLU", mean: 0.77, versus: {} },
      { ...common, reference: false, expression: "x * sigmoid(x)", mean: 0.78, versus },
    ];
  }),
  over_models: [{ expression: "x * sigmoid(x)", versus: "ReLU", better: 2, equal: 0, worse: 0 }],
};

const STORED = {
  comparisons: { first: COMPARISON, second: { ...COMPARISON, synthetic: false, truth: "children of resnet8" } },
  confirmations: { "confirm-fake": CONFIRMATION },
} as const;

export const FAKE_REPORTS: Reports = {
  list: (kind) => Promise.resolve(Object.keys(STORED[kind])),
  read: (kind, name) => Promise.resolve((STORED[kind] as Record<string, unknown>)[name] ?? null),
};
