/** What every view of the dashboard gets: the run, the selection, and the functions that change them. */
import type { TrialRow } from "../../controller/trial.ts";
import { createContext } from "preact";
import { useContext, useEffect, useMemo, useReducer } from "preact/hooks";
import { CATALOG } from "../../child/activation/catalog.ts";
import { mirrorFingerprint } from "../../child/activation/fingerprint.ts";
import type { SearchControl } from "../../controller/runs/events.ts";
import type { RunView } from "../run_view.ts";
import type { Connection } from "./connection.ts";
import { mathOf } from "./function_math.ts";
import { type RankedFunction, rankFunctions } from "./ranking.ts";
import type { Route } from "./route.ts";

export interface DashboardState {
  readonly connection: Connection;
  readonly view: RunView;
  readonly route: Route;
  /** Trials that pass the filter, in the order chosen. */
  readonly shown: readonly TrialRow[];
  /** Their functions, the best first. */
  readonly functions: readonly RankedFunction[];
  /** Milliseconds since the epoch by the server's clock. */
  readonly now: number;
  readonly go: (change: Partial<Route>) => void;
  /** Sends a request to the search and shows the refusal, if any. Resolves to whether it was done. */
  readonly control: (request: SearchControl) => Promise<boolean>;
  /** Shows a message for a few seconds. */
  readonly say: (message: string, kind?: "done" | "problem") => void;
  /** Opens the form for a candidate, filled in. */
  readonly propose: (expression: string) => void;
}

export const Dashboard = createContext<DashboardState>(null!);

export function useDashboard(): DashboardState {
  return useContext(Dashboard);
}

/** A value computed from all trials of a run: once per version of the run, not on every render. */
export function useOfTrials<T>(view: RunView, make: (trials: readonly TrialRow[]) => T): T {
  return useMemo(() => make(view.trials), [view, view.version]);
}

/** Renders the component again when the connection has updates. */
export function useConnection(connection: Connection): void {
  const [, redraw] = useReducer((times: number, _: void) => times + 1, 0);
  useEffect(() => connection.subscribe(() => redraw()), [connection]);
}

/** Complete trials by accuracy, best first. */
export function ranked(trials: readonly TrialRow[]): TrialRow[] {
  return trials.filter(({ state, score }) => state === "complete" && score !== null)
    .sort((one, other) => other.score! - one.score! || one.id - other.id);
}

export interface Baseline {
  readonly name: string;
  /** The text to queue so that it is trained on this run's child. */
  readonly expression: string;
  /** Its result in this run; null before a trial of it is complete. */
  readonly found: RankedFunction | null;
  /** Trials of it that are queued or running. */
  readonly pending: number;
}

/** With the fingerprints that trials of them have. */
const KNOWN = ["ReLU", "Swish"].map((name) => {
  const math = mathOf(CATALOG.find((entry) => entry.name === name)!.text);
  if (math instanceof Error) throw math;
  return { name, expression: name.toLowerCase(), fingerprint: mirrorFingerprint(math.expression) };
});

/**
 * The lines that a found function has to beat, as trained by this run on its own child: ReLU, Swish and the run's other
 * references. Where one was trained as a reference, that trial is its result: an equal candidate was trained from the
 * same seeds.
 */
export function baselines(trials: readonly TrialRow[]): Baseline[] {
  const wanted = new Map(KNOWN.map((known) => [known.fingerprint, { ...known, own: [] as TrialRow[] }]));
  for (const { role, expression, fingerprint } of trials) {
    if (role !== "reference" || wanted.has(fingerprint)) continue;
    wanted.set(fingerprint, { name: expression, expression, fingerprint, own: [] });
  }
  for (const trial of trials) wanted.get(trial.fingerprint)?.own.push(trial);
  return [...wanted.values()].map(({ name, expression, own }) => {
    const references = own.filter(({ role }) => role === "reference");
    return {
      name,
      expression,
      found: rankFunctions(references, true)[0] ?? rankFunctions(own, true)[0] ?? null,
      pending: own.filter(({ state }) => state === "queued" || state === "running").length,
    };
  });
}

/** JSON from the server, at a path relative to the page. Throws an Error with the server's message if it refuses. */
export async function ask<T>(path: string, method = "GET", body?: unknown): Promise<T> {
  const answer = await fetch(path, {
    method,
    ...body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } },
  });
  const value = await answer.json().catch(() => ({ error: `the server answered ${answer.status}` }));
  if (!answer.ok) throw new Error(value.error ?? `the server answered ${answer.status}`);
  return value as T;
}

export function runPath(run: string): string {
  return `api/runs/${encodeURIComponent(run)}`;
}

/** The command that trains a function on CIFAR-100. */
export function transferCommand(expression: string): string {
  return `deno task cifar100 --act "${expression}"`;
}
