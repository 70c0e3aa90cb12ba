/**
 * A helper thread of one program: instantiates its module over the shared memory and serves runs until told to exit.
 */
/// <reference lib="deno.worker" />

export interface ThreadRequest {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly thread: number;
  readonly threads: number;
  readonly scratch: number;
}

self.onmessage = async ({ data }: MessageEvent<ThreadRequest>) => {
  const { module, memory, thread, threads, scratch } = data;
  const instance = await WebAssembly.instantiate(module, { env: { memory } });
  self.postMessage("ready");
  (instance.exports.serve as (...args: number[]) => void)(thread, threads, scratch);
  self.close();
};
