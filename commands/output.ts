/**
 * Standard output and error as a command writes them: in order, and so that a slow or failing reader never delays or
 * ends the command. Output to a terminal, or that cannot wait, is written at once; all other output is queued and
 * written as fast as the reader takes it.
 */

/** One of the two streams, as in Deno. */
export interface Sink {
  write(bytes: Uint8Array): Promise<number>;
  writeSync(bytes: Uint8Array): number;
  isTerminal(): boolean;
}

interface Waiting {
  readonly sink: Sink;
  readonly bytes: Uint8Array;
}

/** Milliseconds after which writing to a full non-blocking pipe is retried. */
const FULL_MS = 20;
/** Bytes queued for a reader that does not read; more is dropped. */
const MAX_WAITING = 64 * 2 ** 20;

export class Output {
  readonly #onFailure: (error: Error) => void;
  readonly #failed = new Map<Sink, Error>();
  #queue: Waiting[] = [];
  #waiting = 0;
  #pump: Promise<void> | null = null;

  /** `onFailure` is called once per sink with the reason why writing to it failed. */
  constructor(onFailure: (error: Error) => void) {
    this.#onFailure = onFailure;
  }

  /** Whether any output to the sink was lost. */
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
