/** A stored report in a view: the one that the URL names, with links to the others. */
import type { VNode } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { ReportKind, ReportTypes } from "../../controller/runs/reports.ts";
import { ask, useDashboard } from "./dashboard.ts";
import { Empty } from "./empty.tsx";
import { writeRoute } from "./route.ts";

interface ReportsProps<Kind extends ReportKind> {
  readonly kind: Kind;
  /** What to do where there is none. */
  readonly hint: string;
  readonly show: (report: ReportTypes[Kind], name: string) => VNode;
}

/** The report that the URL names, else the first. */
export function Reports<Kind extends ReportKind>({ kind, hint, show }: ReportsProps<Kind>): VNode {
  const { route } = useDashboard();
  const listed = useAsked<{ names: readonly string[] }>(`api/${kind}`);
  const name = route.report ?? listed.value?.names[0] ?? null;
  const report = useAsked<ReportTypes[Kind]>(name === null ? null : `api/${kind}/${encodeURIComponent(name)}`);
  const problem = listed.problem ?? report.problem;
  return (
    <div class="runs">
      {(listed.value?.names.length ?? 0) > 1 && (
        <nav class="panel report-names" aria-label="Stored reports">
          {listed.value!.names.map((one) => (
            <a key={one} href={writeRoute({ ...route, report: one })} aria-current={one === name ? "page" : undefined}>
              {one}
            </a>
          ))}
        </nav>
      )}
      {problem !== null && <p class="problem" role="alert">{problem}</p>}
      {report.value !== null
        ? show(report.value, name!)
        : listed.value?.names.length === 0 && route.report === null && <Empty>{hint}</Empty>}
    </div>
  );
}

/** JSON of the path; null until it is there, and without a path. */
function useAsked<T>(path: string | null): { readonly value: T | null; readonly problem: string | null } {
  const [answer, setAnswer] = useState<{ path: string | null; value: T | null; problem: string | null }>(
    { path: null, value: null, problem: null },
  );
  useEffect(() => {
    if (path === null) return;
    let isGone = false;
    ask<T>(path).then(
      (value) => !isGone && setAnswer({ path, value, problem: null }),
      (error) => !isGone && setAnswer({ path, value: null, problem: error.message }),
    );
    return () => void (isGone = true);
  }, [path]);
  return answer.path === path ? answer : { value: null, problem: null };
}
