/**
 * Trains functions on a child of a preset, the first or the second, training k of every function from seed k, and keeps
 * every result in a table (`controller/comparison/function_table.ts`): what the table already has is not trained again.
 * For `table --train` and `compare --real`.
 */
import { firstOf, type PairSettings } from "../../child/pair_settings.ts";
import type { ChildSettings } from "../../child/trainer.ts";
import {
  differenceOf,
  type FunctionTable,
  newHeader,
  parseTable,
  trainingLine,
  wholeLines,
} from "../../controller/comparison/function_table.ts";
import { type TableChoice, tableFile } from "../../controller/comparison/table_files.ts";
import type { Training } from "../../controller/comparison/table_plan.ts";
import { PRESETS } from "../../controller/presets.ts";
import { type Dataset, imageStatistics, withoutTest } from "../../datasets/dataset.ts";
import { loadDataset } from "../../datasets/load.ts";
import { placeChildren } from "../../workers/placement.ts";
import { Pool } from "../../workers/pool.ts";
import { type Io, UsageError } from "../command.ts";
import { loadProgress } from "./load_progress.ts";

export interface TrainerOptions extends TableChoice {
  readonly data?: string;
  readonly engine: string;
  readonly workers?: number;
}

export class TableTrainer {
  readonly #pool: Pool;
  readonly #file: Deno.FsFile;
  readonly #io: Io;
  readonly #interrupt: () => void;
  /** Trainings under way, by function and seed: asked for twice, they are done once. */
  readonly #underWay = new Map<string, Promise<number | null | undefined>>();
  /** Number of the next job of the pool. */
  #job = 0;

  private constructor(
    readonly table: FunctionTable,
    readonly path: string,
    /** Images that a child is judged on. */
    readonly images: number,
    readonly workers: number,
    parts: { readonly pool: Pool; readonly file: Deno.FsFile; readonly io: Io; readonly interrupt: () => void },
  ) {
    this.#pool = parts.pool;
    this.#file = parts.file;
    this.#io = parts.io;
    this.#interrupt = parts.interrupt;
  }

  /** Throws an Error if the table in the file is of another child or data set, or another process trains it. */
  static async open(options: TrainerOptions, io: Io): Promise<TableTrainer> {
    const dataset = await loadDataset(options.dataset, {
      directory: options.data,
      download: true,
      ...loadProgress(io),
    });
    const child = childOf(options);
    const { workers } = placeChildren(options.workers, { cores: navigator.hardwareConcurrency, gpus: [] });
    const settings = { dataset: withoutTest(dataset), engine: options.engine, child };
    const pool = new Pool({ workers, settings }), interrupt = () => pool.cancel();
    io.signal.addEventListener("abort", interrupt);
    try {
      const { name: engine, device } = await pool.opened;
      const fits = ({ header }: FunctionTable) => differenceOf(header, dataset, child) === null;
      const { table, path, file } = openForAppending(tableFile(options, fits), child, dataset, { engine, device });
      const images = child.validationImages ?? dataset.validation.count;
      return new TableTrainer(table, path, images, workers, { pool, file, io, interrupt });
    } catch (error) {
      io.signal.removeEventListener("abort", interrupt);
      pool.close();
      throw error;
    }
  }

  close(): void {
    this.#io.signal.removeEventListener("abort", this.#interrupt);
    this.#pool.close();
    this.#file.close();
  }

  /**
   * The accuracy, null if the child diverged; from the table if it is there, else trained and appended to the file.
   * Undefined if the training failed or was interrupted.
   */
  async train(training: Training): Promise<number | null | undefined> {
    const known = this.table.entry(training.fingerprint)?.scores[training.seed - 1];
    if (known !== undefined) return known;
    const key = `${training.fingerprint} ${training.seed}`;
    let done = this.#underWay.get(key);
    if (!done) {
      this.#underWay.set(key, done = this.#trainOnce(training));
      done.finally(() => this.#underWay.delete(key));
    }
    return await done;
  }

  async #trainOnce({ expression, fingerprint, seed }: Training): Promise<number | null | undefined> {
    const result = await this.#pool.train({ trial: this.#job++, training: 0, expression, seed });
    if (result.outcome !== "complete" && result.outcome !== "diverged") {
      if (!this.#io.signal.aborted && result.outcome === "failed") {
        this.#io.err(`${expression}, seed ${seed}: ${result.reason}`);
      }
      return undefined;
    }
    const score = result.outcome === "complete" ? result.score : null;
    this.table.add(expression, seed, score, { fingerprint });
    append(this.#file, trainingLine(expression, seed, score));
    return score;
  }
}

/** The child that the table is of. Throws a UsageError if it is the second of a preset that has none. */
export function childOf({ preset, second }: TableChoice): ChildSettings {
  const { child }: { readonly child: PairSettings } = PRESETS[preset];
  if (!second) return firstOf(child);
  if (child.second === undefined) throw new UsageError(`the preset ${preset} has no second child: leave out --second`);
  return child.second;
}

/** Opens the file, truncated to its last complete line, or creates it. Throws if it is of other trainings. */
function openForAppending(
  path: string,
  child: ChildSettings,
  dataset: Dataset,
  place: { readonly engine: string; readonly device: string },
): { readonly table: FunctionTable; readonly path: string; readonly file: Deno.FsFile } {
  const folder = path.slice(0, Math.max(0, path.lastIndexOf("/")));
  if (folder !== "") Deno.mkdirSync(folder, { recursive: true });
  const file = Deno.openSync(path, { read: true, write: true, create: true });
  try {
    if (!file.tryLockSync(true)) throw new Error(`Cannot train the table ${path} as another process trains it`);
    const text = wholeLines(Deno.readTextFileSync(path));
    file.truncateSync(new TextEncoder().encode(text).length);
    file.seekSync(0, Deno.SeekMode.End);
    const { name, synthetic, classes } = dataset, images = imageStatistics(dataset);
    const guessing = 1 / classes.length, date = new Date().toISOString().slice(0, 10);
    const header = newHeader({ dataset: name, synthetic, guessing, child, images, ...place, date });
    const table = parseTable(text === "" ? `${JSON.stringify(header)}\n` : text, path);
    if (text === "") append(file, `${JSON.stringify(header)}\n`);
    const difference = differenceOf(table.header, dataset, child);
    if (difference !== null) {
      throw new Error(
        `Cannot continue the table ${path} as its functions were trained differently: ${difference}; ` +
          "name another file with --file",
      );
    }
    return { table, path, file };
  } catch (error) {
    file.close();
    throw error;
  }
}

function append(file: Deno.FsFile, text: string): void {
  const bytes = new TextEncoder().encode(text);
  for (let written = 0; written < bytes.length;) written += file.writeSync(bytes.subarray(written));
}
