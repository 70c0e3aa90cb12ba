/**
 * The runs in a folder as the dashboard lists, opens, labels, renames and deletes them, with the one searched by this
 * process, if any.
 */
import { isOver, type RunSource } from "./events.ts";
import { readLabels, type RunLabels, writeLabels } from "./run_labels.ts";
import { isRunFolder, runFolder, RunStoreError } from "./run_files.ts";
import { requireIdle } from "./run_lock.ts";
import { listRuns, type StoredSummary } from "./run_store.ts";
import {
  asBest,
  countStates,
  type Release,
  type RunChange,
  type RunRegistry,
  type RunSummary,
  summarize,
} from "./registry.ts";
import { FollowedRun } from "./followed_run.ts";
import { reportsIn } from "./reports.ts";

/** `live` is the run that this process searches, which lies in the same folder. */
export function runRegistry(root: string, live: RunSource | null): RunRegistry {
  const liveName = live?.snapshot().run.name ?? null;
  const folderOf = (name: string) => runFolder(root, name);

  const entry = (run: StoredSummary): RunSummary => {
    const { name } = run.info, labels = readLabels(folderOf(name));
    if (name === liveName) return summarize(live!, { ...labels, live: true });
    return summaryOf(run, labels);
  };

  return {
    live: liveName,
    // Runs that cannot be read are not shown; `deno task runs` says why.
    list: () => Promise.resolve(listRuns(root, () => {}).map(entry)),
    open: (name) => {
      if (name === liveName) return Promise.resolve(live);
      const folder = existing(folderOf, name);
      return Promise.resolve(folder === null ? null : new FollowedRun(folder));
    },
    change: (name, change, release) => refusalOf(() => changeRun(name, change, live, folderOf, release)),
    reports: reportsIn(root),
    remove: (name, release) =>
      refusalOf(async () => {
        const folder = requireRun(folderOf, name);
        if (name === liveName) throw new RunStoreError(heldHere(live!, "stop it first"));
        requireIdle(folder);
        await release?.();
        await Deno.remove(folder, { recursive: true });
      }),
  };
}

async function changeRun(
  name: string,
  change: RunChange,
  live: RunSource | null,
  folderOf: (name: string) => string,
  release?: Release,
): Promise<void> {
  const folder = requireRun(folderOf, name);
  const renamed = change.name !== undefined && change.name !== name ? folderOf(change.name) : null;
  if (renamed !== null) {
    if (name === live?.snapshot().run.name) {
      throw new RunStoreError(heldHere(live, "rename it when it is done"));
    }
    if (await exists(renamed)) {
      throw new RunStoreError(`Cannot rename ${name} to ${change.name} as a run of that name exists`);
    }
    requireIdle(folder);
  }
  if (change.notes !== undefined || change.tags !== undefined) {
    const before = readLabels(folder);
    await writeLabels(folder, { notes: change.notes ?? before.notes, tags: change.tags ?? before.tags });
  }
  if (renamed === null) return;
  await release?.();
  await Deno.rename(folder, renamed);
}

/** Why the run of this process cannot be moved: it is shown from memory, even after it ends. */
function heldHere(live: RunSource, until: string): string {
  const { run, state } = live.snapshot();
  return isOver({ state })
    ? `${run.name} is shown by the process that searched it: end that first (Ctrl-C)`
    : `${run.name} is being searched by this process: ${until}`;
}

function summaryOf({ info, state, elapsedMs, counts, best }: StoredSummary, labels: RunLabels): RunSummary {
  const { name, settings, engine, dataset, synthetic, createdAt } = info;
  return {
    ...{ name, state, settings, engine, dataset, synthetic, createdAt, elapsedMs, ...labels },
    ...{ counts: { ...countStates([]), ...counts }, best: asBest(best), live: false },
  };
}

/** The folder of a run; null if there is none of that name, or the name is invalid. */
function existing(folderOf: (name: string) => string, name: string): string | null {
  try {
    const folder = folderOf(name);
    return isRunFolder(folder) ? folder : null;
  } catch (error) {
    if (error instanceof RunStoreError) return null;
    throw error;
  }
}

function requireRun(folderOf: (name: string) => string, name: string): string {
  const folder = existing(folderOf, name);
  if (folder === null) throw new RunStoreError(`no run is called ${name}`);
  return folder;
}

/** Null when done, else the reason, if the user can fix it. */
async function refusalOf(act: () => Promise<void>): Promise<string | null> {
  try {
    await act();
    return null;
  } catch (error) {
    if (error instanceof RunStoreError || isDenied(error) || isDenied((error as Error).cause)) {
      return (error as Error).message;
    }
    throw error;
  }
}

function isDenied(error: unknown): boolean {
  return error instanceof Deno.errors.PermissionDenied;
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
