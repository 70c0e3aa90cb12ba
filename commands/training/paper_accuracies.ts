/**
 * What the paper measured (arXiv 1710.05941v2), to compare one's own results with: tables 1, 2, 4 and 5 on CIFAR, tables
 * 6 to 10 on ImageNet.
 */
import { activationFrom } from "../../child/activation/catalog.ts";
import type { Activation } from "../../child/activation/expression.ts";
import { fingerprint } from "../../child/activation/fingerprint.ts";

/** A network of the paper's tables, and its name in `child/network/networks.ts`; null if it is not there. */
export interface PaperNetwork {
  readonly title: string;
  readonly network: string | null;
}

/** On CIFAR: the pre-activation ResNet-164, Wide ResNet 28-10 and DenseNet 100-12. */
const ON_CIFAR: readonly PaperNetwork[] = [
  { title: "ResNet-164", network: "resnet164" },
  { title: "WRN 28-10", network: "wrn-28-10" },
  { title: "DenseNet 100-12", network: "densenet-100-12" },
];
const ON_IMAGENET: readonly PaperNetwork[] = [
  { title: "MobileNet", network: "mobilenet" },
  { title: "Inception-v3", network: null },
  { title: "Inception-v4", network: null },
  { title: "Mobile NASNet-A", network: null },
  { title: "Inception-ResNet-v2", network: null },
];

/** The networks that the paper has results of on a data set; none on others than CIFAR and ImageNet. */
export function paperNetworks(dataset: string): readonly PaperNetwork[] {
  return dataset.startsWith("cifar") ? ON_CIFAR : dataset === "imagenet" ? ON_IMAGENET : [];
}

/** Test accuracies in percent in the order of `paperNetworks`: on CIFAR the median of 5 runs. */
export type PaperAccuracies = readonly number[];

interface Row {
  readonly name: string;
  readonly cifar10: readonly [number, number, number];
  readonly cifar100: readonly [number, number, number];
}

/** Tables 4 and 5. Table 1 has 94.9 for Swish with DenseNet on CIFAR-10, table 4 has 94.8. */
const BASELINES: readonly Row[] = [
  { name: "ReLU", cifar10: [93.8, 95.3, 94.8], cifar100: [74.2, 77.8, 83.7] },
  { name: "LReLU", cifar10: [94.2, 95.6, 94.7], cifar100: [74.2, 78.0, 83.3] },
  { name: "PReLU", cifar10: [94.1, 95.1, 94.5], cifar100: [74.5, 77.3, 81.5] },
  { name: "Softplus", cifar10: [94.6, 94.9, 94.7], cifar100: [76.0, 78.4, 83.7] },
  { name: "ELU", cifar10: [94.1, 94.1, 94.4], cifar100: [75.0, 76.0, 80.6] },
  { name: "SELU", cifar10: [93.0, 93.2, 93.9], cifar100: [73.2, 74.3, 80.8] },
  { name: "GELU", cifar10: [94.3, 95.5, 94.8], cifar100: [74.7, 78.0, 83.8] },
  { name: "Swish-1", cifar10: [94.7, 95.5, 94.8], cifar100: [75.1, 78.5, 83.8] },
  { name: "Swish", cifar10: [94.5, 95.5, 94.8], cifar100: [75.1, 78.0, 83.9] },
];

/** The rows of tables 1 and 2 that are not in 4 and 5. */
const FOUND: readonly Row[] = [
  { name: "max(x, sigmoid(x))", cifar10: [94.3, 95.3, 94.8], cifar100: [74.8, 78.6, 84.2] },
  { name: "cos(x) - x", cifar10: [94.1, 94.8, 94.6], cifar100: [75.2, 76.6, 81.8] },
  { name: "min(x, sin(x))", cifar10: [94.0, 95.1, 94.4], cifar100: [73.4, 77.1, 74.3] },
  { name: "atan(x)^2 - x", cifar10: [93.9, 94.7, 94.9], cifar100: [75.2, 76.7, 83.1] },
  { name: "max(x, tanh(x))", cifar10: [93.9, 94.2, 94.5], cifar100: [74.8, 76.0, 78.6] },
  { name: "sinc(x) + x", cifar10: [91.5, 92.1, 92.0], cifar100: [66.1, 68.3, 67.9] },
  { name: "x * asinh(x)^2", cifar10: [85.1, 92.1, 91.1], cifar100: [52.8, 70.6, 68.1] },
];

/** The functions of tables 4 and 5 in the order of this project's tables, ReLU first. */
export const BASELINE_NAMES: readonly string[] = BASELINES.map(({ name }) => name);

/**
 * Tables 8, 9 and 10 (one run), then 6 and 7 (of three runs sorted by top-1, the middle one; of GELU with NASNet the
 * only one): top-1 and top-5 accuracy of each network.
 */
const IMAGENET: Readonly<Record<string, readonly (readonly [top1: number, top5: number])[]>> = {
  ReLU: [[72.0, 90.8], [78.4, 94.2], [79.2, 94.6], [73.6, 91.5], [79.6, 94.8]],
  LReLU: [[72.5, 91.0], [78.4, 94.1], [79.3, 94.7], [73.9, 91.9], [79.5, 94.7]],
  PReLU: [[74.2, 91.9], [77.7, 93.5], [79.3, 94.4], [74.7, 92.3], [79.8, 94.8]],
  Softplus: [[73.6, 91.6], [78.7, 94.4], [79.6, 94.8], [74.2, 91.8], [80.2, 95.2]],
  ELU: [[73.9, 91.3], [77.9, 93.7], [79.5, 94.5], [74.2, 91.8], [79.9, 95.0]],
  SELU: [[73.2, 91.0], [76.7, 92.8], [78.3, 94.5], [73.7, 91.7], [79.2, 94.4]],
  GELU: [[73.5, 91.4], [77.7, 93.9], [79.0, 94.6], [74.6, 92.0], [79.6, 94.8]],
  "Swish-1": [[74.2, 91.6], [78.7, 94.2], [79.3, 94.7], [74.7, 92.0], [80.3, 95.2]],
  Swish: [[74.2, 91.7], [78.7, 94.0], [79.3, 94.6], [74.9, 92.4], [80.2, 95.2]],
};

/** Null if the paper has no result for the function on this data set. The function may be written in any form. */
export function paperAccuracies(activation: Activation, dataset: string): PaperAccuracies | null {
  if (dataset === "imagenet") return onImageNet(activation)?.map(([top1]) => top1) ?? null;
  if (dataset !== "cifar10" && dataset !== "cifar100") return null;
  return rowOf([...BASELINES, ...FOUND], activation)?.[dataset] ?? null;
}

/** The same for top-5 accuracies, which the paper has on ImageNet only. */
export function paperTop5(activation: Activation, dataset: string): PaperAccuracies | null {
  return dataset === "imagenet" ? onImageNet(activation)?.map(([, top5]) => top5) ?? null : null;
}

function onImageNet(activation: Activation) {
  const row = rowOf(BASELINES, activation);
  return row === undefined ? undefined : IMAGENET[row.name];
}

function rowOf(rows: readonly Row[], { expression }: Activation): Row | undefined {
  const print = fingerprint(expression);
  return rows.find(({ name }) => fingerprint(activationFrom(name).expression) === print);
}
