/**
 * On how many models (networks on data sets) one function is better than another, equal, and worse: the paper's table 3.
 * As there, a model's numbers are compared as its tables print them: medians over the seeds to a tenth of a percent.
 */
import { type SignTest, signTest } from "../../controller/comparison/statistics.ts";
import { left, right, type Table } from "../table.ts";

/** One function against another, over the models; the p-values are those of the sign test. */
export interface OverModels extends SignTest {
  readonly expression: string;
  readonly versus: string;
}

/** Pairs of medians in [0, 1], one per model: the function's and the other's. */
export function overModels(
  expression: string,
  versus: string,
  medians: readonly (readonly [number, number])[],
): OverModels {
  const tenths = (share: number) => Math.round(1000 * share);
  return { expression, versus, ...signTest(medians.map(([own, other]) => [tenths(own), tenths(other)] as const)) };
}

export function modelsTable(rows: readonly OverModels[]): Table {
  return {
    columns: [
      left("Function"),
      left("against"),
      ...["better", "equal", "worse", "p"].map(right),
    ],
    rows: rows.map(({ expression, versus, wins, ties, losses, one_sided_p: p }) => [
      ...[expression, versus],
      ...[wins, ties, losses].map(String),
      p.toPrecision(2),
    ]),
  };
}

/** As programs see it. */
export function jsonOverModels({ expression, versus, wins, ties, losses, one_sided_p }: OverModels) {
  return { expression, versus, better: wins, equal: ties, worse: losses, sign_p: one_sided_p };
}

export function modelsNote(models: number): string {
  return `Models of ${models} on which the function's median, to a tenth of a percent, is better, equal and worse, as in ` +
    "the paper's table 3; p is one-sided, of the exact sign test over the models.";
}
