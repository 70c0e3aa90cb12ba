/**
 * A pool of Web Workers, each training one child at a time. A worker that throws, hangs or dies is replaced by a fresh
 * one, and its trial gets one retry there; a second failure marks the trial failed. Nothing a worker does can break the
 * run.
 *
 * A worker counts as hanging if its heartbeat stops for `hangMs`, or if it beats but reports nothing about its child
 * for far longer than any child here has ever been silent. Both are measured in the time that this thread itself ran
 * (`awake_clock.ts`): suspending the machine kills no worker.
 *
 * If its device fails a child, the child's trial is trained again without blame (`device_faults.ts`), on the device or on
 * the engine that `fallback` names.
 *
 * If workers cannot be started, the pool retries after growing pauses. If it has no worker at all and none can be
 * started, it gives up: every job ends as interrupted, and `onUnusable` is called with the reason.
 *
 * Ordering: jobs start in the order they were given.
 *
 * Over 400 lines, as the pool and its slots share the queue and the clock.
 */
import type { DeviceFault } from "../child/engine/engine.ts";
import { imagesFor, type Outcome } from "../child/trainer.ts";
import { AwakeClock } from "./awake_clock.ts";
import { DeviceFaults, type Remedy } from "./device_faults.ts";
import { ProcessWorker, type WorkerLike } from "./process_worker.ts";
import { SideBySide } from "./side_by_side.ts";
import {
  type ChildJob,
  type OpenedEngine,
  readFromWorker,
  type ToWorker,
  type Trainee,
  type WorkerSettings,
} from "./protocol.ts";

/** The result of a job: the child's outcome, or why no worker could produce one. */
export type JobResult =
  & {
    readonly attempts: number;
    /** Engine that trained it; absent where no worker did. */
    readonly engine?: string;
  }
  & (Outcome | { readonly outcome: "failed"; readonly reason: string });

/** What the pool reports about a worker whenever it changes. */
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
  onStart?(job: ChildJob, worker: number, attempt: number): void;
  onProgress?(job: ChildJob, worker: number, step: number, loss: number, imagesPerSecond: number): void;
  /** Other messages of a worker about its child. */
  onNotice?(trial: number, message: string): void;
  /** The device failed: what happened and what the pool does, in one sentence. */
  onDevice?(sentence: string): void;
  /** The workers have another engine from here on, for a reason that `onDevice` told. */
  onOtherEngine?(engine: OpenedEngine): void;
  /** No worker is left and none can be started. Every job then ends as interrupted. */
  onUnusable?(reason: string): void;
}

/** What trains where the device fails for good. */
export interface Fallback {
  readonly engine: string;
  /** Workers, each in a thread of its own. */
  readonly workers: number;
  /** Module of the worker; tests give scripted ones. */
  readonly module?: URL;
}

export interface PoolOptions {
  readonly workers: number;
  readonly settings: WorkerSettings;
  readonly hooks?: PoolHooks;
  /** Milliseconds without a heartbeat after which a worker counts as hanging. */
  readonly hangMs?: number;
  /**
   * Milliseconds of silence about its child after which a worker that beats counts as hanging; by default `stallMs`.
   */
  readonly stallMs?: number;
  /** Milliseconds before the first retry after a failed start; doubled for each further one. */
  readonly pauseMs?: number;
  /** Module of the worker; tests give scripted ones. */
  readonly module?: URL;
  /** GPUs distributed among the workers, each then a process that sees one; none by default: workers are threads. */
  readonly gpus?: readonly string[];
  /** Whether all workers are in one thread, with one device that trains their children side by side. */
  readonly sideBySide?: boolean;
  /** Without it the pool gives up where the device fails for good. */
  readonly fallback?: Fallback;
}

/** A step of a large child may block a worker's event loop for seconds, never for this long. */
const HANG_MS = 60_000;
const WATCH_MS = 500;
/** Attempts of a trial before it counts as failed. */
const MAX_ATTEMPTS = 2;
/**
 * Failed starts in a row after which the pool gives up on a worker. If no worker ever opened its engine, the engine is
 * missing; if one did, memory may be short for a while, and the pauses between are 1, 2, 4, 8 and 16 s.
 */
const MAX_STARTS = { never: 2, before: 6 };
const PAUSE_MS = 1000;
/** Interval in ms at which an abandoned worker is retried while others work. */
const MAX_PAUSE_MS = 60_000;
/**
 * A child reports about 100 times per training, and at its end. It may be silent `factor` times as long as the longest
 * silence so far, with minimums that suit a shared machine.
 */
const STALL = { factor: 20, leastMs: 600_000, beforeAnyMs: 3_600_000 };

/**
 * Silence in milliseconds after which a child counts as stalled; `longest` is the longest that ended well, null before
 * one.
 */
export function stallMs(longest: number | null): number {
  return longest === null ? STALL.beforeAnyMs : Math.max(STALL.leastMs, STALL.factor * longest);
}

/** With images scaled down for each child: once, not by each worker. */
function withImages({ target, ...settings }: WorkerSettings): WorkerSettings {
  const scaled = <T extends Trainee>(of: T): T => ({
    ...of,
    dataset: imagesFor(of.child, of.dataset),
    ...of.child.second && { secondDataset: imagesFor(of.child.second, of.dataset) },
  });
  return { ...scaled(settings), ...target && { target: scaled(target) } };
}

interface Task {
  job: ChildJob;
  attempts: number;
  /** Faults of the device before it was given to its worker: what they share is told by each, and is one. */
  faultsBefore: number;
  readonly resolve: (result: JobResult) => void;
}

export class Pool {
  #options: PoolOptions;
  readonly #slots: Slot[] = [];
  readonly #queue: Task[] = [];
  readonly #faults = new DeviceFaults();
  #faultCount = 0;
  /** Children that the device holds at once, where those of the settings were too many. */
  #mostChildren: number | undefined;
  /** Set while no child starts, as the device has just failed. */
  #holding: ReturnType<typeof setTimeout> | null = null;
  readonly #clock = new AwakeClock(WATCH_MS);
  readonly #thread = new SideBySide(() => startThread(this.#options.module ?? SIDE_BY_SIDE_MODULE));
  readonly #watch: ReturnType<typeof setInterval>;
  #nextId = 0;
  #cancelled = false;
  #paused = false;
  #hasOpened = false;
  /** Name of the engine that a worker opened last. */
  #engine: string | null = null;
  #longestSilenceMs: number | null = null;
  #opened = Promise.withResolvers<OpenedEngine>();

  constructor(options: PoolOptions) {
    this.#options = { ...options, settings: withImages(options.settings) };
    this.#opened.promise.catch(() => {}); // its waiters are notified
    this.resize(options.workers);
    this.#watch = setInterval(() => this.#look(), WATCH_MS);
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
      const task: Task = { job, attempts: 0, faultsBefore: 0, resolve };
      if (this.#cancelled) return resolve(interrupted(task));
      this.#queue.push(task);
      this.#dispatch();
    });
  }

  /** Changes the number of workers; surplus ones leave, idle ones first, the others when their child is finished. */
  resize(workers: number): void {
    if (this.#cancelled) return;
    const staying = this.#slots.filter((slot) => !slot.leaving).sort((a, b) => Number(b.busy) - Number(a.busy));
    for (let i = staying.length; i < workers; i++) this.#slots.push(this.#newSlot());
    for (const slot of staying.slice(workers)) slot.leave();
    this.#dispatch();
  }

  /** Ends every job now: they resolve as interrupted. Children are told; those that do not answer are terminated. */
  cancel(): void {
    this.#cancelled = true;
    for (const task of this.#queue.splice(0)) task.resolve(interrupted(task));
    for (const slot of this.#slots) slot.cancel();
  }

  /** While paused no child starts; running ones continue. */
  pause(paused: boolean): void {
    this.#paused = paused;
    this.#dispatch();
  }

  /**
   * Resolves when no worker is training a child, after `limitMs` at the latest: cancelled children save their state.
   */
  async quiet(limitMs: number): Promise<void> {
    const end = performance.now() + limitMs;
    while (this.#slots.some((slot) => slot.busy) && performance.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  close(): void {
    clearInterval(this.#watch);
    if (this.#holding !== null) clearTimeout(this.#holding);
    this.cancel();
    for (const slot of [...this.#slots]) slot.stop();
  }

  #look(): void {
    const slept = this.#clock.tick();
    const stall = this.#options.stallMs ?? stallMs(this.#longestSilenceMs);
    for (const slot of [...this.#slots]) slot.look(slept, stall);
  }

  #newSlot(): Slot {
    const slot: Slot = new Slot(this.#nextId++, this.#options, this.#clock, {
      opened: (engine) => {
        this.#hasOpened = true;
        this.#opened.resolve(engine);
        if (this.#engine !== null && this.#engine !== engine.name) this.#options.hooks?.onOtherEngine?.(engine);
        this.#engine = engine.name;
      },
      idle: () => this.#dispatch(),
      finished: () => this.#faults.finished(),
      silent: (ms) => this.#longestSilenceMs = Math.max(ms, this.#longestSilenceMs ?? 0),
      /** Handles a task that its worker did not finish. */
      lost: (task, reason) => {
        if (this.#cancelled) return task.resolve(interrupted(task));
        if (task.attempts < MAX_ATTEMPTS) return void this.#queue.unshift(task);
        task.resolve({ outcome: "failed", reason, attempts: task.attempts });
      },
      deviceFailed: (task, fault, message) => {
        this.#takeBack(task);
        if (task.faultsBefore === this.#faultCount) this.#deviceFailed(fault, message);
      },
      sideBySide: () => this.#thread.newWorker(),
      startFailed: (reason) => this.#giveUpWithoutWorkers(reason),
      left: () => {
        const at = this.#slots.indexOf(slot);
        if (at >= 0) this.#slots.splice(at, 1);
      },
    });
    return slot;
  }

  /** Gives up once every worker is abandoned. */
  #giveUpWithoutWorkers(reason: string): void {
    const most = this.#hasOpened ? MAX_STARTS.before : MAX_STARTS.never;
    if (this.#cancelled || this.#slots.some((slot) => !slot.leaving && slot.failedStarts < most)) return;
    if (this.#options.fallback) return this.#continueElsewhere(`no worker can be started: ${reason}`);
    this.#giveUp(`Cannot continue as no worker can be started: ${reason}`);
  }

  #giveUp(sentence: string): void {
    this.#opened.reject(new Error(sentence));
    this.#options.hooks?.onUnusable?.(sentence);
    this.close();
  }

  /** The task will be given again, as if it had not been given. */
  #takeBack(task: Task): void {
    if (this.#cancelled) return task.resolve(interrupted(task));
    task.attempts--;
    this.#queue.unshift(task);
  }

  /** Acts after a pause, in which the device recovers and its other children report the same. */
  #deviceFailed(fault: DeviceFault, message: string): void {
    if (this.#cancelled) return;
    this.#faultCount++;
    const remedy = this.#faults.remedyFor(fault, message, this.workers);
    if (remedy.kind !== "elsewhere") this.#options.hooks?.onDevice?.(remedy.says);
    const pauses = remedy.kind === "again" ? remedy.pauses : 1;
    this.#holding = setTimeout(() => {
      this.#holding = null;
      this.#apply(remedy);
      this.#dispatch();
    }, pauses * (this.#options.pauseMs ?? PAUSE_MS));
  }

  #apply(remedy: Remedy): void {
    switch (remedy.kind) {
      case "again":
        return;
      case "fewer":
        this.#mostChildren = remedy.workers;
        return this.resize(remedy.workers);
      case "elsewhere":
        if (this.#options.fallback) return this.#continueElsewhere(remedy.says);
        return this.#giveUp(`Cannot continue: ${remedy.says}${remedy.advice}`);
    }
  }

  /** Replaces all workers by those of the fallback. */
  #continueElsewhere(reason: string): void {
    if (this.#holding !== null) clearTimeout(this.#holding);
    this.#holding = null;
    this.#mostChildren = 1;
    const { fallback, settings, hooks } = this.#options, { engine, workers, module } = fallback!;
    hooks?.onDevice?.(`${reason}: from here on engine ${engine} trains`);
    this.#options = {
      ...this.#options,
      ...{ module, gpus: [], sideBySide: false, fallback: undefined },
      settings: { ...settings, engine, children: 1 },
    };
    for (const slot of [...this.#slots]) {
      const task = slot.withdraw();
      if (task) this.#takeBack(task);
    }
    this.resize(workers);
  }

  #dispatch(): void {
    for (const slot of [...this.#slots]) {
      if (this.#queue.length === 0 || this.#paused || this.#holding !== null) return;
      if (slot.free) slot.give(this.#takeNext());
    }
  }

  #takeNext(): Task {
    const task = this.#queue.shift()!;
    task.faultsBefore = this.#faultCount;
    if (this.#mostChildren !== undefined) task.job = { ...task.job, children: this.#mostChildren };
    return task;
  }
}

interface SlotEvents {
  opened(engine: OpenedEngine): void;
  idle(): void;
  /** A worker spoke after this many milliseconds. */
  silent(ms: number): void;
  lost(task: Task, reason: string): void;
  /** A child was trained to its end. */
  finished(): void;
  deviceFailed(task: Task, fault: DeviceFault, message: string): void;
  /** A worker broke before it was given a task. */
  startFailed(reason: string): void;
  left(): void;
  /** A worker of the common thread. */
  sideBySide(): WorkerLike;
}

/** A slot of the pool: a worker, and its replacement if it breaks. */
class Slot {
  #worker: WorkerLike | null = null;
  #heartbeat = new Int32Array(new SharedArrayBuffer(4));
  #lastBeat = 0;
  /** On the awake clock, like the next two. */
  #beatAt = 0;
  #heardAt = 0;
  #givenAt = 0;
  /** When the worker was told that its child's time is up; null before. */
  #timeUpAt: number | null = null;
  #task: Task | null = null;
  #state: WorkerChange["state"] = "starting";
  #finished = 0;
  #restarts = 0;
  #lastError: string | null = null;
  /** As its worker opened it. */
  #engine = "";
  #pause: ReturnType<typeof setTimeout> | undefined;
  leaving = false;
  /** Consecutive failed starts. */
  failedStarts = 0;

  constructor(
    readonly id: number,
    readonly options: PoolOptions,
    readonly clock: AwakeClock,
    readonly events: SlotEvents,
  ) {
    this.#change("starting");
    this.#start();
  }

  get free(): boolean {
    return this.#state === "idle" && !this.leaving;
  }

  /** Whether its worker is training a child, even a cancelled one. */
  get busy(): boolean {
    return this.#state === "training";
  }

  give(task: Task): void {
    this.#task = task;
    task.attempts++;
    this.#givenAt = this.#heardAt = this.clock.now;
    this.#timeUpAt = null;
    this.#send({ kind: "train", job: task.job });
    this.#change("training");
    this.options.hooks?.onStart?.(task.job, this.id, task.attempts);
  }

  leave(): void {
    this.leaving = true;
    if (this.#state !== "training") this.stop();
  }

  /** The worker gets a moment to answer; its task is returned at once, so that nobody waits for a hanging worker. */
  cancel(): void {
    const task = this.#task;
    if (!task) return;
    this.#task = null;
    this.#send({ kind: "cancel" });
    this.events.lost(task, "the search was stopped");
  }

  /** Stops at once; the task it had. */
  withdraw(): Task | null {
    const task = this.#task;
    this.#task = null;
    this.stop();
    return task;
  }

  stop(): void {
    clearTimeout(this.#pause);
    this.#drop();
    this.#change("stopped");
    this.events.left();
  }

  /** Checks for signs of life. After this thread `slept`, every worker gets its full time again. */
  look(slept: boolean, stallMs: number): void {
    const beat = Atomics.load(this.#heartbeat, 0), now = this.clock.now;
    if (slept || this.#worker === null) this.#beatAt = this.#heardAt = now;
    if (beat !== this.#lastBeat) {
      this.#lastBeat = beat;
      this.#beatAt = now;
    }
    if (this.#worker === null) return;
    const hangMs = this.options.hangMs ?? HANG_MS, silence = now - this.#beatAt;
    if (silence > hangMs) return this.#broken(`the worker gave no sign of life for ${seconds(silence)}`);
    if (this.#state === "idle") return;
    const quiet = now - this.#heardAt;
    if (quiet > stallMs) return this.#broken(`the worker is alive but has reported nothing for ${seconds(quiet)}`);
    this.#keepTime(now, hangMs);
  }

  /** A child's time is up: its worker ends it, or is replaced. */
  #keepTime(now: number, hangMs: number): void {
    const limit = this.#task?.job.timeLimitMs ?? null;
    if (limit === null || now - this.#givenAt < limit) return;
    if (this.#timeUpAt === null) {
      this.#timeUpAt = now;
      this.#send({ kind: "time_up" });
    } else if (now - this.#timeUpAt > hangMs) this.#broken("the worker did not end its child when its time was up");
  }

  #start(): void {
    const worker = this.#newWorker();
    this.#worker = worker;
    this.#heartbeat = new Int32Array(new SharedArrayBuffer(4));
    this.#lastBeat = 0;
    this.#beatAt = this.#heardAt = this.clock.now;
    const mine = (handle: () => void) => {
      if (this.#worker === worker) handle();
    };
    worker.onmessage = ({ data }) => mine(() => this.#receive(data));
    worker.onmessageerror = () => mine(() => this.#broken("the worker sent a message that cannot be read"));
    worker.onerror = (event) => {
      event.preventDefault(); // otherwise it ends this thread too
      mine(() => this.#broken(event.message || "the worker failed"));
    };
    this.#send({ kind: "open", settings: this.options.settings, heartbeat: this.#heartbeat });
  }

  #newWorker(): WorkerLike {
    const { module = new URL("./child_worker.ts", import.meta.url), gpus = [], sideBySide } = this.options;
    if (sideBySide) return this.events.sideBySide();
    return gpus.length === 0 ? startThread(module) : new ProcessWorker(module, gpus[this.id % gpus.length]);
  }

  #receive(data: unknown): void {
    const message = readFromWorker(data);
    const task = this.#task;
    if (task || this.#state !== "training") this.events.silent(this.clock.now - this.#heardAt);
    this.#heardAt = this.clock.now;
    switch (message?.kind) {
      case "opened":
        this.#engine = message.engine.name;
        this.events.opened(message.engine);
        return this.#idle();
      case "progress":
        if (task?.job.trial !== message.trial) return;
        return this.options.hooks?.onProgress?.(
          task.job,
          this.id,
          message.step,
          message.loss,
          message.imagesPerSecond,
        );
      case "notice":
        return this.options.hooks?.onNotice?.(message.trial, message.message);
      case "finished":
        // After a cancel its task is gone already, and the worker is free again.
        if (task && task.job.trial !== message.trial) {
          return this.#broken("the worker finished a trial that is not its own");
        }
        this.#finished++;
        this.failedStarts = 0;
        this.#task = null;
        this.events.finished();
        this.#idle();
        return task?.resolve({ ...message.outcome, attempts: task.attempts, engine: this.#engine });
      case "device_failed":
        this.#task = null;
        if (task) this.events.deviceFailed(task, message.fault, message.message);
        return this.#idle();
      case "broken":
        return this.#broken(message.message);
      case undefined:
        return this.#broken("the worker sent an unknown message");
    }
  }

  #idle(): void {
    if (this.leaving) return this.stop();
    this.#change("idle");
    this.events.idle();
  }

  /** Returns the worker's task and replaces the worker: at once, or after a pause if its start failed. */
  #broken(reason: string): void {
    const task = this.#task;
    this.#lastError = reason;
    this.#restarts++;
    this.#task = null;
    this.#drop();
    if (!task) this.failedStarts++;
    if (this.leaving) this.stop();
    else this.#restart();
    if (task) this.events.lost(task, reason);
    else this.events.startFailed(reason);
    this.events.idle(); // a free worker may take the returned task
  }

  #restart(): void {
    this.#change("restarting");
    if (this.failedStarts === 0) return this.#start();
    const pause = (this.options.pauseMs ?? PAUSE_MS) * 2 ** (this.failedStarts - 1);
    this.#pause = setTimeout(() => this.#start(), Math.min(pause, MAX_PAUSE_MS));
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

const SIDE_BY_SIDE_MODULE = new URL("./side_by_side_worker.ts", import.meta.url);

function startThread(module: URL): Worker {
  return new Worker(new URL("./worker_entry.ts", import.meta.url), { type: "module", name: module.href });
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
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
