/** The numbers at the top of the overview: the best function, the references, trials, rate and time. */
import type { ComponentChildren, VNode } from "preact";
import { isOver } from "../../controller/runs/events.ts";
import { isFinished } from "../../controller/trial.ts";
import { stageText } from "../../controller/stage_text.ts";
import { timeLeft, workOf } from "../../controller/work_left.ts";
import { countStates } from "../../controller/runs/registry.ts";
import type { RunView } from "../run_view.ts";
import { type Baseline, useDashboard, useOfTrials } from "./dashboard.ts";
import { clock, count, duration, percent, points } from "./format.ts";
import type { RankedFunction } from "./ranking.ts";
import { StateBar } from "./state_bar.tsx";

export function Figures({ lines }: { lines: readonly Baseline[] }): VNode {
  const { view, now, connection, functions, shown } = useDashboard();
  const counts = useOfTrials(view, countStates);
  // The number of trials requested does not include references.
  const done = useOfTrials(view, (trials) => trials.filter((t) => isFinished(t) && t.role !== "reference").length);
  const best = functions[0];
  const elapsed = view.elapsedAtTime(now);
  const stage = isOver(view) ? null : stageText(view.stage, view.run.settings.judging);
  const rate = stage === null ? recentRate(view, now) : null; // of proposals, which are over then
  const { trials: wanted, timeLimitMs } = view.run.settings;
  const work = useOfTrials(view, (trials) => workOf({ run: view.run, stage: view.stage, trials }));
  const pace = { run: view.run, stage: view.stage, elapsedMs: elapsed, workers: [...view.workers.values()] };
  const left = view.state === "running" ? timeLeft(work, pace) : null;
  const isFiltered = shown.length < view.trials.length;
  return (
    <section class="figures" aria-label="Figures">
      <Figure
        name={isFiltered ? "Best of those shown" : `Best ${view.run.metric}`}
        value={best ? percent(best.score) : "–"}
        note={best ? spreadOf(best) : "no trial is complete"}
      />
      {lines.slice(0, 2).map((line) => (
        <BaselineFigure
          key={line.name}
          line={line}
          canTrain={connection.controllable}
        />
      ))}
      <Figure
        name="Trials"
        value={`${count(done)} / ${count(wanted)}`}
        note={stage ?? <StateBar counts={counts} total={Math.max(wanted, view.trials.length)} />}
      />
      <Figure name="Rate" value={rate === null ? "–" : count(rate)} note="children per hour" />
      <Figure
        name="Elapsed"
        value={duration(elapsed)}
        note={left === null
          ? (timeLimitMs ? `of ${duration(timeLimitMs)}` : `since ${clock(view.run.createdAt)}`)
          : `about ${duration(left)} left`}
      />
    </section>
  );
}

/** "± 0.48, n = 6": the standard deviation of the children's scores. */
function spreadOf({ deviation, n }: RankedFunction): string {
  return `${deviation === null ? "" : `± ${points(deviation)}, `}n\u00a0=\u00a0${n}`;
}

function Figure({ name, value, note }: { name: string; value: string; note: ComponentChildren }): VNode {
  return (
    <div class="figure">
      <span class="figure-name">{name}</span>
      <span class="figure-value">{value}</span>
      <span class="figure-note">{note}</span>
    </div>
  );
}

function BaselineFigure({ line, canTrain }: { line: Baseline; canTrain: boolean }): VNode {
  const { control, say, view } = useDashboard();
  const train = async () => {
    if (await control({ control: "add_candidate", expression: line.expression })) {
      say(`${line.name} is queued for this run's child.`);
    }
  };
  const note = line.found !== null
    ? `same child, ${spreadOf(line.found)}`
    : line.pending > 0
    ? "in the queue"
    : canTrain && !isOver(view)
    ? <button type="button" class="small" onClick={train}>Train it on this child</button>
    : "not trained in this run";
  return <Figure name={line.name} value={percent(line.found?.score ?? null)} note={note} />;
}

/** Trials per hour over the last tenth of the run (at least five minutes); null before two have ended. */
function recentRate(view: RunView, now: number): number | null {
  let first = Infinity, latest = 0;
  for (const { startedAt, finishedAt } of view.trials) {
    first = Math.min(first, startedAt ?? Infinity);
    latest = Math.max(latest, finishedAt ?? 0);
  }
  const last = view.state === "running" ? now : latest;
  const window = Math.min(last - first, Math.max(300_000, (last - first) / 10));
  let ended = 0, ends = 0;
  for (const { finishedAt } of view.trials) {
    if (finishedAt === null) continue;
    ends++;
    if (finishedAt >= last - window) ended++;
  }
  return ends < 2 ? null : ended / (window / 3_600_000);
}
