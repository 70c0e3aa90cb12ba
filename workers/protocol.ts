/**
 * The messages between the main thread and a child worker: two tagged unions, checked on arrival. Besides
 * messages there is a heartbeat: one counter per worker in shared memory, which it advances while its event loop turns.
 */
import type { Bar } from "../child/bar.ts";
import type { DeviceFault } from "../child/engine/engine.ts";
import type { PairRequest } from "../child/pair.ts";
import type { PairSettings } from "../child/pair_settings.ts";
import type { JudgedChild, Outcome } from "../child/trainer.ts";
import type { Dataset } from "../datasets/dataset.ts";

/** What trainings train, and on which images. */
export interface Trainee extends Pick<PairRequest, "secondDataset"> {
  /** Without its test split. */
  readonly dataset: Dataset;
  readonly child: PairSettings;
}

/** Sent to a worker once, before any child. */
export interface WorkerSettings extends Trainee {
  /** As on the command line: "auto", "wasm", … */
  readonly engine: string;
  /** What jobs that are `onTarget` train instead. */
  readonly target?: Trainee;
  /** Children that train side by side on one device; 1 by default. */
  readonly children?: number;
  /** Milliseconds between two checkpoints of a child; 30 s by default. */
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
  /** How the settings' first child of two did, where that is known: it is not trained then. */
  readonly first?: JudgedChild;
  /** Whether it trains the settings' target; false by default. */
  readonly onTarget?: boolean;
  /** Milliseconds of running time that the child may take; null for no limit. The pool measures it. */
  readonly timeLimitMs?: number | null;
  /** File from which the child resumes and to which it saves its state; null for none. */
  readonly checkpoint?: string | null;
  /** Children that train side by side, where they are fewer than the settings have. */
  readonly children?: number;
  /** What it must clear to train on; null for nothing. */
  readonly bar?: Bar | null;
}

export type ToWorker =
  | { readonly kind: "open"; readonly settings: WorkerSettings; readonly heartbeat: Int32Array<SharedArrayBuffer> }
  | { readonly kind: "train"; readonly job: ChildJob }
  | { readonly kind: "cancel" }
  /** The child's time is up: it ends as timed out. */
  | { readonly kind: "time_up" }
  /** The worker ends, in a thread that others share. */
  | { readonly kind: "leave" };

export interface OpenedEngine {
  readonly name: string;
  readonly device: string;
  readonly notices: readonly string[];
  /** Why `auto` passed over other engines. */
  readonly passedOver: readonly string[];
  /** Bytes of the device that a child takes, with Swish; missing where the engine does not know. */
  readonly childBytes?: number;
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
  /** Something about the child that users should know; the child continues. */
  | { readonly kind: "notice"; readonly trial: number; readonly message: string }
  | { readonly kind: "finished"; readonly trial: number; readonly outcome: Outcome }
  /** The device failed the worker's child, which is not to blame. The worker takes another. */
  | { readonly kind: "device_failed"; readonly trial: number; readonly fault: DeviceFault; readonly message: string }
  /** The worker cannot continue: a bug, or no engine. It is replaced. */
  | { readonly kind: "broken"; readonly message: string };

const OUTCOMES: readonly Outcome["outcome"][] = ["complete", "pruned", "diverged", "timed_out", "interrupted"];

const FAULTS: readonly DeviceFault[] = ["lost", "memory", "limit"];

/** The message, or null if a worker sends no such message. */
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
    case "device_failed":
      return typeof message.trial === "number" && typeof message.message === "string" &&
          (FAULTS as readonly unknown[]).includes(message.fault)
        ? data as FromWorker
        : null;
    case "broken":
      return typeof message.message === "string" ? data as FromWorker : null;
    default:
      return null;
  }
}
