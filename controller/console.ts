/**
 * A run told in a terminal: one live line while it goes, a line a finding, a closing table; or, for programs, one JSON
 * object a line. It only listens.
 */
import type { RunSource, SearchEvent } from "./runs/events.ts";
import { bestTrial, isFinished, type Trial } from "./trial.ts";

/** Where the lines go; as the commands' `Io`. */
export interface ConsoleOutput {
  readonly out: (line: string) => void;
  readonly err: (line: string) => void;
  readonly live: (line: string) => void;
  readonly terminal: boolean;
}

/** Where there is no terminal to rewrite a line on, one is printed so often (ms). */
const LINE_EVERY_MS = 10_000;
const TABLE_ROWS = 10;

/** Follows the run until the returned function is called, which prints the end. */
export function followRun(source: RunSource, output: ConsoleOutput, json: boolean): () => void {
  const startedAt = performance.now();
  const finishedBefore = source.snapshot().trials.filter(isFinished).length;
  let lastLine = -Infinity;
  let best = bestTrial(source.snapshot().trials);
  const statusLine = () => status(source, finishedBefore, performance.now() - startedAt);
  const tick = setInterval(() => {
    output.live(statusLine());
    if (output.terminal || performance.now() - lastLine < LINE_EVERY_MS) return;
    lastLine = performance.now();
    output.err(statusLine());
  }, 500);
  const stop = source.subscribe((event) => {
    if (json) {
      const line = jsonOf(event);
      if (line) output.out(JSON.stringify(line));
    }
    if (event.event === "notice" && event.level !== "info") output.err(`${event.level}: ${event.message}`);
    else if (event.event === "notice") output.err(event.message);
    if (event.event !== "trial_changed" || event.trial.state !== "complete") return;
    if (best === null || event.trial.score! > best.score!) {
      best = event.trial;
      output.err(`best so far: ${percent(best.score!)} ${best.simplified} (trial ${best.id})`);
    }
  });
  return () => {
    clearInterval(tick);
    stop();
    if (json) output.out(JSON.stringify(finished(source)));
    else for (const line of closingTable(source)) output.out(line);
  };
}

function status(source: RunSource, finishedBefore: number, elapsedMs: number): string {
  const { trials, run, workers } = source.snapshot();
  const done = trials.filter(isFinished).length, { trials: wanted } = run.settings;
  const best = bestTrial(trials);
  const rate = (done - finishedBefore) / (elapsedMs / 3_600_000);
  const left = rate > 0 ? (wanted - done) / rate * 3_600_000 : null;
  const running = workers.filter((worker) => worker.trial !== null)
    .map((worker) => `${worker.trial}: ${Math.floor(100 * worker.step / worker.steps)} %`);
  return [
    `${done}/${wanted} trials`,
    best ? `best ${percent(best.score!)} ${best.simplified}` : "none judged yet",
    rate > 0 ? `${Math.round(rate)} an hour` : null,
    left === null ? null : `${duration(left)} left`,
    running.length ? `training ${running.join(", ")}` : null,
    run.synthetic ? `synthetic data (${run.dataset})` : null,
  ].filter((part) => part !== null).join(" · ");
}

/** What --json prints of an event; null for those it leaves out. */
function jsonOf(event: SearchEvent): Record<string, unknown> | null {
  switch (event.event) {
    case "run_started": {
      const { name, engine, device, dataset, synthetic, settings } = event.run;
      const { seed, sampler, preset, workers } = settings;
      return { event: "run_started", run: name, engine, device, dataset, synthetic, seed, sampler, preset, workers };
    }
    case "trial_changed":
      return isFinished(event.trial) ? { event: "trial", ...jsonOfTrial(event.trial) } : null;
    case "sampler_updated": {
      const { batch, meanReward, bestReward, baseline, entropy, kl, loss } = event.update;
      return {
        event: "sampler_updated",
        batch,
        mean_reward: meanReward,
        best_reward: bestReward,
        baseline,
        entropy,
        kl,
        loss,
      };
    }
    case "notice":
      return { event: "notice", level: event.level, message: event.message };
    case "state_changed":
      return { event: "state_changed", state: event.state, reason: event.reason };
    case "trial_progress":
    case "worker_changed":
      return null;
  }
}

/** A trial as --json, export and scripts see it. */
export function jsonOfTrial(trial: Trial): Record<string, unknown> {
  return {
    trial: trial.id,
    batch: trial.batch,
    expression: trial.expression,
    simplified: trial.simplified,
    state: trial.state,
    score: trial.score,
    reward: trial.reward,
    final_loss: trial.finalLoss,
    beta_mean: trial.betaMean,
    steps: trial.steps,
    duplicate_of: trial.duplicateOf,
    attempts: trial.attempts,
    reason: trial.reason,
    seconds: trial.startedAt === null || trial.finishedAt === null ? null : (trial.finishedAt - trial.startedAt) / 1000,
  };
}

/** The last line of --json. `state` is "finished" or "interrupted". */
function finished(source: RunSource): Record<string, unknown> {
  const { trials, run, state, elapsedMs } = source.snapshot();
  const best = bestTrial(trials);
  return {
    event: "finished",
    state,
    run: run.name,
    best: best && { expression: best.expression, score: best.score, trial: best.id },
    trials: trials.filter(isFinished).length,
    engine: run.engine,
    dataset: run.dataset,
    synthetic: run.synthetic,
    seed: run.settings.seed,
    seconds: elapsedMs / 1000,
  };
}

/** The best functions, one row each however often they were proposed. */
export function closingTable(source: Pick<RunSource, "snapshot">): string[] {
  const { trials, run, state } = source.snapshot();
  const distinct = trials.filter((trial) => trial.state === "complete" && trial.duplicateOf === null)
    .sort((a, b) => b.score! - a.score! || a.id - b.id);
  const { child } = run.settings;
  const where = `${run.dataset}${run.synthetic ? " (synthetic images)" : ""}, ${child.network}, ` +
    `${child.steps} steps of ${child.batch}, engine ${run.engine}`;
  return [
    `run ${run.name}: ${state}, ${
      trials.filter(isFinished).length
    } trials, ${distinct.length} functions trained to the end`,
    `validation accuracy on ${where}`,
    ...distinct.slice(0, TABLE_ROWS).map((trial, i) =>
      `${String(i + 1).padStart(3)}  ${percent(trial.score!).padStart(7)}  trial ${
        String(trial.id).padEnd(4)
      } ${trial.simplified}`
    ),
  ];
}

function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}

function duration(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  return minutes < 1 ? "under a minute" : minutes < 60 ? `${minutes} min` : `${(minutes / 60).toFixed(1)} h`;
}
