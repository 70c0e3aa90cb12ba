/**
 * A table of one core unit whose scores come from a formula, for tests and for tuning samplers before there is a
 * measured one. Nothing here was trained: its header says it is synthetic. The formula has what is known of the real
 * thing: half of the functions diverge or learn nothing, many are half good, few are best and close to each other,
 * functions of like values score alike but for a part of their own, and seeds vary as those of the laptop child were
 * measured to (0.5 points common to all functions, 0.75 of each training).
 */
import { activationFrom } from "../../../child/activation/catalog.ts";
import { firstOf } from "../../../child/pair_settings.ts";
import { derive } from "../../../child/activation/derive.ts";
import { compileToClosure } from "../../../child/activation/evaluate.ts";
import type { Expression } from "../../../child/activation/expression.ts";
import { FunctionTable, newHeader } from "../../../controller/comparison/function_table.ts";
import {
  distinctFunctions,
  nextTrainings,
  type Training,
  trainingOrder,
} from "../../../controller/comparison/table_plan.ts";
import { PRESETS } from "../../../controller/presets.ts";
import { NORMAL_POINTS } from "../../../controller/samplers/useless.ts";
import { Random } from "../../../datasets/random.ts";

export const GUESSING = 0.1;

/** Expected accuracy of a function; null if its children diverge. */
export function syntheticAccuracy(expression: Expression, ownPart: number): number | null {
  const value = compileToClosure(expression), slope = compileToClosure(derive(expression, "x"));
  const values = NORMAL_POINTS.map((x) => value(x, 1)), slopes = NORMAL_POINTS.map((x) => slope(x, 1));
  const mean = average(values), variance = average(values.map((v) => (v - mean) ** 2));
  const energy = average(slopes.map((s) => s * s)) / variance; // how much gradients grow: 1 of a line
  const tail = Math.max(Math.abs(value(4.75, 1) - mean), Math.abs(value(-4.75, 1) - mean)) / Math.sqrt(variance);
  if (!(energy < 8) || !(tail < 9)) return null;
  const alongX = average(values.map((v, i) => (v - mean) * NORMAL_POINTS[i]));
  const curved = 1 - alongX ** 2 / variance / average(NORMAL_POINTS.map((x) => x * x)); // 0 of a line, 1 of an even function
  const quality = Math.exp(-(((Math.log(energy) - 0.15) / 0.7) ** 2) - ((curved - 0.25) / 0.3) ** 2);
  const favoured = alongX > 0 ? 1 : 0.95;
  return Math.max(GUESSING, Math.min(0.9, GUESSING + 0.3 * quality ** 0.6 * favoured + 0.008 * ownPart));
}

/** The table as `deno task table --train --random limit` would make it, in memory. */
export function syntheticTable(seed: number, limit = Infinity): FunctionTable {
  const own = new Random(seed);
  return tableOf(
    seed,
    limit,
    ({ expression, fingerprint }) =>
      syntheticAccuracy(activationFrom(expression).expression, own.split("function", fingerprint).normal()),
  );
}

/** A table whose trainings have the given expected accuracies, null if they diverge, and the noise measured. */
export function tableOf(
  seed: number,
  limit: number,
  expectedOf: (training: Omit<Training, "seed">) => number | null,
  about = "computed from a formula",
): FunctionTable {
  const table = new FunctionTable(newHeader({
    dataset: "synthetic",
    synthetic: true,
    about,
    guessing: GUESSING,
    child: firstOf(PRESETS.laptop.child),
    engine: "none",
    device: "none",
    date: "2026-11-26",
  }));
  const order = trainingOrder(distinctFunctions(), seed, limit), random = new Random(seed);
  const seedEffect = (k: number) => 0.005 * random.split("seed", k).normal();
  const expected = new Map<string, number | null>();
  while (true) {
    const trainings = nextTrainings(table, order);
    if (trainings.length === 0) return table;
    for (const { expression, fingerprint, seed: k } of trainings) {
      if (!expected.has(fingerprint)) expected.set(fingerprint, expectedOf({ expression, fingerprint }));
      const accuracy = expected.get(fingerprint)!;
      const noise = seedEffect(k) + 0.0075 * random.split("training", fingerprint, k).normal();
      const score = accuracy === null ? null : Math.round(5000 * Math.max(0, Math.min(1, accuracy + noise))) / 5000;
      table.add(expression, k, score, { fingerprint });
    }
  }
}

function average(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
