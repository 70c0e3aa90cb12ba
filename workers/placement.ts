/**
 * Where a search trains its children. On the CPU: one child per core, as children are independent. On GPUs: one child
 * per GPU, and with several of them each worker in a process of its own that sees one (`process_worker.ts`), since
 * TensorFlow's binding gives a process one GPU. With one GPU or none a worker computes in its own thread. The engine
 * webgpu trains several children side by side on one card, whose workers share a thread (`side_by_side.ts`).
 */

export interface Placement {
  readonly workers: number;
  /** GPUs to distribute among worker processes; empty if workers are threads. */
  readonly gpus: readonly string[];
  /** Whether the workers share one thread and its device, which trains their children side by side. */
  readonly sideBySide: boolean;
}

export interface Machine {
  readonly cores: number;
  /** GPUs that the chosen engine may use, as CUDA_VISIBLE_DEVICES names them; empty for an engine on the CPU. */
  readonly gpus: readonly string[];
  /** Children that the engine trains side by side on its device, if it does. */
  readonly sideBySide?: number;
}

/** As many as the largest machines have cores. */
export const MAX_WORKERS = 256;

/** `asked` is the user's number, undefined for one per core or GPU. Throws a RangeError if it is not 1 to MAX_WORKERS. */
export function placeChildren(
  asked: number | undefined,
  { cores, gpus, sideBySide }: Machine = { cores: navigator.hardwareConcurrency, gpus: [] },
): Placement {
  if (asked !== undefined && !(Number.isInteger(asked) && asked >= 1 && asked <= MAX_WORKERS)) {
    throw new RangeError(`Cannot start workers as their number must be 1 to ${MAX_WORKERS}: it is ${asked}`);
  }
  const workers = asked ?? sideBySide ?? (gpus.length || cores);
  return { workers, gpus: gpus.length > 1 ? gpus : [], sideBySide: sideBySide !== undefined };
}

/** NVIDIA GPUs visible to this process: those of CUDA_VISIBLE_DEVICES, else all that the driver lists. */
export function visibleGpus(visible = cudaVisibleDevices(), listed = "/proc/driver/nvidia/gpus"): string[] {
  if (visible !== undefined) return visible.split(",").map((gpu) => gpu.trim()).filter((gpu) => gpu !== "");
  try {
    return [...Deno.readDirSync(listed)].map((_, index) => String(index));
  } catch {
    return []; // no driver
  }
}

/** Undefined if it is not set, or may not be read. */
function cudaVisibleDevices(): string | undefined {
  const variable = "CUDA_VISIBLE_DEVICES";
  const { state } = Deno.permissions.querySync({ name: "env", variable });
  return state === "granted" ? Deno.env.get(variable) : undefined;
}

/** Whether worker processes may be started, which only the task `search:gpus` allows. */
export function mayStartProcesses(): boolean {
  return Deno.permissions.querySync({ name: "run", command: "deno" }).state === "granted";
}
