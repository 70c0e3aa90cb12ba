/** Threads that decode images ahead of training. Results do not depend on how many there are. */
import type { DecodeReply, DecodeRequest } from "./decode.ts";

type Asked = Omit<DecodeRequest, "id">;

export class Decoders {
  readonly #workers: { readonly worker: Worker; pending: number }[];
  readonly #waiting = new Map<number, { resolve(reply: DecodeReply): void; reject(error: Error): void }>();
  #next = 0;

  constructor(count: number) {
    this.#workers = Array.from({ length: count }, () => {
      const worker = new Worker(new URL("./decode_worker.ts", import.meta.url), { type: "module" });
      const one = { worker, pending: 0 };
      worker.onmessage = ({ data }: MessageEvent<DecodeReply>) => {
        one.pending--;
        this.#waiting.get(data.id)?.resolve(data);
        this.#waiting.delete(data.id);
      };
      worker.onerror = (event) => {
        event.preventDefault(); // else it ends the process
        this.#fail(new Error(`Cannot decode images as a thread died: ${event.message}`));
      };
      return one;
    });
  }

  /** The image's pixels, or why it has none. Rejects if a thread dies or the decoders are closed. */
  decode(request: Asked): Promise<DecodeReply> {
    const id = this.#next++;
    const least = this.#workers.reduce((a, b) => b.pending < a.pending ? b : a);
    least.pending++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      least.worker.postMessage({ id, ...request });
    });
  }

  close(): void {
    for (const { worker } of this.#workers) worker.terminate();
    this.#fail(new Error("Cannot decode images as the decoders are closed"));
  }

  #fail(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}
