/// <reference lib="deno.worker" />
/** The thread that trains children, one after the other, with one engine it opens once. It has no state between them;
 * a long child saves its own in a file. */
import { activationFrom } from "../child/activation/catalog.ts";
import type { Engine } from "../child/engine/engine.ts";
import { openEngine } from "../child/engine/open.ts";
import { trainChild } from "../child/trainer.ts";
import type { ChildJob, FromWorker, ToWorker, WorkerSettings } from "./protocol.ts";

const HEARTBEAT_MS = 200;
/** Training time in ms that a kill may lose; shorter children are never saved. */
const CHECKPOINT_EVERY_MS = 30_000;

let settings: WorkerSettings;
let engine: Engine;
let running = new AbortController();

self.onmessage = async ({ data }: MessageEvent<ToWorker>) => {
  try {
    await handle(data);
  } catch (error) {
    say({ kind: "broken", message: error instanceof Error ? error.message : String(error) });
  }
};

async function handle(message: ToWorker): Promise<void> {
  switch (message.kind) {
    case "open":
      return await open(message.settings, message.heartbeat);
    case "train":
      return await train(message.job);
    case "cancel":
      return running.abort();
    case "time_up":
      return running.abort(new DOMException("the child's time is up", "TimeoutError"));
  }
}

async function open(given: WorkerSettings, heartbeat: Int32Array): Promise<void> {
  setInterval(() => Atomics.add(heartbeat, 0, 1), HEARTBEAT_MS);
  settings = given;
  const opened = await openEngine(settings.engine);
  engine = opened.engine;
  const { name, device, notices } = engine;
  say({ kind: "opened", engine: { name, device, notices, passedOver: opened.passedOver } });
}

async function train({ trial, expression, seed, checkpoint }: ChildJob): Promise<void> {
  running = new AbortController();
  const keeping = checkpoint
    ? {
      path: checkpoint,
      everyMs: settings.checkpointEveryMs ?? CHECKPOINT_EVERY_MS,
      onNotice: (message: string) => say({ kind: "notice", trial, message }),
    }
    : undefined;
  const outcome = await trainChild({
    engine,
    dataset: settings.dataset,
    activation: activationFrom(expression),
    settings: settings.child,
    seed,
    threads: settings.threads,
  }, {
    signal: running.signal,
    onProgress: ({ step, loss }, imagesPerSecond) => say({ kind: "progress", trial, step, loss, imagesPerSecond }),
  }, keeping);
  say({ kind: "finished", trial, outcome });
}

function say(message: FromWorker): void {
  self.postMessage(message);
}
