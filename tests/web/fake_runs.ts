/** Several fake runs to list, compare, rename and delete: a registry kept in memory. */
import type { RunSource } from "../../controller/runs/events.ts";
import { type RunChange, type RunRegistry, type RunSummary, summarize } from "../../controller/runs/registry.ts";
import type { Reports } from "../../controller/runs/reports.ts";

const NO_REPORTS: Reports = { list: () => Promise.resolve([]), read: () => Promise.resolve(null) };

interface Kept {
  name: string;
  notes: string;
  tags: readonly string[];
  readonly source: RunSource;
}

/** The registry of a run alone, or the one given. */
export function registryOf(source: RunSource | RunRegistry): RunRegistry {
  return "snapshot" in source ? new FakeRuns([source]) : source;
}

/** The first run is the one searched here. */
export class FakeRuns implements RunRegistry {
  readonly #runs: Kept[];
  readonly live: string;

  constructor(sources: readonly RunSource[], readonly reports: Reports = NO_REPORTS) {
    this.#runs = sources.map((source) => ({ name: source.snapshot().run.name, notes: "", tags: [], source }));
    this.live = this.#runs[0].name;
  }

  list(): Promise<readonly RunSummary[]> {
    return Promise.resolve(
      this.#runs.map(({ name, notes, tags, source }) => ({
        ...summarize(source, { notes, tags, live: name === this.live }),
        name,
      })),
    );
  }

  open(name: string): Promise<RunSource | null> {
    const found = this.#find(name);
    if (!found) return Promise.resolve(null);
    const { source } = found;
    return Promise.resolve({
      snapshot: () => {
        const snapshot = source.snapshot();
        return { ...snapshot, run: { ...snapshot.run, name: found.name } };
      },
      subscribe: (listener) => source.subscribe(listener),
      control: source.control,
    });
  }

  change(name: string, change: RunChange): Promise<string | null> {
    const found = this.#find(name);
    if (!found) return Promise.resolve(`no run is called ${name}`);
    if (change.name !== undefined && this.#find(change.name)) return Promise.resolve(`${change.name} is taken`);
    Object.assign(found, change);
    return Promise.resolve(null);
  }

  remove(name: string): Promise<string | null> {
    const found = this.#find(name);
    if (!found) return Promise.resolve(`no run is called ${name}`);
    this.#runs.splice(this.#runs.indexOf(found), 1);
    return Promise.resolve(null);
  }

  #find(name: string): Kept | undefined {
    return this.#runs.find((run) => run.name === name);
  }
}
