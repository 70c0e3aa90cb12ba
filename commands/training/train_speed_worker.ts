/** One child of `deno task bench train`: opens the engine, warms a child up, and measures it on request. */
/// <reference lib="deno.worker" />
import { openEngine } from "../../child/engine/open.ts";
import { type SpeedReply, type SpeedRequest, type WarmChild, warmChild } from "./warm_child.ts";

let child: WarmChild;

self.onmessage = async ({ data }: MessageEvent<SpeedRequest>) => {
  self.postMessage(await answer(data).catch(({ message }): SpeedReply => ({ kind: "failed", reason: message })));
};

async function answer(request: SpeedRequest): Promise<SpeedReply> {
  if (request.kind === "measure") return { kind: "measured", seconds: await child.measure() };
  const { engine } = await openEngine(request.measurement.engine);
  child = await warmChild(engine, request.measurement);
  return { kind: "ready" };
}
