/**
 * What is a source worth to `--learn-from` whose child finds all functions easier or harder than the search's own? Each
 * search has 100 trainings, drawn from a table of functions, and knows 400 functions of a source: the table's accuracies
 * with noise, changed as the source's name says. Prints how many of the table's best twenty it trains.
 *
 *     deno run --allow-read tests/bench/warm_start.ts TABLE "SAMPLER;SAMPLER" SEEDS
 */
import { parseTable } from "../../controller/comparison/function_table.ts";
import { SimulatedTable } from "../../controller/comparison/simulated_training.ts";
import { meanOf, varianceOf } from "../../controller/comparison/statistics.ts";
import type { Known } from "../../controller/samplers/sampler.ts";
import { createSampler } from "../../controller/samplers/samplers.ts";
import { someOf } from "../../controller/warm_start.ts";
import { Random } from "../../datasets/random.ts";

const TRAININGS = 100, BATCH = 10, BEST = 20;
/** Deviation of a source's accuracies from the table's, beyond what its name says. */
const NOISE = 0.02;

const SOURCES: Readonly<Record<string, ((accuracy: number) => number) | null>> = {
  "none": null,
  "the same": (accuracy) => accuracy,
  "15 points higher": (accuracy) => accuracy + 0.15,
  "15 points lower": (accuracy) => accuracy - 0.15,
  "half, and 10 points": (accuracy) => accuracy / 2 + 0.1,
};

const [file, samplers, seeds] = Deno.args;
const parsed = parseTable(Deno.readTextFileSync(file)), table = new SimulatedTable(parsed);
const best = table.ranked[BEST - 1].truth;

function knownFrom(source: (accuracy: number) => number, random: Random): readonly Known[] {
  return someOf(parsed.entries.map(({ expression, fingerprint }) => ({
    expression,
    reward: source(table.truth(fingerprint) + NOISE * random.normal()),
  })));
}

/** How many of the best functions a search trains. */
async function search(name: string, seed: number, source: ((accuracy: number) => number) | null): Promise<number> {
  const random = new Random(seed), { facts, train } = table.trainings(random.split("simulation"));
  const sampler = createSampler(name, facts.space, seed, { facts });
  if (source) await sampler.learnFrom(knownFrom(source, random.split("source")));
  let found = 0;
  for (let trained = 0; trained < TRAININGS; trained += BATCH) {
    const judged = await Promise.all((await sampler.ask(BATCH)).map(async ({ tokens }) => {
      const { fingerprint } = facts.of(tokens);
      if (table.truth(fingerprint) >= best) found++;
      return { tokens, reward: await train({ fingerprint }, 1) };
    }));
    await sampler.tell(judged);
  }
  return found;
}

console.log(`| sampler | source | seeds | of the best ${BEST}, mean ± standard error |\n| --- | --- | ---: | ---: |`);
for (const name of samplers.split(";")) {
  for (const [title, source] of Object.entries(SOURCES)) {
    const found = [];
    for (let seed = 1; seed <= Number(seeds); seed++) found.push(await search(name, seed, source));
    const error = Math.sqrt(varianceOf(found) / found.length);
    console.log(`| ${name} | ${title} | ${seeds} | ${meanOf(found).toFixed(2)} ± ${error.toFixed(2)} |`);
  }
}
