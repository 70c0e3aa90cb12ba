/**
 * Networks and data sets that functions are compared on: every network on every data set, each pair a model, as the
 * paper's table 3 counts them.
 */
import { NETWORK_NAMES } from "../../child/network/networks.ts";
import type { Dataset } from "../../datasets/dataset.ts";
import { DATASET_NAMES } from "../../datasets/load.ts";
import { type Io, UsageError } from "../command.ts";
import { openChosenDataset } from "./chosen_dataset.ts";
import { checkDropout, childSettings, planOf, type TrainingFlags, type TrainingPlan } from "./training_flags.ts";
import type { SeriesTraining } from "./training_series.ts";

export interface Model {
  readonly network: string;
  readonly dataset: Dataset;
  /** "resnet20 on cifar10". */
  readonly title: string;
  /** Suffix of its file names: "-resnet20-cifar10"; empty if it is the only model. */
  readonly suffix: string;
}

/** The flags of several networks and data sets, each with its help, instead of those of one. */
export function modelFlags({ network, dataset }: Readonly<Record<string, string>>) {
  return [
    { name: "network", type: "choices", choices: NETWORK_NAMES, help: network },
    { name: "dataset", type: "choices", choices: DATASET_NAMES, help: dataset },
  ] as const;
}

export interface ModelChoice {
  readonly networks: readonly string[];
  /** Undefined for the default. */
  readonly datasets: readonly string[] | undefined;
  /** That is asked for, which not all networks have. */
  readonly dropout?: number;
  /** The folder or file that holds the named data set; undefined for the default place. */
  readonly directoryOf: (dataset: string | undefined) => string | undefined;
}

/** Every network on every data set, the networks of the first data set first. Loads each data set once. */
export async function openModels(choice: ModelChoice, io: Io): Promise<readonly Model[]> {
  const { networks, datasets, directoryOf } = choice;
  checkDropout(networks, choice.dropout); // before data sets are loaded
  const loaded: Dataset[] = [];
  for (const name of datasets ?? [undefined]) {
    loaded.push(await openChosenDataset(name, directoryOf(name), "Training", io));
  }
  const isOnly = networks.length * loaded.length === 1;
  return loaded.flatMap((dataset) =>
    networks.map((network): Model => ({
      network,
      dataset,
      title: `${network} on ${dataset.name}`,
      suffix: isOnly ? "" : `-${network}-${dataset.name}`,
    }))
  );
}

/** The names as settings and messages have them: "cifar10;fashion-mnist". */
export function datasetsOf(models: readonly Model[]): string {
  return [...new Set(models.map(({ dataset }) => dataset.name))].join(";");
}

export function networksOf(models: readonly Model[]): string {
  return [...new Set(models.map(({ network }) => network))].join(";");
}

type Plan = Omit<TrainingPlan, "act" | "network" | "seed">;

/**
 * How all models are trained. Throws a UsageError if --epochs mean different numbers of steps, as the models of a table
 * are trained alike.
 */
export function commonPlan(
  flags: Omit<TrainingFlags, "network" | "act">,
  before: Partial<TrainingPlan>,
  models: readonly Model[],
): Omit<TrainingPlan, "act" | "network"> {
  const planFor = planOf({ ...flags, act: undefined, network: networksOf(models) }, before);
  const [plan, ...others] = models.map(({ dataset }) => planFor(dataset));
  if (others.some(({ steps }) => steps !== plan.steps)) {
    throw new UsageError("--epochs are different numbers of steps on these data sets: give --steps instead");
  }
  const { act: _, network: __, ...common } = plan;
  return common;
}

/** A training on the model, whose title names it where there are others. */
export function trainingOn(
  { network, dataset, title: name, suffix }: Model,
  plan: Plan,
  { activation, seed, title }: Pick<SeriesTraining, "activation" | "seed" | "title">,
): SeriesTraining {
  const model = suffix === "" ? undefined : name;
  return {
    title: [model, activation.name, title].filter((part) => part !== undefined).join(", "),
    names: { network, dataset: dataset.name, act: activation.name },
    ...{ model, dataset, activation, seed },
    settings: childSettings({ ...plan, network, act: "", seed }),
  };
}
