/**
 * `deno task compare`: compares samplers over many seeds, each search simulated on the measured table of one core
 * unit (`deno task table`). Nothing is trained.
 */
import { parseTable } from "../controller/comparison/function_table.ts";
import { NAMING_RULES, type NamingRuleName } from "../controller/comparison/naming_rules.ts";
import {
  type Band,
  bandsOf,
  type SamplerSummary,
  summariseSamplers,
} from "../controller/comparison/sampler_summary.ts";
import { SimulatedTable } from "../controller/comparison/simulated_training.ts";
import { simulateAll } from "../controller/comparison/simulations.ts";
import { readTableText } from "../controller/comparison/table_files.ts";
import { PRESETS } from "../controller/presets.ts";
import { SAMPLER_NAMES } from "../controller/samplers/samplers.ts";
import { DATASET_NAMES } from "../datasets/load.ts";
import { drawChart } from "../web/plot/chart.ts";
import { command, EXIT, type Io, UsageError } from "./command.ts";
import { csvRows } from "../controller/csv.ts";
import { nearest } from "./nearest.ts";
import { markdownTable, type Table, textTable } from "./table.ts";

export const compare = command({
  name: "compare",
  summary: "Compares samplers over many searches simulated on the measured table of one core unit.",
  positionals: [],
  flags: [
    {
      name: "samplers",
      type: "string",
      value: "A;B",
      default: "ppo;random;evolution;surrogate",
      help: `separated by semicolons: ${SAMPLER_NAMES.join(", ")}`,
    },
    { name: "table", type: "boolean", help: "on the table of measured functions (always; nothing is trained)" },
    { name: "file", type: "string", value: "FILE", help: "the table (by data set and preset, in runs/table/)" },
    {
      name: "preset",
      type: "choice",
      choices: Object.keys(PRESETS),
      default: "laptop",
      help: "preset of the table's child",
    },
    { name: "dataset", type: "choice", choices: DATASET_NAMES, default: "cifar10", help: "images of the table" },
    { name: "seeds", type: "integer", min: 2, default: 100, help: "searches per sampler" },
    { name: "seed", type: "integer", default: 1, help: "of the first search" },
    { name: "trials", type: "integer", min: 2, default: 200, help: "trainings per search" },
    { name: "batch", type: "integer", min: 1, default: 10, help: "candidates that a sampler learns from at once" },
    {
      name: "rule",
      type: "choice",
      choices: Object.keys(NAMING_RULES),
      default: "half",
      help: "how a search names its best: half the trainings judge it on fresh seeds, or the maximum of all",
    },
    { name: "workers", type: "integer", min: 1, max: 256, help: "threads (one per core)" },
    { name: "out", type: "string", value: "NAME", help: "also write NAME.md, .csv, .json and .svg into runs/compare/" },
    { name: "json", type: "boolean", help: "print one JSON object per search, and a last one with the summary" },
  ],
  examples: [
    'compare --samplers "ppo;random;evolution;surrogate" --seeds 100 --trials 200',
    'compare --samplers "random;surrogate" --rule maximum --out first',
  ],
  async run(flags, io) {
    const samplers = samplersOf(flags.samplers);
    const text = readTableText(flags);
    const table = new SimulatedTable(parseTable(text));
    const rule = flags.rule as NamingRuleName;
    io.err(`simulated: ${samplers.length} samplers, ${flags.seeds} searches of ${flags.trials} trainings each`);
    const seeds = Array.from({ length: flags.seeds }, (_, at) => flags.seed + at);
    // Seed by seed, so that results so far favour no sampler if it is interrupted.
    const searches = seeds.flatMap((seed) => samplers.map((sampler) => ({ sampler, seed })));
    const results = await simulateAll({
      table: text,
      settings: { trials: flags.trials, batch: flags.batch, rule },
      searches,
      workers: flags.workers ?? navigator.hardwareConcurrency,
      signal: io.signal,
      onResult(result, done) {
        io.live(`${done} of ${searches.length} searches`);
        const { bestSoFar: _, ...row } = result;
        if (flags.json) io.out(JSON.stringify({ event: "search", ...row }));
      },
    });
    const about: About = { ...flags, rule, synthetic: parseTable(text).header.synthetic, table };
    const report: Report = {
      about,
      summaries: summariseSamplers(results, samplers, table),
      bands: bandsOf(results, samplers),
    };
    if (flags.out !== undefined) writeReport(report, flags.out, io);
    if (flags.json) io.out(JSON.stringify(finished(report)));
    else [...linesAbout(about), "", ...textTable(summaryTable(report.summaries)), "", ...NOTES].forEach(io.out);
    return EXIT.done;
  },
});

/** Throws a UsageError for a name that is not a sampler's or is given twice. */
function samplersOf(list: string): readonly string[] {
  const names = list.split(";").map((name) => name.trim()).filter((name) => name !== "");
  if (names.length === 0) throw new UsageError(`--samplers names none: the samplers are ${SAMPLER_NAMES.join(", ")}`);
  const wrong = names.find((name) => !(SAMPLER_NAMES as readonly string[]).includes(name));
  if (wrong !== undefined) {
    const meant = nearest(wrong, SAMPLER_NAMES);
    const hint = meant ? `did you mean ${meant}?` : `the samplers are ${SAMPLER_NAMES.join(", ")}`;
    throw new UsageError(`--samplers has no sampler "${wrong}": ${hint}`);
  }
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) throw new UsageError(`--samplers names ${twice} twice`);
  return names;
}

interface About {
  readonly seeds: number;
  readonly seed: number;
  readonly trials: number;
  readonly batch: number;
  readonly rule: NamingRuleName;
  readonly dataset: string;
  readonly preset: string;
  readonly synthetic: boolean;
  readonly table: SimulatedTable;
}

interface Report {
  readonly about: About;
  readonly summaries: readonly SamplerSummary[];
  readonly bands: readonly Band[];
}

function finished({ about: { table, ...settings }, summaries }: Report): Record<string, unknown> {
  const { seeds, seed, trials, batch, rule, synthetic } = settings;
  return {
    event: "finished",
    ...{ seeds, seed, trials, batch, rule, synthetic },
    functions: table.ranked.length,
    best: table.ranked[0],
    top1: table.top1,
    to_beat: table.toBeat,
    samplers: Object.fromEntries(summaries.map(({ sampler, ...summary }) => [sampler, summary])),
  };
}

function linesAbout({ table, seeds, trials, batch, rule, synthetic }: About): string[] {
  const { ranked, toBeat } = table, percent = (value: number) => `${(100 * value).toFixed(2)} %`;
  const better = toBeat === null ? null : ranked.filter(({ truth }) => truth > toBeat).length;
  return [
    `${seeds} searches of ${trials} trainings, ${batch} per batch, simulated on ${ranked.length} functions` +
    `${synthetic ? " of a SYNTHETIC table: this says nothing about networks" : ""}`,
    `the best is ${ranked[0].expression}, ${percent(ranked[0].truth)}; the top 1 % begins at ${percent(table.top1)}` +
    (toBeat === null ? "" : `; ${better} are better than ReLU and Swish (${percent(toBeat)})`),
    `naming: ${NAMING_RULES[rule].description}`,
  ];
}

const NOTES = [
  "named in top 1 %: searches whose named function is; regret: best of the table less the named one, truth; optimism: reported",
  "less true. Trainings: median until the first of the top 1 %, and the first truly better than ReLU and Swish, was trained.",
  "area: mean over the trainings of the best truth so far. area and best: interquartile mean over the searches, [95 % interval].",
  "p: area over random's, Wilcoxon's signed-rank test by seed, one-sided, after Holm's correction.",
];

function summaryTable(summaries: readonly SamplerSummary[]): Table {
  const percent = (value: number) => (100 * value).toFixed(2);
  const range = (value: number, [low, high]: readonly [number, number]) =>
    `${percent(value)} [${percent(low)}, ${percent(high)}]`;
  return {
    columns: [
      { title: "sampler", align: "left" },
      ...["named in top 1 %", "to top 1 %", "to beat", "regret %", "optimism %", "area %", "best %", "p"]
        .map((title) => ({ title, align: "right" as const })),
    ],
    rows: summaries.map((one) => [
      one.sampler,
      `${Math.round(100 * one.top1_rate)} %`,
      String(one.median_trainings_to_top1 ?? "never"),
      String(one.median_trainings_to_beat ?? "never"),
      percent(one.regret),
      percent(one.optimism),
      range(one.area, one.area_interval),
      range(one.best, one.best_interval),
      one.p_over_random === null ? "" : one.p_over_random.toPrecision(2),
    ]),
  };
}

const FOLDER = "runs/compare";

function writeReport(report: Report, name: string, io: Io): void {
  if (!/^[\w.-]+$/.test(name)) throw new UsageError(`--out takes a name of letters, digits, - and _: it is "${name}"`);
  Deno.mkdirSync(FOLDER, { recursive: true });
  const write = (ending: string, text: string) => Deno.writeTextFileSync(`${FOLDER}/${name}.${ending}`, text);
  const { about, summaries, bands } = report;
  write("json", JSON.stringify({ ...finished(report), bands }, null, 1) + "\n");
  const rows = summaries.map(({ area_interval, best_interval, ...row }) => ({
    ...row,
    area_low: area_interval[0],
    area_high: area_interval[1],
    best_low: best_interval[0],
    best_high: best_interval[1],
  }));
  write("csv", csvRows(rows).join("\n") + "\n");
  write("svg", picture(bands, about));
  const lines = ["# Samplers compared", "", ...linesAbout(about).map((line) => `- ${line}`), ""];
  write(
    "md",
    [...lines, ...markdownTable(summaryTable(summaries)), "", ...NOTES, "", `![](${name}.svg)`, ""].join("\n"),
  );
  io.err(`written to ${FOLDER}: ${name}.md, .csv, .json and .svg`);
}

/** Best truth so far of each sampler, its quartiles dashed. */
function picture(bands: readonly Band[], { table, seeds }: About): string {
  const series = bands.flatMap(({ sampler, low, middle, high }, colour) => {
    const x = middle.map((_, at) => at + 1),
      percent = (values: readonly number[]) => values.map((value) => 100 * value);
    return [
      { label: sampler, kind: "step" as const, x, y: percent(middle), colour },
      { label: `${sampler}, quartiles`, kind: "step" as const, x, y: percent(low), colour, dashed: true },
      { label: `${sampler}, quartiles`, kind: "step" as const, x, y: percent(high), colour, dashed: true },
    ];
  });
  return drawChart({
    width: 900,
    height: 520,
    title: `Best function so far, true accuracy, ${seeds} searches`,
    x: { label: "trainings", kind: "log" },
    y: { label: "accuracy (%)" },
    series,
    rules: [
      { axis: "y", value: 100 * table.top1, label: "top 1 %" },
      ...(table.toBeat === null ? [] : [{ axis: "y" as const, value: 100 * table.toBeat, label: "ReLU, Swish" }]),
    ],
  });
}
