/**
 * A run of many trainings: `baselines`, `swish` and `confirm`. One trains after another on the CPU, several at once on a
 * graphics card. Each has its own checkpoint in the run's folder, so that the same command, killed at any moment, resumes
 * and ends with the same numbers.
 */
import type { Activation } from "../../child/activation/expression.ts";
import type { Engine } from "../../child/engine/engine.ts";
import type { ChildSettings } from "../../child/trainer.ts";
import { trainAndTest, type Trained, type TrainingOptions, trainingWork } from "../../child/training_run.ts";
import type { Dataset } from "../../datasets/dataset.ts";
import { DATASET_FLAG } from "./chosen_dataset.ts";
import { CHILDREN_FLAG, childrenAtOnce } from "./children_at_once.ts";
import { ENGINE_FLAG, openChosenEngine } from "./chosen_engine.ts";
import { inOrder } from "./in_order.ts";
import { EXIT, interruptedLine, type Io, UsageError } from "../command.ts";
import { requireRunName } from "../run_name.ts";
import { nameOf, openRunFolder, readSettings } from "../../controller/runs/run_folder.ts";
import { followTrainings } from "./training_console.ts";
import { TRAINING_FLAGS } from "./training_flags.ts";
import { tellTraining } from "./training_report.ts";

/** Flags of every command that trains: where the run is kept, its data, and what computes it. */
export const RUN_FLAGS = [
  { name: "name", type: "string", value: "NAME", help: "name of the folder in runs/ (by settings)" },
  { name: "resume", type: "string", value: "NAME", help: "resume this run with its settings" },
  {
    name: "data",
    type: "string",
    value: "DIR",
    help: "folder or archive that holds the data set already, in any form",
  },
  { name: "threads", type: "integer", min: 1, max: 64, help: "CPU threads (one per core)" },
  ENGINE_FLAG,
  CHILDREN_FLAG,
] as const;

const SERIES_FLAGS = [
  DATASET_FLAG,
  ...TRAINING_FLAGS,
  ...RUN_FLAGS,
  { name: "json", type: "boolean", help: "print one JSON object per training, and a last one with the table" },
] as const;

type SeriesRow = (typeof SERIES_FLAGS)[number];

/** A series' table of flags: all of SERIES_FLAGS but `without`, some with help of their own. */
export function seriesFlags<const Name extends SeriesRow["name"] = never>(
  help: Readonly<Record<string, string>>,
  without: readonly Name[] = [],
) {
  const names: readonly string[] = without;
  const kept = (row: SeriesRow): row is Exclude<SeriesRow, { name: Name }> => !names.includes(row.name);
  return SERIES_FLAGS.filter(kept).map((row) => ({ ...row, help: help[row.name] ?? row.help }));
}

/** One of the trainings. */
export interface SeriesTraining {
  /** For people: "Swish, seed 1". */
  readonly title: string;
  /** What is trained, as its line of --json has it. */
  readonly names: Readonly<Record<string, string>>;
  /** Network and data set, where a run has several: "resnet20 on cifar10". */
  readonly model?: string;
  readonly dataset: Dataset;
  readonly activation: Activation;
  readonly settings: ChildSettings;
  readonly seed: number;
  readonly observe?: TrainingOptions["observe"];
}

export interface SeriesRequest {
  /** Of the folder in runs/. */
  readonly name: string;
  /** "baselines": saved with the settings. */
  readonly command: string;
  /** Whether the command has --resume; otherwise the same command goes on. */
  readonly isResumedByName: boolean;
  /** Settings that must not change; `free` are keys that may differ. */
  readonly settings: object;
  readonly free: readonly string[];
  /**
   * The engine, the number of its threads (one per core by default), trainings at once on a card (measured by default),
   * and whether trainings are told as JSON.
   */
  readonly flags: {
    readonly engine: string;
    readonly threads?: number;
    readonly children?: number;
    readonly json: boolean;
  };
  readonly trainings: readonly SeriesTraining[];
}

export interface SeriesHooks {
  /** Called once, before the first training. */
  onStart?(pace: SeriesPace): Promise<void>;
  /** Called for every finished training once it is told, in order, including those of an earlier process. */
  onTrained(training: SeriesTraining, trained: Trained, place: SeriesPlace): Promise<void>;
  /** Called when all are finished. */
  onFinished(place: SeriesPlace): Promise<void>;
}

/** What trains a series. */
export interface SeriesPace {
  readonly engine: Engine;
  readonly threads: number;
  /** Trainings at once. */
  readonly children: number;
}

export interface SeriesPlace {
  /** "runs/NAME". */
  readonly folder: string;
  readonly engine: string;
  readonly device: string;
}

/** The settings of the run that --resume names, if any. Throws if it is a run of another command. */
export async function settingsBefore<Settings extends object>(
  command: string,
  { name, resume }: { readonly name?: string; readonly resume?: string },
): Promise<Partial<Settings>> {
  requireRunName("--name", name);
  if (name !== undefined && resume !== undefined) {
    throw new UsageError("--name starts a run and --resume continues one: give only one");
  }
  if (resume === undefined) return {};
  const before = await readSettings(resume);
  const owner = before.command ?? before.dataset; // cifar10, cifar100 and imagenet are named by their data set
  if (owner === command) return before as Partial<Settings>;
  throw new Error(`Cannot resume ${resume} with ${command} as it is a run of ${owner}`);
}

/** Trains what is not yet trained; resolves to the exit code. */
export async function trainSeries(request: SeriesRequest, hooks: SeriesHooks, io: Io): Promise<number> {
  const settings = { command: request.command, ...request.settings, trainings: request.trainings.length };
  const datasets = new Set(request.trainings.map(({ dataset }) => dataset));
  const folder = await openRunFolder(request.name, settings, [...request.free, "trainings"], [...datasets]);
  try {
    const engine = await openChosenEngine(request.flags.engine, io);
    try {
      for (const { notice } of datasets) if (notice !== undefined) io.err(notice);
      io.err(`run ${request.name}: everything is kept in ${folder.path}`);
      return await trainAll(request, { folder: folder.path, engine }, hooks, io);
    } finally {
      engine.close();
    }
  } finally {
    folder.close();
  }
}

async function trainAll(
  request: SeriesRequest,
  { folder, engine }: { readonly folder: string; readonly engine: Engine },
  hooks: SeriesHooks,
  io: Io,
): Promise<number> {
  const { trainings, flags: { json, threads = navigator.hardwareConcurrency, children: asked } } = request;
  const children = await childrenAtOnce({ ...trainings[0], asked, count: trainings.length }, engine, io);
  const follow = followTrainings(io, children);
  await hooks.onStart?.({ engine, threads, children });
  const place = { folder, engine: engine.name, device: engine.device };
  const taken = await inOrder(trainings.length, children, async (index, turn) => {
    const training = trainings[index], { activation, dataset, settings, seed, observe } = training;
    const workAfter = trainings.slice(index + children).reduce(
      (sum, { settings, dataset }) => sum + trainingWork(settings, dataset),
      0,
    );
    const title = `${training.title} (${index + 1} of ${trainings.length})`;
    return await trainAndTest({ engine, dataset, activation, settings, seed, threads, children }, {
      ...follow({ title, steps: settings.steps, workAfter, speaks: turn.speaks }),
      checkpoint: `${folder}/${await checkpointName(training)}.checkpoint`,
      signal: AbortSignal.any([turn.signal, io.signal]),
      observe,
    });
  }, async (index, trained) => {
    tellTraining(trainings[index], trained.result, json, io);
    await hooks.onTrained(trainings[index], trained, place);
  });
  if (taken < trainings.length) {
    const again = request.isResumedByName
      ? `: deno task ${request.command} --resume ${request.name}`
      : " the same command";
    io.err(`interrupted; resume with${again}`);
    if (json) io.out(interruptedLine({ run: request.name, trainings: taken, of: trainings.length }));
    return EXIT.interrupted;
  }
  await hooks.onFinished(place);
  return EXIT.done;
}

/** Distinct for distinct trainings: two functions with one expression may differ in their initialisation. */
async function checkpointName(
  { activation: { name }, settings: { optimizer: { kind } }, seed, model }: SeriesTraining,
) {
  return `${await nameOf([name, kind, model ?? ""], { name, kind, model })}-seed-${seed}`;
}
