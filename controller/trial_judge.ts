/**
 * Trains trials and scores them: it gives the pool a trial's trainings, changes the trial by their results, and
 * estimates every score from all trainings together. `search.ts` decides which trials are trained, and when.
 */
import type { Bar } from "../child/bar.ts";
import { trainedElsewhere } from "../child/pair.ts";
import { stepsOf } from "../child/pair_settings.ts";
import { Random } from "../datasets/random.ts";
import type { JobResult, Pool } from "../workers/pool.ts";
import type { ChildJob } from "../workers/protocol.ts";
import type { Estimates } from "./comparison/estimate.ts";
import type { FunctionTable, TableEntry } from "./comparison/function_table.ts";
import { targetChild } from "./finals.ts";
import { scoreOf } from "./objectives.ts";
import { barOf } from "./pruners/bar.ts";
import type { Standing } from "./pruners/pruner.ts";
import { PRUNERS } from "./pruners/pruners.ts";
import { rewardOf } from "./reward.ts";
import type { RunSettings } from "./runs/events.ts";
import type { RunJournal } from "./runs/run_journal.ts";
import type { RunStore } from "./runs/run_store.ts";
import { estimateTrials, standingsOf } from "./standings.ts";
import { counts, isByHand, isCandidate, isFinished, isOwn, seedsOf, type Training, type Trial } from "./trial.ts";
import { isNear, requeued, withResult } from "./trial_changes.ts";
import type { Taken } from "./warm_start.ts";

type Result = Exclude<JobResult, { readonly outcome: "interrupted" }>;

interface TrialJudgeOptions {
  readonly journal: RunJournal;
  readonly pool: Pick<Pool, "train">;
  readonly checkpoints: Pick<RunStore, "checkpointOf" | "removeCheckpoint">;
  /** Number of validation images of the data set. */
  readonly validationImages: number;
  readonly tables: Pick<Taken, "whole" | "first"> | null;
  /** Whether nothing new may start. */
  readonly hasEnded: () => boolean;
}

/** A score in a table: null if the child diverged. */
type KnownScore =
  | { readonly isWhole: true; readonly score: number | null }
  | { readonly isWhole: false; readonly score: number };

export class TrialJudge {
  readonly #options: TrialJudgeOptions;
  readonly #journal: RunJournal;
  /** When each trial in training was given to its worker, on `performance.now()`. */
  readonly #givenAt = new Map<number, number>();

  constructor(options: TrialJudgeOptions) {
    this.#options = options;
    this.#journal = options.journal;
  }

  get #trials(): readonly Trial[] {
    return this.#journal.trials;
  }

  /** Finishes every trial of the batch: of functions that train alike the first is trained, the others take its result. */
  async judge(batch: readonly Trial[]): Promise<void> {
    const originals: number[] = [], copies: [copy: Trial, original: number][] = [];
    for (const trial of batch) {
      if (isFinished(this.#trials[trial.id])) continue;
      const original = this.#originalOf(trial);
      if (original === null) originals.push(trial.id);
      else copies.push([trial, original]);
    }
    await Promise.all(originals.map((id) => this.train(id)));
    if (this.#options.hasEnded()) return;
    for (const [copy, original] of copies) this.#takeResult(copy, this.#trials[original]);
  }

  /** Runs all queued trainings of the given trials. */
  async trainAll(which: (trial: Trial) => boolean): Promise<void> {
    await this.#train(this.#trials.filter(which).map(({ id }) => id));
  }

  /** Runs the trial's queued trainings. */
  async train(id: number): Promise<void> {
    await this.#train([id]);
  }

  /**
   * A trial's first training alone decides whether its others that count are worth it; the verdict judges a reference in
   * any case. Those go seed by seed, so that what there is at any time favours no trial.
   */
  async #train(ids: readonly number[]): Promise<void> {
    await Promise.all(ids.map((id) => this.#trainFirst(id)));
    const queued = ids.flatMap((id) => this.#queuedOf(id).map(([at, training]) => ({ id, at, training })));
    queued.sort((one, other) => one.training.seed - other.training.seed);
    await Promise.all(queued.map(({ id, at, training }) => this.#runTraining(id, at, training)));
  }

  async #trainFirst(id: number): Promise<void> {
    const first = this.#queuedOf(id).find(([at]) => at === 0);
    if (first) await this.#runTraining(id, ...first);
    if (["pruned", "diverged", "failed"].includes(this.#trials[id].state)) this.#dropQueued(id);
    this.#takeKnown(id);
  }

  #queuedOf(id: number): [at: number, training: Training][] {
    return [...this.#trials[id].trainings.entries()].filter(([, { state }]) => state === "queued");
  }

  /** The estimates for those standings, in their order. */
  estimates(standings: readonly Standing[]): Estimates {
    const { classes, settings: { child } } = this.#journal.run;
    return estimateTrials(standings, child.validationImages ?? this.#options.validationImages, classes);
  }

  /** Rescores all trials from all their trainings together. Candidates added by hand do not affect the others' scores. */
  estimateAll(): void {
    const told = this.#journal.batchesTold, scores = new Map<number, Pick<Trial, "score" | "deviation">>();
    const estimated = (which: (trial: Trial) => boolean, others: (trial: Trial) => boolean) => {
      const standings = standingsOf(this.#trials.filter(others));
      this.estimates(standings).candidates.forEach(({ value, deviation }, i) => {
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
      // Rewards that the sampler has learnt from stay. The first score depended on what had finished before.
      if (trial.batch >= told) return [isCandidate(trial) ? this.#rewarded(scored) : scored];
      return isNear(trial, scored) ? [] : [scored];
    });
    this.#journal.changeAll(changed);
  }

  /** Throws an Error if trials were trained and every one of them failed. */
  requireResult(): void {
    const trials = this.#trials.filter(({ role }) => role !== "reference");
    const failed = trials.find((trial) => trial.state === "failed");
    if (!failed || trials.some((trial) => trial.state !== "failed")) return;
    throw new Error(`all ${trials.length} trials failed, the first as ${failed.reason}`);
  }

  /** The pool gave a training to a worker. */
  started({ trial: id, training }: ChildJob, worker: number, attempt: number): void {
    const trial = this.#trials[id];
    if (training === 0) {
      this.#givenAt.set(id, performance.now());
      this.#journal.change({ ...trial, state: "running", worker, attempts: attempt, startedAt: Date.now(), curve: [] });
    }
    if (attempt > 1) this.#journal.notice("warning", `trial ${id} restarts on worker ${worker}`);
  }

  /** What tables have of the queued trainings, as one change. */
  #takeKnown(id: number): void {
    const { settings: { child }, run: { classes } } = this.#journal, trial = this.#trials[id];
    const knownOf = this.#inTables(trial);
    const taken = [...trial.trainings.entries()].reduce((changed, [at, training]) => {
      const known = training.state === "queued" ? knownOf(training) : undefined;
      if (!known?.isWhole) return changed;
      return withResult(changed, at, resultOfTable(known.score, stepsOf(child)), classes, "table");
    }, trial);
    if (taken !== trial) this.#journal.change(taken);
  }

  async #runTraining(id: number, training: number, { seed, stage }: Training): Promise<void> {
    const { checkpoints, pool } = this.#options, { settings } = this.#journal;
    const trial = this.#trials[id];
    const known = this.#inTables(trial)({ seed, stage });
    if (known?.isWhole) {
      return this.#finishTraining(id, training, resultOfTable(known.score, stepsOf(settings.child)), "table");
    }
    const first = known && { score: known.score, loss: NaN };
    const result = await pool.train({
      ...{ trial: id, training, expression: trial.expression, seed: seedOf(settings, stage, seed) },
      ...{ first, onTarget: targetChild(settings.judging, stage) !== null },
      checkpoint: checkpoints.checkpointOf(id, training),
      bar: training === 0 ? this.#barOf(trial) : null,
      timeLimitMs: settings.childTimeMs,
    });
    if (result.outcome !== "interrupted") checkpoints.removeCheckpoint(id, training);
    const isJudged = result.outcome === "complete" || result.outcome === "pruned";
    const score = isJudged && { score: scoreOf(settings, stage, result) };
    this.#finishTraining(id, training, { ...result, ...score }, first && "table");
  }

  /** The first earlier candidate that trains alike (`mirrorFingerprint`) and was, or is being, judged. */
  #originalOf(trial: Trial): number | null {
    const original = this.#trials.find((other) =>
      other.id < trial.id && other.fingerprint === trial.fingerprint && other.duplicateOf === null &&
      !isByHand(other) &&
      (other.state !== "failed" || other.batch === trial.batch)
    );
    return original?.id ?? null;
  }

  /** The bar that the sampler's own candidates must clear within their first training; null for other trials. */
  #barOf({ role, batch }: Trial): Bar | null {
    const { judging: { pruner }, child: { steps } } = this.#journal.settings, { stopsAt } = PRUNERS[pruner];
    return stopsAt === null || role !== "candidate" ? null : barOf(batch, this.#trials, stopsAt, steps);
  }

  /** From how many of the first seeds a table has whole trainings of the function, which are taken as well. */
  seedsKnown(expression: string): number {
    const scores = this.#entryIn(this.#tables?.whole, expression)?.scores ?? [];
    const firstMissing = scores.findIndex((score) => score === undefined);
    return firstMissing < 0 ? scores.length : firstMissing;
  }

  /**
   * What the tables have of the trainings of the same function and child, images and engine. The first child alone,
   * unless it diverged, is not the whole of two. A mirror image trains alike, but not from the same weights.
   */
  #inTables({ expression }: Trial): (training: Pick<Training, "seed" | "stage">) => KnownScore | undefined {
    const [ofWhole, ofFirst] = [this.#tables?.whole, this.#tables?.first].map((table) =>
      this.#entryIn(table, expression)
    );
    return ({ seed, stage }) => {
      if (!counts({ stage })) return undefined;
      const whole = ofWhole?.scores[seed], first = ofFirst?.scores[seed];
      if (whole !== undefined) return { isWhole: true, score: whole };
      if (first === null) return { isWhole: true, score: null };
      return first === undefined ? undefined : { isWhole: false, score: first };
    };
  }

  /** Null if the run's trainings are not from the seeds of tables. */
  get #tables(): TrialJudgeOptions["tables"] {
    return this.#journal.settings.tableSeeds ? this.#options.tables : null;
  }

  #entryIn(table: FunctionTable | null | undefined, expression: string): TableEntry | undefined {
    return table?.header.engine === this.#journal.run.engine ? table?.entryOf(expression) : undefined;
  }

  #dropQueued(id: number): void {
    const trial = this.#trials[id],
      trainings = trial.trainings.filter((training) => training.state !== "queued" || !counts(training));
    if (trainings.length < trial.trainings.length) this.#journal.change({ ...trial, trainings });
  }

  /** The first training decides the trial's state; later ones only refine its score. */
  #finishTraining(id: number, training: number, result: JobResult, from?: "table"): void {
    const trial = this.#trials[id];
    if (result.outcome === "interrupted") {
      return training === 0 ? this.#journal.change(requeued(trial)) : undefined;
    }
    const judged = withResult(trial, training, result, this.#journal.run.classes, from);
    if (training === 0) return this.#finish(judged, result);
    this.#journal.change(judged);
    if (result.outcome === "failed" || result.outcome === "timed_out") {
      this.#journal.notice("warning", `training ${training} of trial ${id} failed: ${result.reason}`);
    }
  }

  #finish(trial: Trial, result: Result): void {
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
    const { value: score, deviation } = this.estimates(standings).candidates[standings.length - 1];
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
    this.#journal.change(this.#rewarded(trial));
  }

  #rewarded(trial: Trial): Trial {
    return { ...trial, reward: isCandidate(trial) ? rewardOf(trial, this.#journal.run.classes) : null };
  }
}

/** The result of a training of so many steps that a table has. */
function resultOfTable(score: number | null, steps: number): Result {
  const trained = { ...trainedElsewhere({ steps }), attempts: 0 };
  return score === null
    ? { ...trained, outcome: "diverged", reason: "the child diverged when the table was made" }
    : { ...trained, outcome: "complete", score, loss: NaN };
}

/** The k-th seed of the stage's sequence, common to all candidates. */
function seedOf({ seed, tableSeeds }: RunSettings, stage: Training["stage"], k: number): number {
  if (tableSeeds && counts({ stage })) return 1 + k;
  return new Random(seed).split(seedsOf(stage), k).nextUint32();
}
