/** The table of samplers: a row here and a file named after it add a sampler to the whole project. */
import type { SearchSpace } from "../search_space.ts";
import { DEFAULT_EVOLUTION, EvolutionSampler, type EvolutionSettings } from "./evolution.ts";
import { ExhaustiveSampler } from "./exhaustive.ts";
import { FunctionFacts } from "./function_facts.ts";
import { type ControllerSettings, DEFAULT_CONTROLLER } from "./ppo/config.ts";
import { PpoSampler } from "./ppo/ppo.ts";
import { RandomSampler } from "./random.ts";
import { ReinforceSampler } from "./reinforce.ts";
import type { Sampler } from "./sampler.ts";
import { DEFAULT_SURROGATE, SurrogateSampler, type SurrogateSettings } from "./surrogate.ts";

/** Options of a sampler besides its space and seed. */
export interface SamplerOptions {
  /** How the samplers with a policy learn. */
  readonly controller: ControllerSettings;
  readonly surrogate: SurrogateSettings;
  readonly evolution: EvolutionSettings;
  /** Facts about the space's members, to be shared by several samplers; its own by default. */
  readonly facts: FunctionFacts;
}

interface Row {
  readonly make: (seed: number, options: SamplerOptions) => Sampler;
  /** Whether it learns as `SamplerOptions.controller` says. */
  readonly hasPolicy?: true;
}

const SAMPLERS = {
  ppo: { make: (seed, { facts, controller }) => new PpoSampler(facts, seed, controller), hasPolicy: true },
  reinforce: { make: (seed, { facts, controller }) => new ReinforceSampler(facts, seed, controller), hasPolicy: true },
  random: { make: (seed, { facts }) => new RandomSampler(facts, seed) },
  evolution: { make: (seed, { facts, evolution }) => new EvolutionSampler(facts, seed, evolution) },
  surrogate: { make: (seed, { facts, surrogate }) => new SurrogateSampler(facts, seed, surrogate) },
  exhaustive: { make: (seed, { facts }) => new ExhaustiveSampler(facts, seed) },
} satisfies Record<string, Row>;

export type SamplerName = keyof typeof SAMPLERS;

/** The names that `createSampler` knows, the default one first. */
export const SAMPLER_NAMES = Object.keys(SAMPLERS) as readonly SamplerName[];
export const DEFAULT_SAMPLER = SAMPLER_NAMES[0];
/** Those that learn as the controller's settings say. */
export const POLICY_SAMPLERS: readonly string[] = Object.entries<Row>(SAMPLERS).flatMap(([name, { hasPolicy }]) =>
  hasPolicy ? [name] : []
);

/**
 * A new sampler over the space; everything it proposes follows from `seed`. Throws a RangeError for a name it does not
 * know.
 */
export function createSampler(
  name: string,
  space: SearchSpace,
  seed: number,
  options: Partial<SamplerOptions> = {},
): Sampler {
  if (!isSamplerName(name)) {
    throw new RangeError(`Cannot create sampler "${name}" as it is none of ${SAMPLER_NAMES.join(", ")}`);
  }
  return SAMPLERS[name].make(seed, {
    controller: DEFAULT_CONTROLLER,
    surrogate: DEFAULT_SURROGATE,
    evolution: DEFAULT_EVOLUTION,
    ...options,
    facts: options.facts ?? new FunctionFacts(space),
  });
}

function isSamplerName(name: string): name is SamplerName {
  return Object.hasOwn(SAMPLERS, name);
}
