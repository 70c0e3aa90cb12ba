/** `deno task search`: opens data set, store, sampler and dashboard, and runs the search. */
import { createSampler } from "../controller/samplers/samplers.ts";
import { childText } from "../controller/child_text.ts";
import { followRun } from "../controller/console.ts";
import { runFolder } from "../controller/runs/run_files.ts";
import { otherImages } from "../controller/runs/run_folder.ts";
import { RunStore, type StoredRun, type StoredSummary } from "../controller/runs/run_store.ts";
import { snapshotOf } from "../controller/runs/stored_run.ts";
import { DEFAULT_OBJECTIVE } from "../controller/objectives.ts";
import type { RunInfo } from "../controller/runs/events.ts";
import { Search } from "../controller/search.ts";
import { SearchSpace } from "../controller/search_space.ts";
import { hasWorkLeft } from "../controller/trial.ts";
import { sourceName, type WarmStart } from "../controller/warm_start.ts";
import { openEngine } from "../child/engine/open.ts";
import { type Dataset, hasSameImages } from "../datasets/dataset.ts";
import type { Dashboard } from "../web/app.ts";
import { placeChildren } from "../workers/placement.ts";
import { requireRunName } from "./run_name.ts";
import { openChosenDataset } from "./training/chosen_dataset.ts";
import { command, EXIT, type Io, UsageError } from "./command.ts";
import {
  DASHBOARD_FLAGS,
  DASHBOARD_PERMISSIONS,
  type DashboardFlags,
  dashboardLine,
  openDashboard,
  requireAddress,
} from "./open_dashboard.ts";
import { runRegistry } from "../controller/runs/run_registry.ts";
import {
  controllerOf,
  infoOf,
  judgedBy,
  machineFor,
  referencesOf,
  requireNetworkOfSteps,
  settingsOf,
  warmStartAgain,
  warmStartOf,
  whyNotTaken,
} from "./search_settings.ts";
import { requireNoSettings, SETTING_FLAGS, type SettingFlags } from "./search_flags.ts";

const RUNS = "runs";

export const search = command({
  name: "search",
  summary: "Searches for activation functions: a sampler proposes, children are trained, the best are listed.",
  positionals: [],
  flags: [
    ...SETTING_FLAGS,
    {
      name: "resume",
      type: "string",
      value: "NAME",
      help: "continue this run where it was; --workers and --data may differ",
    },
    ...DASHBOARD_FLAGS,
    { name: "web", type: "boolean", default: true, help: "without the dashboard" },
    {
      name: "exit",
      type: "boolean",
      help: "exit when the search is done: the default with --json, and if stderr is not a terminal",
    },
    {
      name: "stay",
      type: "boolean",
      help: "keep serving after the search is done, until Ctrl-C: the default in a terminal",
    },
    { name: "json", type: "boolean", help: "one JSON object per line on stdout, prose on stderr" },
  ],
  examples: ["search", "search --preset smoke --dataset shapes --no-web", "search --resume NAME"],
  permissions: DASHBOARD_PERMISSIONS,
  async run(flags, io) {
    requireOneEnd(flags);
    requireNoSettings(flags);
    if (flags.web) await requireAddress(flags);
    const opened = flags.resume === undefined ? await begin(flags, io) : await resume(flags, io);
    if (opened === null) return EXIT.done;
    const shown: { dashboard: Dashboard | null } = { dashboard: null };
    try {
      const code = await runSearch(opened, flags, io, shown).finally(() => opened.store.close());
      if (shown.dashboard && stays(flags, io)) await stay(shown.dashboard, io);
      return code;
    } finally {
      await shown.dashboard?.close();
    }
  },
});

interface EndFlags {
  readonly web: boolean;
  readonly json: boolean;
  readonly exit: boolean;
  readonly stay: boolean;
}

function requireOneEnd({ web, exit, stay }: EndFlags): void {
  if (exit && stay) throw new UsageError("--exit ends the process with the search, --stay does not: leave out one");
  if (stay && !web) {
    throw new UsageError("--stay keeps serving the dashboard, which --no-web leaves out: leave out one");
  }
}

/**
 * Whether the dashboard outlives the search. A script waits for the process to end; a person at a terminal looks at the
 * page.
 */
function stays({ json, exit, stay }: EndFlags, io: Io): boolean {
  return stay || (io.terminal && !json && !exit);
}

/** Serves until Ctrl-C. The run is closed by then and can be resumed elsewhere. */
async function stay({ url }: Dashboard, io: Io): Promise<void> {
  if (io.signal.aborted) return;
  io.err(`the dashboard keeps showing it: ${url} (Ctrl-C ends it; --exit ends it with the search)`);
  await new Promise<void>((resolve) => io.signal.addEventListener("abort", () => resolve(), { once: true }));
}

interface Opened {
  readonly store: RunStore;
  readonly dataset: Dataset;
  readonly warmStart: WarmStart | null;
}

async function begin(flags: SettingFlags, io: Io): Promise<Opened> {
  requireRunName("--run", flags.run);
  referencesOf(flags); // throws before anything starts
  controllerOf(flags); // as well
  requireNetworkOfSteps(flags); // as well
  const { engine = "auto", objective = DEFAULT_OBJECTIVE, learnFrom } = flags;
  const asked = learnFrom === undefined ? undefined : warmStartOf({ objective, learnFrom }, RUNS); // as well
  if (engine !== "auto") (await openEngine(engine)).engine.close(); // throws before anything starts
  const name = makeFolder(flags.run), folder = runFolder(RUNS, name); // before the data set, which may take long to load
  try {
    const dataset = await openChosenDataset(flags.dataset, flags.data, "Searching", io);
    io.signal.throwIfAborted();
    const { settings, warmStart } = await settingsOf(flags, dataset, asked, RUNS);
    judgedBy(settings, dataset); // throws before anything is stored
    return { store: RunStore.create(folder, infoOf(name, settings, dataset)), dataset, warmStart };
  } catch (error) {
    removeIfEmpty(folder);
    throw error;
  }
}

/**
 * The folder of the run, by default named by the time, with a number appended if another search started in the same
 * second.
 */
function makeFolder(asked: string | undefined): string {
  if (asked !== undefined) {
    RunStore.makeFolder(runFolder(RUNS, asked));
    return asked;
  }
  const time = new Date().toISOString().slice(0, 19).replaceAll(":", "-");
  for (let count = 1;; count++) {
    const name = count === 1 ? time : `${time}-${count}`;
    if (RunStore.makeNewFolder(runFolder(RUNS, name))) return name;
  }
}

function removeIfEmpty(folder: string): void {
  try {
    Deno.removeSync(folder);
  } catch {
    // it holds files of somebody else
  }
}

/** Reports the result of a run that has nothing left to do. */
function showFinished(run: StoredRun, json: boolean, io: Io): void {
  io.err(`run ${run.info.name} is finished: nothing is left to do (look at it with deno task serve)`);
  followRun({ snapshot: () => snapshotOf(run), subscribe: () => () => {}, control: null }, io, json)();
}

/** Null if nothing is left to do. */
async function resume(
  flags: Pick<SettingFlags, "workers" | "data"> & { readonly resume?: string; readonly json: boolean },
  io: Io,
): Promise<Opened | null> {
  const store = RunStore.open(runFolder(RUNS, flags.resume!), { onLocked: io.err });
  try {
    const summary = store.summary(), { info } = summary; // its trials are read once, by the search
    const finished = summary.state === "finished" ? store.load() : null;
    if (finished && !finished.trials.some(hasWorkLeft)) {
      showFinished(finished, flags.json, io);
      store.close();
      return null;
    }
    const { workers = info.settings.workers, data = info.settings.dataDirectory } = flags;
    const settings = { ...info.settings, workers, dataDirectory: data };
    const warmStart = warmStartAgain(settings, RUNS, summary.samplerState !== null, io.err);
    const dataset = await openChosenDataset(settings.dataset, data ?? undefined, "Searching", io);
    requireImages(info, dataset);
    store.saveInfo({ ...info, settings });
    return { store, dataset, warmStart };
  } catch (error) {
    store.close();
    throw error;
  }
}

/** Throws an Error if a run began with other images. */
function requireImages({ name, images }: RunInfo, dataset: Dataset): void {
  if (images !== undefined && !hasSameImages(images, dataset)) throw new Error(otherImages(name, dataset));
}

/** What a new search or a resumed one takes from elsewhere. */
function sayWarmStart(
  { known, table }: WarmStart,
  { info: { settings }, samplerState }: StoredSummary,
  dataset: Dataset,
  io: Io,
): void {
  const source = sourceName(settings.learnFrom!);
  if (samplerState === null) io.err(`${settings.sampler} learns from ${known.length} functions of ${source}`);
  if (table !== null && !settings.tableSeeds) sayNotTaken(source, whyNotTaken(table, settings, dataset)!, io);
}

/** The same of the engine, which is known once it is open. */
function sayEngineOfTable({ table }: WarmStart, { settings, engine }: RunInfo, io: Io): void {
  if (table === null || !settings.tableSeeds || table.header.engine === engine) return;
  sayNotTaken(sourceName(settings.learnFrom!), `its engine is ${table.header.engine}`, io);
}

function sayNotTaken(source: string, why: string, io: Io): void {
  io.err(`it takes no training from ${source}, but trains itself: ${why}`);
}

async function runSearch(
  { store, dataset, warmStart }: Opened,
  flags: DashboardFlags & { readonly web: boolean; readonly json: boolean },
  io: Io,
  shown: { dashboard: Dashboard | null },
): Promise<number> {
  const summary = store.summary(), { info } = summary, { settings } = info;
  const space = new SearchSpace(settings.units);
  const sampler = createSampler(settings.sampler, space, settings.seed, { controller: settings.controller });
  const machine = await machineFor(settings.engine, settings.workers, settings.child, dataset);
  const { gpus, sideBySide } = placeChildren(settings.workers, machine);
  if (machine.gpusUnused > 0) {
    io.err(`${machine.gpusUnused} of the GPUs are unused: \`deno task search:gpus\` may start a process for each`);
  }
  if (dataset.notice !== undefined) io.err(dataset.notice);
  const judged = judgedBy(settings, dataset);
  const { engine, passedOver, fallback } = machine, resolved = { engine, passedOver };
  // The children of a card are more than a processor trains at once.
  const workers = info.engine === "webgpu" && !sideBySide ? Math.min(settings.workers, machine.cores) : undefined;
  const running = new Search({
    ...{ store, sampler, space, dataset: judged, gpus, sideBySide, warmStart, resolved, fallback, workers },
  });
  if (warmStart) {
    sayWarmStart(warmStart, summary, dataset, io);
    running.subscribe((event) => event.event === "run_started" && sayEngineOfTable(warmStart, event.run, io));
  }
  io.err(
    `run ${info.name}: ${settings.sampler}, ${settings.trials} trials on ${info.dataset}` +
      `${info.synthetic ? " (synthetic images)" : ""} (${childText(settings.child)}), seed ${settings.seed}, ` +
      `${settings.workers} workers`,
  );
  const finish = followRun(running, io, flags.json);
  try {
    shown.dashboard = flags.web ? await openDashboard(runRegistry(RUNS, running), flags) : null;
    if (shown.dashboard) io.err(dashboardLine(shown.dashboard));
    const state = await running.run(io.signal);
    if (state === "interrupted") io.err(`interrupted; resume with: deno task search --resume ${info.name}`);
    return state === "finished" ? EXIT.done : EXIT.interrupted;
  } finally {
    finish();
  }
}
