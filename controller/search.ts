/**
 * The search: ask the sampler for a batch of candidates, train a child with each, tell the sampler their rewards,
 * and repeat. Everything that happens is an event (events.ts); everything that must survive is stored before the next
 * thing happens, so that a run killed at any moment resumes where it was.
 *
 * Stages: the references train; batches of candidates train, and leading ones train from more seeds; the best meet in
 * a playoff (`finals.ts`); its winner is judged on fresh seeds beside the references.
 *
 * A run is a function of its settings and seed: candidates are told in the order they were proposed, whatever the
 * number of workers; the k-th training of every candidate has the same seed, so that their differences are paired; and
 * further trainings are decided between batches. A child starts from fresh weights and is judged on the validation
 * split; the test split never reaches a worker.
 *
 * Over 400 lines, as the loop, its control and its events share one state: one class, in paragraphs.
 */
import { activationFrom } from "../child/activation/catalog.ts";
import { printExpression } from "../child/activation/print.ts";
import { type Dataset, withoutTest } from "../datasets/dataset.ts";
import { Random } from "../datasets/random.ts";
import { type JobResult, Pool, type WorkerChange } from "../workers/pool.ts";
import type { ChildJob, OpenedEngine } from "../workers/protocol.ts";
import type { Bar } from "../child/bar.ts";
import { nextDecision, promotionsAfter } from "./finals.ts";
import type {
  Notice,
  RunInfo,
  RunSettings,
  RunSnapshot,
  RunSource,
  RunState,
  SearchControl,
  SearchEvent,
  Stage,
  UnnumberedEvent,
  WorkerStatus,
} from "./runs/events.ts";
import type { Estimates } from "./comparison/estimate.ts";
import type { Standing } from "./pruners/pruner.ts";
import { barOf } from "./pruners/bar.ts";
import { PRUNERS } from "./pruners/pruners.ts";
import { rewardOf } from "./reward.ts";
import { estimateTrials, standingsOf } from "./standings.ts";
import { RunFold } from "./runs/run_fold.ts";
import type { RunStore, StoredRun } from "./runs/run_store.ts";
import { snapshotOf } from "./runs/stored_run.ts";
import type { Sampler } from "./samplers/sampler.ts";
import type { SearchSpace } from "./search_space.ts";
import { isByHand, isCandidate, isFinished, type Training, type Trial } from "./trial.ts";
import { isNear, newTrial, requeued, withResult } from "./trial_changes.ts";
import type { WarmStart } from "./warm_start.ts";

/** How often the progress of children is saved, in ms, for processes that follow the run in its store. */
const HEARTBEAT_MS = 1000;

/** Time in ms that interrupted children may take to save their state. */
const LEAVE_MS = 1000;

const MAX_SEEDS_BY_HAND = 20;

export interface SearchOptions {
  readonly store: RunStore;
  readonly sampler: Sampler;
  readonly space: SearchSpace;
  readonly dataset: Dataset;
  /** CPU threads of each child. */
  readonly threads: number;
  /** What the settings' engine resolves to, which the workers open, and why others were passed over, where known. */
  readonly resolved?: { readonly engine: string; readonly passedOver: readonly string[] };
  /** GPUs dealt out among worker processes; none by default: workers are threads. */
  readonly gpus?: readonly string[];
  /** Whether the workers' children train side by side on one device. */
  readonly sideBySide?: boolean;
  /** Module of the child workers; tests give scripted ones. */
  readonly workerModule?: URL;
  readonly hangMs?: number;
  /** Milliseconds before a worker whose start failed is tried again; as the pool's. */
  readonly pauseMs?: number;
  /** What is known from elsewhere; must be that of the run's start if it is continued. */
  readonly warmStart?: WarmStart | null;
  /** Milliseconds between two checkpoints of a long child in the run's folder. */
  readonly checkpointEveryMs?: number;
}

export class Search implements RunSource {
  readonly #options: SearchOptions;
  readonly #pool: Pool;
  /** The run's state: every change is an event that is folded in here. */
  readonly #fold: RunFold;
  readonly #listeners = new Set<(event: SearchEvent) => void>();
  readonly #stored: StoredRun;
  readonly #elapsedBefore: number;
  readonly #startedAt = performance.now();
  /** Candidates added by hand that are being trained. */
  readonly #byHand = new Set<Promise<unknown>>();
  /** When each trial in training was given to its worker, on `performance.now()`. */
  readonly #givenAt = new Map<number, number>();
  #stop = false;
  /** No further batch: only the end of the search is left. */
  #isEnding = false;
  #interrupted = false;
  /** Why the run cannot continue. */
  #failure: Error | null = null;

  /** Continues the stored run, from the first batch or from where it was. */
  constructor(options: SearchOptions) {
    this.#options = options;
    this.#stored = options.store.load();
    this.#fold = new RunFold(beginning(this.#stored));
    this.#elapsedBefore = this.#stored.elapsedMs;
    options.store.onLocked = (message) => this.#emit({ event: "notice", level: "warning", message }, "unsaved");
    const { settings } = this.#info;
    this.#pool = new Pool({
      workers: settings.workers,
      module: options.workerModule,
      gpus: options.gpus,
      sideBySide: options.sideBySide,
      hangMs: options.hangMs,
      pauseMs: options.pauseMs,
      settings: {
        dataset: withoutTest(options.dataset),
        engine: options.resolved?.engine ?? settings.engine,
        child: settings.child,
        threads: options.threads,
        children: options.sideBySide ? settings.workers : 1,
        checkpointEveryMs: options.checkpointEveryMs,
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

  get #info(): RunInfo {
    return this.#fold.run;
  }

  get #state(): RunState {
    return this.#fold.state;
  }

  get #stage(): Stage {
    return this.#fold.stage;
  }

  get #trials(): readonly Trial[] {
    return this.#fold.trials;
  }

  // Watching ------------------------------------------------------------------------------------------------------

  snapshot(): RunSnapshot {
    return this.#fold.snapshot(this.#elapsedMs);
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
    if (this.#state === "finished") { // nothing is left to do, and nothing to write
      this.#pool.close();
      return "finished";
    }
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
      if (this.#interrupted) await this.#pool.quiet(LEAVE_MS); // long children save their state
      this.#pool.close();
    }
    return this.#state;
  }

  async #searchToTheEnd(): Promise<void> {
    await this.#openEngine();
    this.#setState("running", null);
    if (this.#options.store.isLogMissing) {
      this.notice("warning", "the run's log run.sqlite-wal is missing: trials that only it held are trained again");
    }
    this.#options.store.keepCheckpoints((id, training) => this.#trials[id]?.trainings[training]?.state === "queued");
    this.#trials.filter(isByHand).forEach(({ id }) => this.#trainByHand(id));
    await this.#trainReferences();
    await this.#loop();
    this.#isEnding = this.#stop;
    await this.#nameOne();
    while (this.#byHand.size > 0) await Promise.all(this.#byHand); // more may have been added meanwhile
    if (this.#failure) throw this.#failure;
    this.#options.store.requireInPlace();
    if (this.#interrupted || (this.#stop && this.#stage.name !== "verdict")) {
      return this.#setState("interrupted", this.#stop ? "stopped from the dashboard" : "interrupted");
    }
    this.#requireResult();
    this.#setState("finished", null);
  }

  /** Throws an Error if trials were trained and every one of them failed. */
  #requireResult(): void {
    const trials = this.#trials.filter(({ role }) => role !== "reference");
    const failed = trials.find((trial) => trial.state === "failed");
    if (!failed || trials.some((trial) => trial.state !== "failed")) return;
    throw new Error(`all ${trials.length} trials failed, the first as ${failed.reason}`);
  }

  /** For calls from outside the run's own sequence: an error ends the run once its jobs have returned. */
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
          this.#hasEnded &&
          (clearInterval(timer), reject(this.#failure ?? new Error("interrupted"))),
        50,
      );
      this.#pool.opened.finally(() => clearInterval(timer)).catch(() => {});
    });
    const engine: OpenedEngine = await Promise.race([this.#pool.opened, aborted]);
    const { name, device, notices, passedOver, childBytes } = engine;
    const engineNotices = [...this.#options.resolved?.passedOver ?? [], ...passedOver, ...notices];
    const run: RunInfo = {
      ...this.#info,
      engine: name,
      device,
      engineNotices,
      ...childBytes !== undefined && { childBytes },
    };
    this.#options.store.saveInfo(run);
    this.#emit({ event: "run_started", run });
  }

  async #loop(): Promise<void> {
    const { sampler, store } = this.#options;
    const { trials, batch: batchSize } = this.#info.settings;
    const stored = this.#stored;
    if (stored.samplerState) await sampler.restore(stored.samplerState);
    else await sampler.learnFrom(this.#options.warmStart?.known ?? []);
    for (let batch = stored.batchesTold;; batch++) {
      let proposed = this.#trials.filter((trial) => trial.batch === batch && isCandidate(trial));
      if (proposed.length === 0) {
        const left = trials - this.#proposed;
        if (left <= 0 || this.#stop || this.#hasEnded || this.#outOfTime()) return;
        proposed = await this.#propose(batch, Math.min(batchSize, left));
        if (proposed.length === 0) return this.notice("info", "the sampler has proposed its whole space");
      }
      await this.#judge(proposed);
      if (this.#hasEnded) return;
      await this.#promote(batch);
      if (this.#hasEnded) return;
      const judged = proposed.map(({ id }) => this.#trials[id]);
      const update = await sampler.tell(judged.map(({ tokens, reward }) => ({ tokens, reward: reward! })));
      const numbered = { ...update, batch };
      store.saveTold(numbered, await sampler.state());
      this.#emit({ event: "sampler_updated", update: numbered });
      store.saveState(this.#state, this.#elapsedMs);
    }
  }

  async #propose(batch: number, count: number): Promise<Trial[]> {
    const { sampler, space, store } = this.#options;
    const told = await this.#tellByHand();
    const candidates = await sampler.ask(count);
    const proposed = candidates.map(({ tokens }, i) => {
      const text = printExpression(space.expressionOf(tokens));
      return newTrial({ id: this.#trials.length + i, batch, role: "candidate", expression: text, tokens, seeds: 1 });
    });
    store.saveProposals([...told, ...proposed], await sampler.state());
    for (const trial of [...told, ...proposed]) this.#emit({ event: "trial_changed", trial });
    return proposed;
  }

  /** Tells the sampler of the functions added by hand that are judged since; their trials, with what it learnt. */
  async #tellByHand(): Promise<Trial[]> {
    const judged = this.#trials.filter((trial) =>
      isByHand(trial) && trial.state === "complete" && trial.reward === null
    )
      .map((trial) => ({ ...trial, reward: trial.score }));
    if (judged.length === 0) return [];
    await this.#options.sampler.learnFrom(judged.map(({ expression, reward }) => ({ expression, reward: reward! })));
    return judged;
  }

  /** Finishes every trial of the batch: one child per distinct function, whose duplicates take its result. */
  async #judge(batch: readonly Trial[]): Promise<void> {
    const originals = new Map<number, Trial>();
    const copies: [copy: Trial, original: number][] = [];
    for (const trial of batch) {
      if (isFinished(this.#trials[trial.id])) continue;
      const original = this.#originalOf(trial);
      if (original === null) originals.set(trial.id, trial);
      else copies.push([trial, original]);
    }
    await Promise.all([...originals.keys()].map((id) => this.#train(id)));
    if (this.#hasEnded) return;
    for (const [copy, original] of copies) this.#takeResult(copy, this.#trials[original]);
  }

  /** Trains the references from as many seeds as any candidate may use, so that differences are paired. */
  async #trainReferences(): Promise<void> {
    const { references, pruner } = this.#info.settings.judging;
    const missing = references.filter((name) =>
      !this.#trials.some(({ role, expression }) => role === "reference" && expression === name)
    );
    const seeds = PRUNERS[pruner].maxSeeds;
    const trials = missing.map((name, i) =>
      newTrial({ id: this.#trials.length + i, batch: 0, role: "reference", expression: name, tokens: [], seeds })
    );
    this.#changeAll(trials);
    await this.#trainAll((trial) => trial.role === "reference");
  }

  /** Trains the leading candidates from more seeds after a batch, and rescores all. */
  async #promote(batch: number): Promise<void> {
    if (this.#stage.name === "search" && this.#stage.promoted <= batch) {
      const standings = standingsOf(this.#trials.filter(isCandidate)), estimates = this.#estimates(standings);
      const { judging } = this.#info.settings;
      const { changed, stage } = promotionsAfter(batch, this.#trials, judging, standings, estimates);
      this.#changeAll(changed, stage);
    }
    await this.#trainAll(isCandidate);
    if (!this.#hasEnded) this.#estimateAll();
  }

  /** The end of the run: the playoff of the best, and the verdict on its winner. */
  async #nameOne(): Promise<void> {
    const { judging } = this.#info.settings;
    if (this.#stage.name === "search" && judging.verdictSeeds === 0) return;
    while (this.#stage.name !== "verdict" && !this.#hasEnded && !this.#stop) {
      if (this.#stage.name === "playoff") {
        await this.#trainAll(isOwn);
        if (this.#hasEnded) return;
        this.#estimateAll();
      }
      const decision = nextDecision(this.#trials, this.#stage, judging);
      if (decision === null) return this.notice("warning", "no function was trained to the end: none is named");
      this.#changeAll(decision.changed, decision.stage);
    }
    if (!this.#stop) await this.#trainAll(isOwn);
  }

  /** Runs all queued trainings of the given trials. */
  async #trainAll(which: (trial: Trial) => boolean): Promise<void> {
    await Promise.all(this.#trials.filter(which).map(({ id }) => this.#train(id)));
  }

  /** Of those standings, in their order. */
  #estimates(standings: readonly Standing[]): Estimates {
    const { classes, settings: { child } } = this.#info;
    return estimateTrials(standings, child.validationImages ?? this.#options.dataset.validation.count, classes);
  }

  /**
   * Rescores all trials from all their trainings together. Candidates added by hand do not affect the others' scores.
   */
  #estimateAll(): void {
    const told = this.#fold.updates.length, scores = new Map<number, Pick<Trial, "score" | "deviation">>();
    const estimated = (which: (trial: Trial) => boolean, others: (trial: Trial) => boolean) => {
      const standings = standingsOf(this.#trials.filter(others));
      this.#estimates(standings).candidates.forEach(({ value, deviation }, i) => {
        const { id } = standings[i];
        if (which(this.#trials[id])) scores.set(id, { score: value, deviation });
      });
    };
    estimated(isOwn, isOwn);
    if (this.#trials.some(isByHand)) estimated(isByHand, () => true);
    const changed = this.#trials.flatMap((trial): Trial[] => {
      const score = scores.get(trial.duplicateOf ?? trial.id);
      if (!score || trial.state !== "complete") return [];
      const scored = { ...trial, ...score };
      // The sampler learnt the reward as it was then.
      if (isCandidate(trial) && trial.batch >= told) {
        return [{ ...scored, reward: rewardOf(scored, this.#info.classes) }];
      }
      return isNear(trial, scored) ? [] : [scored];
    });
    this.#changeAll(changed);
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

  /** Trains the trial's queued trainings. The first one alone decides whether the others are worth it. */
  async #train(id: number): Promise<void> {
    const { expression } = this.#trials[id];
    const run = async ({ seed, stage }: Training, training: number) => {
      const known = this.#resultInTable(this.#trials[id], { seed, stage });
      if (known) return this.#finishTraining(id, training, known, "table");
      const number = seedOf(this.#info.settings, stage, seed);
      const checkpoint = this.#options.store.checkpointOf(id, training);
      const bar = training === 0 ? this.#barOf(this.#trials[id]) : null;
      const job = { trial: id, training, expression, seed: number, checkpoint, bar };
      const result = await this.#pool.train({ ...job, timeLimitMs: this.#info.settings.childTimeMs });
      if (result.outcome !== "interrupted") this.#options.store.removeCheckpoint(id, training);
      this.#finishTraining(id, training, result);
    };
    const queued = () => [...this.#trials[id].trainings.entries()].filter(([, { state }]) => state === "queued");
    const first = queued().find(([training]) => training === 0);
    if (first) await run(first[1], 0);
    if (["pruned", "diverged", "failed"].includes(this.#trials[id].state)) return this.#dropQueued(id);
    await Promise.all(queued().map(([training, asked]) => run(asked, training)));
  }

  /** What the sampler's own candidates must clear within their first training. */
  #barOf({ role, batch }: Trial): Bar | null {
    const { judging: { pruner }, child: { steps } } = this.#info.settings, { stopsAt } = PRUNERS[pruner];
    return stopsAt === null || role !== "candidate" ? null : barOf(batch, this.#trials, stopsAt, steps);
  }

  /** The result of a training that the table has of the same child, data and engine; null if it has none. */
  #resultInTable({ fingerprint }: Trial, { seed, stage }: Pick<Training, "seed" | "stage">): JobResult | null {
    const { settings: { tableSeeds, child }, engine } = this.#info, table = this.#options.warmStart?.table;
    if (!table || !tableSeeds || stage === "verdict" || table.header.engine !== engine) return null;
    const score = table.entry(fingerprint)?.scores[seed];
    if (score === undefined) return null;
    const trained = { steps: child.steps, finalLoss: NaN, seconds: 0, imagesPerSecond: 0, betaMean: null, attempts: 0 };
    return score === null
      ? { ...trained, outcome: "diverged", reason: "the child diverged when the table was made" }
      : { ...trained, outcome: "complete", score };
  }

  #dropQueued(id: number): void {
    const trial = this.#trials[id], trainings = trial.trainings.filter(({ state }) => state !== "queued");
    if (trainings.length < trial.trainings.length) this.#change({ ...trial, trainings });
  }

  /** The first training decides the trial's state; later ones only refine its score. */
  #finishTraining(id: number, training: number, result: JobResult, from?: "table"): void {
    const trial = this.#trials[id];
    if (result.outcome === "interrupted") return training === 0 ? this.#change(requeued(trial)) : undefined;
    const judged = withResult(trial, training, result, this.#info.classes, from);
    if (training === 0) return this.#finish(judged, result);
    this.#change(judged);
    if (result.outcome === "failed" || result.outcome === "timed_out") {
      this.notice("warning", `training ${training} of trial ${id} failed: ${result.reason}`);
    }
  }

  #finish(trial: Trial, result: Exclude<JobResult, { readonly outcome: "interrupted" }>): void {
    const common = { ...trial, attempts: result.attempts, finishedAt: this.#endOf(trial) };
    if (result.outcome === "failed") {
      return this.#settle({ ...common, state: "failed", reason: result.reason });
    }
    const { steps, finalLoss, betaMean } = result;
    const trained = { ...common, steps, finalLoss: Number.isFinite(finalLoss) ? finalLoss : null, betaMean };
    switch (result.outcome) {
      case "complete":
        return this.#settle(this.#scored({ ...trained, state: "complete", score: result.score }));
      case "pruned":
        return this.#settle({ ...trained, state: "pruned", score: result.score, reason: result.reason });
      case "diverged":
        return this.#settle({ ...trained, state: "diverged", reason: result.reason });
      case "timed_out":
        return this.#settle({ ...trained, state: "failed", reason: result.reason });
    }
  }

  /** Its start plus the time on a monotonic clock since: their difference is its duration. */
  #endOf({ id, startedAt }: Trial): number {
    const givenAt = this.#givenAt.get(id);
    return startedAt === null || givenAt === undefined ? Date.now() : startedAt + performance.now() - givenAt;
  }

  /** The trial with its score among all others now; the end of its batch rescores it. */
  #scored(trial: Trial): Trial {
    const standings = standingsOf([...this.#trials.filter(({ id }) => id !== trial.id), trial]);
    const { value: score, deviation } = this.#estimates(standings).candidates[standings.length - 1];
    return { ...trial, score, deviation };
  }

  #takeResult(copy: Trial, original: Trial): void {
    const { state, score, deviation, finalLoss, betaMean, steps, reason, curve } = original;
    this.#settle({
      ...copy,
      ...{ state, score, deviation, finalLoss, betaMean, steps, reason, curve, trainings: [] },
      duplicateOf: original.id,
      finishedAt: Date.now(),
    });
  }

  #settle(trial: Trial): void {
    this.#change({ ...trial, reward: isCandidate(trial) ? rewardOf(trial, this.#info.classes) : null });
  }

  /** Whether nothing new may start: the run is interrupted, or cannot continue. */
  get #hasEnded(): boolean {
    return this.#interrupted || this.#failure !== null;
  }

  /** Number of the sampler's candidates so far. */
  get #proposed(): number {
    return this.#trials.filter(isCandidate).length;
  }

  /** Whether the time not reserved for the playoff is up. */
  #outOfTime(): boolean {
    const { timeLimitMs, judging } = this.#info.settings;
    if (timeLimitMs === null || this.#elapsedMs < timeLimitMs * (1 - judging.finals)) return false;
    this.notice("info", "the time for proposing candidates is over");
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
        if (this.#isEnding) return Promise.resolve("the last batch is done: it is too late to continue");
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

  /** Trains a candidate that the sampler did not propose; it is told of the result before its next batch. */
  #addCandidate(expression: string, seeds: number): string | null {
    try {
      activationFrom(expression);
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
    const trial = newTrial({
      ...{ id: this.#trials.length, batch: this.#fold.updates.length, role: "by hand", expression, tokens: [] },
      seeds: Math.min(seeds, MAX_SEEDS_BY_HAND),
    });
    this.#change(trial);
    this.#trainByHand(trial.id);
    return null;
  }

  #trainByHand(id: number): void {
    const done: Promise<unknown> = this.#train(id).finally(() => this.#byHand.delete(done));
    this.#byHand.add(done);
  }

  // Events --------------------------------------------------------------------------------------------------------

  /** Reports to all listeners, and stores it for later readers. */
  notice(level: Notice["level"], message: string): void {
    this.#emit({ event: "notice", level, message });
  }

  #trialStarted({ trial: id, training }: ChildJob, worker: number, attempt: number): void {
    const trial = this.#trials[id];
    if (training === 0) {
      this.#givenAt.set(id, performance.now());
      this.#change({ ...trial, state: "running", worker, attempts: attempt, startedAt: Date.now(), curve: [] });
    }
    if (attempt > 1) this.notice("warning", `trial ${id} restarts on worker ${worker}`);
  }

  #trialProgressed(
    { trial: id, training }: ChildJob,
    worker: number,
    step: number,
    loss: number,
    imagesPerSecond: number,
  ): void {
    this.#emit({ event: "trial_progress", trial: id, training, worker, point: { step, loss }, imagesPerSecond });
  }

  #workerChanged(change: WorkerChange): void {
    const before = this.#fold.workers.get(change.id);
    const worker: WorkerStatus = {
      ...change,
      step: 0,
      steps: this.#info.settings.child.steps,
      imagesPerSecond: before?.imagesPerSecond ?? null,
      since: Date.now(),
    };
    this.#emit({ event: "worker_changed", worker });
    if (change.lastError && change.restarts !== (before?.restarts ?? 0)) {
      this.notice("warning", `worker ${change.id} was replaced: ${change.lastError}`);
    }
  }

  #change(trial: Trial): void {
    this.#options.store.saveTrial(trial);
    this.#emit({ event: "trial_changed", trial });
  }

  /** Changes together, in the store too, so that a stage and the trainings it requests stay consistent. */
  #changeAll(trials: readonly Trial[], stage?: Stage): void {
    this.#options.store.saveTrials(trials, stage);
    if (stage) this.#emit({ event: "stage_changed", stage });
    for (const trial of trials) this.#emit({ event: "trial_changed", trial });
  }

  /** What followers read in the store between two changes: elapsed time and each child's progress. */
  #saveProgress(): void {
    this.#options.store.requireInPlace();
    for (const { trial } of this.#fold.workers.values()) {
      if (trial !== null) this.#options.store.saveTrial(this.#trials[trial]);
    }
    this.#options.store.saveState(this.#state, this.#elapsedMs);
  }

  /** The reason is stored with the run; if storing itself failed, at least the listeners are told. */
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
    try {
      this.#options.store.saveState(state, this.#elapsedMs);
    } finally {
      this.#emit({ event: "state_changed", state, reason });
    }
  }

  #emit(event: UnnumberedEvent, keep: "saved" | "unsaved" = "saved"): void {
    const numbered = { ...event, seq: this.#fold.seq + 1, at: Date.now() } as SearchEvent;
    this.#fold.fold(numbered);
    try {
      if (numbered.event === "notice" && keep === "saved") this.#options.store.saveNotice(numbered);
    } finally {
      for (const listener of this.#listeners) listener(numbered);
    }
  }
}

/** The state in which the stored run is continued. */
function beginning(stored: StoredRun): RunSnapshot {
  const trials = stored.trials.map((trial) => isFinished(trial) ? trial : requeued(trial));
  const isDone = stored.state === "finished" && stored.trials.every(isFinished);
  return { ...snapshotOf(stored), state: isDone ? "finished" : "starting", trials };
}

/** The run's k-th seed, common to all candidates; those of the verdict are not used in the search. */
function seedOf({ seed, tableSeeds }: RunSettings, stage: Training["stage"], k: number): number {
  if (tableSeeds && stage !== "verdict") return 1 + k;
  return new Random(seed).split(stage === "verdict" ? "verdict" : "training", k).nextUint32();
}

/** Whether the search itself trains it; what a user adds is trained beside it. */
function isOwn(trial: Trial): boolean {
  return !isByHand(trial);
}
