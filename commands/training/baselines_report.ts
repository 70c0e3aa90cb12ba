/**
 * The paper's tables of baselines with this project's results, one per model, and over several models its table 3: for a
 * terminal, as Markdown, CSV, JSON and plots.
 */
import { points } from "../../controller/percent.ts";
import type { Activation } from "../../child/activation/expression.ts";
import { printExpression } from "../../child/activation/print.ts";
import type { CurvePoint, TrainingResult } from "../../child/training_run.ts";
import { DEFAULT_OPTIMIZER } from "../../child/network/optimizer.ts";
import type { Dataset } from "../../datasets/dataset.ts";
import { type ChartSpec, drawChart, type Series } from "../../web/plot/chart.ts";
import { csvRows } from "../../controller/csv.ts";
import {
  type PaperAccuracies,
  paperAccuracies,
  type PaperNetwork,
  paperNetworks,
  paperTop5,
} from "./paper_accuracies.ts";
import { type OriginalSetting, originalSetting } from "./original_settings.ts";
import { type SignTest, signTest, summarise, type Summary } from "../../controller/comparison/statistics.ts";
import { type Column, left, markdownTable, right, type Table, textTable } from "../table.ts";
import type { Model } from "./models.ts";
import { jsonOverModels, modelsNote, modelsTable, type OverModels, overModels } from "./models_table.ts";
import { aboutImages, countCell, pairsBySeed, reportedTrainings, writeFiles } from "./training_report.ts";

export interface FunctionResults {
  readonly activation: Activation;
  /** One per seed, in the same order of seeds for every function; the last seeds may not be trained yet. */
  readonly results: readonly TrainingResult[];
}

export interface Judged {
  readonly dataset: Dataset;
  /** Name in `child/network/networks.ts`. */
  readonly network: string;
  readonly functions: readonly FunctionResults[];
}

/** The functions on one of the models. */
export type JudgedModel = Model & Judged;

/** How the functions were trained; `dataset` and `network` name all of them. */
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
  /** Top-5 accuracy of the test split. */
  readonly top5: Summary | null;
  readonly diverged: number;
  /** Sign test of Swish against this function, over the seeds that both have; null for Swish itself. */
  readonly swish: SignTest | null;
  /** The paper's own results in percent, in the order of `paperNetworks`. */
  readonly paper: PaperAccuracies | null;
  /** The same of top-5 accuracy, on ImageNet only. */
  readonly paper_top5?: PaperAccuracies;
}

export interface BaselinesTable extends Table {
  readonly data: readonly BaselineRow[];
  /** Notes for reading the table. */
  readonly notes: readonly string[];
}

const SWISH = "Swish";
/** Of `DEFAULT_OPTIMIZER` and the others here. */
const WEIGHT_DECAY = DEFAULT_OPTIMIZER.weightDecay;

/** The median of the seeds, as the paper's tables have it, with mean and spread and the paper's own results. */
export function baselinesTable(judged: Judged): BaselinesTable {
  const data = judged.functions.map((one) => rowFor(one, judged));
  const networks = data.some(({ paper }) => paper !== null) ? paperNetworks(judged.dataset.name) : [];
  const hasTop5 = data.some(({ paper_top5 }) => paper_top5 !== undefined);
  const isOurs = ({ network }: PaperNetwork) => network === judged.network;
  const paperTitle = (one: PaperNetwork) => `paper ${one.title}${isOurs(one) ? " (this network)" : ""}`;
  const columns: Column[] = [
    left("Function"),
    ...["median (%)", "mean (%)", "s.d.", "n"].map(right),
    ...["Swish > = <", "p two-sided", "p one-sided"].map(right),
    ...hasTop5 ? [right("top-5 median (%)")] : [],
    ...networks.map((one) => right(paperTitle(one))),
  ];
  const rows = data.map((row) => [
    row.act,
    ...numbersOf(row),
    ...hasTop5 ? [row.top5 === null ? "-" : points(row.top5.median)] : [],
    ...networks.map((_, at) => paperCell(row, at)),
  ]);
  return { columns, rows, data, notes: notesFor(data, networks.length > 0, networks.some(isOurs)) };
}

function rowFor({ activation, results }: FunctionResults, { dataset, functions }: Judged): BaselineRow {
  const swish = functions.find(({ activation: { name } }) => name === SWISH)!;
  const top5 = paperTop5(activation, dataset.name);
  return {
    act: activation.name,
    test: summarise(results.flatMap(({ test }) => test?.accuracy ?? [])),
    validation: summarise(results.flatMap(({ validation }) => validation?.accuracy ?? [])),
    top5: summarise(results.flatMap(({ test }) => test?.top5 ?? [])),
    diverged: results.filter(({ outcome }) => outcome === "diverged").length,
    swish: activation.name === SWISH ? null : signTest(pairsBySeed(swish.results, results, worstIfDiverged)),
    paper: paperAccuracies(activation, dataset.name),
    ...top5 !== null && { paper_top5: top5 },
  };
}

/** A training that diverged is worse than any that did not. */
function worstIfDiverged({ test }: TrainingResult): number {
  return test?.accuracy ?? -1;
}

function numbersOf(row: BaselineRow): string[] {
  const { test, swish } = row;
  const accuracies = test === null
    ? ["-", "-", "-"]
    : [points(test.median), points(test.mean), spread(test.standard_deviation)];
  const sign = swish === null
    ? ["", "", ""]
    : [`${swish.wins} ${swish.ties} ${swish.losses}`, swish.two_sided_p.toFixed(3), swish.one_sided_p.toFixed(3)];
  return [...accuracies, countCell(row), ...sign];
}

function spread(deviation: number | null): string {
  return deviation === null ? "-" : points(deviation);
}

/** "72.0", or with top-5 accuracy "72.0 / 90.8"; nothing where the paper has none. */
function paperCell({ paper, paper_top5: top5 }: BaselineRow, at: number): string {
  if (paper === null) return "";
  return paper[at].toFixed(1) + (top5 === undefined ? "" : ` / ${top5[at].toFixed(1)}`);
}

function notesFor(data: readonly BaselineRow[], withPaper: boolean, hasOwn: boolean): string[] {
  const pairs = Math.max(0, ...data.map(({ swish }) => swish === null ? 0 : swish.wins + swish.losses + swish.ties));
  const least = (p: number) => Math.min(1, p).toPrecision(2);
  return [
    "Accuracies are of the test split after the last step. Swish > = <: seeds on which Swish is better, equal and worse. " +
    "p: exact sign test over the seeds, ties dropped; one-sided asks whether Swish is better, as the paper does.",
    `With ${pairs} ${pairs === 1 ? "seed" : "seeds"} p cannot be less than ${least(2 ** (1 - pairs))} two-sided or ` +
    `${least(2 ** -pairs)} one-sided; no correction is made for comparing many functions.`,
    ...withPaper
      ? [
        hasOwn
          ? "The paper's column of this network is comparable where the settings are: what differs is listed in baselines.md."
          : "The paper's results are of other, larger networks trained much longer (on CIFAR medians of 5 runs): they show " +
            "the order that the paper found, not what this network should reach.",
      ]
      : [],
  ];
}

/** Swish against each other function, over all models. */
function swishOverModels(judged: readonly JudgedModel[]): OverModels[] {
  const medianOf = ({ functions }: Judged, act: string) => {
    const { results } = functions.find(({ activation: { name } }) => name === act)!;
    return summarise(results.map(worstIfDiverged))?.median ?? null; // null before the first training
  };
  return judged[0].functions.map(({ activation: { name } }) => name).filter((act) => act !== SWISH).map((act) =>
    overModels(
      SWISH,
      act,
      judged.flatMap((one) => {
        const [swish, other] = [medianOf(one, SWISH), medianOf(one, act)];
        return swish === null || other === null ? [] : [[swish, other] as const];
      }),
    )
  );
}

/** What `baselines` found, as programs see it. */
export function jsonOfBaselines(judged: readonly JudgedModel[]): Record<string, unknown> {
  return {
    table: judged.flatMap((one) =>
      baselinesTable(one).data.map((row) => ({ network: one.network, dataset: one.dataset.name, ...row }))
    ),
    over_models: swishOverModels(judged).map(jsonOverModels),
  };
}

/** The tables for a terminal. */
export function baselinesLines(judged: readonly JudgedModel[]): string[] {
  const tables = judged.map(baselinesTable);
  if (tables.length === 1) return [...textTable(tables[0]), "", ...tables[0].notes];
  return [
    ...judged.flatMap(({ title }, i) => [title, ...textTable(tables[i]), ""]),
    ...textTable(modelsTable(swishOverModels(judged))),
    ...["", ...new Set(tables.flatMap(({ notes }) => notes)), modelsNote(judged.length)],
  ];
}

/** Writes baselines.md, baselines.csv, results.json and each model's accuracy, loss and validation plots. */
export async function writeBaselines(
  judged: readonly JudgedModel[],
  about: Setting & { readonly engine: string; readonly device: string },
  folder: string,
): Promise<void> {
  const reported = judged.flatMap(({ network, dataset, functions }) =>
    functions.flatMap(({ activation, results }) =>
      reportedTrainings({ dataset: dataset.name, network, act: activation.name }, results)
    )
  );
  const results = { ...about, ...jsonOfBaselines(judged), trainings: reported.map(({ withCurve }) => withCurve) };
  await writeFiles(folder, {
    "results.json": JSON.stringify(results, null, 1) + "\n",
    "baselines.csv": csvRows(reported.map(({ row }) => row)).join("\n") + "\n",
    "baselines.md": markdown(judged, about),
    ...Object.assign({}, ...judged.map(plotsOf)),
  });
}

/** The model's plots by the names of their files. */
function plotsOf(judged: JudgedModel): Record<string, string> {
  const { suffix } = judged;
  return {
    [`accuracy${suffix}.svg`]: drawChart(accuracyChart(judged)),
    [`loss${suffix}.svg`]: drawChart(curvesChart(judged, "training loss (nats)", ({ loss }) => loss)),
    [`validation${suffix}.svg`]: drawChart(
      curvesChart(judged, "validation accuracy (%)", ({ validationAccuracy: share }) => 100 * (share ?? NaN)),
    ),
  };
}

function markdown(judged: readonly JudgedModel[], about: Setting & { engine: string; device: string }): string {
  const { engine, device } = about, isOnly = judged.length === 1;
  const expressions = judged[0].functions.map(({ activation: { name, expression, betaStart, kernelGain } }) =>
    `- ${name}: \`${printExpression(expression)}\`, beta starts at ${betaStart}` +
    (kernelGain === undefined ? "" : `, kernels of variance ${kernelGain} / fan in`)
  );
  const overall = ["## Over all models", "", ...markdownTable(modelsTable(swishOverModels(judged))), ""];
  return [
    `# Baselines: ${isOnly ? judged[0].title : `${judged.length} models`}`,
    "",
    `Engine ${engine}: ${device}. Seeds from ${about.seed}, paired: a seed gives every function the same batches.`,
    "",
    ...judged.flatMap((one) => [...isOnly ? [] : [`## ${one.title}`, ""], ...sectionOf(one, about)]),
    ...isOnly ? [] : [...overall, modelsNote(judged.length), ""],
    "## Functions",
    "",
    ...expressions,
    "",
  ].join("\n");
}

function sectionOf(one: JudgedModel, about: Setting): string[] {
  const table = baselinesTable(one), { suffix, dataset } = one;
  return [
    ...aboutImages(dataset),
    ...markdownTable(table),
    "",
    ...table.notes.flatMap((note) => [note, ""]),
    `![test accuracy by function](accuracy${suffix}.svg)`,
    `![training loss](loss${suffix}.svg)`,
    `![validation accuracy during training](validation${suffix}.svg)`,
    "",
    "### Settings that differ from the paper's",
    "",
    ...markdownTable(differences(one, about)),
    "",
  ];
}

function differences({ dataset, network }: Judged, about: Setting): Table {
  const { train: { count }, validation } = dataset;
  const paper = paperNetworks(dataset.name), theirs = paper.length > 0 ? paper : paperNetworks("cifar10");
  const original = originalSetting(network, dataset.name);
  const epochs = (steps: number, batch: number) => `${(steps * batch / count).toFixed(1)} epochs of ${count} images`;
  const rows: (readonly [setting: string, here: string, theirs: string, differs: boolean])[] = [
    ["data set", dataset.name, "cifar10, cifar100 and imagenet", paper.length === 0],
    [
      "network",
      network,
      theirs.map(({ title }) => title).join(", "),
      !theirs.some((one) => one.network === network),
    ],
    [
      "training",
      `${about.steps} steps of ${about.batch}: ${epochs(about.steps, about.batch)}`,
      trainingOf(original),
      about.steps !== original.steps || about.batch !== original.batch,
    ],
    ["learning rate", `${about.lr}`, `${original.lr} (${original.of})`, about.lr !== original.lr],
    ["schedule", about.schedule, `${original.falls} (${original.of})`, about.schedule !== original.schedule],
    ["optimizer", about.optimizer, `${original.updates} (${original.of})`, about.optimizer !== original.optimizer],
    [
      "weight decay",
      `${WEIGHT_DECAY}`,
      `${original.weightDecay} (${original.of})`,
      original.weightDecay !== WEIGHT_DECAY,
    ],
    ["runs", `seeds: ${about.seeds}`, original.runs, `${about.seeds}` !== original.runs.match(/\d+/)?.[0]],
    ["validation split", `${validation.count} images, none of which is trained on`, "not stated", true],
    ["sign test", "over seeds of one network, exact", "one-sided, over the medians of nine models", true],
  ];
  return {
    columns: ["setting", "here", "paper"].map((title) => ({ title, align: "left" })),
    rows: rows.filter(([, , , differs]) => differs).map(([setting, here, paper]) => [setting, here, paper]),
  };
}

function trainingOf({ steps, batch, of }: OriginalSetting): string {
  return steps === null ? `not stated (${of})` : `${steps} steps of ${batch} (${of})`;
}

/** Every seed as a dot, the median as a line. */
function accuracyChart({ functions, title }: JudgedModel): ChartSpec {
  const names = functions.map(({ activation }) => shortened(activation.name));
  const tests = functions.map(({ results }) => results.flatMap(({ test }) => test ? [100 * test.accuracy] : []));
  const medians = tests.map((values) => summarise(values)?.median ?? NaN);
  const marks = [-0.3, 0.3, NaN];
  return {
    width: 60 + 90 * names.length,
    height: 360,
    title: `${title}: test accuracy by function`,
    x: { label: "function", domain: [-0.5, names.length - 0.5], format: (value) => names[Math.round(value)] ?? "" },
    y: { label: "test accuracy (%)" },
    series: [
      {
        label: "one seed",
        kind: "dots",
        x: tests.flatMap((values, place) => values.map(() => place)),
        y: tests.flat(),
      },
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
  { functions, title }: JudgedModel,
  label: string,
  valueOf: (point: CurvePoint) => number,
): ChartSpec {
  return {
    width: 860,
    height: 420,
    title: `${title}: ${label}, mean over the seeds`,
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
