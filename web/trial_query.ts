/** Which trials, in which order: the filter of the trials table, the same in the browser and under `/api`. */
import { trainingsJudged, type TrialRow, type TrialState } from "../controller/trial.ts";
import { STATES, textFilter } from "./trial_filter.ts";

export { STATES };

export interface TrialQuery {
  /** Shown states; null for all. */
  readonly states: ReadonlySet<TrialState> | null;
  /** As typed. */
  readonly text: string;
  readonly sort: SortKey;
  readonly descending: boolean;
}

/** Columns that a table can be sorted by. Trials without a value come last in either direction. */
export const SORT_KEYS = {
  id: (trial: TrialRow) => trial.id,
  state: (trial: TrialRow) => STATES.indexOf(trial.state),
  expression: (trial: TrialRow) => trial.expression,
  simplified: (trial: TrialRow) => trial.simplified,
  accuracy: (trial: TrialRow) => trial.score,
  deviation: (trial: TrialRow) => trial.deviation,
  n: (trial: TrialRow) => trainingsJudged(trial),
  role: (trial: TrialRow) => trial.role,
  reward: (trial: TrialRow) => trial.reward,
  loss: (trial: TrialRow) => trial.finalLoss,
  beta: (trial: TrialRow) => trial.betaMean,
  steps: (trial: TrialRow) => trial.steps,
  batch: (trial: TrialRow) => trial.batch,
  attempts: (trial: TrialRow) => trial.attempts,
  worker: (trial: TrialRow) => trial.worker,
  duration: (trial: TrialRow) =>
    trial.startedAt === null || trial.finishedAt === null ? null : trial.finishedAt - trial.startedAt,
  started: (trial: TrialRow) => trial.startedAt,
  reason: (trial: TrialRow) => trial.reason,
} as const satisfies Record<string, (trial: TrialRow) => number | string | null>;

export type SortKey = keyof typeof SORT_KEYS;

export const ALL_TRIALS: TrialQuery = { states: null, text: "", sort: "id", descending: false };

export function selectTrials(trials: readonly TrialRow[], query: TrialQuery): TrialRow[] {
  const { matches } = textFilter(query.text);
  const chosen = trials.filter((trial) =>
    trial !== undefined && (query.states === null || query.states.has(trial.state)) && matches(trial)
  );
  if (query.sort === "id") return query.descending ? chosen.reverse() : chosen;
  const sign = query.descending ? -1 : 1;
  const keyed = chosen.map((trial) => ({ trial, key: SORT_KEYS[query.sort](trial) }));
  keyed.sort((one, other) => compareKeys(one.key, other.key, sign) || one.trial.id - other.trial.id);
  return keyed.map(({ trial }) => trial);
}

function compareKeys(one: number | string | null, other: number | string | null, sign: number): number {
  if (one === other) return 0;
  if (one === null) return 1;
  if (other === null) return -1;
  return (one < other ? -1 : 1) * sign;
}

/**
 * Why a filter shows nothing, as a sentence: the words that match no trial; null if it shows something, or if each word
 * matches some trials but none matches all.
 */
export function whyNothing(trials: readonly TrialRow[], { text }: TrialQuery): string | null {
  const absent = textFilter(text).words.filter(({ matches }) => !trials.some(matches)).map(({ word }) => `"${word}"`);
  return absent.length === 0 ? null : `no trial of this run is or contains ${absent.join(", nor ")}`;
}

/** Throws a RangeError that names the parameter at fault. */
export function readTrialQuery(parameters: URLSearchParams): TrialQuery {
  const sort = parameters.get("sort") ?? "id";
  if (!Object.hasOwn(SORT_KEYS, sort)) {
    throw new RangeError(`sort must be one of ${Object.keys(SORT_KEYS).join(", ")}: it is ${sort}`);
  }
  const order = parameters.get("order") ?? "asc";
  if (order !== "asc" && order !== "desc") throw new RangeError(`order must be asc or desc: it is ${order}`);
  const states = parameters.get("state")?.split(",").filter((state) => state !== "") ?? null;
  for (const state of states ?? []) {
    if (!STATES.includes(state as TrialState)) {
      throw new RangeError(`state must be of ${STATES.join(", ")}: it is ${state}`);
    }
  }
  const text = (parameters.get("q") ?? "").slice(0, 200);
  const { problems } = textFilter(text);
  if (problems.length > 0) throw new RangeError(`q: ${problems.join("; ")}`);
  return {
    states: states === null ? null : new Set(states as TrialState[]),
    text,
    sort: sort as SortKey,
    descending: order === "desc",
  };
}
