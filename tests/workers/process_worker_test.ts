import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { PRESETS } from "../../controller/presets.ts";
import { makeShapes } from "../../datasets/images/shapes.ts";
import { readMessages, writeMessage } from "../../workers/framing.ts";
import { Pool } from "../../workers/pool.ts";
import { ProcessWorker } from "../../workers/process_worker.ts";
import type { OpenedEngine } from "../../workers/protocol.ts";

const MODULE = new URL("./gpu_worker.ts", import.meta.url);
const SETTINGS = {
  dataset: makeShapes({ train: 3, validation: 1, test: 1 }),
  engine: "scripted",
  child: PRESETS.smoke.child,
};

function openOn(gpu: string): Promise<OpenedEngine> {
  const worker = new ProcessWorker(MODULE, gpu);
  return new Promise<OpenedEngine>((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data.engine);
    worker.onerror = ({ message }) => reject(new Error(message));
    worker.postMessage({ kind: "open", settings: SETTINGS, heartbeat: new Int32Array(new SharedArrayBuffer(4)) });
  }).finally(() => worker.terminate());
}

describe("messages over a pipe", () => {
  it("arrive whole and in order, however the bytes were cut, with shared memory as a copy", async () => {
    const shared = new Uint8Array(new SharedArrayBuffer(3)).fill(7);
    const messages = ["beat", { kind: "open", pixels: shared, list: [1, { deep: shared }] }, null, "x".repeat(1000)];
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        for (let at = 0; at < chunk.length; at += 5) controller.enqueue(chunk.subarray(at, at + 5));
      },
    });
    const writer = writable.getWriter();
    const written = (async () => {
      for (const message of messages) await writeMessage(writer, message);
      await writer.close();
    })();
    const arrived = await Array.fromAsync(readMessages(readable));
    await written;
    const copy = Uint8Array.of(7, 7, 7);
    assertEquals(arrived.length, 4);
    assertEquals([arrived[0], arrived[2], arrived[3]], ["beat", null, messages[3]]);
    assertEquals(arrived[1], { kind: "open", pixels: copy, list: [1, { deep: copy }] });
  });
});

describe("a worker in a process of its own", () => {
  it("sees the one GPU it is given, and the data set", async () => {
    const [one, two] = await Promise.all([openOn("0"), openOn("GPU-7")]);
    assertEquals([one.device, two.device], ["0", "GPU-7"]);
    assertEquals(one.notices, [SETTINGS.dataset.train.labels.join()]);
  });

  it("trains in a pool, and is replaced when a child throws there", async () => {
    const errors: string[] = [];
    const hooks = {
      onWorker: ({ lastError }: { lastError: string | null }) => void (lastError && errors.push(lastError)),
    };
    const pool = new Pool({ workers: 2, gpus: ["0", "1"], settings: SETTINGS, module: MODULE, hooks });
    try {
      const train = (expression: string, trial: number) => pool.train({ trial, training: 0, expression, seed: 1 });
      const results = await Promise.all([train("x", 0), train("x + 1", 1), train("x + 2", 2)]);
      assertEquals(results.map(({ outcome, attempts }) => [outcome, attempts]), [
        ["complete", 1],
        ["failed", 2],
        ["complete", 1],
      ]);
      assert(errors.some((error) => error === "scripted failure"), errors.join());
    } finally {
      pool.close();
    }
  });
});
