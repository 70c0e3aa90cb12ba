/**
 * `deno task compare`: compares samplers over many seeds. A search judges its functions as `deno task search` does; it is
 * simulated on the measured table of one core unit (`deno task table`), so that nothing is trained, or with --real its
 * children are trained.
 */
import { parseTable } from "../controller/comparison/function_table.ts";
import { bandsOf, summariseSamplers } from "../controller/comparison/sampler_summary.ts";
import type { SimulatedResult, SimulationSettings } from "../controller/comparison/simulated_search.ts";
import { SimulatedTable } from "../controller/comparison/simulated_training.ts";
import { simulateAll } from "../controller/comparison/simulations.ts";
import { readTableText } from "../controller/comparison/table_files.ts";
import { type PresetName, PRESETS } from "../controller/presets.ts";
import { type PrunerName, PRUNERS } from "../controller/pruners/pruners.ts";
import type { JudgingSettings } from "../controller/runs/events.ts";
import { type ControllerSettings, DEFAULT_CONTROLLER } from "../controller/samplers/ppo/config.ts";
import { SAMPLER_NAMES } from "../controller/samplers/samplers.ts";
import { ENGINE_NAMES } from "../child/engine/open.ts";
import { DATASET_NAMES } from "../datasets/load.ts";
import { command, EXIT, type Io, UsageError } from "./command.ts";
import { compareReally } from "./compare_real.ts";
import {
  type About,
  finished,
  type Judged,
  linesAbout,
  NOTES,
  type Report,
  RULES,
  summaryTable,
  writeReport,
} from "./compare_report.ts";
import { CONTROLLER_FLAG, hasPolicy, parseController } from "./controller_flag.ts";
import { nearest } from "./nearest.ts";
import { textTable } from "./table.ts";

export const compare = command({
  name: "compare",
  summary: "Compares samplers over many searches: simulated on the measured table of one core unit, or real.",
  positionals: [],
  flags: [
    {
      name: "samplers",
      type: "string",
      value: "A;B",
      default: "ppo;random;evolution;surrogate",
      help: `separated by semicolons: ${SAMPLER_NAMES.join(", ")}`,
    },
    {
      name: "table",
      type: "string",
      value: "FILE",
      bare: true,
      help: "simulate on the table of measured functions, the default; the file by data set and preset, in runs/table/",
    },
    {
      name: "real",
      type: "boolean",
      help: "train children instead; every training is kept in the table, so that the same command resumes",
    },
    { name: "units", type: "integer", min: 1, max: 3, help: "with --real: core units of an expression (1)" },
    { name: "data", type: "string", value: "DIR", help: "with --real: folder that holds the data set already" },
    { name: "engine", type: "choice", choices: ENGINE_NAMES, help: "with --real: what computes (auto)" },
    {
      name: "preset",
      type: "choice",
      choices: Object.keys(PRESETS),
      default: "laptop",
      help: "preset of the child",
    },
    { name: "dataset", type: "choice", choices: DATASET_NAMES, default: "cifar10", help: "images" },
    { name: "seeds", type: "integer", min: 2, help: "searches per sampler (100; 3 with --real)" },
    { name: "seed", type: "integer", default: 1, help: "seed of the first search" },
    { name: "trials", type: "integer", min: 2, help: "trainings per search (200; 60 with --real)" },
    { name: "batch", type: "integer", min: 1, default: 10, help: "candidates that a sampler learns from at once" },
    {
      name: "rule",
      type: "choice",
      choices: Object.keys(RULES),
      default: "search",
      help: "how a search names its best: as deno task search does, or the maximum of single trainings",
    },
    { name: "pruner", type: "choice", choices: Object.keys(PRUNERS), help: "as in deno task search (by preset)" },
    { name: "finals", type: "number", min: 0, max: 0.9, help: "as in deno task search (by preset)" },
    CONTROLLER_FLAG,
    {
      name: "workers",
      type: "integer",
      min: 1,
      max: 256,
      help: "threads, or children at once with --real (one per core)",
    },
    { name: "out", type: "string", value: "NAME", help: "also write NAME.md, .csv, .json and .svg into runs/compare/" },
    { name: "json", type: "boolean", help: "print one JSON object per search, and a last one with the summary" },
  ],
  examples: [
    'compare --samplers "ppo;random;evolution;surrogate" --seeds 100 --trials 200',
    'compare --samplers "random;surrogate" --rule maximum --out first',
  ],
  async run(flags, io) {
    const samplers = samplersOf(flags.samplers);
    requireOnePlace(flags);
    const judging = judgingOf(flags), controller = controllerOf(flags, samplers);
    const { seeds: count = flags.real ? 3 : 100, trials = flags.real ? 60 : 200 } = flags, { batch } = controller;
    const seeds = Array.from({ length: count }, (_, at) => flags.seed + at);
    const job: Job = {
      settings: { trainings: trials, batch, judging, controller },
      // Seed by seed, so that results so far favour no sampler if it is interrupted.
      searches: seeds.flatMap((seed) => samplers.map((sampler) => ({ sampler, seed }))),
    };
    const compared = flags.real ? await compareReally(job, flags, io) : await simulate(job, flags, io);
    if (compared === null) return EXIT.interrupted;
    const { results, functions, synthetic } = compared;
    if (flags.json) results.forEach(({ bestSoFar: _, ...row }) => io.out(JSON.stringify({ event: "search", ...row })));
    const about: About = { ...flags, seeds: count, trials, batch, judging, controller, synthetic, functions };
    const report: Report = {
      about,
      summaries: summariseSamplers(results, samplers, { top1: functions.top1, best: functions.ranked[0].truth }),
      bands: bandsOf(results, samplers),
    };
    if (flags.out !== undefined) writeReport(report, flags.out, io);
    if (flags.json) io.out(JSON.stringify(finished(report)));
    else [...linesAbout(about), "", ...textTable(summaryTable(report.summaries)), "", ...NOTES].forEach(io.out);
    return EXIT.done;
  },
});

/** The searches of a comparison. */
export interface Job {
  readonly settings: SimulationSettings;
  readonly searches: readonly { readonly sampler: string; readonly seed: number }[];
}

export interface Compared {
  /** In the order of the searches. */
  readonly results: readonly SimulatedResult[];
  readonly functions: Judged;
  readonly synthetic: boolean;
}

interface TableFlags {
  readonly table?: string;
  readonly dataset: string;
  readonly preset: string;
  readonly workers?: number;
}

async function simulate({ settings, searches }: Job, flags: TableFlags, io: Io): Promise<Compared> {
  const table = readTableText({ ...flags, file: flags.table || undefined }), parsed = parseTable(table);
  const functions = new SimulatedTable(parsed);
  io.err(`${searches.length} searches of ${settings.trainings} trainings each`);
  const results = await simulateAll({
    ...{ table, settings, searches, signal: io.signal },
    workers: flags.workers ?? navigator.hardwareConcurrency,
    onResult: (_, done) => io.live(`${done} of ${searches.length} searches`),
  });
  return { results, functions, synthetic: parsed.header.synthetic };
}

interface PlaceFlags {
  readonly real: boolean;
  readonly table?: string;
  readonly units?: number;
  readonly data?: string;
  readonly engine?: string;
}

/** Throws a UsageError for flags of the other place. */
function requireOnePlace({ real, ...flags }: PlaceFlags): void {
  if (real && flags.table !== undefined) {
    throw new UsageError("--table simulates and --real trains: leave out one of them");
  }
  const needless = (["units", "data", "engine"] as const).find((name) => flags[name] !== undefined);
  if (!real && needless) throw new UsageError(`--${needless} is for --real: give both`);
}

interface RuleFlags {
  readonly rule: string;
  readonly preset: string;
  readonly pruner?: string;
  readonly finals?: number;
}

/** Throws a UsageError if the rule does not judge and the user says how. */
function judgingOf({ rule, preset, pruner, finals }: RuleFlags): JudgingSettings | null {
  const { judging } = PRESETS[preset as PresetName];
  if (rule === "search") {
    return { ...judging, pruner: (pruner ?? judging.pruner) as PrunerName, finals: finals ?? judging.finals };
  }
  if (pruner === undefined && finals === undefined) return null;
  throw new UsageError(`--${pruner === undefined ? "finals" : "pruner"} is for --rule search: leave out one of them`);
}

/** How the samplers with a policy learn. Throws a UsageError if no sampler asked for has one. */
function controllerOf(
  { controller, batch }: { readonly controller?: string; readonly batch: number },
  samplers: readonly string[],
): ControllerSettings {
  if (controller !== undefined && !samplers.some(hasPolicy)) {
    throw new UsageError("--controller says how ppo and reinforce learn: neither is among --samplers");
  }
  return { ...DEFAULT_CONTROLLER, batch, ...controller === undefined ? {} : parseController(controller) };
}

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
