/** The dashboard's page: connects, follows the URL, and shows the view it names. */
import { render, type VNode } from "preact";
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { SearchControl } from "../../controller/runs/events.ts";
import { selectTrials } from "../trial_query.ts";
import { CandidateDialog } from "./candidate_dialog.tsx";
import { Connection } from "./connection.ts";
import { ask, Dashboard, type DashboardState, runPath, useConnection } from "./dashboard.ts";
import { useEnding } from "./ending.ts";
import { FilterBar } from "./filter_bar.tsx";
import { FunctionsView } from "./functions_view.tsx";
import { Header } from "./header.tsx";
import { ConfirmationsView } from "./confirmations_view.tsx";
import { OverviewView } from "./overview_view.tsx";
import { PolicyView } from "./policy_view.tsx";
import { rankFunctions } from "./ranking.ts";
import { readRoute, type Route, type View, writeRoute } from "./route.ts";
import { RunsView } from "./runs_view.tsx";
import { SamplersView } from "./samplers_view.tsx";
import { applyTheme } from "./theme.ts";
import { TrialsView } from "./trials_view.tsx";
import { WorkersView } from "./workers_view.tsx";

const VIEW_BODIES: Readonly<Record<View, () => VNode>> = {
  overview: OverviewView,
  functions: FunctionsView,
  trials: TrialsView,
  policy: PolicyView,
  workers: WorkersView,
  runs: RunsView,
  samplers: SamplersView,
  confirmations: ConfirmationsView,
};

const TOAST_MS = 6_000;

/** The filter applies to every plot of trials; in the view of runs, to the comparison. */
function isFiltered({ view, compared }: Route): boolean {
  if (view === "runs") return compared.length > 0;
  return view !== "samplers" && view !== "confirmations";
}

function App({ connection }: { connection: Connection }): VNode {
  useConnection(connection);
  const [route, go] = useRoute();
  const [message, say] = useMessage();
  const [candidate, propose] = useState<string | null>(null);
  useEffect(() => connection.watch(route.run), [route.run]);
  const { view } = connection;
  const { query } = route;
  const shown = useMemo(() => view ? selectTrials(view.trials, query) : [], [view, view?.version, query]);
  const functions = useMemo(() => rankFunctions(shown), [shown]);
  useEnding(view);
  // The URL names the run, so that it means the same when another is searched here.
  const name = route.run === null && connection.link === "live" ? view?.run.name : undefined;
  useEffect(() => {
    // Reads the URL itself: a link may have been followed whose event is still pending.
    const asked = readRoute(location.hash);
    if (name !== undefined && asked.run === null) go({ ...asked, run: name });
  }, [name]);

  if (!view) return <Waiting connection={connection} />;
  const control = async (request: SearchControl): Promise<boolean> => {
    try {
      await ask(`${runPath(view.run.name)}/control`, "POST", request);
      return true;
    } catch (error) {
      say((error as Error).message, "problem");
      return false;
    }
  };
  const state: DashboardState = {
    connection,
    view,
    route,
    shown,
    functions,
    now: connection.now(),
    go,
    control,
    say,
    propose,
  };
  const Body = VIEW_BODIES[route.view];
  return (
    <Dashboard.Provider value={state}>
      <Header />
      {isFiltered(route) && <FilterBar />}
      <main id="view" class={`view view-${route.view}`} tabIndex={-1}>
        <Body />
      </main>
      {candidate !== null && <CandidateDialog initial={candidate} onClose={() => propose(null)} />}
      <div class="toasts" role="status">{message && <p class={`toast ${message.kind}`}>{message.text}</p>}</div>
    </Dashboard.Provider>
  );
}

function Waiting({ connection }: { connection: Connection }): VNode {
  const text = {
    connecting: "Connecting to the search …",
    live: "Connecting to the search …",
    lost: "The search is not reachable. Trying again …",
    refused: connection.refusal,
  }[connection.link];
  return (
    <main class="waiting">
      <h1>actsearch</h1>
      <p role="status">{text}</p>
      {connection.link === "refused" && <a href="#/current/overview">Show the current run</a>}
    </main>
  );
}

function useRoute(): [Route, (change: Partial<Route>) => void] {
  const [route, setRoute] = useState(() => readRoute(location.hash));
  const latest = useRef(route);
  latest.current = route;
  // Before the first paint: a link followed in between would be lost.
  useLayoutEffect(() => {
    const follow = () => setRoute((before) => sameQuery(before, readRoute(location.hash)));
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  const go = useCallback((change: Partial<Route>) => {
    const next = sameQuery(latest.current, { ...latest.current, ...change });
    // Naming the current run in the URL adds no entry to the history.
    const isNewRun = latest.current.run !== null && next.run !== latest.current.run;
    const isNewPlace = next.view !== latest.current.view || isNewRun;
    latest.current = next;
    history[isNewPlace ? "pushState" : "replaceState"](null, "", writeRoute(next));
    setRoute(next);
    if (isNewPlace) scrollTo(0, 0);
  }, []);
  return [route, go];
}

/** Keeps the query object if it is equal, so that trials are not filtered and ranked again. */
function sameQuery(before: Route, next: Route): Route {
  const { query } = before;
  return writeRoute({ ...before, query: next.query }) === writeRoute(before) ? { ...next, query } : next;
}

interface Message {
  readonly text: string;
  readonly kind: "done" | "problem";
}

function useMessage(): [Message | null, DashboardState["say"]] {
  const [message, setMessage] = useState<Message | null>(null);
  useEffect(() => {
    if (!message) return;
    const timer = setTimeout(() => setMessage(null), TOAST_MS);
    return () => clearTimeout(timer);
  }, [message]);
  return [message, useCallback((text, kind = "done") => setMessage({ text, kind }), [])];
}

applyTheme();
const app = document.getElementById("app")!;
app.textContent = "";
render(<App connection={new Connection(readRoute(location.hash).run)} />, app);
