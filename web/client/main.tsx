/** The dashboard's page: connects, follows the URL, and shows the view it names. */
import { render, type VNode } from "preact";
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { SearchControl } from "../../controller/runs/events.ts";
import { selectTrials } from "../trial_query.ts";
import { CandidateDialog } from "./candidate_dialog.tsx";
import { Connection } from "./connection.ts";
import { ask, Dashboard, type DashboardState, runPath, useConnection } from "./dashboard.ts";
import { FilterBar } from "./filter_bar.tsx";
import { FunctionsView } from "./functions_view.tsx";
import { Header } from "./header.tsx";
import { MindView } from "./mind_view.tsx";
import { OverviewView } from "./overview_view.tsx";
import { readRoute, type Route, type View, writeRoute } from "./route.ts";
import { RunsView } from "./runs_view.tsx";
import { applyTheme } from "./theme.ts";
import { TrialsView } from "./trials_view.tsx";
import { WorkersView } from "./workers_view.tsx";

const VIEW: Readonly<Record<View, () => VNode>> = {
  overview: OverviewView,
  functions: FunctionsView,
  trials: TrialsView,
  mind: MindView,
  workers: WorkersView,
  runs: RunsView,
};

const TOAST_MS = 6_000;

/** The filter applies to every plot: of the runs' view, to the comparison. */
function isFiltered({ view, compared }: Route): boolean {
  return view !== "runs" || compared.length > 0;
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
  useEffect(() => {
    document.title = view ? `${view.run.name} – actsearch` : "actsearch";
  }, [view?.run.name]);

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
  const state: DashboardState = { connection, view, route, shown, now: connection.now(), go, control, say, propose };
  const Body = VIEW[route.view];
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
    lost: "The search cannot be reached. Trying again …",
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
  // At once, not after the first paint: a link followed in between would be lost.
  useLayoutEffect(() => {
    const follow = () => setRoute(readRoute(location.hash));
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  const go = useCallback((change: Partial<Route>) => {
    const next = { ...latest.current, ...change };
    const isNewPlace = next.view !== latest.current.view || next.run !== latest.current.run;
    latest.current = next;
    history[isNewPlace ? "pushState" : "replaceState"](null, "", writeRoute(next));
    setRoute(next);
    if (isNewPlace) scrollTo(0, 0);
  }, []);
  return [route, go];
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
