/** The table of architectures by the name that a user types. */
import type { Graph } from "./graph.ts";
import type { GraphOptions } from "./graph_builder.ts";
import { buildDenseNet } from "./densenet.ts";
import { buildResNet18, buildResNet50 } from "./imagenet_resnet.ts";
import { buildMobileNet } from "./mobilenet.ts";
import { buildPreactivationResNet } from "./preactivation_resnet.ts";
import { buildResNet } from "./resnet.ts";
import { buildWideResNet } from "./wide_resnet.ts";

const BUILDERS: Readonly<Record<string, (options: GraphOptions) => Graph>> = {
  resnet8: (options) => buildResNet(8, options),
  resnet14: (options) => buildResNet(14, options),
  resnet20: (options) => buildResNet(20, options),
  resnet32: (options) => buildResNet(32, options),
  resnet44: (options) => buildResNet(44, options),
  resnet56: (options) => buildResNet(56, options),
  resnet110: (options) => buildResNet(110, options),
  /** The smallest of the family of resnet164. */
  preresnet11: (options) => buildPreactivationResNet("preresnet11", 11, options),
  resnet164: (options) => buildPreactivationResNet("resnet164", 164, options),
  /** For small machines. */
  "wrn-16-4": (options) => buildWideResNet(16, 4, options),
  "wrn-28-10": (options) => buildWideResNet(28, 10, options),
  /** The smallest of the family of densenet-100-12. */
  "densenet-10-12": (options) => buildDenseNet(10, 12, options),
  "densenet-100-12": (options) => buildDenseNet(100, 12, options),
  mobilenet: (options) => buildMobileNet("mobilenet", 1, options),
  /** Half and a quarter of the channels. */
  "mobilenet-0.5": (options) => buildMobileNet("mobilenet-0.5", 0.5, options),
  "mobilenet-0.25": (options) => buildMobileNet("mobilenet-0.25", 0.25, options),
  /** For ImageNet; resnet20 and its neighbours are for CIFAR. */
  resnet18: buildResNet18,
  resnet50: buildResNet50,
};

/** Every name that `buildNetwork` knows. */
export const NETWORK_NAMES: readonly string[] = Object.keys(BUILDERS);

/** Throws a RangeError that lists the possible names if there is no such network, or none with dropout. */
export function buildNetwork(name: string, options: GraphOptions): Graph {
  if (!Object.hasOwn(BUILDERS, name)) {
    throw new RangeError(`Cannot build network "${name}" as it is none of ${NETWORK_NAMES.join(", ")}`);
  }
  const graph = BUILDERS[name](options);
  if (options.dropout && !hasDropout(graph)) {
    throw new RangeError(
      `Cannot build ${name} with dropout as it has no place for it: ${networksWithDropout().join(", ")} have one`,
    );
  }
  return graph;
}

/** Names of the networks that have a place for dropout. */
export function networksWithDropout(): readonly string[] {
  const options = { classes: 10, usesBeta: false, dropout: 0.5 };
  return NETWORK_NAMES.filter((name) => hasDropout(BUILDERS[name](options)));
}

function hasDropout({ nodes }: Graph): boolean {
  return nodes.some(({ kind }) => kind === "dropout");
}
