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

type MakeSampler = (seed: number, options: SamplerOptions) => Sampler;

const SAMPLERS = {
  ppo: (seed, { facts, controller }) => new PpoSampler(facts, seed, controller),
  reinforce: (seed, { facts, controller }) => new ReinforceSampler(facts, seed, controller),
  random: (seed, { facts }) => new RandomSampler(facts, seed),
  evolution: (seed, { facts, evolution }) => new EvolutionSampler(facts, seed, evolution),
  surrogate: (seed, { facts, surrogate }) => new SurrogateSampler(facts, seed, surrogate),
  exhaustive: (seed, { facts }) => new ExhaustiveSampler(facts, seed),
} satisfies Record<string, MakeSampler>;

export type SamplerName = keyof typeof SAMPLERS;

/** The names that `createSampler` knows, the default one first. */
export const SAMPLER_NAMES = Object.keys(SAMPLERS) as readonly SamplerName[];

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
  return SAMPLERS[name](seed, {
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
