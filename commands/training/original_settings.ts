/**
 * How the paper's networks were trained. On CIFAR it takes "each architecture's original settings", which are those of
 * their authors; on ImageNet it names RMSProp and the best of three learning rates, and no number of steps.
 */
import type { Optimizer, Schedule } from "../../child/network/optimizer.ts";

export interface OriginalSetting {
  /** The network, as the paper calls it. */
  readonly of: string;
  /** Null if not stated. */
  readonly steps: number | null;
  readonly batch: number | null;
  readonly lr: number | string;
  /** The schedule here that is the same; null if there is none. */
  readonly schedule: Schedule | null;
  /** How the learning rate falls, in words. */
  readonly falls: string;
  readonly optimizer: Optimizer["kind"] | null;
  readonly updates: string;
  readonly weightDecay: number | string;
  readonly runs: string;
}

const CIFAR = { lr: 0.1, runs: "median of 5" } as const;

const SETTINGS: Readonly<Record<string, OriginalSetting>> = {
  /** He et al. 2016 (arXiv 1603.05027), section 4. */
  resnet164: {
    ...CIFAR,
    of: "ResNet-164",
    steps: 64_000,
    batch: 128,
    schedule: "step",
    falls: "divided by 10 at 50 % and 75 %",
    optimizer: "sgd",
    updates: "sgd with momentum 0.9",
    weightDecay: 1e-4,
  },
  /** Zagoruyko & Komodakis 2016 (arXiv 1605.07146), section 3: 200 epochs of 50,000 images. */
  "wrn-28-10": {
    ...CIFAR,
    of: "WRN 28-10",
    steps: 78_125,
    batch: 128,
    schedule: null,
    falls: "divided by 5 after 60, 120 and 160 of 200 epochs",
    optimizer: null,
    updates: "sgd with Nesterov momentum 0.9",
    weightDecay: 5e-4,
  },
  /** Huang et al. 2017 (arXiv 1608.06993), section 4.2: 300 epochs of 50,000 images. */
  "densenet-100-12": {
    ...CIFAR,
    of: "DenseNet 100-12",
    steps: 234_375,
    batch: 64,
    schedule: "step",
    falls: "divided by 10 at 50 % and 75 %",
    optimizer: null,
    updates: "sgd with Nesterov momentum 0.9",
    weightDecay: 1e-4,
  },
};

/** Ramachandran, Zoph & Le 2017, section 5.2. */
const IMAGENET: OriginalSetting = {
  of: "ImageNet",
  steps: null,
  batch: null,
  lr: "the best of three, chosen for each function",
  schedule: null,
  falls: "not stated",
  optimizer: "rmsprop",
  updates: "rmsprop",
  weightDecay: "not stated",
  runs: "1 (3 with NASNet and Inception-ResNet)",
};

/** The settings for the network; on CIFAR those of ResNet-164 for networks that are not in the paper. */
export function originalSetting(network: string, dataset: string): OriginalSetting {
  return dataset === "imagenet" ? IMAGENET : SETTINGS[network] ?? SETTINGS.resnet164;
}
