/** The files in a run's folder by name, and the errors about them; each error's message says what the user can do. */

/** A problem with a run folder that the user can fix; the message says how. */
export class RunStoreError extends Error {
  override name = "RunStoreError";
}

/** Another process continues the run. */
export class RunBusyError extends RunStoreError {}

/** A name that no run can have, so that the command line must be wrong. */
export class RunNameError extends RunStoreError {}

export const FILE = "run.sqlite";

/** SQLite's log beside the file: a killed process leaves it, and its contents are part of the run. */
export const LOG = `${FILE}-wal`;

/** Letters, digits and a few other characters, so that a name is one folder below runs/ and needs no quoting. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

export function isRunName(name: string): boolean {
  return NAME.test(name);
}

/** The folder of a run. Throws a RunStoreError if the name is not one. */
export function runFolder(root: string, name: string): string {
  if (!isRunName(name)) {
    throw new RunNameError(
      `Cannot use "${name}" as a run's name as it must be letters, digits, ".", "_" and "-", at most 100`,
    );
  }
  return `${root}/${name}`;
}

/** Whether a folder holds a run, readable or not. */
export function isRunFolder(folder: string): boolean {
  return exists(`${folder}/${FILE}`);
}

export function hasContent(path: string): boolean {
  return exists(path) && Deno.statSync(path).size > 0;
}

export function removeIfThere(path: string): void {
  if (exists(path)) Deno.removeSync(path);
}

/** Null if there is none. */
export function inodeOf(path: string): number | null {
  try {
    return Deno.statSync(path).ino;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

export function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return false;
    throw error;
  }
}

/** The folder of a run whose process was killed before it started. */
export class NeverBegunError extends RunStoreError {
  constructor(folder: string) {
    const name = folder.slice(folder.lastIndexOf("/") + 1);
    super(`Cannot read ${folder} as a run as it was never started: start it with --run ${name}, or delete the folder`);
  }
}

export function logMissing(folder: string): RunStoreError {
  const why = `Cannot read ${folder}/${FILE} as a run as its log ${LOG}, which holds all of it, is missing`;
  return new RunStoreError(`${why}. Put it back next to that file, or delete the folder`);
}

export function unwritable(folder: string, cause: unknown): RunStoreError {
  const why = `Cannot write the run folder ${folder}: ${message(cause)}`;
  return new RunStoreError(`${why}. Make runs/ writable`, { cause });
}

/** A RunStoreError unchanged, any other error as damage to the file. */
export function unreadable(folder: string, cause: unknown): RunStoreError {
  if (cause instanceof RunStoreError) return cause;
  if (message(cause).includes("locked")) {
    return new RunStoreError(`Cannot read ${folder}/${FILE} as another program has it locked: try again later`, {
      cause,
    });
  }
  const why = `Cannot read ${folder}/${FILE} as a run: ${message(cause)}`;
  return new RunStoreError(`${why}. Restore a copy of it, or delete the folder`, { cause });
}

export function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
