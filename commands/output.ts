/**
 * Standard output and error as a command writes them: in order, and never so that a slow or failing reader holds up or ends
 * what the command is doing. What goes to a terminal or cannot wait is written at once; all else is queued and written as
 * the reader takes it.
 */

/** One of the two, as Deno has it. */
export interface Sink {
  write(bytes: Uint8Array): Promise<number>;
  writeSync(bytes: Uint8Array): number;
  isTerminal(): boolean;
}

interface Waiting {
  readonly sink: Sink;
  readonly bytes: Uint8Array;
}

/** A pipe that is full and does not block says so; it is tried again after this many milliseconds. */
const FULL_MS = 20;
/** Bytes kept for a reader that does not read; what comes after is dropped. */
const MAX_WAITING = 64 * 2 ** 20;

export class Output {
  readonly #onFailure: (error: Error) => void;
  readonly #failed = new Map<Sink, Error>();
  #queue: Waiting[] = [];
  #waiting = 0;
  #pump: Promise<void> | null = null;

  /** `onFailure` is told once a sink why it cannot be written any more. */
  constructor(onFailure: (error: Error) => void) {
    this.#onFailure = onFailure;
  }

  /** Whether something that was written to the sink did not arrive. */
  hasFailed(sink: Sink): boolean {
    return this.#failed.has(sink);
  }

  /** Never throws. */
  write(sink: Sink, text: string): void {
    if (this.#failed.has(sink)) return;
    const bytes = new TextEncoder().encode(text);
    if (sink.isTerminal()) return this.#writeNow(sink, bytes);
    if (this.#waiting + bytes.length > MAX_WAITING) return this.#fail(sink, new Error("nobody reads it"));
    this.#queue.push({ sink, bytes });
    this.#waiting += bytes.length;
    this.#pump ??= this.#writeQueue();
  }

  /** Resolves when all is written or has failed. */
  async flush(): Promise<void> {
    while (this.#pump) await this.#pump;
  }

  #writeNow(sink: Sink, bytes: Uint8Array): void {
    try {
      for (let written = 0; written < bytes.length;) written += sink.writeSync(bytes.subarray(written));
    } catch (error) {
      if (!(error instanceof Deno.errors.WouldBlock)) this.#fail(sink, error as Error);
    }
  }

  async #writeQueue(): Promise<void> {
    for (let next = this.#queue.shift(); next; next = this.#queue.shift()) {
      const { sink, bytes } = next;
      this.#waiting -= bytes.length;
      if (!this.#failed.has(sink)) await this.#writeAll(sink, bytes);
    }
    this.#pump = null;
  }

  async #writeAll(sink: Sink, bytes: Uint8Array): Promise<void> {
    for (let written = 0; written < bytes.length;) {
      try {
        written += await sink.write(bytes.subarray(written));
      } catch (error) {
        if (!(error instanceof Deno.errors.WouldBlock)) return this.#fail(sink, error as Error);
        await new Promise((resolve) => setTimeout(resolve, FULL_MS));
      }
    }
  }

  #fail(sink: Sink, error: Error): void {
    this.#failed.set(sink, error);
    this.#onFailure(error);
  }
}
