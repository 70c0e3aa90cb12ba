/** How many trials are in which state, as one bar. */
import type { VNode } from "preact";
import type { TrialState } from "../../controller/trial.ts";
import { STATES } from "../trial_query.ts";

/** Trials by state as one bar, in the colours of the states. */
export function StateBar({ counts, total }: { counts: Readonly<Record<TrialState, number>>; total: number }): VNode {
  let at = 0;
  const text = STATES.filter((state) => counts[state] > 0).map((state) => `${counts[state]} ${state}`).join(", ");
  return (
    <svg class="state-bar" viewBox="0 0 100 6" preserveAspectRatio="none" role="img" aria-label={text || "no trials"}>
      <title>{text}</title>
      <rect class="state-bar-paper" width="100" height="6" />
      {(["complete", "pruned", "diverged", "failed", "running"] as const).map((state) => {
        const width = 100 * counts[state] / Math.max(1, total);
        const x = at;
        at += width;
        return <rect key={state} class={`fill-${state}`} x={x} width={width} height="6" />;
      })}
    </svg>
  );
}
