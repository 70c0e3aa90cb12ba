/// <reference lib="deno.worker" />
/** A child worker that tells as its device which GPUs its process sees; x + 1 fails, all else is complete. */
import type { ToWorker } from "../../workers/protocol.ts";

self.onmessage = ({ data }: MessageEvent<ToWorker>) => {
  if (data.kind === "open") {
    const beat = data.heartbeat;
    setInterval(() => Atomics.add(beat, 0, 1), 10);
    const device = Deno.env.get("CUDA_VISIBLE_DEVICES") ?? "all";
    const images = data.settings.dataset.train.labels.join();
    return self.postMessage({
      kind: "opened",
      engine: { name: "scripted", device, notices: [images], passedOver: [] },
    });
  }
  if (data.kind !== "train") return;
  if (data.job.expression === "x + 1") throw new Error("scripted failure");
  const outcome = { outcome: "complete", score: 0.5, steps: 1, finalLoss: 1, seconds: 0 };
  self.postMessage({
    kind: "finished",
    trial: data.job.trial,
    outcome: { ...outcome, imagesPerSecond: 1, betaMean: null },
  });
};
