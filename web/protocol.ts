/**
 * The protocol between a run and its watchers. A watcher requests a run; it gets a snapshot, then every later event in
 * order. After a disconnect it asks again with the last sequence number it has seen, and gets the events since, or a new
 * snapshot if they are no longer kept.
 *
 * On the wire a trial goes without its training curve (`GET /api/runs/RUN/trials/ID` has it): 10,000 trials then load
 * in well under a second.
 */
import type { EventOf, RunSnapshot, SamplerUpdate, SearchEvent } from "../controller/runs/events.ts";
import { type TrialRow, trialRow } from "../controller/trial.ts";
import { packTrials, type TrialColumns } from "./trial_columns.ts";

/** An event as watchers see it. */
export type LiveEvent = EventOf<TrialRow>;

/** A snapshot as watchers see it: its updates are without their probabilities (`GET /api/runs/RUN/updates` has them). */
export interface LiveSnapshot extends Omit<RunSnapshot, "trials"> {
  readonly trials: TrialColumns;
}

/**
 * From the server. `stream` names one numbering of events: each process has its own, so that a watcher
 * knows when its sequence number is no longer valid.
 */
export type ServerMessage =
  | {
    readonly type: "snapshot";
    readonly stream: string;
    readonly snapshot: LiveSnapshot;
    /** The server's clock, milliseconds since the epoch. */
    readonly at: number;
    /** Whether `POST /api/runs/RUN/control` is possible. */
    readonly controllable: boolean;
  }
  | { readonly type: "events"; readonly stream: string; readonly events: readonly LiveEvent[] }
  /** Heartbeat; `memory` is the resident set of the searching process, its workers included, in bytes. */
  | { readonly type: "alive"; readonly at: number; readonly memory: number }
  | { readonly type: "refused"; readonly reason: string };

/** From a watcher. `run` is a run's name, or null for the run that this process searches. */
export interface WatchRequest {
  readonly type: "watch";
  readonly run: string | null;
  readonly stream: string | null;
  /** Sequence number of the last event seen; null without one. */
  readonly after: number | null;
}

/** Interval of "alive" messages; a watcher that hears nothing for three times as long reconnects. */
export const ALIVE_MS = 5_000;

export function liveSnapshot(snapshot: RunSnapshot): LiveSnapshot {
  return {
    ...snapshot,
    trials: packTrials(snapshot.trials),
    updates: snapshot.updates.map((update) => ({ ...update, probabilities: null })),
  };
}

export function liveEvent(event: SearchEvent): LiveEvent {
  if (event.event === "trial_changed") return { ...event, trial: trialRow(event.trial) };
  if (event.event === "sampler_updated") {
    return { ...event, update: { ...event.update, probabilities: roundProbabilities(event.update.probabilities) } };
  }
  return event;
}

/** Rounded to four decimals, finer than a heat map shows, at a third of the bytes. */
export function roundProbabilities(table: SamplerUpdate["probabilities"]): SamplerUpdate["probabilities"] {
  return table?.map((row) => row.map((value) => Math.round(value * 1e4) / 1e4)) ?? null;
}

/** Null where the text is not a watch request. */
export function parseWatchRequest(text: string): WatchRequest | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== "object" || value === null) return null;
  const { type, run, stream, after } = value as Record<string, unknown>;
  const isText = (field: unknown) => field === null || (typeof field === "string" && field.length <= 100);
  const isSeq = after === null || (typeof after === "number" && Number.isSafeInteger(after));
  return type === "watch" && isText(run) && isText(stream) && isSeq ? value as WatchRequest : null;
}
