/**
 * The native half of @tensorflow/tfjs-node: TensorFlow's eager operations on numbered tensors. The engine calls it
 * directly and leaves the JavaScript half of the package alone, for these reasons:
 *
 * - That half does not run in Deno as it is: it calls `util.isNullOrUndefined`, which Deno's node:util lacks, must share
 *   one copy of the union package @tensorflow/tfjs or has no gradients, and needs access to all environment variables.
 * - Its install script downloads libtensorflow 2.9.1 (CUDA 11.2, cuDNN 8.1); `deno task build-tfjs-node` builds the same
 *   binding against a current version, without running the script.
 * - Its gradients are chains of small operations, especially that of batch norm. The project derives its own backward
 *   pass (`network/autodiff.ts`, `activation/derive.ts`), whose nodes are TensorFlow's fused gradient kernels.
 *
 * The binding moves tensors to the last GPU visible to its process and offers no choice; CUDA_VISIBLE_DEVICES is one
 * per process. So with several GPUs each worker owns a child process that sees one (`workers/process_worker.ts`); with
 * one GPU or none it computes in the worker's own thread. Every thread that loads the binding has a context of its own.
 */
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { BINDING_FILE, packageFolder, type TensorFlowPackage } from "./package.ts";

export interface TensorInfo {
  readonly id: number;
  readonly shape: readonly number[];
  readonly dtype: number;
}

export interface Attribute {
  readonly name: string;
  /** One of the binding's TF_ATTR_… */
  readonly type: number;
  readonly value: string | number | boolean | readonly number[];
}

export interface Binding {
  /** Copies the values to the device. */
  createTensor(shape: readonly number[], dtype: number, values: Float32Array | Int32Array): number;
  deleteTensor(id: number): void;
  /** Waits for the device and copies. */
  tensorDataSync(id: number): Float32Array;
  executeOp(name: string, attributes: readonly Attribute[], inputs: readonly number[], outputs: number): TensorInfo[];
  isUsingGpuDevice(): boolean;
  /** Of this context. */
  getNumOfTensors(): number;
  readonly TF_Version: string;
  readonly TF_FLOAT: number;
  readonly TF_INT32: number;
  readonly TF_ATTR_INT: number;
  readonly TF_ATTR_FLOAT: number;
  readonly TF_ATTR_BOOL: number;
  readonly TF_ATTR_STRING: number;
  readonly TF_ATTR_TYPE: number;
}

/** Environment variables that TensorFlow reads when loaded; those set by the user are left unchanged. */
export const TENSORFLOW_ENVIRONMENT: Readonly<Record<string, string>> = {
  /** Errors only: it announces its CPU features on stderr otherwise. */
  TF_CPP_MIN_LOG_LEVEL: "2",
  /** Allocates GPU memory as needed, since children share a GPU; by default it takes all. */
  TF_FORCE_GPU_ALLOW_GROWTH: "true",
  /** Deterministic results on a GPU too: a run is a function of its settings and seed. */
  TF_DETERMINISTIC_OPS: "1",
  /** Without it float32 on NVIDIA's tensor cores has 10 bits, and the golden traces would fail. */
  NVIDIA_TF32_OVERRIDE: "0",
  /** oneDNN's kernels on every CPU halve the time of a step or better; TensorFlow leaves them off without AVX-512. */
  TF_ENABLE_ONEDNN_OPTS: "1",
  /** Reuses memory: otherwise the system clears the pages of every new tensor, which makes a step 1.5 times as long. */
  TF_CPU_ALLOCATOR_USE_BFC: "true",
};

/** Loads the binding. Throws an Error with one sentence: what is missing, and the command that fixes it. */
export function loadBinding(tensorFlow: TensorFlowPackage, folder = packageFolder(tensorFlow)): Binding {
  const path = fileURLToPath(new URL(BINDING_FILE, folder));
  if (!isThere(folder)) throw new Error(`${tensorFlow.npm} is not installed: run \`${tensorFlow.build}\``);
  if (!isThere(path)) {
    throw new Error(`${tensorFlow.npm} is only half installed, without its binding: run \`${tensorFlow.build}\``);
  }
  if (Deno.permissions.querySync({ name: "ffi", path }).state !== "granted") {
    throw new Error(`${tensorFlow.npm} may not be loaded: run deno with --allow-ffi=.tfjs-node, as the tasks do`);
  }
  setEnvironment();
  try {
    return createRequire(import.meta.url)(path) as Binding;
  } catch (cause) {
    const reason = (cause as Error).message.split("\n")[0];
    throw new Error(`${tensorFlow.npm} cannot be loaded (${reason}): run \`${tensorFlow.build}\``, { cause });
  }
}

/**
 * Throws if a GPU is needed and TensorFlow has none: the sentence says whether the driver, or CUDA or cuDNN,
 * is missing.
 */
export function requireGpu(tensorFlow: TensorFlowPackage, binding: Binding, driver = nvidiaDriver()): void {
  if (!tensorFlow.gpu || binding.isUsingGpuDevice()) return;
  throw new Error(
    driver === null
      ? "there is no NVIDIA driver: install it (Debian: apt-get install nvidia-driver), then `nvidia-smi` lists the GPU"
      : `TensorFlow ${binding.TF_Version} finds no GPU though NVIDIA driver ${driver} is there, as CUDA or cuDNN is ` +
        `missing or of the wrong version: run \`${tensorFlow.build}\`, which brings those that fit`,
  );
}

/** Version of the kernel's NVIDIA driver; null without one. */
export function nvidiaDriver(): string | null {
  try {
    return Deno.readTextFileSync("/proc/driver/nvidia/version").match(/\b\d+\.\d+(\.\d+)?\b/)?.[0] ?? "unknown";
  } catch {
    return null;
  }
}

function setEnvironment(): void {
  for (const [name, value] of Object.entries(TENSORFLOW_ENVIRONMENT)) {
    if (Deno.env.get(name) === undefined) Deno.env.set(name, value);
  }
}

function isThere(path: string | URL): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}
