/**
 * `deno task baselines`: the paper's comparison (section 5, tables 4 to 9) on one network. Every baseline is trained
 * from the same seeds: functions are compared with the same initial kernels and the same batches.
 */
import { activationFrom } from "../child/activation/catalog.ts";
import type { Activation } from "../child/activation/expression.ts";
import { fingerprint } from "../child/activation/fingerprint.ts";
import type { TrainingResult } from "../child/training_run.ts";
import type { Dataset } from "../datasets/dataset.ts";
import {
  baselinesTable,
  type FunctionResults,
  type Judged,
  type Setting,
  writeBaselines,
} from "./training/baselines_report.ts";
import { tellEstimate } from "./training/estimate.ts";
import { openChosenDataset } from "./training/chosen_dataset.ts";
import { command, type FlagValues, type Io, UsageError } from "./command.ts";
import { BASELINE_NAMES } from "./training/paper_accuracies.ts";
import { nameOf } from "../controller/runs/run_folder.ts";
import { textTable } from "./table.ts";
import { childSettings, planOf, type TrainingPlan } from "./training/training_flags.ts";
import { tellTraining } from "./training/training_report.ts";
import { seriesFlags, type SeriesTraining, settingsBefore, trainSeries } from "./training/training_series.ts";

/** About an hour with ResNet-20 on 2 cores. */
const DEFAULTS = { steps: 1000, seeds: 3 };

const OWN_HELP: Readonly<Record<string, string>> = {
  steps: `training steps (${DEFAULTS.steps})`,
  seeds: `trainings of each function, from consecutive seeds (${DEFAULTS.seeds})`,
};

const ACT_FLAG = {
  name: "act",
  type: "strings",
  value: "EXPR",
  help: "a function besides the paper's; may be given several times",
} as const;
const FLAGS = [ACT_FLAG, ...seriesFlags(OWN_HELP, ["act"])];

/** `settings.json`. Changing the seeds, adding functions or moving the data keeps it the same run. */
interface Settings extends Omit<TrainingPlan, "act"> {
  readonly dataset: string;
  readonly acts: readonly string[];
  readonly data: string | null;
}

const FREE_SETTINGS = ["seeds", "seed", "acts", "data"];

export const baselines = command({
  name: "baselines",
  summary: "Trains the functions that the paper compares Swish with, over several seeds, and prints its table.",
  positionals: [],
  flags: FLAGS,
  examples: [
    "baselines --dataset cifar10 --network resnet20 --steps 1000 --seeds 3",
    'baselines --act "max(x, sigmoid(x))" --act "cos(x) - x"',
    "baselines --resume NAME",
  ],
  run: (flags, io) => run(flags, io),
});

async function run(flags: FlagValues<typeof FLAGS>, io: Io): Promise<number> {
  const before = await settingsBefore<Settings>("baselines", flags);
  const planFor = planOf({ ...flags, act: undefined }, { ...DEFAULTS, ...before });
  const acts = [...new Set([...before.acts ?? [], ...flags.act])];
  const activations = functionsOf(acts);
  const data = flags.data ?? before.data ?? null;
  const dataset = await openChosenDataset(flags.dataset ?? before.dataset, data ?? undefined, "Training", io);
  const { act: _, ...plan } = planFor(dataset);
  const settings: Settings = { dataset: dataset.name, ...plan, acts, data };
  const name = flags.resume ?? flags.name ?? await defaultName(settings);
  return await trainAll({ name, settings, dataset, activations, flags, io });
}

/**
 * The paper's functions and those requested besides. Throws a UsageError if two are the same function with the same
 * start.
 */
function functionsOf(acts: readonly string[]): Activation[] {
  const all = [...BASELINE_NAMES, ...acts].map(activationFrom);
  const known = new Map<string, Activation>();
  for (const activation of all) {
    const { expression, betaStart, kernelGain } = activation;
    const key = `${fingerprint(expression)} ${betaStart} ${kernelGain}`, same = known.get(key);
    if (same) {
      throw new UsageError(`--act ${activation.name} is the same function as ${same.name}, which is trained already`);
    }
    known.set(key, activation);
  }
  return all;
}

function defaultName({ seeds: _, seed: __, data: ___, acts: ____, ...settings }: Settings): Promise<string> {
  return nameOf(["baselines", settings.dataset, settings.network], settings);
}

interface Work {
  readonly name: string;
  readonly settings: Settings;
  readonly dataset: Dataset;
  readonly activations: readonly Activation[];
  readonly flags: FlagValues<typeof FLAGS>;
  readonly io: Io;
}

/** All functions with the first seed, then with the next: stopping early favours none. */
async function trainAll({ name, settings, dataset, activations, flags, io }: Work): Promise<number> {
  const { seed: first, seeds } = settings;
  const child = childSettings({ ...settings, act: "" });
  const trainings: SeriesTraining[] = Array.from({ length: seeds }, (_, index) => first + index).flatMap((seed) =>
    activations.map((activation) => ({ title: `${activation.name}, seed ${seed}`, activation, settings: child, seed }))
  );
  const results = new Map<string, TrainingResult[]>(activations.map(({ name }) => [name, []]));
  const judged = (): Judged => ({
    dataset,
    network: settings.network,
    functions: activations.map((activation): FunctionResults => ({
      activation,
      results: results.get(activation.name)!,
    })),
  });
  const about = aboutOf(settings);
  return await trainSeries(
    {
      name,
      command: "baselines",
      settings,
      free: FREE_SETTINGS,
      dataset,
      flags,
      trainings,
    },
    {
      onStart: (engine, threads) => tellEstimate(trainings, { engine, dataset, threads }, io),
      async onTrained({ activation, title }, { result }, place) {
        results.get(activation.name)!.push(result);
        tellTraining({ names: { act: activation.name }, title, json: flags.json }, result, io);
        await writeBaselines(judged(), { ...about, engine: place.engine, device: place.device }, place.folder);
      },
      onFinished({ folder, engine }) {
        const table = baselinesTable(judged());
        const files = `${folder}/baselines.md`;
        if (flags.json) {
          io.out(JSON.stringify({ event: "finished", ...about, engine, table: table.data, results: files }));
        } else {
          [...textTable(table), "", ...table.notes].forEach(io.out);
          io.err(`written to ${folder}: baselines.md, baselines.csv, results.json and the plots`);
        }
        return Promise.resolve();
      },
    },
    io,
  );
}

function aboutOf({ data: _, acts: __, ...settings }: Settings): Setting {
  return settings;
}
