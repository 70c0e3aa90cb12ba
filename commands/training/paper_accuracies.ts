/** What the paper measured on CIFAR (arXiv 1710.05941v2, tables 1, 2, 4 and 5), to compare one's own results with. */
import { activationFrom } from "../../child/activation/catalog.ts";
import type { Activation } from "../../child/activation/expression.ts";
import { fingerprint } from "../../child/activation/fingerprint.ts";

/** The paper's networks: the pre-activation ResNet-164, Wide ResNet 28-10 and DenseNet 100-12. */
export const PAPER_NETWORKS = ["ResNet-164", "WRN 28-10", "DenseNet 100-12"] as const;

/** Test accuracies in percent, the median of 5 runs, in the order of `PAPER_NETWORKS`. */
export type PaperAccuracies = readonly [number, number, number];

interface Row {
  readonly name: string;
  readonly cifar10: PaperAccuracies;
  readonly cifar100: PaperAccuracies;
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

/** Null if the paper has no result for the function on this data set. The function may be written in any form. */
export function paperAccuracies({ expression }: Activation, dataset: string): PaperAccuracies | null {
  if (dataset !== "cifar10" && dataset !== "cifar100") return null;
  const print = fingerprint(expression);
  const row = [...BASELINES, ...FOUND].find(({ name }) => fingerprint(activationFrom(name).expression) === print);
  return row?.[dataset] ?? null;
}
