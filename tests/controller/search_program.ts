/** A search with scripted children, as a process of its own that tests can kill: FOLDER WORKERS. */
import { RandomSampler } from "../../controller/samplers/random.ts";
import { PRESETS } from "../../controller/presets.ts";
import type { Sampler } from "../../controller/samplers/sampler.ts";
import { RunStore } from "../../controller/runs/run_store.ts";
import { Search } from "../../controller/search.ts";
import { SearchSpace } from "../../controller/search_space.ts";
import { makeShapes } from "../../datasets/images/shapes.ts";

/** The search in the folder, new or from wherever it was. */
export function openScripted(
  folder: string,
  workers: number,
  sampler: Sampler = new RandomSampler(new SearchSpace(1), 7),
): { search: Search; store: RunStore } {
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
      trials: 60,
      timeLimitMs: null,
      seed: 7,
      batch: 6,
      workers,
      engine: "scripted",
      child: PRESETS.smoke.child,
    },
    engine: "",
    device: "",
    engineNotices: [],
    dataset: "shapes",
    synthetic: true,
    classes: 10,
    createdAt: Date.now(),
  });
  const space = new SearchSpace(1);
  const workerModule = new URL("../workers/scripted_worker.ts", import.meta.url);
  return { search: new Search({ store, sampler, space, dataset, threads: 1, workerModule }), store };
}

/** Runs the search in the folder to its end, from wherever it was. */
export async function runScripted(folder: string, workers: number): Promise<void> {
  const { search, store } = openScripted(folder, workers);
  try {
    await search.run(new AbortController().signal);
  } finally {
    store.close();
  }
}

function isRun(folder: string): boolean {
  try {
    return Deno.statSync(`${folder}/run.sqlite`).isFile;
  } catch {
    return false;
  }
}

if (import.meta.main) await runScripted(Deno.args[0], Number(Deno.args[1]));
