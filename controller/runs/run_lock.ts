/**
 * Keeps two processes from continuing one run: by an empty database under an exclusive lock, and by a lock on the folder
 * itself in case that file is deleted. The operating system releases both when the process dies.
 */
import { DatabaseSync } from "node:sqlite";
import { isRunFolder, message, RunBusyError, unwritable } from "./run_files.ts";

const LOCK = "run.lock";

export interface Lock {
  close(): void;
}

/**
 * Whether a process, this one included, continues the run now. False if the folder cannot be written; rarely true
 * because another process checks at the same moment. Does not wait, as it is polled.
 */
export function isBeingContinued(folder: string): boolean {
  if (!isRunFolder(folder)) return false; // a lock would be left in it
  try {
    takeLock(folder, 0).close();
    return false;
  } catch (error) {
    return error instanceof RunBusyError;
  }
}

/**
 * Throws a RunBusyError if a process continues the run, and a RunStoreError where the folder cannot be written:
 * otherwise the run may be moved or deleted.
 */
export function requireIdle(folder: string): void {
  takeLock(folder).close();
}

/** Waits, by default, for processes that only check the lock and hold it for a moment. */
export function takeLock(folder: string, timeout = 500): Lock {
  const file = lockFile(folder, timeout);
  try {
    const itself = lockFolder(folder, timeout);
    return {
      close() {
        itself?.close();
        file.close();
      },
    };
  } catch (error) {
    file.close();
    throw error;
  }
}

function lockFile(folder: string, timeout: number): DatabaseSync {
  let lock: DatabaseSync | null = null;
  try {
    lock = new DatabaseSync(`${folder}/${LOCK}`, { timeout });
    lock.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
    return lock;
  } catch (cause) {
    lock?.close();
    throw message(cause).includes("locked") ? busy(folder, cause) : unwritable(folder, cause);
  }
}

/** Null if a folder cannot be opened, as on Windows, where an open file cannot be deleted anyway. */
function lockFolder(folder: string, timeout: number): Deno.FsFile | null {
  let itself: Deno.FsFile;
  try {
    itself = Deno.openSync(folder);
  } catch {
    return null;
  }
  for (const end = performance.now() + timeout;;) {
    if (itself.tryLockSync(true)) return itself;
    if (performance.now() >= end) {
      itself.close();
      throw busy(folder);
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
  }
}

function busy(folder: string, cause?: unknown): RunBusyError {
  return new RunBusyError(`Cannot continue ${folder} as another process is running it: stop that one first`, { cause });
}
