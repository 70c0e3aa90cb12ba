/**
 * Workers that share one thread, since the children of a graphics card are computed side by side by one engine. Each is
 * used as a Web Worker is: what happens to its child does not touch the others, unless the thread itself fails.
 */
import type { WorkerLike } from "./process_worker.ts";
import type { ToWorker } from "./protocol.ts";

/** A driver may crash a process that ends within some ms of a thread that used a card (Mesa 22.3 did). */
const TEARDOWN_MS = 200;
let lastTerminated = -Infinity;

/** Resolves when the threads that were terminated are gone: to be awaited before the process exits. */
export async function threadsOfCardsEnded(): Promise<void> {
  const left = lastTerminated + TEARDOWN_MS - performance.now();
  if (left > 0) await new Promise((resolve) => setTimeout(resolve, left));
}

/** Ends a thread that may have used a card. */
export function endThreadOfCard(thread: Worker): void {
  thread.terminate();
  lastTerminated = performance.now();
}

export class SideBySide {
  #thread: Thread | undefined;

  /** `start` makes the thread, which takes a port per worker as a message. */
  constructor(readonly start: () => Worker) {}

  /**
   * A worker in the common thread. A thread in which a silent worker had to be terminated is no longer trusted: later
   * workers get a new thread, and the old one ends with its last worker.
   */
  newWorker(): WorkerLike {
    if (!this.#thread || this.#thread.isSuspect) this.#thread = new Thread(this.start());
    return this.#thread.newWorker();
  }
}

class Thread {
  isSuspect = false;
  readonly #workers = new Set<PortWorker>();

  constructor(readonly worker: Worker) {
    worker.onerror = (event) => {
      event.preventDefault(); // otherwise it ends this thread too
      this.#fail(event.message || "the thread of the card failed");
    };
    // Children speak over their ports; what the thread itself says is that it is broken.
    worker.onmessage = ({ data }) => this.#fail(String(data?.message ?? "the thread of the card failed"));
  }

  newWorker(): WorkerLike {
    const { port1, port2 } = new MessageChannel();
    this.worker.postMessage(port2, [port2]);
    const worker = new PortWorker(port1, (wasSilent) => this.#left(worker, wasSilent));
    this.#workers.add(worker);
    return worker;
  }

  #left(worker: PortWorker, wasSilent: boolean): void {
    this.#workers.delete(worker);
    if (this.#workers.size === 0) endThreadOfCard(this.worker);
    this.isSuspect ||= wasSilent || this.#workers.size === 0;
  }

  #fail(message: string): void {
    this.isSuspect = true;
    for (const worker of [...this.#workers]) worker.onerror?.(new ErrorEvent("error", { message }));
  }
}

class PortWorker implements WorkerLike {
  onmessage: WorkerLike["onmessage"] = null;
  onmessageerror: WorkerLike["onmessageerror"] = null;
  onerror: WorkerLike["onerror"] = null;

  /** Whether its thread owes it an answer. */
  #isSilent = false;

  constructor(readonly port: MessagePort, readonly left: (wasSilent: boolean) => void) {
    port.onmessage = (event) => {
      if (event.data?.kind !== "progress" && event.data?.kind !== "notice") this.#isSilent = false;
      this.onmessage?.(event);
    };
    port.onmessageerror = (event) => this.onmessageerror?.(event);
  }

  postMessage(message: ToWorker): void {
    this.#isSilent = true;
    this.port.postMessage(message);
  }

  terminate(): void {
    this.port.postMessage({ kind: "leave" } satisfies ToWorker);
    this.port.close();
    this.left(this.#isSilent);
  }
}
