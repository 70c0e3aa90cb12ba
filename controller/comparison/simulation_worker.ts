/// <reference lib="deno.worker" />
/** The thread that simulates searches, one after another, on a table it is given once. */
import { type SimulatedResult, simulateSearch, type SimulationSettings } from "./simulated_search.ts";
import { SimulatedTable, type SimulationData } from "./simulated_training.ts";

export type ToSimulation =
  | {
    readonly kind: "open";
    readonly data: SimulationData;
    readonly settings: SimulationSettings;
  }
  | { readonly kind: "simulate"; readonly sampler: string; readonly seed: number };

export type FromSimulation =
  | { readonly kind: "ready" }
  | { readonly kind: "simulated"; readonly result: SimulatedResult }
  | { readonly kind: "failed"; readonly message: string };

let table: SimulatedTable;
let settings: SimulationSettings;

self.onmessage = async ({ data }: MessageEvent<ToSimulation>) => {
  try {
    if (data.kind === "open") {
      table = SimulatedTable.from(data.data);
      settings = data.settings;
      say({ kind: "ready" });
    } else say({ kind: "simulated", result: await simulateSearch(table, data.sampler, data.seed, settings) });
  } catch (error) {
    say({ kind: "failed", message: error instanceof Error ? error.message : String(error) });
  }
};

function say(message: FromSimulation): void {
  self.postMessage(message);
}
