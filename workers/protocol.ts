/**
 * What the main thread and a child worker say to each other: two tagged unions, checked where they arrive. Besides
 * messages there is a heartbeat: one counter a worker in shared memory, which it advances while its event loop turns.
 */
import type { ChildSettings, Outcome } from "../child/trainer.ts";
import type { Dataset } from "../datasets/dataset.ts";

/** What a worker needs once, before any child. */
export interface WorkerSettings {
  /** Without its test split. */
  readonly dataset: Dataset;
  /** As on the command line: "auto", "wasm", … */
  readonly engine: string;
  readonly child: ChildSettings;
  /** CPU threads of each child. */
  readonly threads: number;
  /** Milliseconds between two states that a child keeps in its checkpoint; 30 s by default. */
  readonly checkpointEveryMs?: number;
}

/** One child to train. */
export interface ChildJob {
  /** Number of the trial. */
  readonly trial: number;
  /** Which of the trial's trainings: its place in `Trial.trainings`. */
  readonly training: number;
  /** Text form, or a name of the catalogue. */
  readonly expression: string;
  readonly seed: number;
  /** Milliseconds of running time that the child may take; null without limit. The pool keeps the time. */
  readonly timeLimitMs?: number | null;
  /** File from which the child goes on, and where its state is kept; null for none. */
  readonly checkpoint?: string | null;
}

export type ToWorker =
  | { readonly kind: "open"; readonly settings: WorkerSettings; readonly heartbeat: Int32Array<SharedArrayBuffer> }
  | { readonly kind: "train"; readonly job: ChildJob }
  | { readonly kind: "cancel" }
  /** The child in training has had its time: it ends as timed out. */
  | { readonly kind: "time_up" };

export interface OpenedEngine {
  readonly name: string;
  readonly device: string;
  readonly notices: readonly string[];
  /** Why `auto` passed over other engines. */
  readonly passedOver: readonly string[];
}

export type FromWorker =
  | { readonly kind: "opened"; readonly engine: OpenedEngine }
  | {
    readonly kind: "progress";
    readonly trial: number;
    readonly step: number;
    readonly loss: number;
    readonly imagesPerSecond: number;
  }
  /** Something about the child that who watches the run should know; it goes on. */
  | { readonly kind: "notice"; readonly trial: number; readonly message: string }
  | { readonly kind: "finished"; readonly trial: number; readonly outcome: Outcome }
  /** The worker cannot go on: a bug, or no engine. It is replaced. */
  | { readonly kind: "broken"; readonly message: string };

const OUTCOMES: readonly Outcome["outcome"][] = ["complete", "diverged", "timed_out", "interrupted"];

/** The message, or null where it is none that a worker sends. */
export function readFromWorker(data: unknown): FromWorker | null {
  if (typeof data !== "object" || data === null) return null;
  const message = data as Record<string, unknown>;
  const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;
  switch (message.kind) {
    case "opened":
      return isObject(message.engine) && typeof message.engine.name === "string" ? data as FromWorker : null;
    case "progress":
      return [message.trial, message.step, message.loss, message.imagesPerSecond].every((n) => typeof n === "number")
        ? data as FromWorker
        : null;
    case "notice":
      return typeof message.trial === "number" && typeof message.message === "string" ? data as FromWorker : null;
    case "finished":
      return typeof message.trial === "number" && isObject(message.outcome) &&
          (OUTCOMES as readonly unknown[]).includes(message.outcome.outcome)
        ? data as FromWorker
        : null;
    case "broken":
      return typeof message.message === "string" ? data as FromWorker : null;
    default:
      return null;
  }
}
