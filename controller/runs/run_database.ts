/** Opening a run's SQLite file: whether it holds a run, its schema's version, and waiting while others have it locked. */
import { DatabaseSync } from "node:sqlite";
import { MIGRATIONS } from "./migrations.ts";
import {
  FILE,
  hasContent,
  isRunFolder,
  LOG,
  logMissing,
  message,
  NeverBegunError,
  RunStoreError,
} from "./run_files.ts";

/** Another program (a backup, a database browser) may keep the file locked for this long, in milliseconds. */
const LOCKED_MS = 60_000;

/** SQLite's own timeout in milliseconds, after which the wait is reported. */
export const PATIENCE_MS = 5_000;

/** Throws if the folder holds a run. Leftovers of a process killed before its run started are not a run. */
export function requireNoRun(folder: string): void {
  if (!isRunFolder(folder) || isUnbegun(folder)) return;
  throw new RunStoreError(
    `Cannot start a run in ${folder} as it holds a run already: use --resume, or another --run name`,
  );
}

function isUnbegun(folder: string): boolean {
  const file = `${folder}/${FILE}`, hasLog = hasContent(`${folder}/${LOG}`);
  let database: DatabaseSync | null = null;
  try {
    // Read-only where there is a log, which closing would take into the file; else not, as that would leave an empty
    // log.
    database = new DatabaseSync(file, { readOnly: hasLog, timeout: PATIENCE_MS });
    const version = Number(database.prepare("PRAGMA user_version").get()!.user_version);
    const isEmpty = database.prepare("SELECT 1 FROM sqlite_master").get() === undefined;
    if (version === 0) return isEmpty && (hasLog || !usesLog(file));
    return database.prepare("SELECT 1 FROM run").get() === undefined;
  } catch {
    return false; // whatever it is, it is somebody else's
  } finally {
    database?.close();
  }
}

/** Checked before anything is written: the file may be somebody else's. Throws if it holds no run. */
export function requireRun(database: DatabaseSync, version: number, folder: string, isLogMissing: boolean): void {
  if (version === 0) throw isLogMissing ? logMissing(folder) : new NeverBegunError(folder);
  database.prepare("SELECT info, state FROM run").get();
}

/** Whether a database's header says that it has a write-ahead log (bytes 18 and 19, sqlite.org/fileformat.html). */
export function usesLog(path: string): boolean {
  using file = Deno.openSync(path);
  const header = new Uint8Array(20);
  return file.readSync(header) === header.length && header[18] === 2;
}

/** Retries until no other program has the file locked; gives up with a RunStoreError after `LOCKED_MS`. */
export function unlessLocked(file: string, act: () => void, onLocked: (message: string) => void): void {
  const end = performance.now() + LOCKED_MS;
  for (let tries = 1;; tries++) {
    try {
      return act();
    } catch (cause) {
      if (!message(cause).includes("locked")) throw cause;
      if (performance.now() >= end) {
        throw new RunStoreError(`Cannot use ${file} as another program has kept it locked for ${LOCKED_MS / 1000} s`, {
          cause,
        });
      }
      if (tries === 1) onLocked(`${file} is locked by another program: waiting for up to ${LOCKED_MS / 1000} s`);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50); // when SQLite does not wait itself
    }
  }
}

export function migrate(database: DatabaseSync, version: number, folder: string, readOnly: boolean): void {
  if (version > MIGRATIONS.length) {
    throw new RunStoreError(
      `Cannot read ${folder} as a newer actsearch wrote it (version ${version}): update this one`,
    );
  }
  if (version === MIGRATIONS.length) return;
  if (readOnly) {
    throw new RunStoreError(`Cannot read ${folder} as an older actsearch is writing it: stop that one first`);
  }
  for (let step = version; step < MIGRATIONS.length; step++) {
    database.exec(`BEGIN IMMEDIATE; ${MIGRATIONS[step]}; PRAGMA user_version = ${step + 1}; COMMIT`);
  }
}
