/**
 * `deno task confirm RUN`: judges a search's finalists again, beside the references, trained longer and on fresh seeds,
 * and on other data or another network on request. They were chosen on the validation split; the test split is used
 * here, once per training.
 */
import { activationFrom } from "../child/activation/catalog.ts";
import type { TrainingResult } from "../child/training_run.ts";
import { meetingsOf, outcomeOf } from "../controller/finals.ts";
import { nameOf } from "../controller/runs/run_folder.ts";
import { runFolder } from "../controller/runs/run_files.ts";
import { loadRun, type StoredRun } from "../controller/runs/run_store.ts";
import { ranked } from "../controller/trial.ts";
import { Random } from "../datasets/random.ts";
import { command, type Io, UsageError, type Values } from "./command.ts";
import { confirmLines, confirmRows, jsonOfConfirmation, writeConfirmation } from "./training/confirm_report.ts";
import { requireRunName } from "./run_name.ts";
import { commonPlan, datasetsOf, modelFlags, networksOf, openModels, trainingOn } from "./training/models.ts";
import type { TrainingPlan } from "./training/training_flags.ts";
import { seriesFlags, type SeriesTraining, trainSeries } from "./training/training_series.ts";

/**
 * ResNet-20 for 2,000 steps: about seven minutes per training on 2 cores. 16 seeds show a gain of a point in five of
 * six cases.
 */
const DEFAULTS = { network: "resnet20", steps: 2000, seeds: 16, top: 5 };

const OWN_HELP: Readonly<Record<string, string>> = {
  network: `what is trained, several separated by semicolons (${DEFAULTS.network})`,
  steps: `training steps (${DEFAULTS.steps})`,
  seeds: `fresh seeds, the same for every function (${DEFAULTS.seeds})`,
  dataset: "images, several separated by semicolons (that of the run)",
};

const RUN = {
  name: "run",
  help: "a search that deno task runs lists; the same command resumes where it was interrupted",
} as const;
const TOP_FLAG = {
  name: "top",
  type: "integer",
  min: 1,
  max: 100,
  help: `how many of the run's functions (${DEFAULTS.top})`,
} as const;
const FLAGS = [
  TOP_FLAG,
  ...modelFlags(OWN_HELP),
  ...seriesFlags(OWN_HELP, ["act", "seed", "resume", "network", "dataset"]),
];

interface Settings extends Omit<TrainingPlan, "act" | "seed"> {
  readonly run: string;
  /** Several are separated by semicolons, as are networks. */
  readonly dataset: string;
  readonly functions: readonly string[];
  readonly references: readonly string[];
  readonly data: string | null;
}

/** Adding seeds or moving the data keeps it the same confirmation. */
const FREE_SETTINGS = ["seeds", "data"];

export const confirm = command({
  name: "confirm",
  summary:
    "Judges the finalists of a search again, beside ReLU and Swish: fresh seeds, longer training, the test split.",
  positionals: [RUN],
  flags: FLAGS,
  examples: [
    "confirm first",
    "confirm first --top 3 --seeds 16 --dataset fashion-mnist --steps 1000",
    'confirm first --top 1 --network "resnet20;wrn-16-4" --dataset "cifar10;fashion-mnist" --steps 1000',
  ],
  run: (flags, io) => run(flags, io),
});

async function run(flags: Values<readonly [typeof RUN], typeof FLAGS>, io: Io): Promise<number> {
  requireRunName("--name", flags.name);
  const stored = loadRun(runFolder("runs", flags.run));
  const functions = finalistsOf(stored, flags.top ?? DEFAULTS.top);
  if (functions.length === 0) {
    throw new UsageError(`Cannot confirm ${flags.run} as none of its functions was trained to the end`);
  }
  const { settings: of } = stored.info;
  const references = of.judging.references.length > 0 ? of.judging.references : ["ReLU", "Swish"];
  const models = await openModels({
    networks: flags.network ?? [DEFAULTS.network],
    datasets: flags.dataset ?? [of.dataset],
    dropout: flags.dropout,
    directoryOf: (name) => flags.data ?? (name === of.dataset ? of.dataDirectory ?? undefined : undefined),
  }, io);
  const { seed: _, ...plan } = commonPlan(flags, DEFAULTS, models);
  const chosen = { network: networksOf(models), dataset: datasetsOf(models) };
  const data = flags.data ?? (flags.dataset === undefined ? of.dataDirectory : null);
  const settings: Settings = { run: flags.run, ...chosen, ...plan, functions, references, data };
  const seeds = Array.from({ length: plan.seeds }, (_, k) => new Random(of.seed).split("confirm", k).nextUint32());
  const activations = [...references, ...functions].map(activationFrom);
  const confirmed = models.map((model) => ({
    model,
    functions: activations.map(({ name }, i) => ({
      expression: name,
      isReference: i < references.length,
      results: [] as TrainingResult[],
    })),
  }));
  // Seed by seed, so that results so far favour no model and no function if it is interrupted.
  const resultsOf = new Map<SeriesTraining, TrainingResult[]>();
  for (const [k, seed] of seeds.entries()) {
    for (const { model, functions } of confirmed) {
      functions.forEach(({ results }, i) => {
        const of = { activation: activations[i], seed, title: `seed ${k + 1}` };
        resultsOf.set(trainingOn(model, plan, of), results);
      });
    }
  }
  const synthetic = models.some(({ dataset }) => dataset.synthetic);
  const about = { run: flags.run, ...chosen, synthetic, ...plan };
  return await trainSeries(
    {
      name: flags.name ??
        await nameOf(["confirm", flags.run, chosen.dataset, chosen.network], { ...settings, seeds: 0 }),
      command: `confirm ${flags.run}`,
      isResumedByName: false,
      settings,
      free: FREE_SETTINGS,
      flags,
      trainings: [...resultsOf.keys()],
    },
    {
      async onTrained(training, { result }, place) {
        resultsOf.get(training)!.push(result);
        await writeConfirmation(confirmed, { ...about, engine: place.engine, device: place.device }, place.folder);
      },
      onFinished({ folder, engine }) {
        const rows = confirmRows(confirmed);
        if (flags.json) {
          const found = jsonOfConfirmation(rows), results = `${folder}/confirm.md`;
          io.out(JSON.stringify({ event: "finished", ...about, engine, ...found, results }));
        } else {
          confirmLines(rows).forEach(io.out);
          io.err(`written to ${folder}: confirm.md, confirm.csv, results.json and the plots`);
        }
        return Promise.resolve();
      },
    },
    io,
  );
}

/**
 * The function that the run names, then those that met on its target, then the leading functions by score, without
 * references and duplicates.
 */
function finalistsOf({ trials }: StoredRun, top: number): string[] {
  const able = ranked(trials);
  const outcome = outcomeOf(trials), first = [...outcome ? [outcome] : [], ...meetingsOf(able)];
  const functions = new Set([...first.map(({ trial }) => trial), ...able]);
  return [...functions].slice(0, top).map(({ expression }) => expression);
}
