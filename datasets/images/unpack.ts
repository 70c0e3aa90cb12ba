/**
 * Adds the official files missing from a download folder, so that no file there is ever partially written and none of
 * the user's files is lost: files are written beside the folder and then moved into place; a complete file is never
 * replaced, and a truncated one is kept under another name. Several processes may do so at once, and any may be killed.
 */
import { dirname } from "node:path";
import { DatasetError } from "../dataset.ts";
import { kindOf, writing } from "../files.ts";
import { checkSize, type RecordFile } from "./cifar.ts";
import { bytesOf, CIFAR10, CIFAR100, type CifarFormat, dataFiles } from "./cifar_format.ts";

const PREFIX = "unpacking-", LOCK = "lock", FILES = "files";
const CHUNK_BYTES = 4 << 20;

export interface UnpackOptions {
  /** Called if a damaged file was kept under another name. */
  readonly onNotice?: (line: string) => void;
  /** Rejects with its reason, leaving nothing behind. */
  readonly signal?: AbortSignal;
}

/**
 * Writes `files` to `folder` where it lacks them. Throws a DatasetError: `malformed` for a file of the wrong size,
 * `unavailable` where the disk refuses.
 */
export async function unpack(
  format: CifarFormat,
  files: AsyncIterable<RecordFile>,
  folder: string,
  options: UnpackOptions = {},
): Promise<void> {
  const parent = dirname(folder);
  await sweep(parent);
  const scratch = await writing(folder, () => claimScratch(parent));
  try {
    for await (const file of files) {
      options.signal?.throwIfAborted();
      if (dataFiles(format).includes(file.name)) checkSize(format, file);
      const target = `${scratch.path}/${FILES}/${file.name}`;
      await writing(target, () => writeInChunks(target, file.bytes, options.signal));
    }
    options.signal?.throwIfAborted();
    await writing(folder, () => publish(format, `${scratch.path}/${FILES}`, folder, options));
  } finally {
    await removeLocked(scratch.path, scratch.lock);
  }
}

/** Whether the folder has the file at its full size. */
export async function stateOf(format: CifarFormat, path: string, name: string): Promise<"missing" | "cut" | "whole"> {
  if (await kindOf(path) !== "file") return "missing";
  if (!dataFiles(format).includes(name)) return "whole";
  return (await Deno.stat(path)).size === bytesOf(format, name) ? "whole" : "cut";
}

/** Removes leftovers of processes killed while unpacking: this module's folders whose lock is free. */
export async function sweep(parent: string): Promise<void> {
  try {
    for await (const { name, isDirectory } of Deno.readDir(parent)) {
      if (isDirectory && name.startsWith(PREFIX)) await sweepOne(`${parent}/${name}`);
    }
  } catch {
    // nothing there, or nothing that may be removed: unpacking itself says so where it matters
  }
}

/** Only official names, where this module or its predecessor wrote them: anything else belongs to somebody. */
const KNOWN_FILES = new Set([...CIFAR10.allFiles, ...CIFAR100.allFiles]);

async function sweepOne(path: string): Promise<void> {
  for await (const { name, isDirectory } of Deno.readDir(path)) {
    if (isDirectory ? name !== FILES : name !== LOCK && !KNOWN_FILES.has(name)) return;
  }
  const lock = await takeLock(path);
  if (lock === null) return; // its process is alive
  await removeLocked(path, lock);
}

/** Large files are removed while the lock is held; the lock file after it is closed, as Windows requires. */
async function removeLocked(path: string, lock: Deno.FsFile): Promise<void> {
  const gone = () => {}; // another process was faster
  for await (const { name } of Deno.readDir(path)) {
    if (name !== LOCK) await Deno.remove(`${path}/${name}`, { recursive: true }).catch(gone);
  }
  lock.close();
  await Deno.remove(path, { recursive: true }).catch(gone);
}

interface Scratch {
  readonly path: string;
  /** Held while its process lives. */
  readonly lock: Deno.FsFile;
}

/** A new folder with its lock held. Retries if a cleaning process came between the two. */
async function claimScratch(parent: string): Promise<Scratch> {
  await Deno.mkdir(parent, { recursive: true });
  for (;;) {
    const path = await Deno.makeTempDir({ dir: parent, prefix: PREFIX });
    try {
      const lock = await takeLock(path);
      if (lock === null) continue;
      await Deno.mkdir(`${path}/${FILES}`, { mode: 0o755 });
      return { path, lock };
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}

/** Null if another process holds it, or removed it while it was taken. */
async function takeLock(folder: string): Promise<Deno.FsFile | null> {
  const path = `${folder}/${LOCK}`;
  const lock = await Deno.open(path, { write: true, create: true });
  if (await lock.tryLock(true) && await kindOf(path) === "file") return lock;
  lock.close();
  return null;
}

async function writeInChunks(path: string, bytes: Uint8Array, signal?: AbortSignal): Promise<void> {
  using file = await Deno.open(path, { write: true, create: true, truncate: true });
  for (let at = 0; at < bytes.length;) {
    signal?.throwIfAborted();
    at += await file.write(bytes.subarray(at, at + CHUNK_BYTES));
  }
}

/**
 * The whole folder at once if there is none, else the missing files one by one: the loser of a race finds nothing to
 * add.
 */
async function publish(format: CifarFormat, files: string, folder: string, options: UnpackOptions): Promise<void> {
  if (await kindOf(folder) === null && await renamed(files, folder)) return;
  for await (const { name } of Deno.readDir(files)) {
    const target = `${folder}/${name}`, state = await stateOf(format, target, name);
    if (state === "whole") continue;
    if (state === "cut") {
      const kept = await setAside(target);
      options.onNotice?.(
        `${target} was cut short or is not the official file: it is restored, and the old file is kept as ${kept}`,
      );
    }
    await placeNew(`${files}/${name}`, target);
  }
}

/** False if another process was first. */
async function renamed(from: string, to: string): Promise<boolean> {
  try {
    await Deno.rename(from, to);
    return true;
  } catch (error) {
    if (await kindOf(to) === "folder") return false;
    throw error;
  }
}

/** Moves a file into place unless something is there: a hard link never replaces, unlike a rename. */
async function placeNew(from: string, to: string): Promise<void> {
  try {
    await Deno.link(from, to);
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) return;
    if (await kindOf(to) === null) await Deno.rename(from, to); // a file system without hard links
  }
}

async function setAside(path: string): Promise<string> {
  for (let number = 1;; number++) {
    const kept = `${path}.damaged${number > 1 ? `-${number}` : ""}`;
    if (await kindOf(kept) !== null) continue;
    await Deno.rename(path, kept);
    return kept;
  }
}

/** Throws a DatasetError (`malformed`) where files are still missing after unpacking: the archive did not hold them. */
export async function requireWhole(format: CifarFormat, folder: string, from: string): Promise<void> {
  for (const name of dataFiles(format)) {
    if (await stateOf(format, `${folder}/${name}`, name) === "whole") continue;
    const message = `Cannot load ${format.name} from ${from} as it holds no ${name}: move it away and fetch it again`;
    throw new DatasetError("malformed", message);
  }
}
