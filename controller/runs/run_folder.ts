/**
 * The folder of a training in runs/: its settings, which must not change on resuming, one checkpoint per seed, and
 * the results. One process at a time works in it; the operating system releases the lock of a killed one.
 */
import { writeAtomically } from "../../child/model/atomic_file.ts";
import { type Dataset, hasSameImages, type ImageStatistics, imageStatistics } from "../../datasets/dataset.ts";
import { runFolder } from "./run_files.ts";

const RUNS = "runs";
const SETTINGS = "settings.json";
/** In these settings, where they were written after 2026-11-27. */
const IMAGES = "images";
type Images = Readonly<Record<string, ImageStatistics>>;

/** Settings in which a resumed run must not differ, under the names that error messages use. Plain JSON. */
export type RunSettings = Readonly<Record<string, unknown>>;

export interface RunFolder {
  readonly path: string;
  /** Releases the lock. */
  close(): void;
}

/** The settings with which a run was started. Throws an Error if there is no such run. */
export async function readSettings(name: string): Promise<RunSettings> {
  const settings = await settingsIn(runFolder(RUNS, name));
  if (settings === null) throw new Error(`Cannot resume ${name} as there is no ${RUNS}/${name}/${SETTINGS}`);
  return settings;
}

/** A training, or a series of them, as a list shows it. */
export interface TrainingSummary {
  readonly name: string;
  /** "cifar10", "baselines", … */
  readonly command: string;
  /** "stopped": a series of before 2026-11-27, whose folder does not say what is left to train. */
  readonly state: "running" | "finished" | "interrupted" | "stopped";
  readonly settings: RunSettings;
  readonly trained: number;
  /** Number of trainings requested; null for such a series. */
  readonly wanted: number | null;
}

/** Trainings below the root by name; those with unreadable settings are reported and skipped. */
export async function listTrainings(root: string, onUnreadable: (error: Error) => void): Promise<TrainingSummary[]> {
  const found: TrainingSummary[] = [];
  for (const { name, isDirectory } of [...await entriesOf(root)].sort((a, b) => a.name < b.name ? -1 : 1)) {
    const path = `${root}/${name}`;
    if (!isDirectory || await exists(`${path}/run.sqlite`) || !await exists(`${path}/${SETTINGS}`)) continue;
    try {
      found.push(await summaryOf(name, path, (await settingsIn(path))!));
    } catch (error) {
      onUnreadable(error as Error);
    }
  }
  return found;
}

async function summaryOf(name: string, path: string, settings: RunSettings): Promise<TrainingSummary> {
  const command = typeof settings.command === "string" ? settings.command : String(settings.dataset);
  const requested = settings.command === undefined ? settings.seeds : settings.trainings;
  const wanted = typeof requested === "number" ? requested : null;
  const trained = await trainedIn(path);
  const ended = wanted === null ? "stopped" : trained >= wanted ? "finished" : "interrupted";
  return { name, command, state: await isHeld(path) ? "running" : ended, settings, trained, wanted };
}

/** Trainings in results.json; 0 where there is none yet. */
async function trainedIn(path: string): Promise<number> {
  try {
    const { seeds, trainings } = JSON.parse(await Deno.readTextFile(`${path}/results.json`));
    return (Array.isArray(trainings) ? trainings : Array.isArray(seeds) ? seeds : []).length;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return 0;
    throw new Error(`Cannot read ${path}/results.json: ${(error as Error).message}`, { cause: error });
  }
}

async function isHeld(path: string): Promise<boolean> {
  if (!await exists(`${path}/lock`)) return false;
  using lock = await Deno.open(`${path}/lock`);
  return !await lock.tryLock(true);
}

/** What a folder holds; nothing where there is none. */
export async function entriesOf(path: string): Promise<Deno.DirEntry[]> {
  try {
    return await Array.fromAsync(Deno.readDir(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/**
 * Opens or creates the folder of a run. Throws an Error if another process is working in it, or if it was started with
 * other settings or other images; `free` are the keys of settings that may differ.
 */
export async function openRunFolder(
  name: string,
  settings: RunSettings,
  free: readonly string[],
  datasets: readonly Dataset[],
): Promise<RunFolder> {
  const path = runFolder(RUNS, name);
  if (await exists(`${path}/run.sqlite`)) throw new Error(`Cannot train in ${path} as it is the folder of a search`);
  await Deno.mkdir(path, { recursive: true });
  const lock = await takeLock(path);
  try {
    const before = await settingsIn(path);
    if (before) requireSame(path, before, settings, [...free, IMAGES]);
    const images = imagesOf(path, before?.[IMAGES] as Images | undefined, datasets);
    await writeAtomically(`${path}/${SETTINGS}`, JSON.stringify({ ...settings, [IMAGES]: images }, null, 1) + "\n");
  } catch (error) {
    lock.close();
    throw error;
  }
  return { path, close: () => lock.close() };
}

/** The same name for the same settings, so that the same command resumes: "cifar10-resnet20-swish-1a2b3c4d". */
export async function nameOf(parts: readonly string[], settings: RunSettings): Promise<string> {
  const words = parts.map((part) => part.replaceAll(/[^a-z0-9]+/gi, "_").replaceAll(/^_|_$/g, "").slice(0, 24));
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(JSON.stringify(settings)));
  const hash = new Uint8Array(digest).slice(0, 4).toHex();
  return [...words.filter((word) => word !== ""), hash].join("-");
}

async function takeLock(path: string): Promise<Deno.FsFile> {
  const lock = await Deno.open(`${path}/lock`, { write: true, create: true });
  if (await lock.tryLock(true)) return lock;
  lock.close();
  throw new Error(`Cannot train in ${path} as another process is working in it`);
}

async function exists(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isFile;
  } catch {
    return false;
  }
}

/** Null if there are none. Throws an Error that says what to do if the file was not written by this project. */
async function settingsIn(path: string): Promise<RunSettings | null> {
  const file = `${path}/${SETTINGS}`;
  let settings: unknown;
  try {
    settings = JSON.parse(await Deno.readTextFile(file));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw foreign(file, (error as Error).message, error);
  }
  if (typeof settings !== "object" || settings === null || Array.isArray(settings)) {
    throw foreign(file, "it must be a JSON object");
  }
  const missing = ["dataset", "network"].find((key) => typeof (settings as RunSettings)[key] !== "string");
  if (missing) throw foreign(file, `it has no "${missing}"`);
  const { [IMAGES]: images = {} } = settings as { images?: unknown };
  const isKnown = typeof images === "object" && images !== null && Object.values(images).every(isStatistics);
  if (!isKnown) throw foreign(file, `its "${IMAGES}" are no means and deviations`);
  return settings as RunSettings;
}

function isStatistics(value: { readonly mean?: unknown; readonly standardDeviation?: unknown } | null): boolean {
  return Array.isArray(value?.mean) && Array.isArray(value?.standardDeviation);
}

function foreign(file: string, why: string, cause?: unknown): Error {
  return new Error(
    `Cannot read ${file} as the settings of a training: ${why}. Put the file back as it was, or give another --name`,
    { cause },
  );
}

/** What is said where a run, of this name or path, began with other images of the data set. */
export function otherImages(run: string, { name }: Pick<Dataset, "name">): string {
  return `Cannot resume ${run} as these are not the images of ${name} that it began with: say where those are with --data`;
}

/** Those of before and of these data sets. Throws an Error if they contradict each other. */
function imagesOf(path: string, before: Images = {}, datasets: readonly Dataset[]): Images {
  const other = datasets.find((dataset) => before[dataset.name] && !hasSameImages(before[dataset.name], dataset));
  if (other !== undefined) {
    throw new Error(`${otherImages(path, other)}, or give another --name`);
  }
  return { ...before, ...Object.fromEntries(datasets.map((dataset) => [dataset.name, imageStatistics(dataset)])) };
}

function requireSame(path: string, before: RunSettings, now: RunSettings, free: readonly string[]): void {
  const different = Object.keys({ ...before, ...now })
    .find((key) => !free.includes(key) && JSON.stringify(before[key]) !== JSON.stringify(now[key]));
  if (different === undefined) return;
  const [theirs, ours] = [before, now].map((settings) => JSON.stringify(settings[different]));
  throw new Error(
    `Cannot resume ${path} as its ${different} is ${theirs}, and ${ours} was asked for: give another --name`,
  );
}
