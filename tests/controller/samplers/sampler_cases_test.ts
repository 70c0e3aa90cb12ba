import { assertThrows } from "@std/assert";
import { it } from "@std/testing/bdd";
import { createSampler, SAMPLER_NAMES } from "../../../controller/samplers/samplers.ts";
import { SearchSpace } from "../../../controller/search_space.ts";
import { samplerCases } from "./sampler_cases.ts";

for (const name of SAMPLER_NAMES) samplerCases(name);

it("the table of samplers names what it has when asked for what it has not", () => {
  for (const name of ["greedy", "toString", ""]) {
    assertThrows(
      () => createSampler(name, new SearchSpace(1), 1),
      RangeError,
      `Cannot create sampler "${name}" as it is none of ppo, reinforce, random, evolution, surrogate, exhaustive`,
    );
  }
});
