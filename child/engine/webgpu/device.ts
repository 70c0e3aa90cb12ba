/**
 * The graphics card of a worker: one device per worker, as a destroyed device is freed only by the garbage collector.
 * Says in one sentence why there is none, and why one no longer works.
 */
import { DeviceError } from "../engine.ts";

/** A card in use. */
export interface Card {
  readonly device: GPUDevice;
  /** As its driver names it: "NVIDIA H100 80GB HBM3". */
  readonly name: string;
  /** Whether it is a software driver: it computes correctly, but slower than the engine wasm. */
  readonly isSoftware: boolean;
  /** Why the device is lost, or null while it works. */
  lost(): string | null;
}

/** What a device says of calls that it refused. */
export interface Refusal {
  readonly forMemory: boolean;
  readonly message: string;
}

/** How long after its calls fail a device may take to say that it is lost, in ms. */
const LOSS_MS = 20;

/** Drivers that compute on the CPU: Mesa's two, Google's and Microsoft's. */
const SOFTWARE = /llvmpipe|lavapipe|swiftshader|microsoft basic render|\bwarp\b/i;

/** Maximum number of buffers of one kernel, which is above WebGPU's default. */
export const STORAGE_BUFFERS = 12;

/** Limits asked for at the adapter's own value, as WebGPU's defaults are lower. */
const LIMITS = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
] as const;

let opened: Promise<Card> | undefined;

/**
 * The card of this worker, opened once; a lost one is opened anew, once for all who ask. Throws an Error whose message is
 * the reason why there is none, as the end of a sentence; the next call looks again.
 */
export async function openCard(): Promise<Card> {
  const opening = opened ??= requestCard();
  const forget = () => {
    if (opened === opening) opened = undefined;
  };
  const card = await opening.catch((error) => {
    forget();
    throw error;
  });
  if (card.lost() === null) return card;
  forget();
  return await openCard();
}

/** An error of the card's calls, or that it is lost, which it says a moment later. */
export async function causeOf(error: unknown, card: Card): Promise<Error> {
  if (card.lost() === null) await new Promise((resolve) => setTimeout(resolve, LOSS_MS));
  return card.lost() === null ? error as Error : lossOf(card);
}

export function lossOf({ name, lost }: Card): DeviceError {
  return new DeviceError("lost", `the card ${name} was lost: ${lost()}`);
}

/**
 * Makes calls to the device and watches what it refuses of them. They must not wait: the errors of a device go to
 * whoever watched it last.
 */
export function watched<Result>(
  device: GPUDevice,
  calls: () => Result,
): { readonly result: Result; readonly refused: Promise<Refusal | null> } {
  device.pushErrorScope("validation");
  device.pushErrorScope("out-of-memory");
  const end = () => {
    const refused = refusalOf(device.popErrorScope(), device.popErrorScope());
    refused.catch(() => {}); // a lost device has no scopes any more
    return refused;
  };
  let result: Result;
  try {
    result = calls();
  } catch (error) {
    end();
    throw error;
  }
  return { result, refused: end() };
}

async function refusalOf(memory: Promise<GPUError | null>, validity: Promise<GPUError | null>) {
  const [noMemory, invalid] = await Promise.all([memory, validity]), error = noMemory ?? invalid;
  return error && { forMemory: noMemory !== null, message: error.message };
}

export function isSoftwareAdapter({ description, vendor, isFallbackAdapter }: Partial<GPUAdapterInfo>): boolean {
  return isFallbackAdapter === true || SOFTWARE.test(`${vendor} ${description}`);
}

async function requestCard(): Promise<Card> {
  const adapter = await requestAdapter();
  const { info } = adapter;
  const name = info.description || [info.vendor, info.architecture].filter(Boolean).join(" ") ||
    "a card without a name";
  const buffers = adapter.limits.maxStorageBuffersPerShaderStage;
  if (buffers < STORAGE_BUFFERS) {
    throw new Error(`${name} gives a kernel ${buffers} buffers, and the engine's kernels need ${STORAGE_BUFFERS}`);
  }
  let device: GPUDevice;
  try {
    const requiredLimits = Object.fromEntries(LIMITS.map((limit) => [limit, adapter.limits[limit]]));
    device = await adapter.requestDevice({ requiredLimits });
  } catch (cause) {
    throw new Error(`${name} could not be opened: ${(cause as Error).message}`, { cause });
  }
  let lost: string | null = null;
  device.lost.then(({ message, reason }) => lost = message || reason || "for a reason its driver does not give");
  return { device, name, isSoftware: isSoftwareAdapter(info), lost: () => lost };
}

async function requestAdapter(): Promise<GPUAdapter> {
  const { gpu } = navigator as { readonly gpu?: GPU };
  if (!gpu) throw new Error("this runtime has no WebGPU");
  const adapter = await quietly(() => gpu.requestAdapter({ powerPreference: "high-performance" }));
  if (adapter) return adapter;
  throw new Error(
    "no graphics card with a Vulkan, Metal or Direct3D 12 driver is visible here; install its driver, or on Debian " +
      "mesa-vulkan-drivers for a slow one in software",
  );
}

/**
 * Without XDG_RUNTIME_DIR, as in a container, Mesa's drivers print an error of the window system, which is not used
 * here (seen with 22.3).
 */
async function quietly<T>(ask: () => Promise<T>): Promise<T> {
  const variable = "XDG_RUNTIME_DIR";
  const { state } = Deno.permissions.querySync({ name: "env", variable });
  if (state !== "granted" || Deno.env.get(variable) !== undefined) return await ask();
  Deno.env.set(variable, "/");
  try {
    return await ask();
  } finally {
    Deno.env.delete(variable);
  }
}
