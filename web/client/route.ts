/**
 * The URL encodes the view, in the part after `#`: it can be reloaded, bookmarked and sent to a colleague.
 *
 *     #/RUN/trials?q=sin&state=complete&sort=accuracy&order=desc&trial=12
 *     #/RUN/samplers?report=NAME
 */
import type { TrialState } from "../../controller/trial.ts";
import { SORT_KEYS, type SortKey, STATES, type TrialQuery } from "../trial_query.ts";

/** Every view, in the order of the tabs, with its label; `main.tsx` has the component of each. */
export const VIEW_LABELS = {
  overview: "Overview",
  functions: "Functions",
  trials: "Trials",
  policy: "Policy",
  workers: "Workers",
  runs: "Runs",
  samplers: "Samplers",
  confirmations: "Confirmations",
} as const;
export type View = keyof typeof VIEW_LABELS;
export const VIEWS = Object.keys(VIEW_LABELS) as readonly View[];

/** Former names of views, for old bookmarks. */
const FORMER: Readonly<Record<string, View>> = { mind: "policy" };

function viewOf(name: string): View {
  if (VIEWS.includes(name as View)) return name as View;
  return Object.hasOwn(FORMER, name) ? FORMER[name] : "overview";
}

export interface Route {
  /** Null for the run that the server is searching. */
  readonly run: string | null;
  readonly view: View;
  readonly query: TrialQuery;
  /** The selected trial. */
  readonly trial: number | null;
  /** Columns of the trials table; null for the default ones. */
  readonly columns: readonly string[] | null;
  /** Runs compared. */
  readonly compared: readonly string[];
  /** Name of the comparison or confirmation shown; null for the first. */
  readonly report: string | null;
}

export function readRoute(hash: string): Route {
  const [path, search = ""] = hash.replace(/^#\/?/, "").split("?");
  const [run, view] = path.split("/").map(decode);
  const parameters = new URLSearchParams(search);
  const list = (name: string) => parameters.get(name)?.split(",").filter((item) => item !== "") ?? null;
  const sort = parameters.get("sort") ?? "id";
  const states = list("state")?.filter((state) => STATES.includes(state as TrialState)) as TrialState[] | undefined;
  const trial = parameters.get("trial");
  return {
    run: run === "" || run === "current" ? null : run,
    view: viewOf(view ?? ""),
    query: {
      states: states ? new Set(states) : null,
      text: parameters.get("q") ?? "",
      sort: Object.hasOwn(SORT_KEYS, sort) ? sort as SortKey : "id",
      descending: parameters.get("order") === "desc",
    },
    trial: trial !== null && /^\d{1,9}$/.test(trial) ? Number(trial) : null,
    columns: list("columns"),
    compared: list("compare") ?? [],
    report: parameters.get("report"),
  };
}

export function writeRoute(route: Route): string {
  const parameters = new URLSearchParams();
  const { states, text, sort, descending } = route.query;
  if (text !== "") parameters.set("q", text);
  if (states !== null) parameters.set("state", [...states].join(","));
  if (sort !== "id") parameters.set("sort", sort);
  if (descending) parameters.set("order", "desc");
  if (route.trial !== null) parameters.set("trial", String(route.trial));
  if (route.columns !== null) parameters.set("columns", route.columns.join(","));
  if (route.compared.length > 0) parameters.set("compare", route.compared.join(","));
  if (route.report !== null) parameters.set("report", route.report);
  const search = parameters.toString().replaceAll("%2C", ",");
  return `#/${encodeURIComponent(route.run ?? "current")}/${route.view}${search === "" ? "" : `?${search}`}`;
}

function decode(text: string | undefined): string {
  try {
    return decodeURIComponent(text ?? "");
  } catch {
    return "";
  }
}
