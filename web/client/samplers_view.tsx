/** A comparison of samplers: the best function so far of each, with its quartiles, and a table of their results. */
import type { VNode } from "preact";
import { useMemo } from "preact/hooks";
import type { ComparisonReport } from "../../controller/runs/reports.ts";
import { samplerChart } from "../plot/sampler_chart.ts";
import { percent, points } from "./format.ts";
import { Chart } from "./picture.tsx";
import { Reports } from "./reports.tsx";

export function SamplersView(): VNode {
  return (
    <Reports
      kind="comparisons"
      hint="No comparison is stored yet: deno task compare --out NAME stores one."
      show={(report, name) => <Comparison report={report} name={name} />}
    />
  );
}

function Comparison({ report, name }: { report: ComparisonReport; name: string }): VNode {
  const spec = useMemo(() => ({ ...samplerChart({ ...report, toBeat: report.to_beat }), height: 360 }), [report]);
  return (
    <section class="panel" aria-label="Comparison of samplers">
      <h2>
        {name} <span class="h-note">{report.seeds} searches of {report.trials} trainings</span>
        {report.synthetic && <span class="pill synthetic">synthetic</span>}
      </h2>
      {report.truth !== undefined && <p class="muted report-about">Truth: {report.truth}.</p>}
      <Chart spec={spec} read={(x, y) => readNearest(report, x, y)} />
      <SamplerTable report={report} />
    </section>
  );
}

const COLUMNS = ["named in top 1 %", "trainings to top 1 %", "regret", "optimism", "best", "p over random"];

function SamplerTable({ report: { samplers } }: { report: ComparisonReport }): VNode {
  return (
    <div class="scroll-x" tabIndex={0} role="region" aria-label="Table of samplers">
      <table class="plain">
        <thead>
          <tr>
            <th>sampler</th>
            {COLUMNS.map((title) => <th key={title} class="right">{title}</th>)}
          </tr>
        </thead>
        <tbody>
          {Object.entries(samplers).map(([name, one]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td class="right number">{percent(one.top1_rate, 0)}</td>
              <td class="right number">{one.median_trainings_to_top1 ?? "never"}</td>
              <td class="right number">{points(one.regret)}</td>
              <td class="right number">{points(one.optimism)}</td>
              <td class="right number">
                {percent(one.best)} [{points(one.best_interval[0])}, {points(one.best_interval[1])}]
              </td>
              <td class="right number">{one.p_over_random?.toPrecision(2) ?? "–"}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** The sampler whose line is nearest after that many trainings. */
function readNearest({ bands }: ComparisonReport, x: number, y: number) {
  const at = Math.round(x);
  const ends = bands.flatMap(({ sampler, middle }) =>
    at >= 1 && at <= middle.length ? [{ sampler, y: 100 * middle[at - 1] }] : []
  );
  if (ends.length === 0) return null;
  const near = ends.reduce((best, one) => Math.abs(one.y - y) < Math.abs(best.y - y) ? one : best);
  return { x: at, y: near.y, text: `${near.sampler}, ${at} trainings: ${near.y.toFixed(2)} %` };
}
