/** `deno task serve`: the dashboard on the runs in runs/, without a search. They can be looked at, not changed. */
import type { RunSource } from "../controller/events.ts";
import { listRuns, type StoredRun } from "../controller/run_store.ts";
import { type Dashboard, startDashboard } from "../web/app.ts";
import { type RunRegistry, summarize } from "../web/registry.ts";
import { command, EXIT, UsageError } from "./command.ts";
import { snapshotOf } from "./stored_run.ts";

const DEFAULT_PORT = 8422;

export const serve = command({
  name: "serve",
  summary: "Opens the dashboard on the runs in runs/, without a search.",
  positionals: [],
  flags: [{ name: "port", type: "integer", max: 65535, default: DEFAULT_PORT, help: "the dashboard's port" }],
  examples: ["serve", "serve --port 9000"],
  async run({ port }, io) {
    const dashboard = await open(port);
    io.err(`dashboard: ${dashboard.url} (Ctrl-C ends it)`);
    if (!io.signal.aborted) {
      await new Promise<void>((resolve) => io.signal.addEventListener("abort", () => resolve(), { once: true }));
    }
    await dashboard.close();
    return EXIT.done;
  },
});

async function open(port: number): Promise<Dashboard> {
  try {
    return await startDashboard({ source: STORED_RUNS, port });
  } catch (error) {
    if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    throw new UsageError(`port ${port} is in use: give another --port`);
  }
}

/** Runs that cannot be read are not shown; `deno task runs` says why. */
const passOver = () => {};

const STORED_RUNS: RunRegistry = {
  live: null,
  list: () =>
    Promise.resolve(
      listRuns("runs", passOver).map((run) => summarize(sourceOf(run), { notes: "", tags: [], live: false })),
    ),
  open: (name) => {
    const run = listRuns("runs", passOver).find(({ info }) => info.name === name);
    return Promise.resolve(run ? sourceOf(run) : null);
  },
  change: null,
  remove: null,
};

/** What was saved, which does not change while it is shown. */
function sourceOf(run: StoredRun): RunSource {
  return { snapshot: () => snapshotOf(run), subscribe: () => () => {}, control: null };
}
