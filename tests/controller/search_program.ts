/** A search with scripted children, as a process of its own that tests can kill: FOLDER WORKERS [OPTIONS], as JSON. */
import type { ChildSettings } from "../../child/trainer.ts";
import { FunctionFacts } from "../../controller/samplers/function_facts.ts";
import { RandomSampler } from "../../controller/samplers/random.ts";
import { PRESETS } from "../../controller/presets.ts";
import type { PrunerName } from "../../controller/pruners/pruners.ts";
import type { Sampler } from "../../controller/samplers/sampler.ts";
import type { Target } from "../../controller/runs/events.ts";
import { loadRun, RunStore } from "../../controller/runs/run_store.ts";
import { Search } from "../../controller/search.ts";
import { SearchSpace } from "../../controller/search_space.ts";
import type { WarmStart } from "../../controller/warm_start.ts";
import { makeShapes } from "../../datasets/images/shapes.ts";

export interface ScriptOptions {
  readonly hangMs?: number;
  /** As `tests/workers/scripted_worker.ts` takes it. */
  readonly engine?: string;
  readonly trials?: number;
  readonly batch?: number;
  readonly seed?: number;
  readonly verdictSeeds?: number;
  readonly target?: Target;
  readonly second?: ChildSettings;
  readonly references?: readonly string[];
  readonly pruner?: PrunerName;
  readonly warmStart?: WarmStart;
  /** On a scripted card (`tests/workers/scripted_ports.ts`), with two scripted workers to fall back on. */
  readonly onCard?: boolean;
}

/** The search in the folder, new or from wherever it was. */
export function openScripted(
  folder: string,
  workers: number,
  asked: Sampler | undefined = undefined,
  options: ScriptOptions = {},
): { search: Search; store: RunStore } {
  const { engine = "scripted", trials = 60, batch = 6, seed = 7, verdictSeeds = 4, pruner = "asha" } = options;
  const { hangMs, warmStart, onCard = false, target = null, references = ["ReLU", "Swish"] } = options;
  const { second } = options;
  const sampler = asked ?? new RandomSampler(new FunctionFacts(new SearchSpace(1)), seed);
  const dataset = makeShapes({ train: 1, validation: 1, test: 1 });
  const store = isRun(folder) ? RunStore.open(folder) : RunStore.create(folder, {
    name: "scripted",
    settings: {
      sampler: "random",
      preset: "smoke",
      dataset: "shapes",
      datasetNamed: true,
      dataDirectory: null,
      units: 1,
      trials,
      timeLimitMs: null,
      seed,
      batch,
      workers,
      engine,
      child: { ...PRESETS.smoke.child, ...second && { second } },
      judging: { pruner, references, finals: 0.25, finalists: 4, verdictSeeds, target },
      controller: PRESETS.smoke.controller,
      childTimeMs: null,
      objective: "validation",
      learnFrom: null,
      tableSeeds: warmStart?.table != null,
    },
    engine: "",
    device: "",
    engineNotices: [],
    dataset: "shapes",
    synthetic: true,
    classes: 10,
    metric: "validation accuracy",
    createdAt: Date.now(),
  });
  const space = new SearchSpace(1);
  const module = new URL("../workers/scripted_worker.ts", import.meta.url);
  const card = {
    sideBySide: true,
    workerModule: new URL("../workers/scripted_ports.ts", import.meta.url),
    fallback: { engine: "scripted", workers: 2, module },
  };
  const search = new Search({
    ...{ store, sampler, space, dataset, hangMs, pauseMs: 10, warmStart, workerModule: module },
    ...onCard && card,
  });
  return { search, store };
}

/** Runs the search in the folder to its end, from wherever it was. */
export async function runScripted(folder: string, workers: number, options: ScriptOptions = {}): Promise<void> {
  const { search, store } = openScripted(folder, workers, undefined, options);
  try {
    await search.run(new AbortController().signal);
  } finally {
    store.close();
  }
}

function isRun(folder: string): boolean {
  try {
    loadRun(folder);
    return true;
  } catch {
    return false; // there is none, or it was killed before it had begun
  }
}

if (import.meta.main) {
  const [folder, workers, options = "{}"] = Deno.args;
  await runScripted(folder, Number(workers), JSON.parse(options));
}
