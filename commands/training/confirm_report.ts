/**
 * The report of `confirm`: for each model a table of a run's finalists beside the references, and over several models
 * the paper's table 3; for people, files and programs.
 */
import { points, signedPoints } from "../../controller/percent.ts";
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
import { type Column, left, markdownTable, right, type Table, textTable } from "../table.ts";
import type { Model } from "./models.ts";
import { jsonOverModels, modelsNote, modelsTable, type OverModels, overModels } from "./models_table.ts";
import { aboutImages, countCell, pairsBySeed, reportedTrainings, writeFiles } from "./training_report.ts";

/** A function with its trainings, one per seed, in the same order of seeds for all. */
export interface Confirmed {
  readonly expression: string;
  readonly isReference: boolean;
  readonly results: readonly TrainingResult[];
}

/** All functions on one model, the same ones on each. */
export interface ConfirmedModel {
  readonly model: Model;
  readonly functions: readonly Confirmed[];
}

/** Of the function against a reference, over the seeds that both have. */
export interface Against {
  /** Mean difference of the test accuracies. */
  readonly difference: number;
  readonly standardError: number;
  /** One-sided p of the paired t test, after Holm's correction for all comparisons on all models. */
  readonly p: number;
  readonly sign: SignTest;
  readonly n: number;
}

export interface ConfirmRow {
  readonly model: Model;
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
  readonly steps: number;
  readonly batch: number;
  readonly seeds: number;
}

/** Model by model, in the order given; the tests of all are corrected together. */
export function confirmRows(models: readonly ConfirmedModel[]): ConfirmRow[] {
  const comparisons = models.flatMap(({ model, functions }) =>
    functions.filter(({ isReference }) => !isReference).flatMap((one) =>
      functions.filter(({ isReference }) => isReference).flatMap((reference) => {
        const scoreOf = (result: TrainingResult) => testScore(result, guessingOf(model));
        const pairs = pairsBySeed(one.results, reference.results, scoreOf);
        return pairs.length === 0 ? [] : [{ one, reference, pairs, test: pairedT(pairs) }];
      })
    )
  );
  const adjusted = holm(comparisons.map(({ test }) => test.oneSidedP));
  const against = ({ difference, standardError, n }: PairedTest, pairs: Pairs, p: number): Against => ({
    ...{ difference, standardError, n, p },
    sign: signTest(pairs),
  });
  const rowOf = (model: Model, one: Confirmed): ConfirmRow => ({
    model,
    expression: one.expression,
    isReference: one.isReference,
    test: summarise(one.results.map((result) => testScore(result, guessingOf(model)))),
    validation: summarise(one.results.map(({ validation }) => validation?.accuracy ?? guessingOf(model))),
    diverged: one.results.filter(({ outcome }) => outcome === "diverged").length,
    versus: Object.fromEntries(
      comparisons.flatMap((row, i) =>
        row.one === one
          ? [[row.reference.expression.toLowerCase(), against(row.test, row.pairs, adjusted[i])] as const]
          : []
      ),
    ),
  });
  return models.flatMap(({ model, functions }) => functions.map((one) => rowOf(model, one)));
}

type Pairs = readonly (readonly [number, number])[];

function testScore({ test }: TrainingResult, guessing: number): number {
  return test?.accuracy ?? guessing;
}

function guessingOf({ dataset }: Model): number {
  return 1 / dataset.classes.length;
}

/** Each function against each reference over all models that both were trained on. */
export function confirmOverModels(rows: readonly ConfirmRow[]): OverModels[] {
  const byModel = [...Map.groupBy(rows, ({ model }) => model).values()], [first] = byModel;
  const median = (own: readonly ConfirmRow[], name: string) =>
    own.find(({ expression }) => expression === name)?.test?.median;
  return first.filter(({ isReference }) => !isReference).flatMap(({ expression }) =>
    first.filter(({ isReference }) => isReference).map(({ expression: reference }) =>
      overModels(
        expression,
        reference,
        byModel.flatMap((own) => {
          const [one, other] = [median(own, expression), median(own, reference)];
          return one === undefined || other === undefined ? [] : [[one, other] as const];
        }),
      )
    )
  );
}

/** A row as programs see it; accuracies are shares of the test split. */
export function jsonOfRow(row: ConfirmRow): Record<string, unknown> {
  const { model, expression, test, diverged, versus, isReference } = row;
  return {
    network: model.network,
    dataset: model.dataset.name,
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

/** What `confirm` found, as programs see it. */
export function jsonOfConfirmation(rows: readonly ConfirmRow[]): Record<string, unknown> {
  return { rows: rows.map(jsonOfRow), over_models: confirmOverModels(rows).map(jsonOverModels) };
}

function standardErrorOf(test: Summary | null): number | null {
  return test?.standard_deviation == null ? null : test.standard_deviation / Math.sqrt(test.n);
}

/** Of the rows of one model. */
export function confirmTable(rows: readonly ConfirmRow[]): Table {
  const references = rows.filter(({ isReference }) => isReference).map(({ expression }) => expression);
  const columns: Column[] = [
    left("Function"),
    ...["median (%)", "mean (%)", "± 95 %", "s.d.", "n"].map(right),
    ...references.flatMap((name) => [`- ${name}`, "p", "> = <"].map(right)),
  ];
  return { columns, rows: rows.map((row) => cellsOf(row, references)) };
}

function cellsOf(row: ConfirmRow, references: readonly string[]) {
  const { expression, test, versus, isReference } = row;
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
  return [`${expression}${isReference ? " (reference)" : ""}`, ...numbers, countCell(row), ...against];
}

/** A dash if there is none, as for the spread of one seed. */
function pointsOrDash(share: number): string {
  return Number.isFinite(share) ? points(share) : "-";
}

const CONFIRM_NOTE = "Test accuracies after the last step, each test image judged once per training. Differences are " +
  "paired by seed; p is one-sided, of the paired t test, after Holm's correction for all comparisons of all tables; > = < " +
  "counts the seeds on which the function is better, equal and worse. A training that diverged counts as guessing.";

/** The tables for a terminal. */
export function confirmLines(rows: readonly ConfirmRow[]): string[] {
  const models = [...Map.groupBy(rows, ({ model }) => model)];
  if (models.length === 1) return [...textTable(confirmTable(rows)), "", CONFIRM_NOTE];
  return [
    ...models.flatMap(([{ title }, own]) => [title, ...textTable(confirmTable(own)), ""]),
    ...textTable(modelsTable(confirmOverModels(rows))),
    ...["", CONFIRM_NOTE, modelsNote(models.length)],
  ];
}

/** Writes confirm.md, confirm.csv, results.json and a picture per model into the folder; their names. */
export async function writeConfirmation(
  models: readonly ConfirmedModel[],
  about: ConfirmSetting & { readonly engine: string; readonly device: string },
  folder: string,
): Promise<readonly string[]> {
  const rows = confirmRows(models);
  const reported = models.flatMap(({ model: { network, dataset }, functions }) =>
    functions.flatMap(({ expression, results }) =>
      reportedTrainings({ dataset: dataset.name, network, act: expression }, results)
    )
  );
  const synthetic = models.some(({ model }) => model.dataset.synthetic);
  const trainings = reported.map(({ withCurve }) => withCurve);
  const results = { ...about, synthetic, ...jsonOfConfirmation(rows), trainings };
  const files = {
    "confirm.md": markdown(rows, about),
    "confirm.csv": csvRows(reported.map(({ row }) => row)).join("\n") + "\n",
    "results.json": JSON.stringify(results, null, 1) + "\n",
    ...Object.fromEntries(models.map((one) => [pictureOf(one.model), drawChart(accuracyChart(one))])),
  };
  await writeFiles(folder, files);
  return Object.keys(files);
}

function pictureOf({ suffix }: Model): string {
  return `accuracy${suffix}.svg`;
}

function markdown(rows: readonly ConfirmRow[], about: ConfirmSetting & { engine: string; device: string }): string {
  const models = [...Map.groupBy(rows, ({ model }) => model)];
  const { run, steps, batch, seeds, engine, device } = about;
  const title = models.length === 1 ? models[0][0].title : `${models.length} models`;
  const sections = models.flatMap(([model, own]) => [
    ...models.length === 1 ? [] : [`## ${model.title}`, ""],
    ...aboutImages(model.dataset),
    ...markdownTable(confirmTable(own)),
    "",
    `![test accuracy by function](${pictureOf(model)})`,
    "",
  ]);
  const overall = ["## Over all models", "", ...markdownTable(modelsTable(confirmOverModels(rows))), ""];
  return [
    `# Finalists of ${run}: ${title}`,
    "",
    `${steps} steps of ${batch}, ${seeds} fresh seeds, engine ${engine}: ${device}.`,
    "",
    ...sections,
    ...models.length === 1 ? [] : [...overall, modelsNote(models.length), ""],
    CONFIRM_NOTE,
    "",
  ].join("\n");
}

/** Every seed as a dot. */
function accuracyChart({ model, functions }: ConfirmedModel): ChartSpec {
  const names = functions.map(({ expression }) => expression.length <= 16 ? expression : `${expression.slice(0, 15)}…`);
  const scores = functions.map(({ results }) => results.map((result) => 100 * testScore(result, guessingOf(model))));
  return {
    width: 60 + 110 * names.length,
    height: 360,
    title: `${model.title}: test accuracy by function`,
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
