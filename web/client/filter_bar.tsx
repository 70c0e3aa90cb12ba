/** The filter: which trials every view and plot shows. It shows no counts where several runs are compared. */
import type { VNode } from "preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import type { TrialState } from "../../controller/trial.ts";
import { countStates } from "../../controller/runs/registry.ts";
import { textFilter } from "../trial_filter.ts";
import { STATES, type TrialQuery, whyNothing } from "../trial_query.ts";
import { useDashboard, useOfTrials } from "./dashboard.ts";
import { count } from "./format.ts";

export function FilterBar(): VNode {
  const { view, route, shown, go } = useDashboard();
  const { query } = route;
  const counted = useOfTrials(view, countStates);
  const counts = route.view === "runs" ? null : counted;
  const field = useRef<HTMLInputElement>(null);
  const set = (change: Partial<TrialQuery>) => go({ query: { ...query, ...change } });
  useEffect(() => focusOnSlash(field.current!), []);
  const { problems } = textFilter(query.text);
  const absent = useMemo(
    () => counts !== null && shown.length === 0 && view.trials.length > 0 ? whyNothing(view.trials, query) : null,
    [counts === null, shown.length, view.trials.length, query],
  );
  const note = problems.length > 0 ? problems.join("; ") : absent;
  return (
    <section class="filter" aria-label="Filter">
      <input
        ref={field}
        type="search"
        value={query.text}
        placeholder="Filter: sin  swish  >=60%  diverged  #12"
        aria-label="Filter trials by expression, measure, state or number"
        aria-describedby={note === null ? undefined : "filter-note"}
        aria-invalid={problems.length > 0}
        maxLength={200}
        onInput={(event) => set({ text: event.currentTarget.value })}
      />
      <StateChips states={query.states} counts={counts} onChange={(states) => set({ states })} />
      <span class="filter-count" role="status">
        {!counts
          ? "of the runs compared"
          : shown.length === view.trials.length
          ? `${count(shown.length)} trials`
          : `${count(shown.length)} of ${count(view.trials.length)}`}
      </span>
      {note !== null && <p id="filter-note" class="filter-note problem" role="alert">{note}</p>}
    </section>
  );
}

/** Which states are shown; `counts` are the trials in each, null where several runs are compared. */
function StateChips({ states, counts, onChange }: {
  states: TrialQuery["states"];
  counts: Readonly<Record<TrialState, number>> | null;
  onChange: (states: TrialQuery["states"]) => void;
}): VNode {
  const isShown = (state: TrialState) => states === null || states.has(state);
  const hidesLosers = !isShown("pruned") && !isShown("diverged");
  const winners = new Set(STATES.filter((state) => state !== "pruned" && state !== "diverged"));
  return (
    <div class="chips" role="group" aria-label="States shown">
      {STATES.map((state) => (
        <button
          key={state}
          type="button"
          class={`chip state-${state}`}
          aria-pressed={isShown(state)}
          onClick={() => onChange(toggled(states, state))}
        >
          {state} {counts && <b>{count(counts[state])}</b>}
        </button>
      ))}
      <button
        type="button"
        class="chip"
        aria-pressed={hidesLosers}
        onClick={() => onChange(hidesLosers ? null : winners)}
      >
        hide pruned and diverged
      </button>
    </div>
  );
}

function toggled(states: TrialQuery["states"], state: TrialState): TrialQuery["states"] {
  const next = new Set(states ?? STATES);
  if (!next.delete(state)) next.add(state);
  return next.size === STATES.length ? null : next;
}

/** `/` focuses the filter, as in most dashboards. */
function focusOnSlash(field: HTMLInputElement): () => void {
  const listen = (event: KeyboardEvent) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target instanceof HTMLElement && event.target.closest("input, textarea, select")) return;
    event.preventDefault();
    field.focus();
  };
  addEventListener("keydown", listen);
  return () => removeEventListener("keydown", listen);
}
