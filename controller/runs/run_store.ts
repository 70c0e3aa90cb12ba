/**
 * What a run leaves on disk: one SQLite file per run folder, written by the main thread alone, every change in a
 * transaction of its own. WAL with synchronous NORMAL: what a call wrote survives the death of the process at any
 * moment (a power failure can lose the last transactions, but never the file's consistency).
 *
 * Over 400 lines, as one class has all statements on the tables; the folder's files, its lock and opening the database
 * are in `run_files.ts`, `run_lock.ts` and `run_database.ts`.
 */
import { DatabaseSync } from "node:sqlite";
import type { Notice, RunInfo, RunState, SamplerUpdate, Stage } from "./events.ts";
import { activationFrom } from "../../child/activation/catalog.ts";
import { FINGERPRINT_VERSION, mirrorFingerprint } from "../../child/activation/fingerprint.ts";
import { secondCheckpoint } from "../../child/pair_settings.ts";
import { MIGRATIONS } from "./migrations.ts";
import { migrate, PATIENCE_MS, requireNoRun, requireRun, unlessLocked, usesLog } from "./run_database.ts";
import {
  exists,
  FILE,
  hasContent,
  inodeOf,
  isRunFolder,
  LOG,
  message,
  NeverBegunError,
  removeIfThere,
  RunStoreError,
  unreadable,
  unwritable,
} from "./run_files.ts";
import { isBeingContinued, type Lock, takeLock } from "./run_lock.ts";
import { asFound, stateNow } from "./stored_run.ts";
import type { Trial, TrialState } from "../trial.ts";

/** A run as it was last saved. */
export interface StoredRun {
  readonly info: RunInfo;
  readonly state: RunState;
  readonly elapsedMs: number;
  /** In the order of their ids. */
  readonly trials: readonly Trial[];
  readonly updates: readonly SamplerUpdate[];
  readonly notices: readonly Notice[];
  /** The sampler's state after its last ask or tell; null before the first. */
  readonly samplerState: Uint8Array | null;
  /** Batches the sampler has learnt from. */
  readonly batchesTold: number;
  readonly stage: Stage;
  /** Revision of the last trial saved: `load` returns what was saved later. */
  readonly revision: number;
}

/** Where to start reading: the reader has all that was saved before. */
export interface StoredFrom {
  /** Trials saved after this revision. */
  readonly revision: number;
  /** Batch of the first update of the sampler. */
  readonly batch: number;
  /** Number of the first notice. */
  readonly notice: number;
}

/** Summary of a run for a list, without reading its trials. */
export interface StoredSummary {
  readonly info: RunInfo;
  readonly state: RunState;
  readonly elapsedMs: number;
  /** As in `StoredRun`. */
  readonly samplerState: Uint8Array | null;
  /** Trials by state; a state without trials is absent. */
  readonly counts: Readonly<Partial<Record<TrialState, number>>>;
  /** How many of these are references. */
  readonly references: number;
  /** The complete trial of the highest score, the earlier of equals, references apart. */
  readonly best: Trial | null;
}

export interface OpenOptions {
  readonly readOnly?: boolean;
  /** As `RunStore.onLocked`, while it is opened. */
  readonly onLocked?: (message: string) => void;
}

export class RunStore {
  readonly #database: DatabaseSync;
  readonly #lock: Lock | null;
  readonly #inode: number | null;
  /** Of the folder, absolute. */
  readonly #path: string;

  /** Whether the run was killed and the log of its last changes is gone: it resumes from before them. */
  readonly isLogMissing: boolean;
  /** Called with a sentence when the file is locked by another program, once each time. */
  onLocked: (message: string) => void = () => {};

  private constructor(readonly folder: string, database: DatabaseSync, lock: Lock | null, hasLog: boolean) {
    this.#database = database;
    this.#lock = lock;
    this.#inode = inodeOf(`${folder}/${FILE}`);
    this.#path = Deno.realPathSync(folder);
    const { state, elapsedMs } = this.#head(), isCutOff = ["running", "paused", "stopping"].includes(state);
    this.isLogMissing = isCutOff && !hasLog;
    // No other process runs it, as the lock is ours: closing this store may remove the log.
    if (isCutOff && lock) this.saveState("interrupted", elapsedMs);
  }

  /** A folder for a new run. Throws a RunStoreError if it holds a run already or cannot be written. */
  static makeFolder(folder: string): void {
    requireNoRun(folder);
    try {
      Deno.mkdirSync(folder, { recursive: true });
    } catch (cause) {
      throw unwritable(folder, cause);
    }
  }

  /** Creates a folder; false if it exists. Throws a RunStoreError if it cannot be written. */
  static makeNewFolder(folder: string): boolean {
    try {
      Deno.mkdirSync(folder.slice(0, folder.lastIndexOf("/")), { recursive: true });
      Deno.mkdirSync(folder);
      return true;
    } catch (cause) {
      if (cause instanceof Deno.errors.AlreadyExists && exists(folder)) return false;
      throw unwritable(folder, cause);
    }
  }

  /** Creates a new run, completely or not at all. Throws a RunStoreError as `makeFolder` does. */
  static create(folder: string, info: RunInfo): RunStore {
    RunStore.makeFolder(folder);
    const lock = takeLock(folder);
    try {
      requireNoRun(folder); // now that no other process can start one
      begin(folder, info);
      return connect(folder, (database, hasLog) => new RunStore(folder, database, lock, hasLog), false);
    } catch (cause) {
      lock.close();
      throw cause instanceof RunStoreError ? cause : unwritable(folder, cause);
    }
  }

  /** Opens a run. Throws a RunStoreError if it is not a run, is newer than this program, or is being written. */
  static open(folder: string, options: OpenOptions = {}): RunStore {
    if (exists(`${folder}/settings.json`) && !isRunFolder(folder)) {
      throw new RunStoreError(
        `Cannot open ${folder} as a search: it holds trainings and no search; look at its results.json`,
      );
    }
    if (!isRunFolder(folder)) {
      throw new RunStoreError(
        `Cannot open ${folder} as it is not a run folder: it has no ${FILE} (see: deno task runs)`,
      );
    }
    const lock = options.readOnly ? null : takeLock(folder);
    try {
      const store = connect(
        folder,
        (database, hasLog) => new RunStore(folder, database, lock, hasLog),
        options.readOnly ?? false,
        options.onLocked,
      );
      if (!options.readOnly) store.#renewFingerprints();
      return store;
    } catch (error) {
      lock?.close();
      throw error;
    }
  }

  /** All of the run, or only rows from some point on. Throws a RunStoreError if the file is damaged. */
  load(from: StoredFrom = { revision: -1, batch: 0, notice: 0 }): StoredRun {
    return this.#read(() => this.#load(from));
  }

  /** A number that changes whenever another connection wrote. Takes microseconds. */
  version(): number {
    return this.#read(() => Number(this.#database.prepare("PRAGMA data_version").get()!.data_version));
  }

  /** Takes milliseconds however many trials there are. Throws a RunStoreError if the file is damaged. */
  summary(): StoredSummary {
    return this.#read(() => {
      const counts = this.#database.prepare("SELECT state, count(*) AS trials FROM trial GROUP BY state").all()
        .map(({ state, trials }) => [state, trials]);
      const { known } = this.#database.prepare(
        "SELECT count(*) AS known FROM trial WHERE batch = 0 AND data ->> '$.role' = 'reference'",
      ).get()!;
      const best = this.#database.prepare( // as `bestTrial`; references are of batch 0
        `SELECT data FROM trial WHERE state = 'complete' AND data ->> '$.role' <> 'reference'
           AND data ->> '$.duplicateOf' IS NULL AND fingerprint NOT IN
             (SELECT fingerprint FROM trial WHERE batch = 0 AND data ->> '$.role' = 'reference')
         ORDER BY score DESC, id LIMIT 1`,
      ).get();
      return {
        ...this.#head(),
        counts: Object.fromEntries(counts),
        references: Number(known),
        best: best ? JSON.parse(best.data as string) : null,
      };
    });
  }

  #read<T>(body: () => T): T {
    try {
      return body();
    } catch (cause) {
      throw unreadable(this.folder, cause);
    }
  }

  /** Everything about the run but its trials. A run's name is that of its folder, which may have been renamed. */
  #head(): Omit<StoredRun, "trials" | "updates" | "notices"> {
    const run = this.#database.prepare("SELECT * FROM run").get();
    if (!run) throw new NeverBegunError(this.folder);
    const { fingerprintVersion: _, ...info } = JSON.parse(run.info as string);
    if (typeof info.settings !== "object") throw new Error("its settings are missing");
    return {
      info: { ...info, name: this.folder.slice(this.folder.lastIndexOf("/") + 1) },
      state: run.state as RunState,
      elapsedMs: run.elapsed_ms as number,
      samplerState: run.sampler_state as Uint8Array | null,
      batchesTold: run.batches_told as number,
      stage: run.stage === null ? { name: "search", promoted: 0 } : JSON.parse(run.stage as string),
      revision: Number(this.#database.prepare("SELECT max(revision) AS last FROM trial").get()!.last ?? 0),
    };
  }

  #load({ revision, batch, notice }: StoredFrom): StoredRun {
    const from = <T>(table: string, key: string, first: number) =>
      this.#database.prepare(`SELECT data FROM ${table} WHERE ${key} >= ? ORDER BY ${key}`).all(first).map((row) =>
        JSON.parse(row.data as string) as T
      );
    const trials = this.#database.prepare("SELECT data FROM trial WHERE revision > ? ORDER BY id").all(revision)
      .map((row) => JSON.parse(row.data as string) as Trial);
    return {
      ...this.#head(),
      trials: this.#hasOldFingerprints() ? trials.map(withFingerprint) : trials,
      updates: from<SamplerUpdate>("sampler_update", "batch", batch),
      notices: from<Notice>("notice", "seq", notice),
    };
  }

  #hasOldFingerprints(): boolean {
    const info = JSON.parse(this.#database.prepare("SELECT info FROM run").get()?.info as string ?? "{}");
    return (info.fingerprintVersion ?? 1) !== FINGERPRINT_VERSION;
  }

  /** Updates the fingerprints of a run by an older version, so that the functions it tried are recognised. */
  #renewFingerprints(): void {
    if (!this.#read(() => this.#hasOldFingerprints())) return;
    const { info, trials } = this.load();
    this.#transaction(() => {
      trials.forEach((trial) => this.#putTrial(trial));
      this.#database.prepare("UPDATE run SET info = ?").run(infoText(info));
    });
  }

  /** All methods below throw a RunStoreError with the file's name if it cannot be written. */
  saveTrial(trial: Trial): void {
    this.#write(() => this.#putTrial(trial));
  }

  /** Saves a proposed batch and the sampler's state after proposing it, in one transaction. */
  saveProposals(trials: readonly Trial[], samplerState: Uint8Array): void {
    this.#transaction(() => {
      trials.forEach((trial) => this.#putTrial(trial));
      this.#database.prepare("UPDATE run SET sampler_state = ?").run(samplerState);
    });
  }

  /** Saves trials that changed together, with the stage if it requested them. */
  saveTrials(trials: readonly Trial[], stage?: Stage): void {
    this.#transaction(() => {
      trials.forEach((trial) => this.#putTrial(trial));
      if (stage) this.#database.prepare("UPDATE run SET stage = ?").run(JSON.stringify(stage));
    });
  }

  /** Saves what the sampler learnt from a batch and its state after, in one transaction. */
  saveTold(update: SamplerUpdate, samplerState: Uint8Array): void {
    this.#transaction(() => {
      this.#database.prepare("INSERT OR REPLACE INTO sampler_update (batch, data) VALUES (?, ?)")
        .run(update.batch, JSON.stringify(update));
      this.#database.prepare("UPDATE run SET sampler_state = ?, batches_told = ?").run(samplerState, update.batch + 1);
    });
  }

  saveInfo(info: RunInfo): void {
    this.#write(() => this.#database.prepare("UPDATE run SET info = ?").run(infoText(info)));
  }

  saveState(state: RunState, elapsedMs: number): void {
    this.#write(() => this.#database.prepare("UPDATE run SET state = ?, elapsed_ms = ?").run(state, elapsedMs));
  }

  saveNotice(notice: Notice): void {
    this.#write(() =>
      this.#database.prepare("INSERT OR REPLACE INTO notice (seq, data) VALUES (?, ?)")
        .run(notice.seq, JSON.stringify(notice))
    );
  }

  #putTrial(trial: Trial): void {
    const { id, batch, state, fingerprint, score } = trial;
    this.#database.prepare(
      `INSERT OR REPLACE INTO trial (id, batch, state, fingerprint, score, data, revision)
       VALUES (?, ?, ?, ?, ?, ?, (SELECT coalesce(max(revision), 0) + 1 FROM trial))`,
    ).run(id, batch, state, fingerprint, score, JSON.stringify(trial));
  }

  #write(body: () => void): void {
    const file = `${this.folder}/${FILE}`;
    try {
      unlessLocked(file, body, (message) => this.onLocked(message));
    } catch (cause) {
      if (cause instanceof RunStoreError) throw cause;
      throw new RunStoreError(`Cannot write ${file}: ${message(cause)}. Free some disk space, then --resume the run`, {
        cause,
      });
    }
  }

  #transaction(body: () => void): void {
    this.#write(() => {
      this.#database.exec("BEGIN IMMEDIATE");
      try {
        body();
        this.#database.exec("COMMIT");
      } catch (error) {
        try {
          this.#database.exec("ROLLBACK");
        } catch {
          // SQLite has rolled back itself, as where the disk is full: `error` says why
        }
        throw error;
      }
    });
  }

  /** The checkpoint file of a training in progress, as an absolute path: workers may have another working directory. */
  checkpointOf(trial: number, training: number): string {
    return `${this.#path}/trial-${trial}-${training}.checkpoint`;
  }

  removeCheckpoint(trial: number, training: number): void {
    const path = this.checkpointOf(trial, training);
    [path, secondCheckpoint(path)].forEach(removeIfThere);
  }

  /** Removes the files of all other trainings, and partially written ones. */
  keepCheckpoints(isWanted: (trial: number, training: number) => boolean): void {
    for (const { name } of Deno.readDirSync(this.folder)) {
      const [, trial, training, partial] = /^trial-(\d+)-(\d+)\.checkpoint(?:\.second)?(\.partial)?$/.exec(name) ?? [];
      if (trial === undefined || (!partial && isWanted(Number(trial), Number(training)))) continue;
      removeIfThere(`${this.folder}/${name}`);
    }
  }

  /** Throws a RunStoreError if the open file is no longer the folder's: it was deleted or moved. */
  requireInPlace(): void {
    if (inodeOf(`${this.folder}/${FILE}`) === this.#inode) return;
    throw new RunStoreError(
      `Cannot continue ${this.folder} as its ${FILE} was deleted or moved: what was searched since is lost`,
    );
  }

  close(): void {
    this.#database.close();
    this.#lock?.close();
  }
}

/**
 * Runs below the root, newest first; folders that are not runs are skipped, and so are unreadable runs, each of
 * which is reported.
 */
export function listRuns(root: string, onUnreadable: (error: RunStoreError) => void): StoredSummary[] {
  if (!exists(root)) return [];
  const runs = [...Deno.readDirSync(root)].flatMap(({ name, isDirectory }) => {
    if (!isDirectory || !isRunFolder(`${root}/${name}`)) return [];
    try {
      return [summaryAsFound(`${root}/${name}`)];
    } catch (error) {
      onUnreadable(error instanceof RunStoreError ? error : unreadable(`${root}/${name}`, error));
      return [];
    }
  });
  return runs.sort((a, b) => b.info.createdAt - a.info.createdAt);
}

/**
 * A run as it was last saved; its state is not "running" if no process continues it. Throws a RunStoreError as
 * `RunStore.open` and `load` do.
 */
export function loadRun(folder: string): StoredRun {
  const isHeld = isBeingContinued(folder); // before reading: what it wrote last is then seen
  return asFound(reading(folder, (store) => store.load()), isHeld);
}

function summaryAsFound(folder: string): StoredSummary {
  const isHeld = isBeingContinued(folder), summary = reading(folder, (store) => store.summary());
  return { ...summary, state: stateNow(summary.state, isHeld) };
}

function reading<T>(folder: string, read: (store: RunStore) => T): T {
  const store = RunStore.open(folder, { readOnly: true });
  try {
    return read(store);
  } finally {
    store.close();
  }
}

/** A run's stored information, with the version of its trials' fingerprints (absent: the first). */
function infoText(info: RunInfo): string {
  return JSON.stringify({ ...info, fingerprintVersion: FINGERPRINT_VERSION });
}

/** With its current fingerprint; unchanged if its text can no longer be parsed. */
function withFingerprint(trial: Trial): Trial {
  try {
    return { ...trial, fingerprint: mirrorFingerprint(activationFrom(trial.expression).expression) };
  } catch (cause) {
    if (cause instanceof SyntaxError) return trial;
    throw cause;
  }
}

/** Writes the run's file under a temporary name and renames it. */
function begin(folder: string, info: RunInfo): void {
  const partial = `${folder}/${FILE}.partial`;
  for (
    const left of [
      partial,
      `${partial}-journal`,
      ...[FILE, LOG, `${FILE}-shm`].map((name) => `${folder}/${name}`),
    ]
  ) {
    removeIfThere(left);
  }
  const database = new DatabaseSync(partial);
  try {
    migrate(database, 0, folder, false);
    database.prepare("INSERT INTO run (id, info, state) VALUES (1, ?, 'starting')").run(infoText(info));
  } catch (error) {
    database.close();
    removeIfThere(partial);
    throw error;
  }
  database.close();
  Deno.renameSync(partial, `${folder}/${FILE}`);
}

function connect(
  folder: string,
  make: (database: DatabaseSync, hasLog: boolean) => RunStore,
  readOnly: boolean,
  onLocked: (message: string) => void = () => {},
): RunStore {
  const file = `${folder}/${FILE}`, hasLog = hasContent(`${folder}/${LOG}`), wantsLog = usesLog(file);
  let database: DatabaseSync | null = null, isOld = false;
  try {
    database = new DatabaseSync(file, { readOnly, timeout: PATIENCE_MS });
    const opened = database;
    unlessLocked(file, () => {
      const version = Number(opened.prepare("PRAGMA user_version").get()!.user_version);
      requireRun(opened, version, folder, wantsLog && !hasLog);
      isOld = readOnly && version < MIGRATIONS.length && !isBeingContinued(folder);
      if (isOld) return;
      if (!readOnly) opened.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL");
      migrate(opened, version, folder, readOnly);
    }, onLocked);
    if (!isOld) return make(database, hasLog);
    database.close();
    database = null;
    RunStore.open(folder).close(); // migrates it to this version
    return connect(folder, make, readOnly, onLocked);
  } catch (cause) {
    database?.close();
    throw unreadable(folder, cause);
  }
}
