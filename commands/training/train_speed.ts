/** How fast children and kernels are: measured in Web Workers, as a search trains. */
import { endThreadOfCard } from "../../workers/side_by_side.ts";
import type { MeasuredStep } from "../../child/engine/webgpu/profile.ts";
import type { CardStep, Measurement, SpeedReply, SpeedRequest } from "./warm_child.ts";

/** Children that train the same function, compiled and warm. */
export interface WarmChildren {
  /** Images per second of all together, each at its median step. */
  measure(): Promise<number>;
  close(): void;
}

/** Throws what opening the engine or compiling throws. The signal ends their workers. */
export async function warmChildren(
  measurement: Measurement,
  count: number,
  signal: AbortSignal,
): Promise<WarmChildren> {
  const { children = 1 } = measurement, workers = Array.from({ length: count / children }, startWorker);
  const close = () => workers.splice(0).forEach(endThreadOfCard);
  signal.addEventListener("abort", close, { once: true });
  try {
    await Promise.all(workers.map((worker) => ask(worker, { kind: "prepare", measurement })));
  } catch (error) {
    close();
    throw error;
  }
  const measure = async () => {
    const replies = await Promise.all(workers.map((worker) => ask(worker, { kind: "measure" })));
    return replies.reduce((sum, reply) => sum + (reply.kind === "measured" ? reply.imagesPerSecond : 0), 0);
  };
  return { measure, close };
}

/** The kernels of a step, timed on this machine's card; null when the signal is aborted. Throws if there is no card. */
export async function timedKernels(step: CardStep, signal: AbortSignal): Promise<MeasuredStep | null> {
  const worker = startWorker();
  try {
    const reply = await Promise.race([ask(worker, { kind: "time kernels", step }), aborted(signal)]);
    return reply?.kind === "timed" ? reply.step : null;
  } finally {
    endThreadOfCard(worker);
  }
}

/** Null when the signal is aborted. */
export function aborted(signal: AbortSignal): Promise<null> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(null);
    signal.addEventListener("abort", () => resolve(null), { once: true });
  });
}

function startWorker(): Worker {
  return new Worker(new URL("./train_speed_worker.ts", import.meta.url), { type: "module" });
}

function ask(worker: Worker, request: SpeedRequest): Promise<SpeedReply> {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<SpeedReply>) =>
      data.kind === "failed" ? reject(new Error(data.reason)) : resolve(data);
    worker.onerror = (event) => {
      event.preventDefault();
      reject(new Error(event.message));
    };
    worker.postMessage(request);
  });
}
