/** The paper's table of baselines with this project's results: for a terminal, as Markdown, CSV, JSON and plots. */
import { points } from "../../controller/percent.ts";
import { writeAtomically } from "../../child/model/atomic_file.ts";
import type { Activation } from "../../child/activation/expression.ts";
import { printExpression } from "../../child/activation/print.ts";
import type { CurvePoint, TrainingResult } from "../../child/training_run.ts";
import type { Dataset } from "../../datasets/dataset.ts";
import { type ChartSpec, drawChart, type Series } from "../../web/plot/chart.ts";
import { csvRows } from "../../controller/csv.ts";
import { PAPER_NETWORKS, type PaperAccuracies, paperAccuracies } from "./paper_accuracies.ts";
import { type SignTest, signTest, summarise, type Summary } from "../../controller/comparison/statistics.ts";
import { type Column, markdownTable, type Table } from "../table.ts";
import { pointRow, rowOf } from "./training_report.ts";

export interface FunctionResults {
  readonly activation: Activation;
  /** One per seed, in the same order of seeds for every function; the last seeds may not be trained yet. */
  readonly results: readonly TrainingResult[];
}

export interface Judged {
  readonly dataset: Dataset;
  readonly functions: readonly FunctionResults[];
}

/** How the functions were trained. */
export interface Setting {
  readonly dataset: string;
  readonly network: string;
  readonly steps: number;
  readonly batch: number;
  readonly lr: number;
  readonly schedule: string;
  readonly optimizer: string;
  readonly seeds: number;
  readonly seed: number;
}

/** A row of the table as numbers; accuracies are shares of the test split. */
export interface BaselineRow {
  readonly act: string;
  readonly test: Summary | null;
  readonly validation: Summary | null;
  readonly diverged: number;
  /** Sign test of Swish against this function, over the seeds that both have; null for Swish itself. */
  readonly swish: SignTest | null;
  /** The paper's own results in percent, with other networks. */
  readonly paper: PaperAccuracies | null;
}

export interface BaselinesTable extends Table {
  readonly data: readonly BaselineRow[];
  /** Notes for reading the table. */
  readonly notes: readonly string[];
}

const SWISH = "Swish";

/** The median of the seeds, as the paper's tables have it, with mean and spread and the paper's own results. */
export function baselinesTable(judged: Judged): BaselinesTable {
  const data = judged.functions.map((one) => rowFor(one, judged));
  const withPaper = data.some(({ paper }) => paper !== null);
  const columns: Column[] = [
    { title: "Function", align: "left" },
    ...["median (%)", "mean (%)", "s.d.", "n"].map(right),
    ...["Swish > = <", "p two-sided", "p one-sided"].map(right),
    ...withPaper ? PAPER_NETWORKS.map((network) => right(`paper ${network}`)) : [],
  ];
  const rows = data.map((row) => [row.act, ...numbersOf(row), ...withPaper ? paperCells(row) : []]);
  return { columns, rows, data, notes: notesFor(data, withPaper) };
}

function right(title: string): Column {
  return { title, align: "right" };
}

function rowFor({ activation, results }: FunctionResults, { dataset, functions }: Judged): BaselineRow {
  const swish = functions.find(({ activation: { name } }) => name === SWISH)!;
  return {
    act: activation.name,
    test: summarise(results.flatMap(({ test }) => test?.accuracy ?? [])),
    validation: summarise(results.flatMap(({ validation }) => validation?.accuracy ?? [])),
    diverged: results.filter(({ outcome }) => outcome === "diverged").length,
    swish: activation.name === SWISH ? null : signTest(pairsOf(swish.results, results)),
    paper: paperAccuracies(activation, dataset.name),
  };
}

/** By seed; a training that diverged is worse than any that did not. */
function pairsOf(first: readonly TrainingResult[], second: readonly TrainingResult[]): [number, number][] {
  const score = ({ test }: TrainingResult) => test?.accuracy ?? -1;
  return first.flatMap((one) => {
    const other = second.find(({ seed }) => seed === one.seed);
    return other ? [[score(one), score(other)] as [number, number]] : [];
  });
}

function numbersOf({ test, diverged, swish }: BaselineRow): string[] {
  const n = `${test?.n ?? 0}${diverged > 0 ? ` (${diverged} diverged)` : ""}`;
  const accuracies = test === null
    ? ["-", "-", "-"]
    : [points(test.median), points(test.mean), spread(test.standard_deviation)];
  const sign = swish === null
    ? ["", "", ""]
    : [`${swish.wins} ${swish.ties} ${swish.losses}`, swish.two_sided_p.toFixed(3), swish.one_sided_p.toFixed(3)];
  return [...accuracies, n, ...sign];
}

function spread(deviation: number | null): string {
  return deviation === null ? "-" : points(deviation);
}

function paperCells({ paper }: BaselineRow): string[] {
  return paper === null ? PAPER_NETWORKS.map(() => "") : paper.map((accuracy) => accuracy.toFixed(1));
}

function notesFor(data: readonly BaselineRow[], withPaper: boolean): string[] {
  const pairs = Math.max(0, ...data.map(({ swish }) => swish === null ? 0 : swish.wins + swish.losses + swish.ties));
  const least = (p: number) => Math.min(1, p).toPrecision(2);
  return [
    "Accuracies are of the test split after the last step. Swish > = <: seeds on which Swish is better, equal and worse. " +
    "p: exact sign test over the seeds, ties dropped; one-sided asks whether Swish is better, as the paper does.",
    `With ${pairs} ${pairs === 1 ? "seed" : "seeds"} p cannot be less than ${least(2 ** (1 - pairs))} two-sided or ` +
    `${least(2 ** -pairs)} one-sided; no correction is made for comparing many functions.`,
    ...withPaper
      ? [
        "The paper's results are medians of 5 runs of other, larger networks trained much longer: they show the order " +
        "that the paper found, not what this network should reach.",
      ]
      : [],
  ];
}

/** Writes baselines.md, baselines.csv, results.json, accuracy.svg, loss.svg and validation.svg into the folder. */
export async function writeBaselines(
  judged: Judged,
  about: Setting & { readonly engine: string; readonly device: string },
  folder: string,
): Promise<void> {
  const table = baselinesTable(judged);
  const rows = judged.functions.flatMap(({ activation, results }) =>
    results.map((result) => ({ result, row: { act: activation.name, ...rowOf(result), reason: result.reason } }))
  );
  const trainings = rows.map(({ result, row }) => ({
    ...row,
    seconds: result.seconds,
    curve: result.curve.map(pointRow),
  }));
  const records = rows.map(({ row }) => ({ dataset: about.dataset, network: about.network, ...row }));
  const files: Readonly<Record<string, string>> = {
    "results.json": JSON.stringify({ ...about, table: table.data, trainings }, null, 1) + "\n",
    "baselines.csv": csvRows(records).join("\n") + "\n",
    "baselines.md": markdown(judged, table, about),
    "accuracy.svg": drawChart(accuracyChart(judged, about)),
    "loss.svg": drawChart(curvesChart(judged, about, "training loss (nats)", ({ loss }) => loss)),
    "validation.svg": drawChart(
      curvesChart(judged, about, "validation accuracy (%)", ({ validationAccuracy: share }) => 100 * (share ?? NaN)),
    ),
  };
  for (const [name, content] of Object.entries(files)) await writeAtomically(`${folder}/${name}`, content);
}

function markdown(judged: Judged, table: BaselinesTable, about: Setting & { engine: string; device: string }): string {
  const { engine, device } = about;
  const expressions = judged.functions.map(({ activation: { name, expression, betaStart, kernelGain } }) =>
    `- ${name}: \`${printExpression(expression)}\`, beta starts at ${betaStart}` +
    (kernelGain === undefined ? "" : `, kernels of variance ${kernelGain} / fan in`)
  );
  return [
    `# Baselines: ${about.network} on ${about.dataset}`,
    "",
    ...judged.dataset.synthetic ? ["Synthetic images: accuracies say nothing about photographs.", ""] : [],
    `Engine ${engine}: ${device}. Seeds from ${about.seed}, paired: a seed gives every function the same batches.`,
    "",
    ...markdownTable(table),
    "",
    ...table.notes.flatMap((note) => [note, ""]),
    "![test accuracy by function](accuracy.svg)",
    "![training loss](loss.svg)",
    "![validation accuracy on the way](validation.svg)",
    "",
    "## Settings that differ from the paper's",
    "",
    ...markdownTable(differences(judged.dataset, about)),
    "",
    "## Functions",
    "",
    ...expressions,
    "",
  ].join("\n");
}

/**
 * The paper takes "each architecture's original settings": for ResNet-164 those of He et al. 2016b (arXiv 1603.05027):
 * 64,000 steps of 128 images, momentum 0.9, weight decay 1e-4, learning rate 0.1 divided by 10 at 32k and 48k.
 */
const PAPER_SETTING = { steps: 64_000, batch: 128, lr: 0.1, schedule: "step", optimizer: "sgd", seeds: 5 };

function differences(dataset: Dataset, about: Setting): Table {
  const { train: { count }, validation } = dataset;
  const epochs = (steps: number, batch: number) => `${(steps * batch / count).toFixed(1)} epochs of ${count} images`;
  const rows: (readonly [string, string, string, boolean])[] = [
    ["data set", about.dataset, "cifar10 and cifar100", !about.dataset.startsWith("cifar")],
    ["network", about.network, PAPER_NETWORKS.join(", "), true],
    [
      "training",
      `${about.steps} steps of ${about.batch}: ${epochs(about.steps, about.batch)}`,
      `${PAPER_SETTING.steps} steps of ${PAPER_SETTING.batch} (ResNet-164)`,
      about.steps !== PAPER_SETTING.steps || about.batch !== PAPER_SETTING.batch,
    ],
    ["learning rate", `${about.lr}`, `${PAPER_SETTING.lr} (ResNet-164)`, about.lr !== PAPER_SETTING.lr],
    [
      "schedule",
      about.schedule,
      "divided by 10 at 50 % and 75 % (ResNet-164)",
      about.schedule !== PAPER_SETTING.schedule,
    ],
    ["optimizer", about.optimizer, "sgd with momentum 0.9", about.optimizer !== PAPER_SETTING.optimizer],
    ["runs", `${about.seeds} seeds`, `median of ${PAPER_SETTING.seeds}`, about.seeds !== PAPER_SETTING.seeds],
    ["held out", `${validation.count} training images, for validation`, "not stated", true],
    ["sign test", "over seeds of one network, exact", "one-sided, over the medians of nine models", true],
  ];
  return {
    columns: ["setting", "here", "paper"].map((title) => ({ title, align: "left" })),
    rows: rows.filter(([, , , differs]) => differs).map(([setting, here, paper]) => [setting, here, paper]),
  };
}

/** Every seed as a dot, the median as a line. */
function accuracyChart({ functions }: Judged, { network, dataset }: Setting): ChartSpec {
  const names = functions.map(({ activation }) => shortened(activation.name));
  const tests = functions.map(({ results }) => results.flatMap(({ test }) => test ? [100 * test.accuracy] : []));
  const medians = tests.map((values) => summarise(values)?.median ?? NaN);
  const marks = [-0.3, 0.3, NaN];
  return {
    width: 60 + 90 * names.length,
    height: 360,
    title: `${network} on ${dataset}: test accuracy by function`,
    x: { label: "function", domain: [-0.5, names.length - 0.5], format: (value) => names[Math.round(value)] ?? "" },
    y: { label: "test accuracy (%)" },
    series: [
      { label: "a seed", kind: "dots", x: tests.flatMap((values, place) => values.map(() => place)), y: tests.flat() },
      {
        label: "median",
        kind: "line",
        x: medians.flatMap((_, place) => marks.map((mark) => place + mark)),
        y: medians.flatMap((median) => marks.map((mark) => Number.isNaN(mark) ? NaN : median)),
      },
    ],
  };
}

function shortened(name: string): string {
  return name.length <= 13 ? name : `${name.slice(0, 12)}…`;
}

/** The mean over the seeds, at the points that all of a function's seeds have. */
function curvesChart(
  { functions }: Judged,
  { network, dataset }: Setting,
  label: string,
  valueOf: (point: CurvePoint) => number,
): ChartSpec {
  return {
    width: 860,
    height: 420,
    title: `${network} on ${dataset}: ${label}, mean over the seeds`,
    x: { label: "step" },
    y: { label },
    series: functions.map(({ activation: { name }, results }, index): Series => {
      const points = meanCurve(results.map(({ curve }) => curve), valueOf);
      const [x, y] = [points.map(([step]) => step), points.map(([, value]) => value)];
      return { label: name, kind: points.length === 1 ? "dots" : "line", x, y, dashed: index >= 8 };
    }),
  };
}

function meanCurve(curves: readonly (readonly CurvePoint[])[], valueOf: (point: CurvePoint) => number) {
  const length = Math.min(...curves.map((curve) => curve.length), Infinity);
  if (length === Infinity) return [];
  return curves[0].slice(0, length).flatMap(({ step }, place): [number, number][] => {
    const mean = curves.reduce((sum, curve) => sum + valueOf(curve[place]), 0) / curves.length;
    return Number.isFinite(mean) ? [[step, mean]] : [];
  });
}
