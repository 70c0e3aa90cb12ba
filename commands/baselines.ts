/**
 * `deno task baselines`: the paper's comparison (section 5, tables 4 to 9) on one network. Every baseline is trained
 * from the same seeds: functions are compared with the same initial kernels and the same batches.
 */
import type { Activation } from "../child/activation/expression.ts";
import { fingerprint } from "../child/activation/fingerprint.ts";
import type { TrainingResult } from "../child/training_run.ts";
import { baselinesLines, jsonOfBaselines, type Setting, writeBaselines } from "./training/baselines_report.ts";
import { tellEstimate } from "./training/estimate.ts";
import { command, type FlagValues, type Io, UsageError } from "./command.ts";
import { readActivation } from "./read_activation.ts";
import { BASELINE_NAMES } from "./training/paper_accuracies.ts";
import { nameOf } from "../controller/runs/run_folder.ts";
import {
  commonPlan,
  datasetsOf,
  type Model,
  modelFlags,
  networksOf,
  openModels,
  trainingOn,
} from "./training/models.ts";
import type { TrainingPlan } from "./training/training_flags.ts";
import { seriesFlags, type SeriesTraining, settingsBefore, trainSeries } from "./training/training_series.ts";

/** About an hour with ResNet-20 on 2 cores. */
const DEFAULTS = { network: "resnet20", steps: 1000, seeds: 3 };

const OWN_HELP: Readonly<Record<string, string>> = {
  network: `what is trained, several separated by semicolons (${DEFAULTS.network})`,
  dataset: "images, several separated by semicolons (cifar10, or shapes if that is not available)",
  steps: `training steps (${DEFAULTS.steps})`,
  seeds: `trainings of each function, from consecutive seeds (${DEFAULTS.seeds})`,
};

const ACT_FLAG = {
  name: "act",
  type: "strings",
  value: "EXPR",
  help: "a function besides the paper's; may be given several times",
} as const;
const FLAGS = [ACT_FLAG, ...modelFlags(OWN_HELP), ...seriesFlags(OWN_HELP, ["act", "network", "dataset"])];

/** `settings.json`. Changing the seeds, adding functions or moving the data keeps it the same run. */
interface Settings extends Omit<TrainingPlan, "act"> {
  /** Several are separated by semicolons, as are networks. */
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
    'baselines --network "resnet20;wrn-16-4" --dataset "cifar10;cifar100" --steps 1000',
    "baselines --resume NAME",
  ],
  run: (flags, io) => run(flags, io),
});

async function run(flags: FlagValues<typeof FLAGS>, io: Io): Promise<number> {
  const before = await settingsBefore<Settings>("baselines", flags);
  const acts = [...new Set([...before.acts ?? [], ...flags.act])];
  const activations = functionsOf(acts);
  const data = flags.data ?? before.data ?? null;
  const models = await openModels({
    networks: flags.network ?? (before.network ?? DEFAULTS.network).split(";"),
    datasets: flags.dataset ?? before.dataset?.split(";"),
    dropout: flags.dropout ?? before.dropout,
    directoryOf: () => data ?? undefined,
  }, io);
  const plan = commonPlan(flags, { ...DEFAULTS, ...before }, models);
  const settings: Settings = { dataset: datasetsOf(models), network: networksOf(models), ...plan, acts, data };
  const name = flags.resume ?? flags.name ?? await defaultName(settings);
  return await trainAll({ name, settings, models, activations, flags, io });
}

/**
 * The paper's functions and those requested besides. Throws a UsageError if two are the same function with the same
 * start.
 */
function functionsOf(acts: readonly string[]): Activation[] {
  const all = [...BASELINE_NAMES, ...acts].map(readActivation);
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
  readonly models: readonly Model[];
  readonly activations: readonly Activation[];
  readonly flags: FlagValues<typeof FLAGS>;
  readonly io: Io;
}

/** All functions on all models with the first seed, then with the next: stopping early favours none. */
async function trainAll({ name, settings, models, activations, flags, io }: Work): Promise<number> {
  const { seed: first, seeds } = settings;
  const judged = models.map((model) => ({
    ...model,
    functions: activations.map((activation) => ({ activation, results: [] as TrainingResult[] })),
  }));
  const resultsOf = new Map<SeriesTraining, TrainingResult[]>();
  for (let seed = first; seed < first + seeds; seed++) {
    for (const model of judged) {
      for (const { activation, results } of model.functions) {
        resultsOf.set(trainingOn(model, settings, { activation, seed, title: `seed ${seed}` }), results);
      }
    }
  }
  const trainings = [...resultsOf.keys()], about = aboutOf(settings);
  return await trainSeries(
    {
      name,
      command: "baselines",
      isResumedByName: true,
      settings,
      free: FREE_SETTINGS,
      flags,
      trainings,
    },
    {
      onStart: (pace) => tellEstimate(trainings, pace, io),
      async onTrained(training, { result }, place) {
        resultsOf.get(training)!.push(result);
        await writeBaselines(judged, { ...about, engine: place.engine, device: place.device }, place.folder);
      },
      onFinished({ folder, engine }) {
        const results = `${folder}/baselines.md`;
        if (flags.json) {
          io.out(JSON.stringify({ event: "finished", ...about, engine, ...jsonOfBaselines(judged), results }));
        } else {
          baselinesLines(judged).forEach(io.out);
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
