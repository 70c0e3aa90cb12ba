/** Scripted searches that are acted on when something happens. */
import { assertEquals } from "@std/assert";
import type { SearchControl, SearchEvent } from "../../controller/runs/events.ts";
import { loadRun } from "../../controller/runs/run_store.ts";
import type { Search } from "../../controller/search.ts";
import { isFinished, type Trial } from "../../controller/trial.ts";
import { openScripted, type ScriptOptions } from "./search_program.ts";

export type Reaction = (event: SearchEvent, search: Search, abort: () => void) => void;

/** Runs from wherever the run was, reacting to what happens, and returns its final state. */
export async function runReacting(folder: string, react: Reaction, options: ScriptOptions = {}): Promise<string> {
  const { search, store } = openScripted(folder, 2, undefined, options), controller = new AbortController();
  search.subscribe((event) => react(event, search, () => controller.abort()));
  try {
    return await search.run(controller.signal);
  } finally {
    store.close();
  }
}

/** Reacts the first time that the condition holds. */
export function once(
  when: (event: SearchEvent) => boolean,
  then: (search: Search, abort: () => void) => void,
): Reaction {
  let done = false;
  return (event, search, abort) => {
    if (done || !when(event)) return;
    done = true;
    then(search, abort);
  };
}

export const finishes = (id: number) => (event: SearchEvent) =>
  event.event === "trial_changed" && event.trial.id === id && isFinished(event.trial);

export function trialsOf(folder: string): readonly Trial[] {
  return loadRun(folder).trials;
}

export function ask(search: Search, request: SearchControl): void {
  search.control(request).then((refused) => assertEquals(refused, null));
}
