/// <reference lib="deno.worker" />
/**
 * A thread of several workers that trains nothing: what it does with a trial is written in its expression. x + 1 throws,
 * x + 2 blocks the thread, x + 4 throws a moment later outside any child, x + 5 never answers; all else is complete
 * after some milliseconds, and its score is the number of children in training at that moment.
 *
 * Its device fails as its engine's name says: "lost N" is lost N times, with the children then in training; "memory N" has
 * room for N children, and for places for twice as many; "limit" is too small for one.
 */
import type { DeviceFault } from "../../child/engine/engine.ts";
import type { ChildJob, ToWorker } from "../../workers/protocol.ts";

let training = 0;
let fault = "", left = 0, asked = 1;
/** Children that the device will fail together. */
const doomed: (() => void)[] = [];

self.onmessage = ({ data: port }: MessageEvent<MessagePort>) => {
  let heartbeat: ReturnType<typeof setInterval>;
  port.onmessage = ({ data }: MessageEvent<ToWorker>) => {
    switch (data.kind) {
      case "open": {
        const beat = data.heartbeat;
        asked = data.settings.children!;
        heartbeat = setInterval(() => Atomics.add(beat, 0, 1), 10);
        if (fault === "") {
          [fault, left] = [data.settings.engine.split(" ")[0], Number(data.settings.engine.split(" ")[1])];
        }
        const engine = { name: "card", device: "none", notices: [], passedOver: [] };
        return port.postMessage({ kind: "opened", engine });
      }
      case "leave":
        clearInterval(heartbeat);
        return port.close();
      case "train":
        return train(port, data.job);
    }
  };
};

function loseAll(): void {
  left--;
  for (const fail of doomed.splice(0)) fail();
}

function train(
  port: MessagePort,
  { trial, expression, children = asked }: ChildJob,
): void {
  const fails = (fault: DeviceFault) =>
    port.postMessage({ kind: "device_failed", trial, fault, message: `the scripted device: ${fault}` });
  if (fault === "limit") return fails("limit");
  if (fault === "memory" && (training >= left || children > 2 * left)) return fails("memory");
  if (fault === "lost" && left > 0) {
    if (doomed.push(() => fails("lost")) === 1) setTimeout(loseAll, 30);
    return;
  }
  switch (expression) {
    case "x + 1":
      return port.postMessage({ kind: "broken", message: "scripted failure" });
    case "x + 2":
      return void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60_000);
    case "x + 4":
      return void setTimeout(() => {
        throw new Error("scripted failure");
      }, 5);
    case "x + 5":
      return;
  }
  training++;
  setTimeout(() => {
    const outcome = { outcome: "complete", score: training, steps: 1, finalLoss: 0, seconds: 0 };
    port.postMessage({ kind: "finished", trial, outcome: { ...outcome, imagesPerSecond: 0, betaMean: null } });
    training--;
  }, 100);
}
