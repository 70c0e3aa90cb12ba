/** What the sampler learns: a chart for each metric that it reports. */
import type { VNode } from "preact";
import { metricOf, type SamplerMetric, type SamplerUpdate } from "../../controller/runs/events.ts";
import { useDashboard } from "./dashboard.ts";
import { decimal } from "./format.ts";
import { Chart } from "./picture.tsx";
import { Empty } from "./empty.tsx";

/** Metrics that the history already shows. */
const IN_HISTORY = ["mean_reward", "best_reward"];

/** Colours of the charts, in the order in which the sampler reports its metrics. */
const METRIC_COLOURS = [0, 2, 3, 6];

export function Learning(): VNode {
  const { view } = useDashboard();
  const { updates } = view;
  const metrics = updates.at(-1)?.metrics.filter(({ name }) => !IN_HISTORY.includes(name)) ?? [];
  if (metrics.length === 0) {
    return (
      <Empty>
        {updates.length === 0
          ? "Learning starts after the first batch."
          : `${view.run.settings.sampler} reports nothing of what it learns.`}
      </Empty>
    );
  }
  return (
    <div class="learning">
      {metrics.map((metric, index) => (
        <MetricChart
          key={metric.name}
          metric={metric}
          updates={updates}
          colour={METRIC_COLOURS[index % METRIC_COLOURS.length]}
        />
      ))}
    </div>
  );
}

/** One of the sampler's metrics, batch by batch. */
function MetricChart({ metric: { name, label, unit }, updates, colour }: {
  metric: SamplerMetric;
  updates: readonly SamplerUpdate[];
  colour: number;
}): VNode {
  const title = unit === "" ? label : `${label} (${unit})`;
  return (
    <Chart
      spec={{
        height: 150,
        x: { label: "batch", whole: true },
        y: { label: title },
        series: [{
          label: title,
          kind: updates.length > 1 ? "line" : "dots",
          x: updates.map(({ batch }) => batch),
          y: updates.map((update) => metricOf(update, name) ?? NaN),
          colour,
        }],
      }}
      read={(x) => {
        const update = updates.reduce((near, one) => Math.abs(one.batch - x) < Math.abs(near.batch - x) ? one : near);
        const value = metricOf(update, name);
        return value === null
          ? null
          : { x: update.batch, y: value, text: `batch ${update.batch}: ${decimal(value, 4)}` };
      }}
    />
  );
}
