/**
 * How many trainings do samplers need until they first train a function of the true top 1 %? Searches of 200 trainings
 * on a known truth, one training per function, seed by seed; the order of candidates is all that differs.
 *
 *     deno run --allow-read --allow-write tests/bench/samplers.ts run RAW.jsonl TRUTH "VARIANT;VARIANT" FIRST COUNT [TOP]
 *     deno run --allow-read tests/bench/samplers.ts summary RAW.jsonl
 *
 * TRUTH is a table of functions, or `formula1` or `formula2`: the formula of `synthetic_table.ts` over the space of one
 * or two core units. A VARIANT is a sampler and the settings in which it differs: "surrogate:start=10,hope=0.5"; of ppo
 * and reinforce, from the paper's. TOP is how many functions of a table count as its top, by default 1 %. `run` appends a
 * line per search and skips those that are there.
 */
import { parseExpression } from "../../child/activation/parse.ts";
import { printExpression } from "../../child/activation/print.ts";
import { parseTable } from "../../controller/comparison/function_table.ts";
import { medianReached } from "../../controller/comparison/sampler_summary.ts";
import {
  resultOf,
  searchOnce,
  type SimulationSettings,
  type TrainingSource,
  type Truths,
} from "../../controller/comparison/simulated_search.ts";
import { SimulatedTable, top1Of } from "../../controller/comparison/simulated_training.ts";
import { meanOf } from "../../controller/comparison/statistics.ts";
import { DEFAULT_EVOLUTION } from "../../controller/samplers/evolution.ts";
import { FunctionFacts } from "../../controller/samplers/function_facts.ts";
import { PAPER_CONTROLLER } from "../../controller/samplers/ppo/config.ts";
import { DEFAULT_SURROGATE } from "../../controller/samplers/surrogate.ts";
import { SearchSpace, type Units } from "../../controller/search_space.ts";
import { Random } from "../../datasets/random.ts";
import { GUESSING, syntheticAccuracy } from "../controller/comparison/synthetic_table.ts";
import { appendLine, readLines } from "./json_lines.ts";

const TRAININGS = 200, BATCH = 10;
/** Noise of the `laptop` child: common to all functions of a seed, and of each training (`synthetic_table.ts`). */
const SEED_EFFECT = 0.005, NOISE = 0.0075;
/** Random functions whose best hundredth begins the top 1 % of a space too large to list. */
const SAMPLE = 4000;

interface Row {
  readonly truth: string;
  readonly variant: string;
  readonly seed: number;
  /** Null if never. */
  readonly to_top1: number | null;
}

interface World {
  readonly truths: Truths;
  trainings(seed: number): TrainingSource;
}

function tableWorld(path: string, top?: number): World {
  const table = new SimulatedTable(parseTable(Deno.readTextFileSync(path)));
  const { truth, toBeat } = table, top1 = top === undefined ? table.top1 : table.ranked[top - 1].truth;
  return {
    truths: { truth, toBeat, top1 },
    trainings: (seed) => table.trainings(new Random(seed).split("simulation")),
  };
}

function formulaWorld(units: Units): World {
  const space = new SearchSpace(units), facts = new FunctionFacts(space), own = new Random(1);
  const known = new Map<string, number>();
  const truthOf = (print: string, text: () => string) => {
    let truth = known.get(print);
    if (truth === undefined) {
      truth = syntheticAccuracy(parseExpression(text()), own.split("function", print).normal()) ?? GUESSING;
      known.set(print, truth);
    }
    return truth;
  };
  const textOf = (tokens: readonly number[]) => printExpression(space.expressionOf(tokens));
  const random = new Random(2), sample = new Set<string>();
  while (sample.size < (units === 1 ? 3000 : SAMPLE)) {
    const tokens = space.positions.map(({ choices }) => random.integer(choices.length));
    const { fingerprint, useless } = facts.of(tokens);
    if (useless !== null) continue;
    truthOf(fingerprint, () => textOf(tokens));
    sample.add(fingerprint);
  }
  const sorted = [...sample].map((print) => known.get(print)!).sort((a, b) => b - a);
  return {
    truths: { truth: (print) => known.get(print)!, top1: top1Of(sorted), toBeat: null },
    trainings(seed) {
      const noise = new Random(seed).split("simulation");
      return {
        ...{ facts, references: [], classes: 10, images: 5000, textOf },
        train({ fingerprint: print, expression }, k) {
          const common = SEED_EFFECT * noise.split("seed", k).normal();
          return truthOf(print, () => expression) + common + NOISE * noise.split("training", print, k).normal();
        },
      };
    },
  };
}

/** "surrogate:start=10": the sampler, and its settings; `batch` is how many candidates it learns from at once. */
function readVariant(text: string): { readonly sampler: string; readonly settings: SimulationSettings } {
  const [sampler, list = ""] = text.split(":");
  const own = Object.fromEntries(
    list.split(",").filter((part) => part !== "").map((part) => [part.split("=")[0], Number(part.split("=")[1])]),
  );
  const { batch = BATCH, ...changed } = own;
  return {
    sampler,
    settings: {
      trainings: TRAININGS,
      batch,
      judging: null,
      samplers: {
        controller: { ...PAPER_CONTROLLER, batch, ...changed },
        surrogate: { ...DEFAULT_SURROGATE, ...changed },
        evolution: { ...DEFAULT_EVOLUTION, ...changed },
      },
    },
  };
}

async function run(
  file: string,
  truth: string,
  variants: readonly string[],
  first: number,
  count: number,
  top?: number,
) {
  const formula = /^formula([123])$/.exec(truth);
  const world = formula ? formulaWorld(Number(formula[1]) as Units) : tableWorld(truth, top);
  const name = truth.split("/").at(-1)!.replace(".jsonl", "") + (top === undefined ? "" : `, best ${top}`);
  const done = new Set(readLines<Row>(file).map(({ truth, variant, seed }) => `${truth} ${variant} ${seed}`));
  for (let seed = first; seed < first + count; seed++) {
    for (const variant of variants) {
      if (done.has(`${name} ${variant} ${seed}`)) continue;
      const { sampler, settings } = readVariant(variant);
      const trace = await searchOnce(world.trainings(seed), sampler, seed, settings);
      const { trainingsToTop1 } = resultOf(trace, world.truths);
      appendLine(file, { truth: name, variant, seed, to_top1: trainingsToTop1 } satisfies Row);
    }
  }
}

function summary(file: string): void {
  console.log(
    "| truth | sampler | seeds | n | median | mean, 200 for never |\n| --- | --- | --- | ---: | ---: | ---: |",
  );
  const groups = Map.groupBy(readLines<Row>(file), ({ truth, variant }) => `${truth} | ${variant}`);
  for (const [name, rows] of groups) {
    const reached = rows.map(({ to_top1 }) => to_top1), seeds = rows.map(({ seed }) => seed);
    const mean = meanOf(reached.map((count) => count ?? TRAININGS));
    console.log(
      `| ${name} | ${Math.min(...seeds)} to ${Math.max(...seeds)} | ${rows.length} | ${
        medianReached(reached) ?? "never"
      } | ` +
        `${mean.toFixed(1)} |`,
    );
  }
}

if (import.meta.main) {
  const [command, file, truth, variants, first, count, top] = Deno.args;
  if (command === "summary") summary(file);
  else await run(file, truth, variants.split(";"), Number(first), Number(count), top === undefined ? top : Number(top));
}
