/**
 * `deno task cifar10`, `cifar100` and `imagenet`, one command for several data sets: how well a network with one function does,
 * trained over several seeds and tested. Everything is kept in runs/<name>/; the same command resumes after a kill.
 */
import type { Activation } from "../child/activation/expression.ts";
import { hasBeta } from "../child/compiler/derivatives.ts";
import { writeModel } from "../child/model/model_file.ts";
import { buildNetwork } from "../child/network/networks.ts";
import { trainAndTest, type Trained, type TrainingResult, trainingWork } from "../child/training_run.ts";
import type { Engine } from "../child/engine/engine.ts";
import type { Dataset } from "../datasets/dataset.ts";
import { loadDataset } from "../datasets/load.ts";
import { childrenAtOnce } from "./training/children_at_once.ts";
import { openChosenEngine } from "./training/chosen_engine.ts";
import { inOrder, type Turn } from "./training/in_order.ts";
import { type Command, command, EXIT, type FlagValues, interruptedLine, type Io } from "./command.ts";
import { readActivation } from "./read_activation.ts";
import { loadProgress } from "./training/load_progress.ts";
import { nameOf, openRunFolder } from "../controller/runs/run_folder.ts";
import { followTrainings } from "./training/training_console.ts";
import { childSettings, DEFAULT_ACT, planOf, TRAINING_FLAGS, type TrainingPlan } from "./training/training_flags.ts";
import {
  describeResult,
  describeSummaries,
  pointRow,
  rowOf,
  summaries,
  writeResults,
} from "./training/training_report.ts";
import { RUN_FLAGS, settingsBefore } from "./training/training_series.ts";

const COARSE_FLAG = {
  name: "coarse",
  type: "boolean",
  help: "classify the 20 superclasses, not the 100 classes",
} as const;

const SIZE_FLAG = {
  name: "size",
  type: "integer",
  min: 32,
  max: 1024,
  help: "side to which images are cropped and scaled (224)",
} as const;

const CACHE_FLAG = {
  name: "cache",
  type: "string",
  value: "DIR",
  help: "keep copies of 256 pixels on the shorter side in this folder, and train on these (docs/imagenet.md)",
} as const;

const OWN_FLAGS = [
  { name: "save", type: "boolean", help: "write the trained weights of each seed to its folder, as safetensors" },
  { name: "checkpoint", type: "duration", default: 30_000, help: "how often the state of the training is saved" },
  { name: "json", type: "boolean", help: "print one JSON object per point and seed, and a last one with the summary" },
] as const;

type Flags = FlagValues<readonly (typeof TRAINING_FLAGS | typeof RUN_FLAGS | typeof OWN_FLAGS)[number][]> & {
  readonly coarse: boolean;
  readonly size?: number;
  readonly cache?: string;
};

/** `settings.json`. Changing the seeds or moving the data keeps it the same run. */
interface Settings extends TrainingPlan {
  readonly dataset: string;
  readonly labels: "fine" | "coarse";
  readonly data: string | null;
  /** Of images that are scaled while training. */
  readonly size?: number;
  /** Folder of copies, and their shorter side, which results depend on. */
  readonly cache?: string;
  readonly copies?: number;
}

const FREE_SETTINGS = ["seeds", "seed", "data", "cache"];

export const cifar10 = trainCommand("cifar10", "CIFAR-10", []);
export const cifar100 = trainCommand("cifar100", "CIFAR-100", [COARSE_FLAG]);
export const imagenet = trainCommand("imagenet", "ImageNet, or another folder of photographs by class,", [
  SIZE_FLAG,
  CACHE_FLAG,
], {
  write: "the run's folder in runs/, and copies of images (--cache) in data/",
});

/** `own` are flags that only this data set has. */
function trainCommand(
  dataset: string,
  title: string,
  own: readonly (typeof COARSE_FLAG | typeof SIZE_FLAG | typeof CACHE_FLAG)[],
  permissions?: Command["permissions"],
) {
  return command({
    name: dataset,
    summary: `Trains a network with one activation function on ${title} and tests it, over several seeds.`,
    positionals: [],
    flags: [...TRAINING_FLAGS, ...own, ...RUN_FLAGS, ...OWN_FLAGS],
    examples: [
      `${dataset} --act swish${dataset === "imagenet" ? " --data DIR" : ""}`,
      `${dataset} --act "x * sigmoid(b*x)" --steps 2000 --seeds 3 --save`,
      `${dataset} --resume NAME`,
    ],
    permissions,
    run: (flags, io) => run(dataset, { ...flags, coarse: dataset === "cifar100" && flags.coarse }, io),
  });
}

async function run(command: string, flags: Flags, io: Io): Promise<number> {
  const before = await settingsBefore<Settings>(command, flags);
  const plan = planOf(flags, before);
  // Fails before the data set, which may take long to load.
  const activation = readActivation(flags.act ?? before.act ?? DEFAULT_ACT);
  const labels = flags.coarse ? "coarse" : before.labels ?? "fine";
  const data = flags.data ?? before.data ?? null;
  const size = command === "imagenet" ? flags.size ?? before.size : undefined;
  const cache = command === "imagenet" ? flags.cache ?? before.cache : undefined;
  const dataset = await loadDataset(command, {
    directory: data ?? undefined,
    download: true,
    labels,
    size,
    copies: cache,
    ...loadProgress(io),
  });
  const settings: Settings = {
    dataset: command,
    labels,
    ...plan(dataset),
    data,
    ...command === "imagenet" && { size: dataset.height },
    ...cache !== undefined && { cache, copies: dataset.train.files!.copies!.side },
  };
  const name = flags.resume ?? flags.name ?? await defaultName(settings);
  const folder = await openRunFolder(name, { ...settings }, FREE_SETTINGS, [dataset]);
  try {
    const engine = await openChosenEngine(flags.engine, io);
    try {
      if (dataset.notice !== undefined) io.err(dataset.notice);
      io.err(`run ${name}: everything is kept in ${folder.path}`);
      return await trainSeeds({ name, folder: folder.path, settings, activation, dataset, engine, flags, io });
    } finally {
      engine.close();
    }
  } finally {
    folder.close();
  }
}

function defaultName({ seeds: _, seed: __, data: ___, cache: ____, ...settings }: Settings): Promise<string> {
  const { dataset, labels, network, act } = settings;
  return nameOf([labels === "coarse" ? `${dataset}-coarse` : dataset, network, act], settings);
}

interface Work {
  readonly name: string;
  readonly folder: string;
  readonly settings: Settings;
  readonly activation: Activation;
  readonly dataset: Dataset;
  readonly engine: Engine;
  readonly flags: Flags;
  readonly io: Io;
}

async function trainSeeds(work: Work): Promise<number> {
  const { name, folder, settings: { seed: first, seeds }, engine, flags, io } = work;
  const { dataset, labels, act, network, steps, batch, lr, schedule, optimizer } = work.settings;
  const { labelSmoothing, dropout } = work.settings;
  const about = {
    act,
    network,
    steps,
    batch,
    lr,
    schedule,
    optimizer,
    ...labelSmoothing !== undefined && { label_smoothing: labelSmoothing },
    ...dropout !== undefined && { dropout },
    dataset,
    ...labelled(dataset, labels),
    engine: engine.name,
  };
  const results: TrainingResult[] = [], skipped = new Map<string, string>();
  const settings = childSettings(work.settings);
  const children = await childrenAtOnce(
    { asked: flags.children, count: seeds, settings, dataset: work.dataset },
    engine,
    io,
  );
  const train = seedTrainer(work, children, skipped);
  const taken = await inOrder(seeds, children, train, async (index, trained) => {
    const seed = first + index;
    results.push(trained.result);
    const saved = flags.save ? await save(work, trained) : null;
    const row = { event: "seed", act, ...rowOf(trained.result), ...saved !== null && { saved } };
    io.out(flags.json ? JSON.stringify(row) : describeResult(trained.result));
    if (saved !== null) io.err(`seed ${seed}: saved ${saved}; test it with: ${testLine(saved, work.settings.data)}`);
    await writeResults(folder, about, results);
  });
  if (taken < seeds) {
    io.err(`interrupted; resume with: deno task ${dataset} --resume ${name}`);
    if (flags.json) io.out(interruptedLine({ run: name, trainings: taken, of: seeds }));
    return EXIT.interrupted;
  }
  const finished = {
    event: "finished",
    ...about,
    seeds,
    ...summaries(results),
    ...skipped.size > 0 && { skipped_images: Object.fromEntries(skipped) },
    results: `${folder}/results.json`,
  };
  if (skipped.size > 0) {
    io.err(`${skipped.size} ${skipped.size === 1 ? "image was" : "images were"} skipped (named above)`);
  }
  if (flags.json) io.out(JSON.stringify(finished));
  else describeSummaries(results, io);
  return EXIT.done;
}

/** The text as one word of a shell, quoted if necessary. */
const shellWord = (text: string) => /^[\w./:=@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;

const testLine = (saved: string, data: string | null) =>
  `deno task test-model ${saved}${data === null ? "" : ` --data ${shellWord(data)}`}`;

/** CIFAR-10 has one kind of labels, which need no name. */
function labelled(dataset: string, labels: Settings["labels"]): { readonly labels?: Settings["labels"] } {
  return dataset === "cifar100" ? { labels } : {};
}

/** Trains the index-th seed, `children` of them at once; it resolves to null if it was interrupted. */
function seedTrainer(work: Work, children: number, skipped: Map<string, string>) {
  const { folder, activation, dataset, engine, flags, io } = work, told = new Set<string>();
  const { seed: first, seeds } = work.settings, settings = childSettings(work.settings);
  const threads = flags.threads ?? navigator.hardwareConcurrency, followed = followTrainings(io, children);
  const streamHooks = {
    onSkipped(name: string, reason: string) {
      if (!skipped.has(name)) io.err(`skipped ${name}: ${reason}`);
      skipped.set(name, reason);
    },
    onNotice(line: string) {
      if (!told.has(line)) io.err(line);
      told.add(line);
    },
  };
  return (index: number, turn: Turn): Promise<Trained | null> => {
    const seed = first + index, after = Math.max(0, seeds - index - children);
    const follow = followed({
      title: `seed ${seed}`,
      steps: settings.steps,
      workAfter: after * trainingWork(settings, dataset),
      speaks: turn.speaks,
    });
    return trainAndTest({ engine, dataset, activation, settings, seed, threads, children, streamHooks }, {
      ...follow,
      checkpoint: `${folder}/seed-${seed}.checkpoint`,
      checkpointEveryMs: flags.checkpoint,
      signal: AbortSignal.any([turn.signal, io.signal]),
      onPoint: (point, pace) => {
        follow.onPoint?.(point, pace);
        if (flags.json) io.out(JSON.stringify({ event: "point", seed, ...pointRow(point) }));
      },
    });
  };
}

/** Path of the file. */
async function save({ folder, settings, activation, dataset, engine }: Work, trained: Trained): Promise<string> {
  const { result, state } = trained;
  const { width, height, channels, mean, standardDeviation } = dataset;
  const classes = dataset.classes.length, image = [height, width, channels] as const;
  const graph = buildNetwork(settings.network, { classes, image, usesBeta: hasBeta(activation) });
  const about = {
    network: settings.network,
    act: settings.act,
    dataset: settings.dataset,
    labels: settings.labels,
    classes,
    image,
    mean,
    standard_deviation: standardDeviation,
    seed: result.seed,
    steps: result.steps,
    batch: settings.batch,
    engine: engine.name,
    outcome: result.outcome,
    reason: result.reason,
    validation_accuracy: result.validation?.accuracy ?? null,
    test_accuracy: result.test?.accuracy ?? null,
  };
  const path = `${folder}/seed-${result.seed}.safetensors`;
  await writeModel(path, { about, graph, activation, parameters: state.parameters, statistics: state.statistics });
  return path;
}
