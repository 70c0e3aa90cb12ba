/** Announces the end of a search to users who look elsewhere: in the page's title and, if allowed, by a notification. */
import { useEffect, useMemo, useRef } from "preact/hooks";
import { isOver } from "../../controller/runs/events.ts";
import { isFinished } from "../../controller/trial.ts";
import type { RunView } from "../run_view.ts";

/** Where notifications can still be asked for: not in browsers without them, nor on pages that came unencrypted from afar. */
export function canAskToNotify(): boolean {
  return "Notification" in globalThis && isSecureContext && Notification.permission === "default";
}

/** Keeps the title true, and notifies when the run that is watched ends. */
export function useEnding(view: RunView | null): void {
  const done = useMemo(
    () => view?.trials.filter((trial) => isFinished(trial) && trial.role !== "reference").length ?? 0,
    [view, view?.version],
  );
  const title = view ? titleOf(view, done) : "actsearch";
  useEffect(() => {
    document.title = title;
  }, [title]);
  const going = useRef<RunView["run"]["name"] | null>(null);
  const over = view !== null && isOver(view);
  useEffect(() => {
    if (!view) return;
    if (!over) going.current = view.run.name;
    else if (going.current === view.run.name) {
      going.current = null;
      notify(view);
    }
  }, [view?.run.name, over]);
}

function titleOf({ run, state }: RunView, done: number): string {
  return `${isOver({ state }) ? state : `${done}/${run.settings.trials}`} – ${run.name} – actsearch`;
}

function notify({ run, state }: RunView): void {
  if (!("Notification" in globalThis) || Notification.permission !== "granted") return;
  try {
    new Notification(`${run.name} is ${state}`, {
      body: "The search for activation functions has ended.",
      tag: run.name,
    });
  } catch {
    // Some phones only let service workers notify; the title says it all the same.
  }
}
