/**
 * A run's progress in a terminal: one live line while it runs, a line per finding, a closing table; or, for programs,
 * one JSON object per line. It only listens to events and never affects the run.
 */
import { childText } from "./child_text.ts";
import { percent, points, signedPoints } from "./percent.ts";
import {
  isOver,
  type RunInfo,
  type RunSettings,
  type RunSnapshot,
  type RunSource,
  type SearchEvent,
} from "./runs/events.ts";
import { type Meeting, meetingsOf, type Outcome, outcomeOf, targetChild } from "./finals.ts";
import { verdictMetricName } from "./objectives.ts";
import { bestTrial, enginesOf, isCandidate, isFinished, trainingsJudged, type Trial } from "./trial.ts";
import { stageText } from "./stage_text.ts";
import { timeLeft, workOf } from "./work_left.ts";
import { recordOfTrial } from "./trial_record.ts";

/** Where the lines go; as the commands' `Io`. */
export interface ConsoleOutput {
  readonly out: (line: string) => void;
  readonly err: (line: string) => void;
  readonly live: (line: string) => void;
  readonly terminal: boolean;
}

/** Interval between progress lines without a terminal, in ms. */
const LINE_EVERY_MS = 10_000;
const TABLE_ROWS = 10;

/** Follows the run until the returned function is called, which prints the result. */
export function followRun(source: RunSource, output: ConsoleOutput, json: boolean): () => void {
  const { trials, elapsedMs } = source.snapshot(), before = { done: proposalsDone(trials), elapsedMs };
  const told = new Set<number>();
  let lastLine = -Infinity;
  let best = bestTrial(trials);
  const statusLine = () => status(source, before);
  const tick = setInterval(() => {
    output.live(statusLine());
    if (output.terminal || performance.now() - lastLine < LINE_EVERY_MS) return;
    lastLine = performance.now();
    output.err(statusLine());
  }, 500);
  const stop = source.subscribe((event) => {
    if (json) {
      const line = jsonOf(event, told);
      if (line) output.out(JSON.stringify(line));
    }
    // An error ends the run, and the command says it.
    if (event.event === "notice" && event.level === "warning") output.err(`warning: ${event.message}`);
    else if (event.event === "notice" && event.level === "info") output.err(event.message);
    if (event.event !== "trial_changed" || event.trial.state !== "complete") return;
    const now = bestTrial(source.snapshot().trials);
    if (now === null || now.id === best?.id) return;
    best = now;
    output.err(`new leader: ${scoreOf(best)} ${best.simplified} (trial ${best.id})`);
  });
  return () => {
    clearInterval(tick);
    stop();
    if (json) output.out(JSON.stringify(finished(source)));
    else for (const line of closingTable(source)) output.out(line);
  };
}

/** Finished trials of the sampler's candidates. */
function proposalsDone(trials: readonly Trial[]): number {
  return trials.filter((trial) => isCandidate(trial) && isFinished(trial)).length;
}

/** `before`: proposals that were finished when this process took over, and the run's elapsed time then. */
function status(source: RunSource, before: { readonly done: number; readonly elapsedMs: number }): string {
  const snapshot = source.snapshot(), { trials, run, workers } = snapshot;
  const done = proposalsDone(trials), { trials: wanted } = run.settings;
  const best = bestTrial(trials);
  const rate = (done - before.done) / ((snapshot.elapsedMs - before.elapsedMs) / 3_600_000);
  const left = timeLeft(workOf(snapshot), snapshot);
  const running = workers.filter((worker) => worker.trial !== null)
    .map((worker) => `${worker.trial}: ${Math.floor(100 * worker.step / worker.steps)} %`);
  return [
    `${done}/${wanted} trials`,
    stageOf(source) ?? (best ? `leads ${scoreOf(best)} ${best.simplified}` : "none judged yet"),
    rate > 0 && done < wanted ? `${Math.round(rate)} per hour` : null,
    left === null ? null : `${duration(left)} left`,
    running.length ? `training ${running.join(", ")}` : null,
    run.synthetic ? `synthetic data (${run.dataset})` : null,
  ].filter((part) => part !== null).join(" · ");
}

/** The run's stage after its last batch; null before. */
function stageOf(source: RunSource): string | null {
  const { stage, trials, run } = source.snapshot(), text = stageText(stage, run.settings.judging);
  return stage.name === "verdict" ? `${text}: ${trials[stage.trial].simplified}` : text;
}

/** A score with the trainings behind it. */
function scoreOf(trial: Trial): string {
  const n = trainingsJudged(trial), deviation = trial.deviation === null ? "" : ` ± ${points(trial.deviation)}`;
  return `${percent(trial.score!)}${deviation} (${n === 1 ? "1 training" : `${n} trainings`})`;
}

/** What --json prints for an event; null for those it leaves out. `told` are the trials whose result was printed. */
function jsonOf(event: SearchEvent, told: Set<number>): Record<string, unknown> | null {
  switch (event.event) {
    case "run_started": {
      const { name, engine, device, dataset, synthetic, settings } = event.run;
      const { seed, sampler, preset, workers } = settings;
      return { event: "run_started", run: name, engine, device, dataset, synthetic, seed, sampler, preset, workers };
    }
    case "trial_changed":
      return isFinished(event.trial) ? { event: kindOf(event.trial, told), ...recordOfTrial(event.trial) } : null;
    case "sampler_updated": {
      const { batch, metrics } = event.update;
      return {
        event: "sampler_updated",
        batch,
        ...Object.fromEntries(metrics.map(({ name, value }) => [name, value])),
      };
    }
    case "notice":
      return { event: "notice", level: event.level, message: event.message };
    case "state_changed":
      return { event: "state_changed", state: event.state, reason: event.reason };
    case "stage_changed":
    case "trial_progress":
    case "worker_changed":
      return null;
  }
}

/** A trial is reported once when it finishes, then each time later trainings change it. */
function kindOf({ id, role }: Trial, told: Set<number>): "reference" | "trial" | "trial_changed" {
  if (told.has(id)) return "trial_changed";
  told.add(id);
  return role === "reference" ? "reference" : "trial";
}

/**
 * Result of a run. `best` is the function judged on fresh seeds, null without them; `leader` is the candidate with the
 * highest shrunken score; `target`, where the run has one, those that met on its child.
 */
export function jsonOfEnd({ trials, run }: Pick<RunSnapshot, "trials" | "run">): Record<string, unknown> {
  const outcome = outcomeOf(trials), leader = bestTrial(trials);
  return {
    best: outcome && jsonOfOutcome(outcome, run),
    found: outcome?.verdict.found ?? false,
    leader: leader && {
      ...{ expression: leader.expression, score: leader.score, deviation: leader.deviation },
      ...{ n: trainingsJudged(leader), trial: leader.id },
    },
    ...run.settings.judging.target && { target: meetingsOf(trials).map(jsonOfMeeting) },
  };
}

function jsonOfMeeting({ trial: { id, expression }, mean, n }: Meeting<Trial>): Record<string, unknown> {
  return { expression, trial: id, score: mean, n };
}

/** The last line of --json. `state` is "finished" or "interrupted". */
function finished(source: RunSource): Record<string, unknown> {
  const snapshot = source.snapshot(), { trials, run, state, elapsedMs } = snapshot, engines = enginesOf(trials);
  return {
    event: "finished",
    state,
    run: run.name,
    metric: run.metric,
    ...jsonOfEnd(snapshot),
    trials: trials.filter((trial) => isFinished(trial) && trial.role !== "reference").length,
    trainings: trials.flatMap(({ trainings }) => trainings).filter(({ score }) => score !== null).length,
    engine: run.engine,
    ...engines.length > 1 && { engines },
    dataset: run.dataset,
    synthetic: run.synthetic,
    seed: run.settings.seed,
    seconds: elapsedMs / 1000,
  };
}

/** The named function, as programs see it. */
function jsonOfOutcome({ trial, verdict }: Outcome, run: RunInfo): Record<string, unknown> {
  const { score, standardError, halfWidth, n, versus } = verdict;
  return {
    ...{ expression: trial.expression, simplified: trial.simplified, trial: trial.id },
    ...{
      score,
      metric: verdictMetricName(run.settings),
      standard_error: standardError,
      half_width_95: halfWidth,
      n,
    },
    child: childText(targetChild(run.settings.judging, "verdict") ?? run.settings.child),
    versus: Object.fromEntries(
      Object.entries(versus).map(([name, { difference, standardError, p, n }]) => [
        name,
        { difference, standard_error: standardError, p, n },
      ]),
    ),
  };
}

/** The result in words: the function, its score on fresh seeds, and how it compares. */
function verdictLines(outcome: Outcome | null, snapshot: RunSnapshot): string[] {
  const { run, trials, state } = snapshot;
  if (outcome === null && (state === "interrupted" || !isOver(snapshot))) {
    return ["no function is named yet: that takes trainings from fresh seeds at the end"];
  }
  if (outcome === null) {
    const why = bestTrial(trials) === null
      ? "none was trained to the end"
      : "the run has had no verdict on fresh seeds";
    return [`no function is named: ${why}`];
  }
  const { trial: { id, simplified }, verdict: { score, halfWidth, n, versus, found }, left } = outcome;
  const child = targetChild(run.settings.judging, "verdict"), metric = verdictMetricName(run.settings);
  const against = Object.entries(versus).map(([name, { difference, p }]) =>
    `${signedPoints(difference)} points against ${name} (p = ${p.toPrecision(2)})`
  );
  return [
    `${found ? "found" : left > 0 ? "being judged" : "named"}: ${simplified} (trial ${id}), ` +
    `${percent(score)}${Number.isFinite(halfWidth) ? ` ± ${points(halfWidth)}` : ""} on ${n} fresh seeds` +
    (metric === run.metric ? "" : `, ${metric},`) +
    (child ? ` of ${childText(child)}` : ""),
    ...against.length > 0 ? [`  ${against.join(", ")}, paired, after Holm's correction`] : [],
    ...left > 0
      ? [`  not decided yet: trainings from fresh seeds left, with those of the references: ${left}`]
      : found
      ? []
      : ["  it is not shown to be better than all of the references"],
  ];
}

/** How the best of the playoff did on the target's child; nothing without one. */
function targetLines(trials: readonly Trial[], { judging }: RunSettings): string[] {
  const meetings = meetingsOf(trials);
  if (!judging.target || meetings.length === 0) return [];
  return [
    `on ${childText(judging.target.child)}, before the fresh seeds; compare those of the same n:`,
    ...meetings.map(({ trial: { id, simplified }, mean, n }) =>
      `     ${percent(mean).padStart(7)}         n=${String(n).padEnd(3)} trial ${String(id).padEnd(4)} ${simplified}`
    ),
  ];
}

/** The named function, and the best functions by shrunken score, one row each however often they were proposed. */
export function closingTable(source: Pick<RunSource, "snapshot">): string[] {
  const snapshot = source.snapshot(), { trials, run, state } = snapshot;
  const distinct = trials.filter((trial) => trial.state === "complete" && trial.duplicateOf === null)
    .sort((a, b) => b.score! - a.score! || a.id - b.id);
  const { child, judging } = run.settings;
  const where = `${run.dataset}${run.synthetic ? " (synthetic images)" : ""}, ${childText(child)}, engine ${
    enginesOf(trials).join(" and ") || run.engine
  }`;
  return [
    `run ${run.name}: ${state}, ${
      trials.filter(isFinished).length
    } trials, ${distinct.length} functions trained to the end`,
    `${run.metric} on ${where}`,
    ...verdictLines(outcomeOf(trials), snapshot),
    ...targetLines(trials, run.settings),
    ...distinct.length === 0 ? [] : [
      `leaders, by all their trainings except those ${
        judging.target ? "of the target and " : ""
      }on fresh seeds, corrected for luck:`,
    ],
    ...distinct.slice(0, TABLE_ROWS).map((trial, i) => {
      const n = trainingsJudged(trial), mark = trial.role === "candidate" ? "" : ` (${trial.role})`;
      const deviation = trial.deviation === null ? "" : `± ${points(trial.deviation)}`;
      return `${String(i + 1).padStart(3)}  ${percent(trial.score!).padStart(7)} ${deviation.padEnd(6)}  n=${
        String(n).padEnd(3)
      } trial ${String(trial.id).padEnd(4)} ${trial.simplified}${mark}`;
    }),
  ];
}

function duration(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  if (minutes < 1) return "under a minute";
  return `about ${minutes < 60 ? `${minutes} min` : `${(minutes / 60).toFixed(1)} h`}`;
}
