/** The history of a search: each trial's score, the best so far, and the mean reward of each batch. */
import type { VNode } from "preact";
import { useMemo } from "preact/hooks";
import type { Series } from "../plot/chart.ts";
import { padded } from "../plot/scale.ts";
import { metricOf } from "../../controller/runs/events.ts";
import type { TrialRow, TrialState } from "../../controller/trial.ts";
import type { RunView } from "../run_view.ts";
import { type Baseline, useDashboard } from "./dashboard.ts";
import { percent, worth } from "./format.ts";
import { Chart } from "./picture.tsx";
import { bestSoFar } from "./ranking.ts";
import { Empty } from "./empty.tsx";

/** A trial with a result, and its value in the mean of its batch, in [0, 1]. */
interface Judged {
  readonly trial: TrialRow;
  readonly value: number;
}

/** Null before there is a result. Who requested a trial, and whether the sampler learns from it, makes no difference. */
function valueOf({ state, score, reward }: TrialRow, guessing: number): number | null {
  return score ?? reward ?? (state === "diverged" || state === "failed" ? guessing : null);
}

/** The trials that are drawn, by number; references are drawn as horizontal lines instead. */
function judgedOf(trials: readonly TrialRow[], guessing: number): Judged[] {
  const judged: Judged[] = [];
  for (const trial of trials) {
    const value = trial.role === "reference" ? null : valueOf(trial, guessing);
    if (value !== null) judged.push({ trial, value });
  }
  return judged.sort((one, other) => one.trial.id - other.trial.id);
}

export function History({ lines }: { lines: readonly Baseline[] }): VNode {
  const { view, shown, go } = useDashboard();
  const judged = useMemo(() => judgedOf(shown, 1 / view.run.classes), [shown, view.run.classes]);
  const spec = useMemo(() => historySpec(judged, view, lines), [judged, view.updates.length, lines]);
  if (judged.length === 0) {
    return (
      <div class="place-300">
        <Empty>
          {view.trials.length === shown.length ? "Waiting for the first candidate." : "No trial passes the filter."}
        </Empty>
      </div>
    );
  }
  const nearest = (x: number, y: number) => nearestTrial(judged, x, y);
  return (
    <Chart
      spec={spec}
      stops={() => judged.map(({ trial, value }) => ({ x: trial.id, y: 100 * value }))}
      read={(x, y) => {
        const { trial, value } = nearest(x, y);
        const what = trial.score === null
          ? `${trial.state}, counts as ${percent(value)}`
          : `${worth(trial)}${trial.state === "complete" ? "" : ` (${trial.state})`}`;
        return { x: trial.id, y: value * 100, text: `${trial.id}: ${what}  ${short(trial.simplified)}` };
      }}
      onPick={(x, y) => go({ trial: nearest(x, y).trial.id })}
    />
  );
}

function short(text: string): string {
  return text.length > 48 ? `${text.slice(0, 47)}…` : text;
}

/** The nearest trial in the plot; the range of trial numbers counts as 3, that of accuracies as 1. */
function nearestTrial(judged: readonly Judged[], x: number, y: number): Judged {
  const span = Math.max(1, judged[judged.length - 1].trial.id - judged[0].trial.id);
  let best = judged[0];
  let least = Infinity;
  for (const one of judged) {
    const distance = ((one.trial.id - x) / span * 3) ** 2 + (one.value - y / 100) ** 2;
    if (distance < least) [least, best] = [distance, one];
  }
  return best;
}

/** Trials by outcome: all that count in a batch's mean are drawn. */
const OUTCOMES: readonly { readonly label: string; readonly colour: number; readonly states: readonly TrialState[] }[] =
  [
    { label: "complete", colour: 5, states: ["complete"] },
    { label: "pruned", colour: 6, states: ["pruned"] },
    { label: "diverged or failed, as guessing", colour: 7, states: ["diverged", "failed"] },
  ];

function historySpec(judged: readonly Judged[], view: RunView, lines: readonly Baseline[]) {
  const ids = judged.map(({ trial }) => trial.id);
  const dots = OUTCOMES.map(({ label, colour, states }): Series => {
    const own = judged.filter(({ trial }) => states.includes(trial.state));
    const [x, y] = [own.map(({ trial }) => trial.id), own.map(({ value }) => 100 * value)];
    return { label, kind: "dots", colour, x, y };
  }).filter(({ x }) => x.length > 0);
  const series: Series[] = [
    ...dots,
    {
      label: "best so far",
      kind: "step",
      x: ids,
      y: bestSoFar(judged.map(({ trial }) => trial)).map((best) => 100 * best),
      colour: 0,
    },
  ];
  if (view.updates.length > 0) {
    const last = lastOfBatches(view.trials);
    const x = view.updates.map(({ batch }) => last[batch] ?? NaN);
    series.push({
      label: "mean reward of a batch",
      kind: "line",
      x,
      y: view.updates.map((update) => 100 * (metricOf(update, "mean_reward") ?? NaN)),
      colour: 1,
    });
  }
  return {
    height: 300,
    description: `The ${view.run.metric} of ${judged.length} trials and the best so far`,
    // Padding, so that dots at the ends are not clipped.
    x: { label: "trial", whole: true, domain: padded([0, ids[ids.length - 1]], 0.008) },
    y: { label: `${view.run.metric} (%)` },
    series,
    rules: lines.filter(({ found }) => found !== null)
      .map(({ name, found }) => ({ axis: "y" as const, value: 100 * found!.score, label: name })),
  };
}

/** The last candidate of each batch; references and candidates added by hand lie between them. */
function lastOfBatches(trials: readonly TrialRow[]): number[] {
  const last: number[] = [];
  for (const { id, batch, role } of trials) if (role === "candidate") last[batch] = Math.max(last[batch] ?? 0, id);
  return last;
}
