/**
 * The reinforce sampler (Williams 1992): the policy of ppo, moved once per batch up the gradient of log-probability
 * times advantage. That is the first of ppo's epochs, in which all probability ratios are 1 and nothing is clipped.
 */
import type { FunctionFacts } from "./function_facts.ts";
import type { ControllerSettings } from "./ppo/config.ts";
import { PpoSampler } from "./ppo/ppo.ts";

export class ReinforceSampler extends PpoSampler {
  override readonly name = "reinforce";

  constructor(facts: FunctionFacts, seed: number, settings: ControllerSettings) {
    super(facts, seed, { ...settings, epochs: 1, clip: Infinity });
  }
}
