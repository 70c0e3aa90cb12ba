/** One worker of `deno task bench train`: opens the engine, warms its children up, and measures them on request. */
/// <reference lib="deno.worker" />
import { openEngine } from "../../child/engine/open.ts";
import { type SpeedReply, type SpeedRequest, type WarmChild, warmChild } from "./warm_child.ts";

let children: readonly WarmChild[];
let batch: number;

self.onmessage = async ({ data }: MessageEvent<SpeedRequest>) => {
  self.postMessage(await answer(data).catch(({ message }): SpeedReply => ({ kind: "failed", reason: message })));
};

async function answer(request: SpeedRequest): Promise<SpeedReply> {
  if (request.kind === "measure") {
    const seconds = await Promise.all(children.map((child) => child.measure()));
    return { kind: "measured", imagesPerSecond: seconds.reduce((sum, seconds) => sum + batch / seconds, 0) };
  }
  const { measurement } = request, { engine } = await openEngine(measurement.engine);
  batch = measurement.batch;
  children = await Promise.all(
    Array.from({ length: measurement.children ?? 1 }, () => warmChild(engine, measurement)),
  );
  return { kind: "ready" };
}
