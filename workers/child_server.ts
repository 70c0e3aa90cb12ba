/**
 * What a worker does with the messages of the pool: it opens an engine, and trains one child after the other. It has no
 * state between them; a long child saves its own in a file.
 */
import { activationFrom } from "../child/activation/catalog.ts";
import { whyBelow } from "../child/bar.ts";
import { DeviceError, type Engine } from "../child/engine/engine.ts";
import type { Opened } from "../child/engine/open.ts";
import { buildNetwork } from "../child/network/networks.ts";
import { trainPair } from "../child/pair.ts";
import type { ChildSettings, LossPoint } from "../child/trainer.ts";
import type { Dataset } from "../datasets/dataset.ts";
import type { ChildJob, FromWorker, ToWorker, WorkerSettings } from "./protocol.ts";

const HEARTBEAT_MS = 200;
/** Training time in ms that a kill may lose; shorter children are never saved. */
const CHECKPOINT_EVERY_MS = 30_000;

/** The pool's side of the conversation: a worker's own scope, or a port. */
export interface Port {
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
  postMessage(message: FromWorker): void;
  close(): void;
}

/** Answers the messages of the port until it is told to leave. */
export function serveChildren(port: Port, open: (name: string) => Promise<Opened>): void {
  const server = new ChildServer(port, open);
  port.onmessage = async ({ data }) => {
    try {
      await server.handle(data);
    } catch (error) {
      port.postMessage({ kind: "broken", message: error instanceof Error ? error.message : String(error) });
    }
  };
}

class ChildServer {
  #settings!: WorkerSettings;
  #engine!: Engine;
  #running = new AbortController();
  #heartbeat: ReturnType<typeof setInterval> | undefined;

  constructor(readonly port: Port, readonly openEngine: (name: string) => Promise<Opened>) {}

  async handle(message: ToWorker): Promise<void> {
    switch (message.kind) {
      case "open":
        return await this.#open(message.settings, message.heartbeat);
      case "train":
        return await this.#train(message.job).catch((error) => this.#failed(message.job, error));
      case "cancel":
        return this.#running.abort();
      case "time_up":
        return this.#running.abort(new DOMException("the child's time is up", "TimeoutError"));
      case "leave":
        clearInterval(this.#heartbeat);
        this.#running.abort();
        return this.port.close();
    }
  }

  async #open(settings: WorkerSettings, heartbeat: Int32Array): Promise<void> {
    this.#heartbeat = setInterval(() => Atomics.add(heartbeat, 0, 1), HEARTBEAT_MS);
    this.#settings = settings;
    const { engine, passedOver } = await this.openEngine(settings.engine);
    this.#engine = engine;
    const { name, device, notices } = engine;
    this.#say({ kind: "opened", engine: { name, device, notices, passedOver, childBytes: this.#childBytes() } });
  }

  #childBytes(): number | undefined {
    const { target, children } = this.#settings;
    const neededBy = ({ network, batch, optimizer }: ChildSettings, { classes, height, width, channels }: Dataset) => {
      const graph = buildNetwork(network, {
        classes: classes.length,
        usesBeta: true,
        image: [height, width, channels],
      });
      return this.#engine.memoryNeeded?.(graph, activationFrom("swish"), { batch, optimizer, children });
    };
    const needed = [this.#settings, ...target ? [target] : []].flatMap(({ dataset, child, secondDataset }) => [
      neededBy(child, dataset),
      ...child.second ? [neededBy(child.second, secondDataset ?? dataset)] : [],
    ]);
    return needed.includes(undefined) ? undefined : Math.max(...needed as number[]);
  }

  async #train(asked: ChildJob): Promise<void> {
    const { trial, expression, seed, first, checkpoint, bar, onTarget = false } = asked;
    this.#running = new AbortController();
    const { checkpointEveryMs = CHECKPOINT_EVERY_MS } = this.#settings;
    const { dataset, child, secondDataset } = onTarget ? this.#settings.target! : this.#settings;
    const { children = this.#settings.children } = asked;
    const keeping = checkpoint
      ? {
        path: checkpoint,
        everyMs: checkpointEveryMs,
        onNotice: (message: string) => this.#say({ kind: "notice", trial, message }),
      }
      : undefined;
    const curve: LossPoint[] = [];
    const outcome = await trainPair({
      engine: this.#engine,
      ...{ dataset, secondDataset },
      activation: activationFrom(expression),
      settings: child,
      ...{ seed, first, children },
    }, {
      signal: this.#running.signal,
      onProgress: (point, imagesPerSecond) => {
        curve.push(point);
        this.#say({ kind: "progress", trial, ...point, imagesPerSecond });
      },
      whyStop: () => whyBelow(bar, curve),
    }, keeping);
    this.#say({ kind: "finished", trial, outcome });
  }

  #failed({ trial }: ChildJob, error: unknown): void {
    if (!(error instanceof DeviceError)) throw error;
    this.#say({ kind: "device_failed", trial, fault: error.fault, message: error.message });
  }

  #say(message: FromWorker): void {
    this.port.postMessage(message);
  }
}
