/**
 * A helper thread of one program: instantiates its modules over the shared memory and serves runs until told to exit.
 */
/// <reference lib="deno.worker" />

import type { Modules } from "./assemble.ts";
import { instantiate } from "./instantiate.ts";

export interface ThreadRequest {
  readonly modules: Modules;
  readonly memory: WebAssembly.Memory;
  readonly thread: number;
  readonly threads: number;
  readonly scratch: number;
}

self.onmessage = async ({ data }: MessageEvent<ThreadRequest>) => {
  const { modules, memory, thread, threads, scratch } = data;
  const instance = await instantiate(modules, memory);
  self.postMessage("ready");
  (instance.exports.serve as (...args: number[]) => void)(thread, threads, scratch);
  self.close();
};
