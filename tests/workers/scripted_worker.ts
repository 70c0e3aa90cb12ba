/// <reference lib="deno.worker" />
/**
 * A child worker that trains nothing: what it does with a trial is written in its expression, by a number added to x.
 * x + 1 throws, x + 2 hangs, x + 3 answers garbage, x + 4 fails on its first attempt only; all else is complete after a
 * few milliseconds with an accuracy that is a function of the seed and expression.
 */
import type { ToWorker } from "../../workers/protocol.ts";

let heartbeat: ReturnType<typeof setInterval>;

self.onmessage = ({ data }: MessageEvent<ToWorker>) => {
  if (data.kind === "open") {
    const beat = data.heartbeat;
    heartbeat = setInterval(() => Atomics.add(beat, 0, 1), 10);
    const engine = { name: "scripted", device: "none", notices: [], passedOver: [] };
    return self.postMessage({ kind: "opened", engine });
  }
  if (data.kind === "train") train(data.job);
};

function train({ trial, expression, seed }: { trial: number; expression: string; seed: number }): void {
  switch (expression) {
    case "x + 1":
      throw new Error("scripted failure");
    case "x + 2":
      return clearInterval(heartbeat);
    case "x + 3":
      return self.postMessage({ kind: "nonsense" });
  }
  const hash = [...expression].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) >>> 0, seed);
  const outcome = {
    outcome: "complete",
    validationAccuracy: (hash % 1000) / 1000,
    steps: 1,
    finalLoss: 1,
    seconds: 0,
    imagesPerSecond: 1,
    betaMean: null,
  };
  setTimeout(() => self.postMessage({ kind: "finished", trial, outcome }), 1 + hash % 5);
}
