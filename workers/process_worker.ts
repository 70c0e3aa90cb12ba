/**
 * A child worker in its own process, for engines that choose the GPU per process (tfjs-node-gpu): it sees
 * the one GPU it is given. It is used as a Web Worker is: `postMessage`, `onmessage`, `onerror`, `terminate`.
 *
 * Messages go through the process's stdin and stdout, each as its length in four bytes and then its structured clone.
 * The heartbeat, which is shared memory in a thread, crosses as the message "beat".
 */
import { readMessages, writeMessage } from "./framing.ts";
import type { ToWorker } from "./protocol.ts";
import { flagsOfTask } from "./task_flags.ts";

/** What the pool needs of a worker. */
export interface WorkerLike {
  onmessage: ((event: MessageEvent) => void) | null;
  onmessageerror: ((event: MessageEvent) => void) | null;
  onerror: ((event: ErrorEvent) => void) | null;
  postMessage(message: ToWorker): void;
  terminate(): void;
}

/** The folder of `.tfjs-node`. */
const PROJECT = `${import.meta.dirname}/..`;

export class ProcessWorker implements WorkerLike {
  onmessage: WorkerLike["onmessage"] = null;
  onmessageerror: WorkerLike["onmessageerror"] = null;
  onerror: WorkerLike["onerror"] = null;
  readonly #process: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  #heartbeat: Int32Array | null = null;
  #ended = false;

  /** `gpu` is an item of CUDA_VISIBLE_DEVICES; `module` the worker that runs there. */
  constructor(module: URL, gpu: string) {
    this.#process = new Deno.Command("deno", {
      args: [
        "run",
        "--quiet",
        ...flagsOfTask("worker"),
        `--allow-write=${Deno.cwd()}/runs`,
        new URL("./process_main.ts", import.meta.url).href,
        module.href,
      ],
      cwd: PROJECT,
      env: { CUDA_VISIBLE_DEVICES: gpu },
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#input = this.#process.stdin.getWriter();
    this.#listen();
  }

  postMessage(message: ToWorker): void {
    if (message.kind === "open") this.#heartbeat = message.heartbeat;
    writeMessage(this.#input, message).catch(() => {}); // a dead process is reported by its exit
  }

  terminate(): void {
    if (this.#ended) return;
    this.#ended = true;
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // it has ended by itself
    }
  }

  async #listen(): Promise<void> {
    try {
      for await (const message of readMessages(this.#process.stdout)) {
        if (this.#ended) return;
        if (message === "beat") Atomics.add(this.#heartbeat!, 0, 1);
        else this.onmessage?.(new MessageEvent("message", { data: message }));
      }
    } catch (error) {
      return this.#fail(`its messages cannot be read: ${(error as Error).message}`);
    }
    const { code, signal } = await this.#process.status;
    this.#fail(`its process ended with ${signal ?? `exit code ${code}`}`);
  }

  #fail(what: string): void {
    if (this.#ended) return;
    this.terminate();
    this.onerror?.(new ErrorEvent("error", { message: `the worker failed as ${what}` }));
  }
}
