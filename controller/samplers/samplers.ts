/** The table of samplers: a row here and a file named after it make a sampler known to the whole project. */
import { type ControllerSettings, DEFAULT_CONTROLLER } from "./ppo/config.ts";
import { PpoSampler } from "./ppo/ppo.ts";
import { RandomSampler } from "./random.ts";
import type { Sampler } from "./sampler.ts";
import type { SearchSpace } from "../search_space.ts";

type MakeSampler = (space: SearchSpace, seed: number, settings: ControllerSettings) => Sampler;

const SAMPLERS = {
  ppo: (space, seed, settings) => new PpoSampler(space, seed, settings),
  random: (space, seed) => new RandomSampler(space, seed),
} satisfies Record<string, MakeSampler>;

export type SamplerName = keyof typeof SAMPLERS;

/** The names that `createSampler` knows, the default one first. */
export const SAMPLER_NAMES = Object.keys(SAMPLERS) as readonly SamplerName[];

/** A new sampler over the space; all it proposes follows from `seed`. Throws a RangeError for a name it does not know. */
export function createSampler(
  name: string,
  space: SearchSpace,
  seed: number,
  settings: ControllerSettings = DEFAULT_CONTROLLER,
): Sampler {
  if (!isSamplerName(name)) {
    throw new RangeError(`Cannot create a sampler as there are ${SAMPLER_NAMES.join(", ")}: "${name}" was asked for`);
  }
  return SAMPLERS[name](space, seed, settings);
}

function isSamplerName(name: string): name is SamplerName {
  return Object.hasOwn(SAMPLERS, name);
}
