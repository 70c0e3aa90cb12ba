/**
 * The process behind `process_worker.ts`: it runs the worker in a thread and forwards messages, so that it notices the
 * end of its parent, and exits, even while the thread computes.
 */
import { readMessages, writeMessage } from "./framing.ts";
import type { ToWorker } from "./protocol.ts";

const BEAT_MS = 200;

if (import.meta.main) await carryMessages(Deno.args[0]);

async function carryMessages(module: string): Promise<never> {
  const output = Deno.stdout.writable.getWriter();
  const heartbeat = new Int32Array(new SharedArrayBuffer(4));
  const entry = new URL("./worker_entry.ts", import.meta.url);
  const worker = new Worker(entry, { type: "module", name: module });
  worker.onmessage = ({ data }) => void writeMessage(output, data);
  worker.onerror = (event) => {
    event.preventDefault();
    console.error(event.message);
    Deno.exit(1);
  };
  let last = 0;
  setInterval(() => {
    const beat = Atomics.load(heartbeat, 0);
    if (beat !== last) writeMessage(output, "beat");
    last = beat;
  }, BEAT_MS);
  for await (const message of readMessages(Deno.stdin.readable)) {
    const { kind } = message as ToWorker;
    worker.postMessage(kind === "open" ? { ...message as ToWorker, heartbeat } : message);
  }
  Deno.exit(0); // the parent is gone
}
