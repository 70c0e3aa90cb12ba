/** How beta changed: plots, a table, Markdown and JSON of the trainings of `deno task swish`. */
import { points } from "../../controller/percent.ts";
import { activationFrom } from "../../child/activation/catalog.ts";
import { derive } from "../../child/activation/derive.ts";
import { compileToClosure } from "../../child/activation/evaluate.ts";
import type { Optimizer } from "../../child/network/optimizer.ts";
import type { TrainingResult } from "../../child/training_run.ts";
import { type ChartSpec, drawChart, type Series } from "../../web/plot/chart.ts";
import { summarise, type Summary } from "../../controller/comparison/statistics.ts";
import { type Column, left, markdownTable, right, type Table } from "../table.ts";
import { aboutImages, pointRow, rowOf, writeFiles } from "./training_report.ts";
import type { Tensors } from "../../child/network/parameters.ts";

export interface SwishTraining {
  readonly act: string;
  readonly optimizer: Optimizer["kind"];
  readonly result: TrainingResult;
  /** The trained betas of every channel by layer; empty without beta. */
  readonly betas: Readonly<Record<string, readonly number[]>>;
}

/** How the functions were trained. */
export interface SwishSetting {
  readonly dataset: string;
  readonly synthetic: boolean;
  readonly network: string;
  readonly steps: number;
  readonly batch: number;
  readonly schedule: string;
  readonly seeds: number;
  readonly seed: number;
  readonly engine: string;
  readonly device: string;
}

interface SwishRow {
  readonly act: string;
  readonly optimizer: string;
  /** Shares of the test split. */
  readonly test: Summary | null;
  /** Of all channels of all seeds; null without beta. */
  readonly beta: Summary | null;
}

export interface SwishTable extends Table {
  readonly data: readonly SwishRow[];
}

const BETA = ".beta";

/** The betas among the parameters, by the layer they belong to. */
export function betasOf(parameters: Tensors): Record<string, readonly number[]> {
  return Object.fromEntries(
    [...parameters].filter(([name]) => name.endsWith(BETA))
      .map(([name, values]) => [name.slice(0, -BETA.length), Array.from(values)]),
  );
}

/** A row for each function with each optimizer, in the order they were trained. */
export function swishTable(trainings: readonly SwishTraining[]): SwishTable {
  const groups = Map.groupBy(trainings, ({ act, optimizer }) => `${act} ${optimizer}`);
  const data = [...groups.values()].map((group): SwishRow => ({
    act: group[0].act,
    optimizer: group[0].optimizer,
    test: summarise(group.flatMap(({ result }) => result.test?.accuracy ?? [])),
    beta: summarise(group.flatMap(allBetas)),
  }));
  const columns: Column[] = [
    left("Function"),
    left("optimizer"),
    ...["test (%)", "s.d.", "n", "beta mean", "s.d.", "median"].map(right),
  ];
  const rows = data.map(({ act, optimizer, test, beta }) => [
    act,
    optimizer,
    ...test ? [points(test.mean), spread(test.standard_deviation, points), `${test.n}`] : ["diverged", "", "0"],
    ...beta ? [fixed(beta.mean), spread(beta.standard_deviation, fixed), fixed(beta.median)] : ["", "", ""],
  ]);
  return { columns, rows, data };
}

function allBetas({ betas }: SwishTraining): number[] {
  return Object.values(betas).flat();
}

function fixed(value: number): string {
  return value.toFixed(3);
}

function spread(deviation: number | null, format: (value: number) => string): string {
  return deviation === null ? "-" : format(deviation);
}

/**
 * Writes swish.md, results.json, functions.svg, loss.svg, and two plots of beta for each optimizer, into the folder.
 */
export async function writeSwish(
  trainings: readonly SwishTraining[],
  about: SwishSetting,
  folder: string,
): Promise<void> {
  const table = swishTable(trainings);
  const withBeta = trainings.filter(({ betas, result }) => Object.keys(betas).length > 0 && result.test !== null);
  const optimizers = [...new Set(withBeta.map(({ optimizer }) => optimizer))];
  const charts: Readonly<Record<string, ChartSpec>> = {
    functions: functionsChart(),
    loss: lossChart(trainings, about),
    ...Object.fromEntries(optimizers.flatMap((optimizer) => {
      const own = withBeta.filter((training) => training.optimizer === optimizer);
      return [
        [`beta_by_layer_${optimizer}`, betaByLayerChart(own, optimizer, about)],
        [`beta_histogram_${optimizer}`, betaHistogramChart(own, optimizer, about)],
      ];
    })),
  };
  const results = trainings.map(({ act, optimizer, result, betas }) => ({
    act,
    optimizer,
    ...rowOf(result),
    seconds: result.seconds,
    betas,
    curve: result.curve.map((point) => ({ ...pointRow(point), ...point.observed && { beta: point.observed } })),
  }));
  const files: Record<string, string> = {
    "results.json": JSON.stringify({ ...about, table: table.data, trainings: results }) + "\n",
    "swish.md": markdown(table, about, Object.keys(charts)),
  };
  for (const [name, chart] of Object.entries(charts)) files[`${name}.svg`] = drawChart(chart);
  await writeFiles(folder, files);
}

function markdown(table: SwishTable, about: SwishSetting, charts: readonly string[]): string {
  const { network, dataset, steps, batch, schedule, engine, device, seeds, seed } = about;
  return [
    `# Swish: ${network} on ${dataset}`,
    "",
    ...aboutImages(about),
    `${steps} steps of ${batch} images, learning rate ${schedule} from each optimizer's own, ${seeds} ` +
    `${seeds === 1 ? "seed" : "seeds"} from ${seed}, engine ${engine}: ${device}.`,
    "",
    "Swish is x * sigmoid(b * x) with one trainable beta per channel at each place, starting at 1; Swish-1 keeps it at 1. " +
    "With beta 0 it is x / 2, with a large beta nearly ReLU. Betas are pooled over all channels and seeds.",
    "",
    ...markdownTable(table),
    "",
    ...charts.map((name) => `![${name.replaceAll("_", " ")}](${name}.svg)`),
    "",
  ].join("\n");
}

const FUNCTION_BETAS = [0.1, 0.5, 1, 2, 10];
const FUNCTION_POINTS = Array.from({ length: 201 }, (_, at) => -5 + at / 20);

/** Swish solid and its derivative dashed, for several beta. */
function functionsChart(): ChartSpec {
  const { expression } = activationFrom("Swish");
  const curves = [compileToClosure(expression), compileToClosure(derive(expression, "x"))];
  return {
    width: 720,
    height: 420,
    title: "Swish, x sigmoid(b x), and its derivative (dashed)",
    x: { label: "x" },
    y: { label: "f(x), f'(x)" },
    series: curves.flatMap((f, kind) =>
      FUNCTION_BETAS.map((beta, colour): Series => ({
        label: `${kind === 0 ? "f" : "f'"}, b = ${beta}`,
        kind: "line",
        x: FUNCTION_POINTS,
        y: FUNCTION_POINTS.map((x) => f(x, beta)),
        colour,
        dashed: kind === 1,
      }))
    ),
  };
}

/** The first seed of each function with each optimizer. */
function lossChart(trainings: readonly SwishTraining[], { network, dataset, seed }: SwishSetting): ChartSpec {
  const first = trainings.filter(({ result }) => result.seed === seed);
  const functions = [...new Set(first.map(({ act }) => act))];
  const optimizers = [...new Set(first.map(({ optimizer }) => optimizer))];
  return {
    width: 860,
    height: 460,
    title: `${network} on ${dataset}: training loss, seed ${seed}`,
    x: { label: "step" },
    y: { label: "training loss (nats)" },
    series: first.map(({ act, optimizer, result: { curve } }): Series => ({
      label: `${act}, ${optimizer}`,
      kind: curve.length === 1 ? "dots" : "line",
      x: curve.map(({ step }) => step),
      y: curve.map(({ loss }) => loss),
      colour: optimizers.indexOf(optimizer) * functions.length + functions.indexOf(act),
      dashed: act === functions[0],
    })),
  };
}

/** The mean over a layer's channels and the seeds. */
function betaByLayerChart(
  trainings: readonly SwishTraining[],
  optimizer: string,
  { network, dataset }: SwishSetting,
): ChartSpec {
  const layers = Object.keys(trainings[0].betas), [{ result: { curve } }] = trainings;
  return {
    width: 860,
    height: 460,
    title: `${network} on ${dataset}, ${optimizer}: mean beta of each layer`,
    x: { label: "step" },
    y: { label: "beta" },
    series: layers.map((layer, index): Series => ({
      label: layer,
      kind: curve.length === 1 ? "dots" : "line",
      x: curve.map(({ step }) => step),
      y: curve.map((_, at) =>
        trainings.reduce((sum, { result }) => sum + (result.curve[at]?.observed?.[layer] ?? NaN), 0) / trainings.length
      ),
      dashed: index >= 8,
    })),
    rules: [{ axis: "y", value: 1, label: "start" }],
  };
}

/** Widths of a histogram's bins, the first that needs few enough bins. */
const BIN_WIDTHS = [0.05, 0.1, 0.25, 1, 10];
const MAX_BINS = 60;

/** Histogram of the final betas of all channels, layers and seeds. */
function betaHistogramChart(
  trainings: readonly SwishTraining[],
  optimizer: string,
  { network, dataset }: SwishSetting,
): ChartSpec {
  const { width, first, counts } = histogram(trainings.flatMap(allBetas));
  return {
    width: 720,
    height: 360,
    title: `${network} on ${dataset}, ${optimizer}: betas at the end`,
    x: { label: `beta (bins of ${width})` },
    y: { label: "channels", whole: true },
    series: [{
      label: "channels",
      kind: "bars",
      x: counts.map((_, bin) => (first + bin + 0.5) * width),
      y: counts,
    }],
    rules: [{ axis: "x", value: 1, label: "start" }],
  };
}

/** Values counted in bins from `first * width` on. */
export function histogram(values: readonly number[]): { width: number; first: number; counts: readonly number[] } {
  const finite = values.filter(Number.isFinite), least = Math.min(...finite), most = Math.max(...finite);
  const width = BIN_WIDTHS.find((width) => (most - least) / width < MAX_BINS) ?? (most - least) / MAX_BINS;
  const first = Math.floor(least / width);
  const counts = Array.from({ length: Math.floor(most / width) - first + 1 }, () => 0);
  for (const value of finite) counts[Math.floor(value / width) - first]++;
  return { width, first, counts };
}
