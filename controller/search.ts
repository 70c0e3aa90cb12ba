/**
 * The search: ask the sampler for a batch of candidates, train a child with each, tell the sampler what they were worth,
 * and again. Everything that happens is an event (events.ts); everything that must survive goes to the store before the
 * next thing happens, so that a run killed at any instant goes on where it was.
 *
 * A run is a function of its settings and seed: candidates are told in the order they were proposed, whatever the number
 * of workers, and a child's seed follows from the run's seed and its place among the candidates. A child starts from fresh weights
 * and is judged on the validation split; the test split never reaches a worker.
 */
import { activationFrom } from "../child/activation/catalog.ts";
import { fingerprint } from "../child/activation/fingerprint.ts";
import { printExpression } from "../child/activation/print.ts";
import { simplify } from "../child/activation/simplify.ts";
import { type Dataset, withoutTest } from "../datasets/dataset.ts";
import { Random } from "../datasets/random.ts";
import { type JobResult, Pool, type WorkerChange } from "../workers/pool.ts";
import type { OpenedEngine } from "../workers/protocol.ts";
import type {
  RunInfo,
  RunSnapshot,
  RunSource,
  RunState,
  SamplerUpdate,
  SearchControl,
  SearchEvent,
  UnnumberedEvent,
  WorkerStatus,
} from "./runs/events.ts";
import { rewardOf } from "./reward.ts";
import type { Notice, RunStore, StoredRun } from "./runs/run_store.ts";
import type { Sampler } from "./samplers/sampler.ts";
import type { SearchSpace } from "./search_space.ts";
import { isByHand, isFinished, type Trial } from "./trial.ts";

/** How often the progress of children is saved, for who follows the run in its store. */
const HEARTBEAT_MS = 1000;

export interface SearchOptions {
  readonly store: RunStore;
  readonly sampler: Sampler;
  readonly space: SearchSpace;
  readonly dataset: Dataset;
  /** CPU threads of each child. */
  readonly threads: number;
  /** GPUs dealt out among worker processes; none by default: workers are threads. */
  readonly gpus?: readonly string[];
  /** Module of the child workers; tests give scripted ones. */
  readonly workerModule?: URL;
  readonly hangMs?: number;
  /** Milliseconds before a worker whose start failed is tried again; as the pool's. */
  readonly pauseMs?: number;
}

export class Search implements RunSource {
  readonly #options: SearchOptions;
  readonly #pool: Pool;
  readonly #trials: Trial[];
  readonly #workers = new Map<number, WorkerStatus>();
  readonly #updates: SamplerUpdate[];
  readonly #notices: Notice[];
  readonly #listeners = new Set<(event: SearchEvent) => void>();
  readonly #stored: StoredRun;
  readonly #elapsedBefore: number;
  readonly #startedAt = performance.now();
  /** Candidates added by hand that are being trained. */
  readonly #byHand = new Set<Promise<unknown>>();
  /** When each trial in training was given to its worker, on `performance.now()`. */
  readonly #givenAt = new Map<number, number>();
  #info: RunInfo;
  #state: RunState = "starting";
  #seq = 0;
  #stop = false;
  /** No batch follows; what is left is to end. */
  #isEnding = false;
  #interrupted = false;
  /** Why the run cannot go on. */
  #failure: Error | null = null;

  /** Continues what the store holds, from the first batch or from where it was. */
  constructor(options: SearchOptions) {
    this.#options = options;
    this.#stored = options.store.load();
    this.#info = this.#stored.info;
    this.#trials = this.#stored.trials.map((trial) => isFinished(trial) ? trial : requeued(trial));
    this.#updates = [...this.#stored.updates];
    this.#notices = [...this.#stored.notices];
    this.#elapsedBefore = this.#stored.elapsedMs;
    this.#seq = this.#notices.at(-1)?.seq ?? 0;
    const { settings } = this.#info;
    this.#pool = new Pool({
      workers: settings.workers,
      module: options.workerModule,
      gpus: options.gpus,
      hangMs: options.hangMs,
      pauseMs: options.pauseMs,
      settings: {
        dataset: withoutTest(options.dataset),
        engine: settings.engine,
        child: settings.child,
        threads: options.threads,
      },
      hooks: {
        onWorker: (change) => this.#guard(() => this.#workerChanged(change)),
        onStart: (...start) => this.#guard(() => this.#trialStarted(...start)),
        onProgress: (...progress) => this.#guard(() => this.#trialProgressed(...progress)),
        onNotice: (_, message) => this.#guard(() => this.notice("warning", message)),
        onUnusable: (reason) => this.#failure ??= new Error(reason),
      },
    });
  }

  // Watching ------------------------------------------------------------------------------------------------------

  snapshot(): RunSnapshot {
    return {
      seq: this.#seq,
      run: this.#info,
      state: this.#state,
      trials: [...this.#trials],
      workers: [...this.#workers.values()],
      updates: [...this.#updates],
      notices: [...this.#notices],
      elapsedMs: this.#elapsedMs,
    };
  }

  subscribe(listener: (event: SearchEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  // The run -------------------------------------------------------------------------------------------------------

  /** Runs to the end, or until the signal: all that finished is saved either way. Resolves to the run's last state. */
  async run(signal: AbortSignal): Promise<RunState> {
    const interrupt = () => {
      this.#interrupted = true;
      this.#pool.cancel();
    };
    if (signal.aborted) interrupt();
    signal.addEventListener("abort", interrupt, { once: true });
    const heartbeat = setInterval(() => this.#guard(() => this.#saveProgress()), HEARTBEAT_MS);
    try {
      await this.#searchToTheEnd();
    } catch (error) {
      if (!this.#interrupted || this.#failure) {
        this.#fail(error instanceof Error ? error.message : String(error));
        throw error;
      }
      this.#setState("interrupted", "interrupted");
    } finally {
      signal.removeEventListener("abort", interrupt);
      clearInterval(heartbeat);
      this.#pool.close();
    }
    return this.#state;
  }

  async #searchToTheEnd(): Promise<void> {
    await this.#openEngine();
    this.#setState("running", null);
    this.#trials.filter((trial) => isByHand(trial) && !isFinished(trial)).forEach((trial) => this.#trainByHand(trial));
    await this.#loop();
    this.#isEnding = this.#stop;
    while (this.#byHand.size > 0) await Promise.all(this.#byHand); // more may be added meanwhile
    if (this.#failure) throw this.#failure;
    this.#options.store.requireInPlace();
    if (this.#interrupted || this.#stop) {
      return this.#setState("interrupted", this.#stop ? "stopped from the dashboard" : "interrupted");
    }
    this.#requireResult();
    this.#setState("finished", null);
  }

  /** Throws an Error where trials were trained and every one of them failed. */
  #requireResult(): void {
    const failed = this.#trials.find((trial) => trial.state === "failed");
    if (!failed || this.#trials.some((trial) => trial.state !== "failed")) return;
    throw new Error(`all ${this.#trials.length} trials failed, the first as ${failed.reason}`);
  }

  /** What is called from outside of the run's own sequence: its error ends the run, once its jobs have come back. */
  #guard(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#failure ??= error instanceof Error ? error : new Error(String(error));
      this.#pool?.cancel(); // none yet while it is made
    }
  }

  async #openEngine(): Promise<void> {
    const aborted = new Promise<never>((_, reject) => {
      const timer = setInterval(
        () =>
          (this.#interrupted || this.#failure) &&
          (clearInterval(timer), reject(this.#failure ?? new Error("interrupted"))),
        50,
      );
      this.#pool.opened.finally(() => clearInterval(timer)).catch(() => {});
    });
    const engine: OpenedEngine = await Promise.race([this.#pool.opened, aborted]);
    const { name, device, notices, passedOver } = engine;
    this.#info = { ...this.#info, engine: name, device, engineNotices: [...passedOver, ...notices] };
    this.#options.store.saveInfo(this.#info);
    this.#emit({ event: "run_started", run: this.#info });
  }

  async #loop(): Promise<void> {
    const { sampler, store } = this.#options;
    const { trials, batch: batchSize } = this.#info.settings;
    const stored = this.#stored;
    if (stored.samplerState) await sampler.restore(stored.samplerState);
    for (let batch = stored.batchesTold;; batch++) {
      let proposed = this.#trials.filter((trial) => trial.batch === batch && !isByHand(trial));
      if (proposed.length === 0) {
        const left = trials - this.#proposed;
        if (left <= 0 || this.#stop || this.#interrupted || this.#failure || this.#outOfTime()) return;
        proposed = await this.#propose(batch, Math.min(batchSize, left));
        if (proposed.length === 0) return this.notice("info", "the sampler has proposed its whole space");
      }
      await this.#judge(proposed);
      if (this.#interrupted || this.#failure) return;
      const judged = proposed.map(({ id }) => this.#trials[id]);
      const update = await sampler.tell(judged.map(({ tokens, reward }) => ({ tokens, reward: reward! })));
      const numbered = { ...update, batch };
      store.saveTold(numbered, await sampler.state());
      this.#updates.push(numbered);
      this.#emit({ event: "sampler_updated", update: numbered });
      store.saveState(this.#state, this.#elapsedMs);
    }
  }

  async #propose(batch: number, count: number): Promise<Trial[]> {
    const { sampler, space, store } = this.#options;
    const candidates = await sampler.ask(count);
    const proposed = candidates.map(({ tokens }, i) => {
      const text = printExpression(space.expressionOf(tokens));
      return newTrial(this.#trials.length + i, batch, text, tokens);
    });
    store.saveProposals(proposed, await sampler.state());
    for (const trial of proposed) {
      this.#trials.push(trial);
      this.#emit({ event: "trial_changed", trial });
    }
    return proposed;
  }

  /** Brings every trial of the batch to its end: one child for equal functions, whose other trials take its result. */
  async #judge(batch: readonly Trial[]): Promise<void> {
    const originals = new Map<number, Trial>();
    const copies: [copy: Trial, original: number][] = [];
    for (const trial of batch) {
      if (isFinished(this.#trials[trial.id])) continue;
      const original = this.#originalOf(trial);
      if (original === null) originals.set(trial.id, trial);
      else copies.push([trial, original]);
    }
    await Promise.all([...originals.values()].map((trial) => this.#train(trial)));
    if (this.#interrupted || this.#failure) return;
    for (const [copy, original] of copies) this.#takeResult(copy, this.#trials[original]);
  }

  /** The first earlier candidate of an equal function that was, or is being, judged. */
  #originalOf(trial: Trial): number | null {
    const original = this.#trials.find((other) =>
      other.id < trial.id && other.fingerprint === trial.fingerprint && other.duplicateOf === null &&
      !isByHand(other) &&
      (other.state !== "failed" || other.batch === trial.batch)
    );
    return original?.id ?? null;
  }

  async #train(trial: Trial): Promise<void> {
    const seed = this.#childSeed(trial);
    const result = await this.#pool.train({ trial: trial.id, expression: trial.expression, seed });
    this.#finish(this.#trials[trial.id], result);
  }

  /** Follows from the place among the candidates alone, so that one added by hand changes nothing for the others. */
  #childSeed(trial: Trial): number {
    const byHand = isByHand(trial);
    const place = this.#trials.filter((other) => other.id < trial.id && isByHand(other) === byHand).length;
    return new Random(this.#info.settings.seed).split(byHand ? "child by hand" : "child", place).nextUint32();
  }

  #finish(trial: Trial, result: JobResult): void {
    if (result.outcome === "interrupted") {
      return this.#change(requeued(trial));
    }
    const common = { ...trial, attempts: result.attempts, finishedAt: this.#endOf(trial) };
    if (result.outcome === "failed") {
      return this.#settle({ ...common, state: "failed", reason: result.reason });
    }
    const { steps, finalLoss, betaMean } = result;
    const trained = { ...common, steps, finalLoss: Number.isFinite(finalLoss) ? finalLoss : null, betaMean };
    switch (result.outcome) {
      case "complete":
        return this.#settle({ ...trained, state: "complete", score: result.score });
      case "pruned":
        return this.#settle({
          ...trained,
          state: "pruned",
          score: result.score,
          reason: result.reason,
        });
      case "diverged":
        return this.#settle({ ...trained, state: "diverged", reason: result.reason });
      case "timed_out":
        return this.#settle({ ...trained, state: "failed", reason: result.reason });
    }
  }

  /** Its start plus what a clock that nobody sets has measured since: the two tell how long it took. */
  #endOf({ id, startedAt }: Trial): number {
    const givenAt = this.#givenAt.get(id);
    return startedAt === null || givenAt === undefined ? Date.now() : startedAt + performance.now() - givenAt;
  }

  #takeResult(copy: Trial, original: Trial): void {
    const { state, score, finalLoss, betaMean, steps, reason, curve } = original;
    this.#settle({
      ...copy,
      ...{ state, score, finalLoss, betaMean, steps, reason, curve },
      duplicateOf: original.id,
      finishedAt: Date.now(),
    });
  }

  #settle(trial: Trial): void {
    this.#change({ ...trial, reward: rewardOf(trial, this.#info.classes) });
  }

  /** Candidates of the sampler so far. */
  get #proposed(): number {
    return this.#trials.filter((trial) => !isByHand(trial)).length;
  }

  #outOfTime(): boolean {
    const limit = this.#info.settings.timeLimitMs;
    if (limit === null || this.#elapsedMs < limit) return false;
    this.notice("info", "the time limit is reached");
    return true;
  }

  get #elapsedMs(): number {
    return this.#elapsedBefore + performance.now() - this.#startedAt;
  }

  // Control -------------------------------------------------------------------------------------------------------

  control = (request: SearchControl): Promise<string | null> => {
    if (!["running", "paused", "stopping"].includes(this.#state)) {
      return Promise.resolve(`the run is ${this.#state}`);
    }
    switch (request.control) {
      case "pause":
        if (this.#stop) return Promise.resolve("the search stops after this batch: resume it first");
        this.#pool.pause(true);
        this.#setState("paused", null);
        return Promise.resolve(null);
      case "resume": // takes back a stop as well
        if (this.#isEnding) return Promise.resolve("the last batch is done: it is too late to go on");
        this.#stop = false;
        this.#pool.pause(false);
        this.#setState("running", null);
        return Promise.resolve(null);
      case "stop":
        this.#stop = true;
        this.#pool.pause(false);
        this.#setState("stopping", "after this batch");
        return Promise.resolve(null);
      case "set_workers":
        if (!Number.isInteger(request.workers) || request.workers < 1 || request.workers > 256) {
          return Promise.resolve(`the number of workers must be 1 to 256: it is ${request.workers}`);
        }
        this.#pool.resize(request.workers);
        return Promise.resolve(null);
      case "add_candidate":
        return Promise.resolve(this.#addCandidate(request.expression, request.seeds ?? 1));
    }
  };

  /** Trains a candidate that the sampler did not propose and does not learn from. */
  #addCandidate(expression: string, seeds: number): string | null {
    try {
      activationFrom(expression);
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
    for (let i = 0; i < Math.min(seeds, 20); i++) {
      const trial = newTrial(this.#trials.length, this.#updates.length, expression, []);
      this.#trials.push(trial);
      this.#change(trial);
      this.#trainByHand(trial);
    }
    return null;
  }

  #trainByHand(trial: Trial): void {
    const done: Promise<unknown> = this.#train(trial).finally(() => this.#byHand.delete(done));
    this.#byHand.add(done);
  }

  // Events --------------------------------------------------------------------------------------------------------

  /** Tells everybody who watches, and whoever reads the run later. */
  notice(level: Notice["level"], message: string): void {
    this.#emit({ event: "notice", level, message });
  }

  #trialStarted(id: number, worker: number, attempt: number): void {
    const trial = this.#trials[id];
    this.#givenAt.set(id, performance.now());
    this.#change({ ...trial, state: "running", worker, attempts: attempt, startedAt: Date.now(), curve: [] });
    if (attempt > 1) this.notice("warning", `trial ${id} starts again on worker ${worker}`);
  }

  #trialProgressed(id: number, worker: number, step: number, loss: number, imagesPerSecond: number): void {
    const trial = this.#trials[id], point = { step, loss };
    this.#trials[id] = { ...trial, curve: [...trial.curve, point], steps: step };
    this.#emit({ event: "trial_progress", trial: id, point, imagesPerSecond });
    const status = this.#workers.get(worker);
    if (status) this.#workers.set(worker, { ...status, step, imagesPerSecond });
  }

  #workerChanged(change: WorkerChange): void {
    const before = this.#workers.get(change.id);
    const worker: WorkerStatus = {
      ...change,
      step: 0,
      steps: this.#info.settings.child.steps,
      imagesPerSecond: before?.imagesPerSecond ?? null,
      since: Date.now(),
    };
    this.#workers.set(change.id, worker);
    this.#emit({ event: "worker_changed", worker });
    if (change.lastError && change.restarts !== (before?.restarts ?? 0)) {
      this.notice("warning", `worker ${change.id} was replaced: ${change.lastError}`);
    }
  }

  #change(trial: Trial): void {
    this.#trials[trial.id] = trial;
    this.#options.store.saveTrial(trial);
    this.#emit({ event: "trial_changed", trial });
  }

  /** What others read in the store between two changes: how long, and how far each child is. */
  #saveProgress(): void {
    this.#options.store.requireInPlace();
    for (const { trial } of this.#workers.values()) {
      if (trial !== null) this.#options.store.saveTrial(this.#trials[trial]);
    }
    this.#options.store.saveState(this.#state, this.#elapsedMs);
  }

  /** The reason stays with the run, unless what failed is to store anything: then whoever watches is told at least. */
  #fail(reason: string): void {
    for (
      const tell of [() => this.notice("error", `the search failed: ${reason}`), () => this.#setState("failed", reason)]
    ) {
      try {
        tell();
      } catch {
        // `reason` says why
      }
    }
  }

  #setState(state: RunState, reason: string | null): void {
    this.#state = state;
    try {
      this.#options.store.saveState(state, this.#elapsedMs);
    } finally {
      this.#emit({ event: "state_changed", state, reason });
    }
  }

  #emit(event: UnnumberedEvent): void {
    const numbered = { ...event, seq: ++this.#seq, at: Date.now() } as SearchEvent;
    try {
      if (numbered.event === "notice") {
        this.#notices.push(numbered);
        this.#options.store.saveNotice(numbered);
      }
    } finally {
      for (const listener of this.#listeners) listener(numbered);
    }
  }
}

/** A trial whose child will be trained from its first step. */
function requeued(trial: Trial): Trial {
  return { ...trial, state: "queued", worker: null, curve: [], steps: 0, startedAt: null };
}

function newTrial(id: number, batch: number, expression: string, tokens: readonly number[]): Trial {
  const parsed = activationFrom(expression).expression;
  return {
    id,
    batch,
    expression,
    simplified: printExpression(simplify(parsed)),
    fingerprint: fingerprint(parsed),
    tokens,
    state: "queued",
    score: null,
    reward: null,
    finalLoss: null,
    curve: [],
    betaMean: null,
    steps: 0,
    duplicateOf: null,
    attempts: 0,
    worker: null,
    reason: null,
    startedAt: null,
    finishedAt: null,
  };
}
