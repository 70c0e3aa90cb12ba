/**
 * A pool of Web Workers, each training one child at a time. A worker that throws, hangs or dies is replaced by a fresh
 * one, and its trial gets one retry there; a second mishap makes the trial failed. Nothing a worker does reaches the run.
 *
 * A worker hangs when its heartbeat stands still for `hangMs`. Ordering: jobs start in the order they were given.
 */
import type { Outcome } from "../child/trainer.ts";
import { ProcessWorker, type WorkerLike } from "./process_worker.ts";
import { type ChildJob, type OpenedEngine, readFromWorker, type ToWorker, type WorkerSettings } from "./protocol.ts";

/** What became of a job: the child's outcome, or why no worker could bring it to one. */
export type JobResult =
  & { readonly attempts: number }
  & (Outcome | { readonly outcome: "failed"; readonly reason: string });

/** What the pool tells about a worker each time it changes. */
export interface WorkerChange {
  readonly id: number;
  readonly state: "starting" | "idle" | "training" | "restarting" | "stopped";
  readonly trial: number | null;
  readonly finished: number;
  readonly restarts: number;
  readonly lastError: string | null;
}

export interface PoolHooks {
  onWorker?(change: WorkerChange): void;
  /** The trial was given to a worker, for the first or second time. */
  onStart?(trial: number, worker: number, attempt: number): void;
  onProgress?(trial: number, worker: number, step: number, loss: number, imagesPerSecond: number): void;
}

export interface PoolOptions {
  readonly workers: number;
  readonly settings: WorkerSettings;
  readonly hooks?: PoolHooks;
  /** Milliseconds without a heartbeat after which a worker counts as hanging. */
  readonly hangMs?: number;
  /** Module of the worker; tests give scripted ones. */
  readonly module?: URL;
  /** GPUs dealt out among the workers, each then a process that sees one; none by default: workers are threads. */
  readonly gpus?: readonly string[];
}

/** A step of a large child may hold a worker's event loop for seconds, never for this long. */
const HANG_MS = 60_000;
const WATCH_MS = 500;
/** Times that a worker of one slot may break in a row without finishing anything before its engine counts as missing. */
const MOST_ATTEMPTS = 2;

interface Task {
  readonly job: ChildJob;
  attempts: number;
  readonly resolve: (result: JobResult) => void;
}

export class Pool {
  readonly #options: PoolOptions;
  readonly #slots: Slot[] = [];
  readonly #queue: Task[] = [];
  readonly #watch: ReturnType<typeof setInterval>;
  #nextId = 0;
  #cancelled = false;
  #paused = false;
  #opened = Promise.withResolvers<OpenedEngine>();

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#opened.promise.catch(() => {}); // whoever waits for it hears of it
    this.resize(options.workers);
    this.#watch = setInterval(() => this.#slots.forEach((slot) => slot.checkHeartbeat()), WATCH_MS);
  }

  /** The engine of the first worker that opened one; rejects where none can. */
  get opened(): Promise<OpenedEngine> {
    return this.#opened.promise;
  }

  get workers(): number {
    return this.#slots.filter((slot) => !slot.leaving).length;
  }

  /** Trains a child. Never rejects. */
  train(job: ChildJob): Promise<JobResult> {
    return new Promise((resolve) => {
      const task: Task = { job, attempts: 0, resolve };
      if (this.#cancelled) return resolve(interrupted(task));
      this.#queue.push(task);
      this.#dispatch();
    });
  }

  /** Changes the number of workers; one too many leaves when its child is finished. */
  resize(workers: number): void {
    const staying = this.#slots.filter((slot) => !slot.leaving);
    for (let i = staying.length; i < workers; i++) this.#slots.push(this.#newSlot());
    for (const slot of staying.slice(workers)) slot.leave();
    this.#dispatch();
  }

  /** Ends every job now: they resolve as interrupted. Children hear of it; those that do not answer are terminated. */
  cancel(): void {
    this.#cancelled = true;
    for (const task of this.#queue.splice(0)) task.resolve(interrupted(task));
    for (const slot of this.#slots) slot.cancel();
  }

  /** While paused no child starts; those that run go on. */
  pause(paused: boolean): void {
    this.#paused = paused;
    this.#dispatch();
  }

  close(): void {
    clearInterval(this.#watch);
    this.cancel();
    for (const slot of this.#slots.splice(0)) slot.stop();
  }

  #newSlot(): Slot {
    const slot: Slot = new Slot(this.#nextId++, this.#options, {
      opened: (engine) => this.#opened.resolve(engine),
      idle: () => this.#dispatch(),
      /** A task that its worker did not bring to an end. */
      lost: (task, reason) => {
        if (this.#cancelled) return task.resolve(interrupted(task));
        if (task.attempts < MOST_ATTEMPTS) return void this.#queue.unshift(task);
        task.resolve({ outcome: "failed", reason, attempts: task.attempts });
      },
      unusable: (reason) => {
        this.#opened.reject(new Error(reason));
        this.#slots.splice(this.#slots.indexOf(slot), 1);
        if (this.#slots.length > 0) return;
        for (const task of this.#queue.splice(0)) {
          task.resolve({ outcome: "failed", reason, attempts: task.attempts });
        }
      },
      left: () => this.#slots.splice(this.#slots.indexOf(slot), 1),
    });
    return slot;
  }

  #dispatch(): void {
    for (const slot of this.#slots) {
      if (this.#queue.length === 0 || this.#paused) return;
      if (slot.free) slot.give(this.#queue.shift()!);
    }
  }
}

interface SlotEvents {
  opened(engine: OpenedEngine): void;
  idle(): void;
  lost(task: Task, reason: string): void;
  unusable(reason: string): void;
  left(): void;
}

/** A place in the pool: a worker, and the next one where that breaks. */
class Slot {
  #worker: WorkerLike | null = null;
  #heartbeat = new Int32Array(new SharedArrayBuffer(4));
  #lastBeat = 0;
  #beatAt = 0;
  #task: Task | null = null;
  #state: WorkerChange["state"] = "starting";
  #finished = 0;
  #restarts = 0;
  #breaksInARow = 0;
  #lastError: string | null = null;
  leaving = false;

  constructor(readonly id: number, readonly options: PoolOptions, readonly events: SlotEvents) {
    this.#start();
  }

  get free(): boolean {
    return this.#state === "idle" && !this.leaving;
  }

  give(task: Task): void {
    this.#task = task;
    task.attempts++;
    this.#send({ kind: "train", job: task.job });
    this.#change("training");
    this.options.hooks?.onStart?.(task.job.trial, this.id, task.attempts);
  }

  leave(): void {
    this.leaving = true;
    if (this.#state !== "training") this.stop();
  }

  /** The worker gets a moment to answer; its task is given back at once, so that nobody waits for a hanging worker. */
  cancel(): void {
    const task = this.#task;
    if (!task) return;
    this.#task = null;
    this.#send({ kind: "cancel" });
    this.events.lost(task, "the search was stopped");
  }

  stop(): void {
    this.#drop();
    this.#change("stopped");
    this.events.left();
  }

  checkHeartbeat(): void {
    const beat = Atomics.load(this.#heartbeat, 0), now = performance.now();
    if (beat !== this.#lastBeat || this.#worker === null) {
      this.#lastBeat = beat;
      this.#beatAt = now;
      return;
    }
    const silence = now - this.#beatAt;
    if (silence > (this.options.hangMs ?? HANG_MS)) {
      this.#broken(`the worker gave no sign of life for ${Math.round(silence / 1000)} s`);
    }
  }

  #start(): void {
    this.#change(this.#restarts === 0 ? "starting" : "restarting");
    const worker = this.#newWorker();
    this.#worker = worker;
    this.#heartbeat = new Int32Array(new SharedArrayBuffer(4));
    this.#lastBeat = 0;
    this.#beatAt = performance.now();
    const mine = (handle: () => void) => {
      if (this.#worker === worker) handle();
    };
    worker.onmessage = ({ data }) => mine(() => this.#receive(data));
    worker.onmessageerror = () => mine(() => this.#broken("the worker sent a message that cannot be read"));
    worker.onerror = (event) => {
      event.preventDefault(); // or this thread dies of it too
      mine(() => this.#broken(event.message || "the worker failed"));
    };
    this.#send({ kind: "open", settings: this.options.settings, heartbeat: this.#heartbeat });
  }

  #newWorker(): WorkerLike {
    const { module = new URL("./child_worker.ts", import.meta.url), gpus = [] } = this.options;
    return gpus.length === 0
      ? new Worker(module, { type: "module" })
      : new ProcessWorker(module, gpus[this.id % gpus.length]);
  }

  #receive(data: unknown): void {
    const message = readFromWorker(data);
    const task = this.#task;
    switch (message?.kind) {
      case "opened":
        this.events.opened(message.engine);
        return this.#idle();
      case "progress":
        if (task?.job.trial !== message.trial) return;
        return this.options.hooks?.onProgress?.(
          message.trial,
          this.id,
          message.step,
          message.loss,
          message.imagesPerSecond,
        );
      case "finished":
        // After a cancel its task is gone already, and the worker is free again.
        if (task && task.job.trial !== message.trial) {
          return this.#broken("the worker finished another trial than its own");
        }
        this.#finished++;
        this.#breaksInARow = 0;
        this.#task = null;
        this.#idle();
        return task?.resolve({ ...message.outcome, attempts: task.attempts });
      case "broken":
        return this.#broken(message.message);
      case undefined:
        return this.#broken("the worker sent a message that nobody understands");
    }
  }

  #idle(): void {
    if (this.leaving) return this.stop();
    this.#change("idle");
    this.events.idle();
  }

  /** Replaces the worker and gives its task back. */
  #broken(reason: string): void {
    const task = this.#task;
    this.#lastError = reason;
    this.#restarts++;
    this.#breaksInARow++;
    this.#task = null;
    this.#drop();
    if (task) this.events.lost(task, reason);
    // One that cannot even open its engine would be replaced for ever.
    if (!task && this.#breaksInARow >= MOST_ATTEMPTS) {
      this.#change("stopped");
      return this.events.unusable(reason);
    }
    if (this.leaving) return this.stop();
    this.#start();
  }

  #drop(): void {
    this.#worker?.terminate();
    this.#worker = null;
  }

  #send(message: ToWorker): void {
    this.#worker?.postMessage(message);
  }

  #change(state: WorkerChange["state"]): void {
    this.#state = state;
    this.options.hooks?.onWorker?.({
      id: this.id,
      state,
      trial: this.#task?.job.trial ?? null,
      finished: this.#finished,
      restarts: this.#restarts,
      lastError: this.#lastError,
    });
  }
}

function interrupted(task: Task): JobResult {
  return {
    outcome: "interrupted",
    attempts: task.attempts,
    steps: 0,
    finalLoss: NaN,
    seconds: 0,
    imagesPerSecond: 0,
    betaMean: null,
  };
}
