/** The report of `compare`: a table of samplers, for people, files and programs, and curves of the best function so far. */
import { childText } from "../controller/child_text.ts";
import { type FunctionTable, imagesText } from "../controller/comparison/function_table.ts";
import type { Band, SamplerSummary } from "../controller/comparison/sampler_summary.ts";
import type { Truths } from "../controller/comparison/simulated_search.ts";
import { csvRows } from "../controller/csv.ts";
import { percent, points } from "../controller/percent.ts";
import type { JudgingSettings } from "../controller/runs/events.ts";
import type { ControllerSettings } from "../controller/samplers/ppo/config.ts";
import { drawChart } from "../web/plot/chart.ts";
import { samplerChart } from "../web/plot/sampler_chart.ts";
import type { Io } from "./command.ts";
import { left, markdownTable, right, type Table } from "./table.ts";

/** What each rule is called in a report. */
export const RULES = {
  search: (judging: JudgingSettings | null) =>
    `as deno task search does: pruner ${judging!.pruner}, ${
      Math.round(100 * judging!.finals)
    } % of the trainings for a ` +
    `playoff of ${judging!.finalists}; reported are ${judging!.verdictSeeds} fresh seeds, which come on top`,
  maximum: () => "one training per function; the highest single score is named and reported",
};

/** Where the true scores of a comparison come from. */
export interface Stand {
  readonly synthetic: boolean;
  /** "synthetic" where there is none. */
  readonly dataset: string;
  /** In words. */
  readonly truth: string;
}

export function standOf({ header }: FunctionTable): Stand {
  const { synthetic, dataset, child, about } = header;
  const measured = `children trained on ${imagesText(header)} (${childText(child)})`;
  return { synthetic, dataset, truth: about === undefined ? measured : `NOT MEASURED but ${about}` };
}

export interface About extends Stand {
  readonly seeds: number;
  readonly seed: number;
  readonly trials: number;
  readonly batch: number;
  readonly rule: string;
  /** Null with the rule "maximum". */
  readonly judging: JudgingSettings | null;
  readonly controller: ControllerSettings;
  readonly preset: string;
  /** Whether children were trained, instead of drawn from a table. */
  readonly real: boolean;
  readonly functions: Judged;
}

/** The functions of a comparison and their true scores. */
export interface Judged extends Truths {
  /** Best first. */
  readonly ranked: readonly { readonly expression: string; readonly truth: number }[];
}

export interface Report {
  readonly about: About;
  readonly summaries: readonly SamplerSummary[];
  readonly bands: readonly Band[];
}

export function finished({ about: { functions, ...settings }, summaries }: Report): Record<string, unknown> {
  const { seeds, seed, trials, batch, rule, judging, controller, dataset, preset, synthetic, truth, real } = settings;
  return {
    event: "finished",
    ...{ real, dataset, preset, seeds, seed, trials, batch, rule, judging, controller, synthetic, truth },
    functions: functions.ranked.length,
    best: functions.ranked[0],
    top1: functions.top1,
    to_beat: functions.toBeat,
    samplers: Object.fromEntries(summaries.map(({ sampler, ...summary }) => [sampler, summary])),
  };
}

export function linesAbout({ functions, seeds, trials, batch, rule, judging, synthetic, ...about }: About): string[] {
  const { ranked, toBeat, top1 } = functions;
  const better = toBeat === null ? null : ranked.filter(({ truth }) => truth > toBeat).length;
  return [
    `${seeds} searches of ${trials} trainings, ${batch} per batch, ${placeOf(about, ranked.length)}`,
    ...synthetic ? ["SYNTHETIC: this compares samplers, and says nothing about photographs or single functions"] : [],
    `the best is ${ranked[0].expression}, ${percent(ranked[0].truth)}; the top 1 % begins at ${percent(top1)}` +
    (toBeat === null ? "" : `; ${better} are better than ReLU and Swish (${percent(toBeat)})`),
    `naming: ${RULES[rule as keyof typeof RULES](judging)}`,
  ];
}

function placeOf({ real, truth }: Pick<About, "real" | "truth">, n: number): string {
  return real ? `with ${truth}; ${n} functions were trained` : `simulated on ${n} functions, ${truth}`;
}

export const NOTES = [
  "named in top 1 %: searches whose named function is; regret: best of the table less the named one, truth; optimism: reported",
  "less true. Trainings: median until the first of the top 1 %, and the first truly better than ReLU and Swish, was trained.",
  "area: mean over the trainings of the best truth so far. area and best: interquartile mean over the searches, [95 % interval].",
  "p: area over random's, Wilcoxon's signed-rank test by seed, one-sided, after Holm's correction.",
];

export function summaryTable(summaries: readonly SamplerSummary[]): Table {
  const range = (value: number, [low, high]: readonly [number, number]) =>
    `${points(value)} [${points(low)}, ${points(high)}]`;
  return {
    columns: [
      left("sampler"),
      ...["named in top 1 %", "to top 1 %", "to beat", "regret %", "optimism %", "area %", "best %", "p"]
        .map(right),
    ],
    rows: summaries.map((one) => [
      one.sampler,
      `${Math.round(100 * one.top1_rate)} %`,
      String(one.median_trainings_to_top1 ?? "never"),
      String(one.median_trainings_to_beat ?? "never"),
      points(one.regret),
      points(one.optimism),
      range(one.area, one.area_interval),
      range(one.best, one.best_interval),
      one.p_over_random === null ? "" : one.p_over_random.toPrecision(2),
    ]),
  };
}

const FOLDER = "runs/compare";

export function writeReport(report: Report, name: string, io: Io): void {
  Deno.mkdirSync(FOLDER, { recursive: true });
  const write = (ending: string, text: string) => Deno.writeTextFileSync(`${FOLDER}/${name}.${ending}`, text);
  const { about, summaries, bands } = report, { synthetic } = about;
  write("json", JSON.stringify({ ...finished(report), bands }, null, 1) + "\n");
  const rows = summaries.map(({ area_interval, best_interval, ...row }) => ({
    ...row,
    synthetic,
    area_low: area_interval[0],
    area_high: area_interval[1],
    best_low: best_interval[0],
    best_high: best_interval[1],
  }));
  write("csv", csvRows(rows).join("\n") + "\n");
  const { functions: { top1, toBeat } } = about;
  write("svg", drawChart({ ...samplerChart({ ...about, bands, top1, toBeat }), width: 900, height: 520 }));
  const lines = ["# Samplers compared", "", ...linesAbout(about).map((line) => `- ${line}`), ""];
  write(
    "md",
    [...lines, ...markdownTable(summaryTable(summaries)), "", ...NOTES, "", `![](${name}.svg)`, ""].join("\n"),
  );
  io.err(`written to ${FOLDER}: ${name}.md, .csv, .json and .svg`);
}
