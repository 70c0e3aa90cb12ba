/**
 * `deno task compare`: compares samplers over many seeds. A search judges its functions as `deno task search` does; it
 * is simulated on a table of one core unit, so that nothing is trained: the measured one (`deno task table`), or the one
 * named. With --real its children are trained.
 */
import type { FunctionTable } from "../controller/comparison/function_table.ts";
import { bandsOf, summariseSamplers } from "../controller/comparison/sampler_summary.ts";
import type { SimulatedResult, SimulationSettings } from "../controller/comparison/simulated_search.ts";
import { SimulatedTable } from "../controller/comparison/simulated_training.ts";
import { simulateAll } from "../controller/comparison/simulations.ts";
import { measuredTables, parsed, PLAUSIBLE_TABLES, readTable } from "../controller/comparison/table_files.ts";
import { PRESET_NAMES, type PresetName, PRESETS } from "../controller/presets.ts";
import { PRUNER_NAMES, type PrunerName } from "../controller/pruners/pruners.ts";
import type { JudgingSettings } from "../controller/runs/events.ts";
import type { ControllerSettings } from "../controller/samplers/ppo/config.ts";
import { SAMPLER_NAMES } from "../controller/samplers/samplers.ts";
import { ENGINE_NAMES } from "../child/engine/open.ts";
import { DATASET_NAMES } from "../datasets/load.ts";
import { MAX_WORKERS } from "../workers/placement.ts";
import { command, EXIT, interruptedLine, type Io, UsageError } from "./command.ts";
import { compareReally } from "./compare_real.ts";
import {
  type About,
  finished,
  type Judged,
  linesAbout,
  NOTES,
  type Report,
  RULES,
  type Stand,
  standOf,
  summaryTable,
  writeReport,
} from "./compare_report.ts";
import { CONTROLLER_FLAG, parseController, requirePolicy } from "./controller_flag.ts";
import { requireRunName } from "./run_name.ts";
import { textTable } from "./table.ts";

export const compare = command({
  name: "compare",
  summary: "Compares samplers over many searches: simulated on the measured table of one core unit, or real.",
  positionals: [],
  flags: [
    {
      name: "samplers",
      type: "choices",
      choices: SAMPLER_NAMES,
      default: "ppo;random;evolution;surrogate",
      help: "separated by semicolons",
    },
    {
      name: "table",
      type: "string",
      value: "FILE",
      bare: true,
      help: `simulate on a table of functions, the default: a file, ${
        PLAUSIBLE_TABLES.join(" or ")
      }, drawn from models, or without a name the measured one of data set and preset`,
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
      choices: PRESET_NAMES,
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
    { name: "pruner", type: "choice", choices: PRUNER_NAMES, help: "as in deno task search (by preset)" },
    { name: "finals", type: "number", min: 0, max: 0.9, help: "as in deno task search (by preset)" },
    CONTROLLER_FLAG,
    {
      name: "workers",
      type: "integer",
      min: 1,
      max: MAX_WORKERS,
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
    const { samplers } = flags;
    requireOnePlace(flags);
    requireRunName("--out", flags.out);
    const judging = judgingOf(flags), controller = controllerOf(flags, samplers);
    const { seeds: count = flags.real ? 3 : 100, trials = flags.real ? 60 : 200 } = flags, { batch } = controller;
    const seeds = Array.from({ length: count }, (_, at) => flags.seed + at);
    const job: Job = {
      settings: { trainings: trials, batch, judging, samplers: { controller } },
      // Seed by seed, so that results so far favour no sampler if it is interrupted.
      searches: seeds.flatMap((seed) => samplers.map((sampler) => ({ sampler, seed }))),
    };
    const compared = flags.real ? await compareReally(job, flags, io) : await simulate(job, flags, io);
    if (compared === null) {
      if (flags.json) io.out(interruptedLine({ searches: job.searches.length }));
      return EXIT.interrupted;
    }
    const { results, functions, ...stand } = compared;
    if (flags.json) {
      for (const { bestSoFar: _, ...row } of results) {
        io.out(JSON.stringify({ event: "search", ...row, synthetic: stand.synthetic }));
      }
    }
    const about: About = { ...flags, seeds: count, trials, batch, judging, controller, ...stand, functions };
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

export interface Compared extends Stand {
  /** In the order of the searches. */
  readonly results: readonly SimulatedResult[];
  readonly functions: Judged;
}

interface TableFlags {
  readonly table?: string;
  readonly dataset: string;
  readonly preset: PresetName;
  readonly workers?: number;
}

async function simulate({ settings, searches }: Job, flags: TableFlags, io: Io): Promise<Compared> {
  const trained = openTable(flags), table = new SimulatedTable(trained);
  io.err(`${searches.length} searches of ${settings.trainings} trainings each`);
  const results = await simulateAll({
    ...{ table, settings, searches, signal: io.signal },
    workers: flags.workers ?? navigator.hardwareConcurrency,
    onResult: (_, done) => io.live(`${done} of ${searches.length} searches`),
  });
  return { results, functions: table, ...standOf(trained) };
}

/** A table with fewer functions has no top 1 %. */
const MIN_FUNCTIONS = 100;

/**
 * The requested table; by default the measured one in progress or, while that has too few functions, the one that comes
 * with the project. Throws an Error if there is none with enough.
 */
function openTable({ table: file, ...choice }: TableFlags): FunctionTable {
  if (file) return readTable({ ...choice, file });
  const measured = measuredTables(choice), { dataset, preset } = choice;
  if (measured.length === 0) return readTable(choice); // says how to make one
  for (const text of measured) {
    const table = parsed(text);
    if (table.entries.length >= MIN_FUNCTIONS) return table;
  }
  throw new Error(
    `The measured table of ${dataset} and ${preset} has fewer than ${MIN_FUNCTIONS} functions, too few for a top 1 %: go ` +
      `on with \`deno task table --train\`, or give --table ${PLAUSIBLE_TABLES[0]}, in which nothing was measured`,
  );
}

interface PlaceFlags {
  readonly real: boolean;
  readonly table?: string;
  readonly units?: number;
  readonly data?: string;
  readonly engine?: string;
}

/** Throws a UsageError for flags that only the other of --table and --real has. */
function requireOnePlace({ real, ...flags }: PlaceFlags): void {
  if (real && flags.table !== undefined) {
    throw new UsageError("--table simulates and --real trains: leave out one of them");
  }
  const needless = (["units", "data", "engine"] as const).find((name) => flags[name] !== undefined);
  if (!real && needless) throw new UsageError(`--${needless} is for --real: give both`);
}

interface RuleFlags {
  readonly rule: string;
  readonly preset: PresetName;
  readonly pruner?: PrunerName;
  readonly finals?: number;
}

/** Throws a UsageError for flags about judging if the rule does not judge. */
function judgingOf({ rule, preset, pruner, finals }: RuleFlags): JudgingSettings | null {
  const { judging } = PRESETS[preset];
  if (rule === "search") {
    const asked = { pruner: pruner ?? judging.pruner, finals: finals ?? judging.finals };
    return { ...judging, ...asked, target: null }; // a table is of one child
  }
  if (pruner === undefined && finals === undefined) return null;
  throw new UsageError(`--${pruner === undefined ? "finals" : "pruner"} is for --rule search: leave out one of them`);
}

/** How the samplers with a policy learn. Throws a UsageError if no sampler asked for has one. */
function controllerOf(
  { controller, batch, preset }: { readonly controller?: string; readonly batch: number; readonly preset: PresetName },
  samplers: readonly string[],
): ControllerSettings {
  if (controller !== undefined) requirePolicy(samplers, "none of these is among --samplers");
  const own = PRESETS[preset].controller;
  return { ...own, batch, ...controller === undefined ? {} : parseController(controller) };
}
