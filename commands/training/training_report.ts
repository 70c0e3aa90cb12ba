/** Results of one function's trainings from several seeds: lines, JSON rows, a results file and the curves as SVG. */
import { writeAtomically } from "../../child/model/atomic_file.ts";
import type { CurvePoint, TrainingResult } from "../../child/training_run.ts";
import { type ChartSpec, drawChart, type Series } from "../../web/plot/chart.ts";
import type { Io } from "../command.ts";
import { summarise, type Summary } from "../../controller/comparison/statistics.ts";
import { percent, points } from "../../controller/percent.ts";

/** A result as it is printed with --json; accuracies are null if the training diverged. */
export function rowOf(result: TrainingResult) {
  const { validation, test } = result;
  return {
    seed: result.seed,
    outcome: result.outcome,
    ...result.reason !== null && { reason: result.reason },
    validation_accuracy: validation?.accuracy ?? null,
    validation_top5: validation?.top5 ?? null,
    test_accuracy: test?.accuracy ?? null,
    test_top5: test?.top5 ?? null,
    final_loss: result.finalLoss,
    beta_mean: result.betaMean,
    images_per_s: Math.round(result.imagesPerSecond),
  };
}

/** Reports a finished training of a series: a line of JSON with the names of what was trained, or one for people. */
export function tellTraining(
  { names, title }: { readonly names: Readonly<Record<string, string>>; readonly title: string },
  result: TrainingResult,
  json: boolean,
  io: Io,
): void {
  if (json) io.out(JSON.stringify({ event: "training", ...names, ...rowOf(result) }));
  else io.err(`${title}: ${result.test ? `test ${percent(result.test.accuracy)}` : result.outcome}`);
}

/** A point of the curve as it is printed and saved. */
export function pointRow({ step, loss, validationAccuracy }: CurvePoint) {
  return { step, loss, ...validationAccuracy !== undefined && { validation_accuracy: validationAccuracy } };
}

/** A training of a report of several functions: its row in files, and its row with the curve. */
export interface ReportedTraining {
  readonly row: Readonly<Record<string, unknown>>;
  readonly withCurve: Readonly<Record<string, unknown>>;
}

/** The trainings of a function on a model, as reports of several write them. */
export function reportedTrainings(
  names: { readonly dataset: string; readonly network: string; readonly act: string },
  results: readonly TrainingResult[],
): ReportedTraining[] {
  return results.map((result) => {
    const row = { ...names, ...rowOf(result), reason: result.reason };
    return { row, withCurve: { ...row, seconds: result.seconds, curve: result.curve.map(pointRow) } };
  });
}

/** Scores of the two functions from each seed that both were trained from. */
export function pairsBySeed(
  first: readonly TrainingResult[],
  second: readonly TrainingResult[],
  scoreOf: (result: TrainingResult) => number,
): (readonly [number, number])[] {
  return first.flatMap((one) => {
    const other = second.find(({ seed }) => seed === one.seed);
    return other ? [[scoreOf(one), scoreOf(other)] as const] : [];
  });
}

/** How many trainings a row of a table rests on. */
export function countCell({ test, diverged }: { readonly test: Summary | null; readonly diverged: number }): string {
  return `${test?.n ?? 0}${diverged > 0 ? ` (${diverged} diverged)` : ""}`;
}

/** Lines of Markdown about the images, if there is something to say. */
export function aboutImages({ synthetic }: { readonly synthetic: boolean }): string[] {
  return synthetic ? ["Synthetic images: accuracies say nothing about photographs.", ""] : [];
}

/** Writes the files, by their names, into the folder. */
export async function writeFiles(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, content] of Object.entries(files)) await writeAtomically(`${folder}/${name}`, content);
}

/** A result in one line for people. */
export function describeResult({ seed, outcome, reason, validation, test, imagesPerSecond }: TrainingResult): string {
  if (validation === null || test === null) return `seed ${seed}: ${outcome}: ${reason}`;
  return `seed ${seed}: validation ${percent(validation.accuracy)}, test ${percent(test.accuracy)}, ` +
    `test top-5 ${percent(test.top5)} (${imagesPerSecond.toFixed(0)} images/s)`;
}

/** Accuracies of the seeds that did not diverge, by split; null if none did. */
export function summaries(results: readonly TrainingResult[]): Readonly<Record<"validation" | "test", Summary | null>> {
  return {
    validation: summarise(results.flatMap(({ validation }) => validation?.accuracy ?? [])),
    test: summarise(results.flatMap(({ test }) => test?.accuracy ?? [])),
  };
}

/** The last lines for people: mean, spread and median per split. */
export function describeSummaries(results: readonly TrainingResult[], io: Io): void {
  for (const [split, numbers] of Object.entries(summaries(results))) {
    if (numbers === null) continue;
    const { mean, standard_deviation: deviation, median, n } = numbers;
    const spread = deviation === null ? "" : ` ± ${points(deviation)}`;
    const seeds = n === 1 ? "1 seed" : `${n} seeds`, diverged = results.length - n;
    const without = diverged === 0 ? "" : `, without the ${diverged} that diverged`;
    io.out(`${split}: mean ${percent(mean)}${spread}, median ${percent(median)} over ${seeds}${without}`);
  }
}

/** Writes results.json and the curves, loss.svg and accuracy.svg, into the folder. */
export async function writeResults(
  folder: string,
  about: Readonly<Record<string, unknown>>,
  results: readonly TrainingResult[],
): Promise<void> {
  const seeds = results.map((result) => ({ ...rowOf(result), curve: result.curve.map(pointRow) }));
  const content = JSON.stringify({ ...about, ...summaries(results), seeds }, null, 1) + "\n";
  await writeAtomically(`${folder}/results.json`, content);
  const title = `${about.act} with ${about.network} on ${about.dataset}`;
  await writeAtomically(`${folder}/loss.svg`, drawChart(lossChart(title, results)));
  await writeAtomically(`${folder}/accuracy.svg`, drawChart(accuracyChart(title, results)));
}

const SIZE = { width: 720, height: 360 };

function lossChart(title: string, results: readonly TrainingResult[]): ChartSpec {
  const series = results.map(({ seed, curve }) => curveOf(seed, curve, ({ loss }) => loss));
  return { ...SIZE, title, x: { label: "step" }, y: { label: "training loss (nats)" }, series };
}

/** Validation accuracy on the way, and the test accuracy as a horizontal rule. */
function accuracyChart(title: string, results: readonly TrainingResult[]): ChartSpec {
  const judged = ({ validationAccuracy }: CurvePoint) => validationAccuracy !== undefined;
  const series = results.map(({ seed, curve }) =>
    curveOf(seed, curve.filter(judged), ({ validationAccuracy }) => 100 * validationAccuracy!)
  );
  const test = summaries(results).test;
  const rules = test === null ? [] : [{ axis: "y" as const, value: 100 * test.median, label: "test (median)" }];
  return { ...SIZE, title, x: { label: "step" }, y: { label: "validation accuracy (%)" }, series, rules };
}

function curveOf(seed: number, curve: readonly CurvePoint[], value: (point: CurvePoint) => number): Series {
  const kind = curve.length === 1 ? "dots" as const : "line" as const;
  return { label: `seed ${seed}`, kind, x: curve.map(({ step }) => step), y: curve.map(value) };
}
