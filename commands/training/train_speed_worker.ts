/**
 * One worker of `deno task bench`: opens the engine, warms its children up, and measures them on request; or times the
 * kernels of a card. It can be ended at any moment, which the main thread waiting for a card cannot.
 */
/// <reference lib="deno.worker" />
import { activationFrom } from "../../child/activation/catalog.ts";
import { hasBeta } from "../../child/compiler/derivatives.ts";
import { openEngine } from "../../child/engine/open.ts";
import { measureStep } from "../../child/engine/webgpu/profile.ts";
import { buildNetwork } from "../../child/network/networks.ts";
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
  if (request.kind === "time kernels") {
    const { network, act, ...size } = request.step, activation = activationFrom(act);
    const graph = buildNetwork(network, { classes: 10, usesBeta: hasBeta(activation) });
    return { kind: "timed", step: await measureStep(graph, activation, size) };
  }
  const { measurement } = request, { engine } = await openEngine(measurement.engine);
  batch = measurement.batch;
  children = await Promise.all(
    Array.from({ length: measurement.children ?? 1 }, () => warmChild(engine, measurement)),
  );
  return { kind: "ready" };
}
