/** How fast children train: one or several at once, each in a Web Worker as in a search. */
import type { Measurement, SpeedReply, SpeedRequest } from "./warm_child.ts";

/**
 * Images per second of `children` together, each at its median step. Their steps begin when all are warm. Throws what
 * opening the engine or compiling throws.
 */
export async function imagesPerSecond(measurement: Measurement, children: number): Promise<number> {
  const workers = Array.from(
    { length: children },
    () => new Worker(new URL("./train_speed_worker.ts", import.meta.url), { type: "module" }),
  );
  try {
    await Promise.all(workers.map((worker) => ask(worker, { kind: "prepare", measurement })));
    const replies = await Promise.all(workers.map((worker) => ask(worker, { kind: "measure" })));
    return replies.reduce(
      (sum, reply) => sum + (reply.kind === "measured" ? measurement.batch / reply.seconds : 0),
      0,
    );
  } finally {
    workers.forEach((worker) => worker.terminate());
  }
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
