/**
 * `deno task swish`: what a trainable beta does. ReLU, Swish-1 (beta fixed at 1) and Swish are trained under SGD,
 * RMSProp and Adam over the same seeds; the betas of Swish are recorded per layer during training and per channel at
 * the end.
 */
import { activationFrom } from "../child/activation/catalog.ts";
import type { Child } from "../child/trainer.ts";
import { type Optimizer, OPTIMIZERS } from "../child/network/optimizer.ts";
import type { Dataset } from "../datasets/dataset.ts";
import { openChosenDataset } from "./training/chosen_dataset.ts";
import { command, type FlagValues, type Io } from "./command.ts";
import { nameOf } from "../controller/runs/run_folder.ts";
import { betasOf, swishTable, type SwishTraining, writeSwish } from "./training/swish_report.ts";
import { textTable } from "./table.ts";
import { childSettings, planOf, type TrainingPlan } from "./training/training_flags.ts";
import { seriesFlags, type SeriesTraining, settingsBefore, trainSeries } from "./training/training_series.ts";

const FUNCTIONS = ["ReLU", "Swish-1", "Swish"].map(activationFrom);
const OPTIMIZER_KINDS = Object.keys(OPTIMIZERS) as readonly Optimizer["kind"][];

/** About ten minutes on 2 cores. */
const DEFAULTS = { network: "resnet8", steps: 500 };
const OWN_HELP: Readonly<Record<string, string>> = {
  network: `what is trained (${DEFAULTS.network})`,
  steps: `training steps (${DEFAULTS.steps})`,
  seeds: "trainings of each function with each optimizer, from consecutive seeds (1)",
};
/** Each optimizer has a learning rate of its own. */
const FLAGS = seriesFlags(OWN_HELP, ["act", "optimizer", "lr"]);

type SwishPlan = Omit<TrainingPlan, "act" | "optimizer" | "lr">;

/** `settings.json`. Changing the seeds or moving the data keeps it the same run. */
interface Settings extends SwishPlan {
  readonly dataset: string;
  readonly data: string | null;
}

const FREE_SETTINGS = ["seeds", "seed", "data"];

export const swish = command({
  name: "swish",
  summary: "Trains with ReLU, Swish-1 and Swish under three optimizers and plots how beta changes.",
  positionals: [],
  flags: FLAGS,
  examples: ["swish", "swish --dataset cifar10 --network resnet20 --steps 2000 --seeds 3", "swish --resume NAME"],
  run: (flags, io) => run(flags, io),
});

async function run(flags: FlagValues<typeof FLAGS>, io: Io): Promise<number> {
  const before = await settingsBefore<Settings>("swish", flags);
  const planFor = planOf(flags, { ...DEFAULTS, ...before });
  const data = flags.data ?? before.data ?? null;
  const dataset = await openChosenDataset(flags.dataset ?? before.dataset, data ?? undefined, "Training", io);
  const { act: _, optimizer: __, lr: ___, ...plan } = planFor(dataset);
  const settings: Settings = { dataset: dataset.name, ...plan, data };
  const { seeds, seed: first } = settings;
  const about = { dataset: dataset.name, synthetic: dataset.synthetic, ...plan };
  const done: SwishTraining[] = [];
  return await trainSeries(
    {
      name: flags.resume ?? flags.name ?? await defaultName(settings),
      command: "swish",
      isResumedByName: true,
      settings,
      free: FREE_SETTINGS,
      flags,
      trainings: Array.from({ length: seeds }, (_, index) => first + index)
        .flatMap((seed) => trainingsOf(plan, dataset, seed)),
    },
    {
      async onTrained({ activation, settings: { optimizer: { kind } } }, { result, state }, place) {
        done.push({ act: activation.name, optimizer: kind, result, betas: betasOf(state.parameters) });
        await writeSwish(done, { ...about, engine: place.engine, device: place.device }, place.folder);
      },
      onFinished({ folder, engine }) {
        const table = swishTable(done), results = `${folder}/swish.md`;
        if (flags.json) io.out(JSON.stringify({ event: "finished", ...about, engine, table: table.data, results }));
        else {
          textTable(table).forEach(io.out);
          io.err(`written to ${folder}: swish.md, results.json and the plots`);
        }
        return Promise.resolve();
      },
    },
    io,
  );
}

function trainingsOf(plan: SwishPlan, dataset: Dataset, seed: number): SeriesTraining[] {
  return OPTIMIZER_KINDS.flatMap((optimizer) =>
    FUNCTIONS.map((activation) => ({
      title: `${activation.name} with ${optimizer}, seed ${seed}`,
      names: { act: activation.name, optimizer },
      activation,
      dataset,
      settings: childSettings({ ...plan, act: "", optimizer, lr: OPTIMIZERS[optimizer].learningRate }),
      seed,
      observe: meanBetas,
    }))
  );
}

/** The mean beta of each layer, by the layer's name; empty without beta. */
async function meanBetas(child: Child): Promise<Record<string, number>> {
  const betas = betasOf(await child.program.read("parameters"));
  return Object.fromEntries(
    Object.entries(betas).map(([layer, values]) => [layer, values.reduce((sum, b) => sum + b, 0) / values.length]),
  );
}

function defaultName({ seeds: _, seed: __, data: ___, ...settings }: Settings): Promise<string> {
  return nameOf(["swish", settings.dataset, settings.network], settings);
}
