/** How the best functions of the playoff do on the target's child; nothing before, and in a run without a target. */
import type { VNode } from "preact";
import { childText } from "../../controller/child_text.ts";
import { meetingsOf } from "../../controller/finals.ts";
import { useDashboard, useOfTrials } from "./dashboard.ts";
import { percent } from "./format.ts";
import { FunctionList } from "./function_list.tsx";

export function Target(): VNode | null {
  const { view } = useDashboard();
  const meetings = useOfTrials(view, meetingsOf), { target } = view.run.settings.judging;
  if (!target || meetings.length === 0) return null;
  return (
    <section class="panel best target" aria-label="On the target">
      <h2>
        On {childText(target.child)} <span class="h-note">means of n children, which compare where n is the same</span>
      </h2>
      <FunctionList rows={meetings.map(({ trial, mean, n }) => ({ trial, value: percent(mean), note: `n = ${n}` }))} />
    </section>
  );
}
