/** The flags that say how a network is trained, and what they mean together. */
import { type Optimizer, OPTIMIZERS, type Schedule, SCHEDULES } from "../../child/network/optimizer.ts";
import { NETWORK_NAMES, networksWithDropout } from "../../child/network/networks.ts";
import type { ChildSettings } from "../../child/trainer.ts";
import type { Dataset } from "../../datasets/dataset.ts";
import { type FlagValues, UsageError } from "../command.ts";

const OPTIMIZER_NAMES = Object.keys(OPTIMIZERS) as readonly Optimizer["kind"][];
const DEFAULT_STEPS = 10_000;
export const DEFAULT_ACT = "relu";

/** Rows of a command's table. None has a default, so that requested values are distinguishable from missing ones. */
export const TRAINING_FLAGS = [
  {
    name: "act",
    type: "string",
    value: "EXPR",
    help: `an expression, or a name such as swish or gelu (${DEFAULT_ACT})`,
  },
  { name: "network", type: "choice", choices: NETWORK_NAMES, help: "the network to train (resnet20)" },
  { name: "steps", type: "integer", min: 1, help: `training steps (${DEFAULT_STEPS})` },
  { name: "epochs", type: "integer", min: 1, help: "instead of --steps: passes through the training images" },
  { name: "batch", type: "integer", min: 1, help: "images per step (128)" },
  { name: "lr", type: "number", min: 0, help: "learning rate at the start (0.1 with sgd, else 0.001)" },
  { name: "schedule", type: "choice", choices: SCHEDULES, help: "schedule of the learning rate (cosine)" },
  {
    name: "label-smoothing",
    type: "number",
    min: 0,
    value: "X",
    help: "share of the target spread evenly over all classes, below 1 (0)",
  },
  {
    name: "dropout",
    type: "number",
    min: 0,
    value: "X",
    help: "rate of dropout in training, below 1, of networks that have a place for it: wrn-..., densenet-... (0)",
  },
  { name: "optimizer", type: "choice", choices: OPTIMIZER_NAMES, help: "the optimizer (sgd)" },
  { name: "seeds", type: "integer", min: 1, help: "trainings, from consecutive seeds (1)" },
  { name: "seed", type: "integer", help: "the first seed (1)" },
] as const;

/** The user's value; undefined if there is none. */
export type TrainingFlags = Partial<FlagValues<typeof TRAINING_FLAGS>>;

/** All settings of a training, as saved in `settings.json`. */
export interface TrainingPlan {
  readonly act: string;
  readonly network: string;
  readonly steps: number;
  readonly batch: number;
  readonly lr: number;
  readonly schedule: Schedule;
  readonly optimizer: Optimizer["kind"];
  /** Left out where there is none. */
  readonly labelSmoothing?: number;
  /** Left out where there is none. */
  readonly dropout?: number;
  readonly seeds: number;
  readonly seed: number;
}

/**
 * The user's value, else that of the resumed run, else the default; complete once there is a data set to count epochs
 * in. Several networks may be separated by semicolons. Throws a UsageError for --steps with --epochs, and for dropout in
 * networks that have no place for it.
 */
export function planOf(flags: TrainingFlags, before: Partial<TrainingPlan>): (dataset: Dataset) => TrainingPlan {
  if (flags.steps !== undefined && flags.epochs !== undefined) {
    throw new UsageError("--steps and --epochs set the same thing: give only one");
  }
  const batch = flags.batch ?? before.batch ?? 128;
  const optimizer = flags.optimizer ?? before.optimizer ?? "sgd";
  const steps = flags.steps ?? before.steps ?? DEFAULT_STEPS;
  const { epochs } = flags, labelSmoothing = flags.labelSmoothing ?? before.labelSmoothing;
  if (labelSmoothing !== undefined && labelSmoothing >= 1) {
    throw new UsageError(`--label-smoothing must be below 1: ${labelSmoothing} leaves nothing of the label`);
  }
  const network = flags.network ?? before.network ?? "resnet20", dropout = flags.dropout ?? before.dropout;
  checkDropout(network.split(";"), dropout);
  return ({ train }) => ({
    act: flags.act ?? before.act ?? DEFAULT_ACT,
    network,
    steps: epochs === undefined ? steps : epochs * Math.floor(train.count / batch),
    batch,
    lr: flags.lr ?? before.lr ?? OPTIMIZERS[optimizer].learningRate,
    schedule: flags.schedule ?? before.schedule ?? "cosine",
    optimizer,
    ...labelSmoothing !== undefined && labelSmoothing > 0 && { labelSmoothing },
    ...dropout !== undefined && dropout > 0 && { dropout },
    seeds: flags.seeds ?? before.seeds ?? 1,
    seed: flags.seed ?? before.seed ?? 1,
  });
}

/** Throws a UsageError that says where dropout is possible, if it is not in all of these. */
export function checkDropout(networks: readonly string[], rate = 0): void {
  if (rate >= 1) throw new UsageError(`--dropout must be below 1: ${rate} leaves nothing`);
  if (rate === 0) return;
  const possible = networksWithDropout(), other = networks.find((name) => !possible.includes(name));
  if (other === undefined) return;
  throw new UsageError(`--dropout has no place in ${other}: leave it out, or use --network ${possible.join(", ")}`);
}

/** All images of the splits are used, and training images are augmented. */
export function childSettings(plan: TrainingPlan): ChildSettings {
  const { network, steps, batch, lr, schedule, optimizer, labelSmoothing, dropout } = plan;
  return {
    network,
    steps,
    batch,
    learningRate: lr,
    schedule,
    optimizer: OPTIMIZERS[optimizer].optimizer,
    ...labelSmoothing !== undefined && { labelSmoothing },
    ...dropout !== undefined && { dropout },
    augment: true,
    validationImages: null,
  };
}
