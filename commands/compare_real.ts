/**
 * `compare --real`: the searches of a comparison with real children. Training k of a function has seed k in every
 * search, and its result is kept in the table of the data set and preset: nothing is trained twice, a comparison
 * resumes by itself, and searches share trainings, so that they differ only by what their samplers choose.
 */
import { activationFrom } from "../child/activation/catalog.ts";
import { fingerprint } from "../child/activation/fingerprint.ts";
import { printExpression } from "../child/activation/print.ts";
import {
  resultOf,
  searchOnce,
  type SearchTrace,
  type TrainingSource,
} from "../controller/comparison/simulated_search.ts";
import { references, toBeatOf, top1Of, truthsOf } from "../controller/comparison/simulated_training.ts";
import { PRUNERS } from "../controller/pruners/pruners.ts";
import type { JudgingSettings } from "../controller/runs/events.ts";
import { FunctionFacts } from "../controller/samplers/function_facts.ts";
import { SearchSpace, type Units } from "../controller/search_space.ts";
import type { Io } from "./command.ts";
import type { PresetName } from "../controller/presets.ts";
import type { Compared, Job } from "./compare.ts";
import { standOf } from "./compare_report.ts";
import { TableTrainer } from "./training/table_trainer.ts";

interface RealFlags {
  readonly dataset: string;
  readonly preset: PresetName;
  readonly data?: string;
  readonly engine?: string;
  readonly workers?: number;
  readonly units?: number;
}

/** Why a search ended early: a training was interrupted, or failed. */
class NotTrained extends Error {}

/** Null if it was interrupted. Throws an Error if a training failed. */
export async function compareReally({ settings, searches }: Job, flags: RealFlags, io: Io): Promise<Compared | null> {
  const trainer = await TableTrainer.open({ ...flags, engine: flags.engine ?? "auto" }, io);
  try {
    const { judging, trainings } = settings;
    const most = searches.length * (trainings + (judging?.verdictSeeds ?? 0)) + trainingsOfReferences(judging);
    io.err(`at most ${most} trainings, less those in ${trainer.path}; the time left is shown after the first`);
    const source = sourceOf(trainer, new SearchSpace((flags.units ?? 1) as Units), clock(most, io));
    const traces: SearchTrace[] = [];
    for (const [at, { sampler, seed }] of searches.entries()) {
      io.err(`search ${at + 1} of ${searches.length}: ${sampler}, seed ${seed}`);
      traces.push(await searchOnce(source, sampler, seed, settings));
    }
    const { table } = trainer, ranked = truthsOf(table);
    const truths = new Map(ranked.map(({ fingerprint, truth }) => [fingerprint, truth]));
    const functions = {
      ranked,
      truth: (fingerprint: string) => truths.get(fingerprint)!,
      top1: top1Of(ranked.map(({ truth }) => truth)),
      toBeat: toBeatOf(ranked),
    };
    return { results: traces.map((trace) => resultOf(trace, functions)), functions, ...standOf(table) };
  } catch (error) {
    if (!(error instanceof NotTrained) || !io.signal.aborted) throw error;
    io.err(`interrupted; every finished training is in ${trainer.path}: the same command resumes`);
    return null;
  } finally {
    trainer.close();
  }
}

/** Of all searches together, which share them. */
function trainingsOfReferences(judging: JudgingSettings | null): number {
  return judging ? judging.references.length * (PRUNERS[judging.pruner].maxSeeds + judging.verdictSeeds) : 0;
}

function sourceOf(trainer: TableTrainer, space: SearchSpace, onTrained: (isNew: boolean) => void): TrainingSource {
  const { guessing } = trainer.table.header;
  return {
    facts: new FunctionFacts(space),
    references: references(),
    classes: Math.round(1 / guessing),
    images: trainer.images,
    textOf: (tokens) => printExpression(space.expressionOf(tokens)),
    async train({ expression }, seed) {
      const own = fingerprint(activationFrom(expression).expression);
      const isNew = trainer.table.entry(own)?.scores[seed - 1] === undefined;
      const score = await trainer.train({ expression, fingerprint: own, seed });
      if (score === undefined) {
        throw new NotTrained(`Cannot continue as ${expression} was not trained from seed ${seed}`);
      }
      onTrained(isNew);
      return score ?? guessing;
    },
  };
}

/** Says how far it is, and how long the rest takes at most, at the pace of the trainings done so far. */
function clock(most: number, io: Io): (isNew: boolean) => void {
  const started = performance.now();
  let done = 0, trained = 0;
  return (isNew) => {
    done++;
    if (isNew) trained++;
    const each = (performance.now() - started) / 1000 / Math.max(1, trained);
    const left = `${duration(each * Math.max(0, most - done))} left at most`;
    if (isNew && trained === 1) io.err(`${each.toFixed(1)} s per training at first: ${left}`);
    io.live(`${done} of at most ${most} trainings, ${trained} of them new: ${left}`);
  };
}

function duration(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  return seconds < 5400 ? `${Math.ceil(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}
