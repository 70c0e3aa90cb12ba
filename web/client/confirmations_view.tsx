/** A confirmation: the finalists of a run beside its references, on each model, with intervals and p-values. */
import type { VNode } from "preact";
import { useMemo } from "preact/hooks";
import { halfWidth95 } from "../../controller/comparison/statistics.ts";
import type { ConfirmationReport, ConfirmationRow } from "../../controller/runs/reports.ts";
import { percent, points, signedPoints } from "./format.ts";
import { Formula } from "./formula.tsx";
import { Chart } from "./picture.tsx";
import { Reports } from "./reports.tsx";

export function ConfirmationsView(): VNode {
  return (
    <Reports
      kind="confirmations"
      hint="No confirmation is stored yet: deno task confirm RUN makes one."
      show={(report, name) => <Confirmation report={report} name={name} />}
    />
  );
}

function Confirmation({ report, name }: { report: ConfirmationReport; name: string }): VNode {
  const titleOf = ({ network, dataset }: ConfirmationRow) =>
    `${network ?? report.network} on ${dataset ?? report.dataset}`;
  const models = [...Map.groupBy(report.rows, titleOf)];
  return (
    <>
      {models.map(([title, rows]) => (
        <section key={title} class="panel" aria-label={`Confirmation: ${title}`}>
          <h2>
            {title} <span class="h-note">{name}: {report.steps} steps of {report.batch}, test split</span>
            {report.synthetic && <span class="pill synthetic">synthetic</span>}
          </h2>
          <Means title={title} rows={rows} />
          <ConfirmationTable rows={rows} />
        </section>
      ))}
      {models.length > 1 && <OverModels report={report} models={models.length} />}
    </>
  );
}

/** Means with their 95 % intervals, by row of the table. */
function Means({ title, rows }: { title: string; rows: readonly ConfirmationRow[] }): VNode {
  const spec = useMemo(() => {
    const shown = rows.flatMap((row, at) => row.mean === null ? [] : [{ at: at + 1, ...row, mean: 100 * row.mean }]);
    const half = (row: ConfirmationRow) => 100 * halfWidthOf(row);
    return {
      height: 260,
      description: `Mean test accuracy with 95 % intervals: ${title}`,
      x: { label: "row of the table", whole: true, domain: [0.5, rows.length + 0.5] as const },
      y: { label: "test accuracy (%)" },
      legend: false,
      series: [
        {
          label: "mean",
          kind: "dots" as const,
          x: shown.map(({ at }) => at),
          y: shown.map(({ mean }) => mean),
          colour: 0,
        },
        {
          label: "95 % interval",
          kind: "line" as const,
          x: shown.flatMap(({ at }) => [at, at, at]),
          y: shown.flatMap((row) => [row.mean - half(row), row.mean + half(row), NaN]),
          colour: 0,
        },
      ],
    };
  }, [rows]);
  return (
    <Chart
      spec={spec}
      read={(x) => {
        const row = rows[Math.round(x) - 1];
        if (!row || row.mean === null) return null;
        return { x: Math.round(x), y: 100 * row.mean, text: `${row.expression}: ${withInterval(row)}` };
      }}
    />
  );
}

function ConfirmationTable({ rows }: { rows: readonly ConfirmationRow[] }): VNode {
  const references = rows.filter(({ reference }) => reference).map(({ expression }) => expression);
  return (
    <div class="scroll-x" tabIndex={0} role="region" aria-label="Table of functions">
      <table class="plain">
        <thead>
          <tr>
            <th>row</th>
            <th>function</th>
            <th class="right">mean (95 %)</th>
            <th class="right">n</th>
            {references.map((name) => <th key={name} class="right">against {name}</th>)}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, at) => (
            <tr key={row.expression}>
              <td class="number">{at + 1}</td>
              <th scope="row">{row.reference ? row.expression : <Formula text={row.expression} />}</th>
              <td class="right number">{withInterval(row)}</td>
              <td class="right number">{row.n}</td>
              {references.map((name) => {
                const found = row.versus[name.toLowerCase()];
                return (
                  <td key={name} class="right number">
                    {found ? `${signedPoints(found.difference)}, p = ${found.p.toPrecision(2)}` : "–"}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** The paper's table 3. */
function OverModels({ report: { over_models = [] }, models }: { report: ConfirmationReport; models: number }): VNode {
  return (
    <section class="panel" aria-label="Over all models">
      <h2>
        Over all models{" "}
        <span class="h-note">of {models}, on how many the median is better, equal to 0.1 %, and worse</span>
      </h2>
      <div class="scroll-x" tabIndex={0} role="region" aria-label="Counts of models">
        <table class="plain">
          <thead>
            <tr>
              <th>function</th>
              <th>against</th>
              {["better", "equal", "worse"].map((title) => <th key={title} class="right">{title}</th>)}
            </tr>
          </thead>
          <tbody>
            {over_models.map(({ expression, versus, better, equal, worse }) => (
              <tr key={`${expression} ${versus}`}>
                <th scope="row">
                  <Formula text={expression} />
                </th>
                <td>{versus}</td>
                {[better, equal, worse].map((count, at) => <td key={at} class="right number">{count}</td>)}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function halfWidthOf({ standard_error, n }: ConfirmationRow): number {
  return halfWidth95(standard_error ?? NaN, n);
}

function withInterval(row: ConfirmationRow): string {
  const half = halfWidthOf(row);
  return `${percent(row.mean)}${Number.isFinite(half) ? ` ± ${points(half)}` : ""}`;
}
