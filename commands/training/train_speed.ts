/** How fast children train: one or several at once, each in a Web Worker as in a search. */
import type { Measurement, SpeedReply, SpeedRequest } from "./warm_child.ts";

/** Children that train the same function, compiled and warm. */
export interface WarmChildren {
  /** Images per second of all together, each at its median step. */
  measure(): Promise<number>;
  close(): void;
}

/** Throws what opening the engine or compiling throws. */
export async function warmChildren(measurement: Measurement, count: number): Promise<WarmChildren> {
  const { children = 1 } = measurement;
  const workers = Array.from(
    { length: count / children },
    () => new Worker(new URL("./train_speed_worker.ts", import.meta.url), { type: "module" }),
  );
  const close = () => workers.forEach((worker) => worker.terminate());
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
