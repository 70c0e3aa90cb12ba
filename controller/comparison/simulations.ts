/**
 * Many simulated searches at once, on threads; the results are the same as on one thread, in the order of the searches.
 */
import type { SimulatedResult, SimulationSettings } from "./simulated_search.ts";
import type { SimulatedTable } from "./simulated_training.ts";
import type { FromSimulation, ToSimulation } from "./simulation_worker.ts";

export interface Simulations {
  readonly table: SimulatedTable;
  readonly settings: SimulationSettings;
  readonly searches: readonly { readonly sampler: string; readonly seed: number }[];
  readonly workers: number;
  readonly onResult?: (result: SimulatedResult, done: number) => void;
  readonly signal?: AbortSignal;
}

/** Rejects with the reason if a search cannot be simulated, or the signal is aborted. */
export async function simulateAll(
  { table, settings, searches, workers, onResult, signal }: Simulations,
): Promise<readonly SimulatedResult[]> {
  const results: SimulatedResult[] = [];
  const { data } = table;
  let next = 0, done = 0;
  const threads = Array.from({ length: Math.min(workers, searches.length) }, () => {
    const worker = new Worker(new URL("./simulation_worker.ts", import.meta.url), { type: "module" });
    const finished = new Promise<void>((resolve, reject) => {
      signal?.addEventListener("abort", () => reject(signal.reason));
      worker.onerror = (event) => {
        event.preventDefault();
        reject(new Error(event.message));
      };
      const say = (message: ToSimulation) => worker.postMessage(message);
      let at = 0;
      const give = () => {
        if (next === searches.length) return resolve();
        at = next++;
        say({ kind: "simulate", ...searches[at] });
      };
      worker.onmessage = ({ data: said }: MessageEvent<FromSimulation>) => {
        if (said.kind === "failed") return reject(new Error(said.message));
        if (said.kind === "simulated") {
          results[at] = said.result;
          onResult?.(said.result, ++done);
        }
        give();
      };
      say({ kind: "open", data, settings });
    });
    return { worker, finished };
  });
  try {
    signal?.throwIfAborted();
    await Promise.all(threads.map(({ finished }) => finished));
    return results;
  } finally {
    for (const { worker } of threads) worker.terminate();
  }
}
