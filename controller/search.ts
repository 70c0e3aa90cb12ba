/**
 * The search: ask the sampler for a batch of candidates, train a child with each, tell the sampler their rewards,
 * and repeat. `trial_judge.ts` trains and scores, `runs/run_journal.ts` stores and tells.
 *
 * Stages: the references train; batches of candidates train, leading ones from more seeds; the best meet in a playoff
 * (`finals.ts`), then on the target's child if there is one; the winner is judged on fresh seeds beside the references.
 *
 * A run is a function of its settings and seed: candidates are told in the order they were proposed, whatever the
 * number of workers; the k-th training of every candidate has the same seed, so that their differences are paired; and
 * further trainings are decided between batches. A child starts from fresh weights and is judged on the validation
 * split; the test split never reaches a worker.
 */
import { activationFrom } from "../child/activation/catalog.ts";
import { printExpression } from "../child/activation/print.ts";
import { stepsOf } from "../child/pair_settings.ts";
import { type Dataset, withoutTest } from "../datasets/dataset.ts";
import { MAX_WORKERS } from "../workers/placement.ts";
import { type Fallback, Pool, type WorkerChange } from "../workers/pool.ts";
import { nextDecision, promotionsAfter, targetChild, unjudgedReferences } from "./finals.ts";
import { PRUNERS } from "./pruners/pruners.ts";
import type { Notice, RunSnapshot, RunSource, RunState, SearchControl, SearchEvent } from "./runs/events.ts";
import { RunJournal } from "./runs/run_journal.ts";
import type { RunStore } from "./runs/run_store.ts";
import type { Sampler } from "./samplers/sampler.ts";
import type { SearchSpace } from "./search_space.ts";
import { standingsOf } from "./standings.ts";
import { hasWorkLeft, isByHand, isCandidate, isOwn, MAX_SEEDS_BY_HAND, type Trial } from "./trial.ts";
import { knownOf, newTrial, toTell } from "./trial_changes.ts";
import { TrialJudge } from "./trial_judge.ts";
import { type Taken, takenFrom, type WarmStart } from "./warm_start.ts";

/** How often the progress of children is saved, in ms, for processes that follow the run in its store. */
const HEARTBEAT_MS = 1000;

/** Time in ms that interrupted children may take to save their state. */
const LEAVE_MS = 1000;

export interface SearchOptions {
  readonly store: RunStore;
  readonly sampler: Sampler;
  readonly space: SearchSpace;
  readonly dataset: Dataset;
  /** What the settings' engine resolves to, which the workers open, and why others were passed over, where known. */
  readonly resolved?: { readonly engine: string; readonly passedOver: readonly string[] };
  /** What goes on where the device of a graphics card fails for good; without it the search fails then. */
  readonly fallback?: Fallback;
  /** Workers at the start; those of the settings by default. */
  readonly workers?: number;
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
  readonly #journal: RunJournal;
  readonly #pool: Pool;
  readonly #judge: TrialJudge;
  /** From elsewhere; null if nothing. */
  readonly #taken: Taken | null;
  /** Candidates added by hand that are being trained. */
  readonly #byHand = new Set<Promise<unknown>>();
  #stop = false;
  /** No further batch: only the end of the search is left. */
  #isEnding = false;
  #interrupted = false;
  /** Why the run cannot continue. */
  #failure: Error | null = null;

  /** Continues the stored run, from the first batch or from where it was. */
  constructor(options: SearchOptions) {
    this.#options = options;
    this.#journal = new RunJournal(options.store);
    this.#pool = this.#newPool();
    this.#taken = options.warmStart ? takenFrom(options.warmStart, this.#journal.settings.child) : null;
    this.#judge = new TrialJudge({
      journal: this.#journal,
      pool: this.#pool,
      checkpoints: options.store,
      validationImages: options.dataset.validation.count,
      tables: this.#taken,
      hasEnded: () => this.#hasEnded,
    });
  }

  #newPool(): Pool {
    const { resolved, sideBySide, ...options } = this.#options, { settings } = this.#journal;
    const dataset = withoutTest(options.dataset), { target } = settings.judging;
    return new Pool({
      workers: options.workers ?? settings.workers,
      fallback: options.fallback,
      module: options.workerModule,
      gpus: options.gpus,
      sideBySide,
      hangMs: options.hangMs,
      pauseMs: options.pauseMs,
      settings: {
        dataset,
        engine: resolved?.engine ?? settings.engine,
        child: settings.child,
        target: target === null ? undefined : { child: target.child, dataset },
        children: sideBySide ? settings.workers : 1,
        checkpointEveryMs: options.checkpointEveryMs,
      },
      hooks: {
        onWorker: (change) => this.#guard(() => this.#workerChanged(change)),
        onStart: (...start) => this.#guard(() => this.#judge.started(...start)),
        onProgress: ({ trial, training }, worker, step, loss, imagesPerSecond) =>
          this.#guard(() =>
            this.#journal.progress({ trial, training, worker, point: { step, loss }, imagesPerSecond })
          ),
        onNotice: (_, message) => this.#guard(() => this.notice("warning", message)),
        onDevice: (sentence) => this.#guard(() => this.notice("warning", sentence)),
        onOtherEngine: (engine) => this.#guard(() => this.#journal.begin(engine)),
        onUnusable: (reason) => this.#failure ??= new Error(reason),
      },
    });
  }

  get #trials(): readonly Trial[] {
    return this.#journal.trials;
  }

  // Watching ------------------------------------------------------------------------------------------------------

  snapshot(): RunSnapshot {
    return this.#journal.snapshot();
  }

  subscribe(listener: (event: SearchEvent) => void): () => void {
    return this.#journal.subscribe(listener);
  }

  /** Reports to all listeners, and stores it for later readers. */
  notice(level: Notice["level"], message: string): void {
    this.#journal.notice(level, message);
  }

  // The run -------------------------------------------------------------------------------------------------------

  /** Runs to the end, or until the signal: all that finished is saved either way. Resolves to the run's last state. */
  async run(signal: AbortSignal): Promise<RunState> {
    const interrupt = () => {
      this.#interrupted = true;
      this.#pool.cancel();
    };
    if (this.#journal.state === "finished") { // nothing is left to do, and nothing to write
      this.#pool.close();
      return "finished";
    }
    if (signal.aborted) interrupt();
    signal.addEventListener("abort", interrupt, { once: true });
    const heartbeat = setInterval(() => this.#guard(() => this.#journal.saveProgress()), HEARTBEAT_MS);
    try {
      await this.#searchToTheEnd();
    } catch (error) {
      if (!this.#interrupted || this.#failure) {
        this.#journal.fail(error instanceof Error ? error.message : String(error));
        throw error;
      }
      this.#journal.setState("interrupted", "interrupted");
    } finally {
      signal.removeEventListener("abort", interrupt);
      clearInterval(heartbeat);
      if (this.#interrupted) await this.#pool.quiet(LEAVE_MS); // long children save their state
      this.#pool.close();
    }
    return this.#journal.state;
  }

  async #searchToTheEnd(): Promise<void> {
    await this.#openEngine();
    this.#journal.setState("running", null);
    if (this.#options.store.isLogMissing) {
      this.notice("warning", "the run's log run.sqlite-wal is missing: trials that only it held are trained again");
    }
    this.#options.store.keepCheckpoints((id, training) => this.#trials[id]?.trainings[training]?.state === "queued");
    this.#trials.filter(isByHand).forEach(({ id }) => this.#trainByHand(id));
    await this.#trainReferences();
    await this.#loop();
    this.#isEnding = this.#stop;
    await this.#nameOne();
    this.#isEnding ||= this.#stop;
    while (this.#byHand.size > 0) await Promise.all(this.#byHand); // more may have been added meanwhile
    if (this.#failure) throw this.#failure;
    this.#options.store.requireInPlace();
    if (this.#interrupted || (this.#isEnding && !this.#isJudged())) {
      return this.#journal.setState("interrupted", this.#stop ? "stopped from the dashboard" : "interrupted");
    }
    this.#judge.requireResult();
    this.#journal.setState("finished", null);
  }

  /** Whether the verdict is made. */
  #isJudged(): boolean {
    return this.#journal.stage.name === "verdict" && !this.#trials.filter(isOwn).some(hasWorkLeft);
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
    let timer: ReturnType<typeof setInterval> | undefined;
    const aborted = new Promise<never>((_, reject) => {
      timer = setInterval(() => this.#hasEnded && reject(this.#failure ?? new Error("interrupted")), 50);
    });
    const opened = await Promise.race([this.#pool.opened, aborted]).finally(() => clearInterval(timer));
    this.#journal.begin(opened, this.#options.resolved?.passedOver);
  }

  async #loop(): Promise<void> {
    const { sampler } = this.#options, { settings: { trials, batch: batchSize }, stored } = this.#journal;
    if (stored.samplerState) await sampler.restore(stored.samplerState);
    else await sampler.learnFrom(this.#taken?.known ?? []);
    for (let batch = stored.batchesTold;; batch++) {
      let proposed = this.#trials.filter((trial) => trial.batch === batch && isCandidate(trial));
      if (proposed.length === 0) {
        const left = trials - this.#trials.filter(isCandidate).length;
        if (left <= 0 || this.#stop || this.#hasEnded || this.#outOfTime()) return;
        proposed = await this.#propose(batch, Math.min(batchSize, left));
        if (proposed.length === 0) return this.notice("info", "the sampler has proposed its whole space");
      }
      await this.#judge.judge(proposed);
      if (this.#hasEnded) return;
      await this.#promote(batch);
      if (this.#hasEnded) return;
      const judged = proposed.map(({ id }) => this.#trials[id]);
      const update = await sampler.tell(judged.map(({ tokens, reward }) => ({ tokens, reward: reward! })));
      this.#journal.told({ ...update, batch }, await sampler.state());
    }
  }

  async #propose(batch: number, count: number): Promise<Trial[]> {
    const { sampler, space } = this.#options;
    const told = toTell(this.#trials, batch);
    await sampler.learnFrom(told.map(knownOf));
    const candidates = await sampler.ask(count);
    const proposed = candidates.map(({ tokens }, i) => {
      const expression = printExpression(space.expressionOf(tokens)), id = this.#trials.length + i;
      const seeds = Math.max(1, this.#judge.seedsKnown(expression));
      return newTrial({ id, batch, role: "candidate", expression, tokens, seeds });
    });
    this.#journal.propose([...told, ...proposed], await sampler.state());
    return proposed;
  }

  /** Trains the references from as many seeds as any candidate may use, so that differences are paired. */
  async #trainReferences(): Promise<void> {
    const { references, pruner } = this.#journal.settings.judging;
    const missing = references.filter((name) =>
      !this.#trials.some(({ role, expression }) => role === "reference" && expression === name)
    );
    const trials = missing.map((expression, i) => {
      const seeds = Math.max(PRUNERS[pruner].maxSeeds, this.#judge.seedsKnown(expression));
      return newTrial({ id: this.#trials.length + i, batch: 0, role: "reference", expression, tokens: [], seeds });
    });
    this.#journal.changeAll(trials);
    await this.#judge.trainAll((trial) => trial.role === "reference");
  }

  /** Trains the leading candidates from more seeds after a batch, and rescores all. */
  async #promote(batch: number): Promise<void> {
    if (this.#journal.stage.name === "search" && this.#journal.stage.promoted <= batch) {
      const standings = standingsOf(this.#trials.filter(isCandidate)), estimates = this.#judge.estimates(standings);
      const { judging } = this.#journal.settings;
      const { changed, stage } = promotionsAfter(batch, this.#trials, judging, standings, estimates);
      this.#journal.changeAll(changed, stage);
    }
    await this.#judge.trainAll(isCandidate);
    if (!this.#hasEnded) this.#judge.estimateAll();
  }

  /** The end of the run: the playoff of the best, the target, and the verdict on the winner. */
  async #nameOne(): Promise<void> {
    const { judging } = this.#journal.settings;
    if (this.#journal.stage.name === "search" && judging.verdictSeeds === 0) return;
    while (this.#journal.stage.name !== "verdict" && !this.#hasEnded && !this.#stop) {
      if (this.#journal.stage.name !== "search") {
        await this.#judge.trainAll(isOwn);
        if (this.#hasEnded) return;
        this.#judge.estimateAll();
      }
      const decision = nextDecision(this.#trials, this.#journal.stage, judging);
      if (decision === null) return this.notice("warning", "no function was trained to the end: none is named");
      this.#journal.changeAll(decision.changed, decision.stage);
    }
    if (this.#stop) return;
    await this.#judge.trainAll(isOwn);
    const unjudged = this.#hasEnded ? [] : unjudgedReferences(this.#trials);
    if (unjudged.length > 0) this.notice("warning", `nothing can be found, as not judged were: ${unjudged.join(", ")}`);
  }

  /** Whether nothing new may start: the run is interrupted, or cannot continue. */
  get #hasEnded(): boolean {
    return this.#interrupted || this.#failure !== null;
  }

  /** Whether the time not reserved for the playoff is up. */
  #outOfTime(): boolean {
    const { timeLimitMs, judging } = this.#journal.settings;
    if (timeLimitMs === null || this.#journal.elapsedMs < timeLimitMs * (1 - judging.finals)) return false;
    this.notice("info", "the time for proposing candidates is over");
    return true;
  }

  // Control -------------------------------------------------------------------------------------------------------

  control = (request: SearchControl): Promise<string | null> => {
    if (!["running", "paused", "stopping"].includes(this.#journal.state)) {
      return Promise.resolve(`the run is ${this.#journal.state}`);
    }
    switch (request.control) {
      case "pause":
        if (this.#stop) return Promise.resolve("the search stops after this batch: resume it first");
        this.#pool.pause(true);
        this.#journal.setState("paused", null);
        return Promise.resolve(null);
      case "resume": // takes back a stop as well
        if (this.#isEnding) return Promise.resolve("the last batch is done: it is too late to continue");
        this.#stop = false;
        this.#pool.pause(false);
        this.#journal.setState("running", null);
        return Promise.resolve(null);
      case "stop":
        this.#stop = true;
        this.#pool.pause(false);
        this.#journal.setState("stopping", "after this batch");
        return Promise.resolve(null);
      case "set_workers":
        if (!Number.isInteger(request.workers) || request.workers < 1 || request.workers > MAX_WORKERS) {
          return Promise.resolve(`the number of workers must be 1 to ${MAX_WORKERS}: it is ${request.workers}`);
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
      ...{ id: this.#trials.length, batch: this.#journal.batchesTold, role: "by hand", expression, tokens: [] },
      seeds: Math.min(seeds, MAX_SEEDS_BY_HAND),
    });
    this.#journal.change(trial);
    this.#trainByHand(trial.id);
    return null;
  }

  #trainByHand(id: number): void {
    const done: Promise<unknown> = this.#judge.train(id).finally(() => this.#byHand.delete(done));
    this.#byHand.add(done);
  }

  // Workers -------------------------------------------------------------------------------------------------------

  #workerChanged(change: WorkerChange): void {
    const { settings: { child, judging }, stage, workers } = this.#journal, before = workers.get(change.id);
    const ownStage = change.trial !== null && isOwn(this.#trials[change.trial]) ? stage.name : "search";
    this.#journal.workerChanged({
      ...change,
      step: 0,
      steps: stepsOf(targetChild(judging, ownStage) ?? child),
      imagesPerSecond: before?.imagesPerSecond ?? null,
      since: Date.now(),
    });
    if (change.lastError && change.restarts !== (before?.restarts ?? 0)) {
      this.notice("warning", `worker ${change.id} was replaced: ${change.lastError}`);
    }
  }
}
