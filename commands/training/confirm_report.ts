/** The report of `confirm`: a table of a run's finalists beside the references, for people, files and programs. */
import { points, signedPoints } from "../../controller/percent.ts";
import { writeAtomically } from "../../child/model/atomic_file.ts";
import type { TrainingResult } from "../../child/training_run.ts";
import {
  halfWidth95,
  holm,
  pairedT,
  type PairedTest,
  type SignTest,
  signTest,
  summarise,
  type Summary,
} from "../../controller/comparison/statistics.ts";
import { type ChartSpec, drawChart } from "../../web/plot/chart.ts";
import { csvRows } from "../../controller/csv.ts";
import { type Column, markdownTable, type Table } from "../table.ts";
import { pointRow, rowOf } from "./training_report.ts";

/** A function with its trainings, one per seed, in the same order of seeds for all. */
export interface Confirmed {
  readonly expression: string;
  readonly isReference: boolean;
  readonly results: readonly TrainingResult[];
}

/** Of the function against a reference, over the seeds that both have. */
export interface Against {
  /** Mean difference of the test accuracies. */
  readonly difference: number;
  readonly standardError: number;
  /** One-sided p of the paired t test, after Holm's correction for all comparisons of the table. */
  readonly p: number;
  readonly sign: SignTest;
  readonly n: number;
}

export interface ConfirmRow {
  readonly expression: string;
  readonly isReference: boolean;
  /** Test accuracies, those of diverged trainings that of guessing; null before the first. */
  readonly test: Summary | null;
  readonly validation: Summary | null;
  readonly diverged: number;
  /** By reference; empty for a reference. */
  readonly versus: Readonly<Record<string, Against>>;
}

/** How the functions were trained; stated with every result. */
export interface ConfirmSetting {
  readonly run: string;
  readonly dataset: string;
  readonly synthetic: boolean;
  readonly network: string;
  readonly steps: number;
  readonly batch: number;
  readonly seeds: number;
  readonly classes: number;
}

/** Rows in the order given; the functions' tests are corrected together. */
export function confirmRows(functions: readonly Confirmed[], classes: number): ConfirmRow[] {
  const references = functions.filter(({ isReference }) => isReference);
  const comparisons = functions.filter(({ isReference }) => !isReference).flatMap((one) =>
    references.flatMap((reference) => {
      const pairs = pairsOf(one.results, reference.results, classes);
      return pairs.length === 0 ? [] : [{ one, reference, pairs, test: pairedT(pairs) }];
    })
  );
  const adjusted = holm(comparisons.map(({ test }) => test.oneSidedP));
  const against = ({ difference, standardError, n }: PairedTest, pairs: Pairs, p: number): Against => ({
    ...{ difference, standardError, n, p },
    sign: signTest(pairs),
  });
  return functions.map((one) => ({
    expression: one.expression,
    isReference: one.isReference,
    test: summarise(one.results.map((result) => testScore(result, classes))),
    validation: summarise(one.results.map(({ validation }) => validation?.accuracy ?? 1 / classes)),
    diverged: one.results.filter(({ outcome }) => outcome === "diverged").length,
    versus: Object.fromEntries(
      comparisons.flatMap((row, i) =>
        row.one === one
          ? [[row.reference.expression.toLowerCase(), against(row.test, row.pairs, adjusted[i])] as const]
          : []
      ),
    ),
  }));
}

type Pairs = readonly (readonly [number, number])[];

function pairsOf(first: readonly TrainingResult[], second: readonly TrainingResult[], classes: number): Pairs {
  return first.flatMap((one) => {
    const other = second.find(({ seed }) => seed === one.seed);
    return other ? [[testScore(one, classes), testScore(other, classes)] as const] : [];
  });
}

function testScore({ test }: TrainingResult, classes: number): number {
  return test?.accuracy ?? 1 / classes;
}

/** A row as programs see it; accuracies are shares of the test split. */
export function jsonOfRow({ expression, test, diverged, versus, isReference }: ConfirmRow): Record<string, unknown> {
  return {
    expression,
    reference: isReference,
    mean: test?.mean ?? null,
    standard_error: standardErrorOf(test),
    median: test?.median ?? null,
    standard_deviation: test?.standard_deviation ?? null,
    n: test?.n ?? 0,
    diverged,
    versus: Object.fromEntries(
      Object.entries(versus).map(([name, { difference, standardError, p, sign, n }]) => [
        name,
        {
          ...{ difference, standard_error: standardError, p, n },
          ...{ wins: sign.wins, ties: sign.ties, losses: sign.losses, sign_p: sign.one_sided_p },
        },
      ]),
    ),
  };
}

function standardErrorOf(test: Summary | null): number | null {
  return test?.standard_deviation == null ? null : test.standard_deviation / Math.sqrt(test.n);
}

export function confirmTable(rows: readonly ConfirmRow[]): Table {
  const references = rows.filter(({ isReference }) => isReference).map(({ expression }) => expression);
  const right = (title: string): Column => ({ title, align: "right" });
  const columns: Column[] = [
    { title: "Function", align: "left" },
    ...["median (%)", "mean (%)", "± 95 %", "s.d.", "n"].map(right),
    ...references.flatMap((name) => [`- ${name}`, "p", "> = <"].map(right)),
  ];
  return { columns, rows: rows.map((row) => cellsOf(row, references)) };
}

function cellsOf({ expression, test, diverged, versus, isReference }: ConfirmRow, references: readonly string[]) {
  const numbers = test === null ? ["-", "-", "-", "-"] : [
    pointsOrDash(test.median),
    pointsOrDash(test.mean),
    pointsOrDash(halfWidth95(standardErrorOf(test) ?? NaN, test.n)),
    pointsOrDash(test.standard_deviation ?? NaN),
  ];
  const against = references.flatMap((name) => {
    const found = versus[name.toLowerCase()];
    if (!found) return ["", "", ""];
    const { difference, p, sign: { wins, ties, losses } } = found;
    return [signedPoints(difference), p.toPrecision(2), `${wins} ${ties} ${losses}`];
  });
  const n = `${test?.n ?? 0}${diverged > 0 ? ` (${diverged} diverged)` : ""}`;
  return [`${expression}${isReference ? " (reference)" : ""}`, ...numbers, n, ...against];
}

/** A dash if there is none, as for the spread of one seed. */
function pointsOrDash(share: number): string {
  return Number.isFinite(share) ? points(share) : "-";
}

export const CONFIRM_NOTE =
  "Test accuracies after the last step, each test image judged once per training. Differences are " +
  "paired by seed; p is one-sided, of the paired t test, after Holm's correction for all comparisons of the table; > = < counts " +
  "the seeds on which the function is better, equal and worse. A training that diverged counts as guessing.";

/** Writes confirm.md, confirm.csv, results.json and accuracy.svg into the folder. */
export async function writeConfirmation(
  functions: readonly Confirmed[],
  about: ConfirmSetting & { readonly engine: string; readonly device: string },
  folder: string,
): Promise<void> {
  const rows = confirmRows(functions, about.classes);
  const trainings = functions.flatMap(({ expression, results }) =>
    results.map((result) => ({ result, row: { act: expression, ...rowOf(result), reason: result.reason } }))
  );
  const files: Readonly<Record<string, string>> = {
    "results.json": JSON.stringify(
      {
        ...about,
        rows: rows.map(jsonOfRow),
        trainings: trainings.map(({ result, row }) => ({
          ...row,
          seconds: result.seconds,
          curve: result.curve.map(pointRow),
        })),
      },
      null,
      1,
    ) + "\n",
    "confirm.csv": csvRows(trainings.map(({ row }) => ({ dataset: about.dataset, network: about.network, ...row })))
      .join("\n") + "\n",
    "confirm.md": markdown(rows, about),
    "accuracy.svg": drawChart(accuracyChart(functions, about)),
  };
  for (const [name, content] of Object.entries(files)) await writeAtomically(`${folder}/${name}`, content);
}

function markdown(rows: readonly ConfirmRow[], about: ConfirmSetting & { engine: string; device: string }): string {
  return [
    `# Finalists of ${about.run}: ${about.network} on ${about.dataset}`,
    "",
    ...about.synthetic ? ["Synthetic images: accuracies say nothing about photographs.", ""] : [],
    `${about.steps} steps of ${about.batch}, ${about.seeds} fresh seeds, engine ${about.engine}: ${about.device}.`,
    "",
    ...markdownTable(confirmTable(rows)),
    "",
    CONFIRM_NOTE,
    "",
    "![test accuracy by function](accuracy.svg)",
    "",
  ].join("\n");
}

/** Every seed as a dot. */
function accuracyChart(functions: readonly Confirmed[], { network, dataset, classes }: ConfirmSetting): ChartSpec {
  const names = functions.map(({ expression }) => expression.length <= 16 ? expression : `${expression.slice(0, 15)}…`);
  const scores = functions.map(({ results }) => results.map((result) => 100 * testScore(result, classes)));
  return {
    width: 60 + 110 * names.length,
    height: 360,
    title: `${network} on ${dataset}: test accuracy by function`,
    x: { label: "function", domain: [-0.5, names.length - 0.5], format: (value) => names[Math.round(value)] ?? "" },
    y: { label: "test accuracy (%)" },
    series: [
      {
        label: "one seed",
        kind: "dots",
        x: scores.flatMap((values, place) => values.map(() => place)),
        y: scores.flat(),
      },
    ],
  };
}
