/** Opens an engine by the name that a user types. */
import type { Engine } from "./engine.ts";
import { openReference } from "./reference/engine.ts";
import { openTfjsNode, openTfjsNodeGpu } from "./tfjs/engine.ts";
import { imagesPerSecond } from "./speed.ts";
import { openWasm } from "./wasm/engine.ts";
import { openWebGpu, openWebGpuCard } from "./webgpu/engine.ts";

/** An opened engine, and for `auto` one sentence for each engine that was preferred but is not available. */
export interface Opened {
  readonly engine: Engine;
  readonly passedOver: readonly string[];
}

/** Opens the engine, or throws an error whose message is the reason it is not available here. */
type Opener = () => Promise<Engine>;

/** Planned engines: recognised, so that asking for one gives a reason, but not offered. */
export const PLANNED_ENGINES: Readonly<Record<string, string>> = {
  cuda: "CUDA kernels of its own are not part of this version (tfjs-node-gpu computes on NVIDIA GPUs)",
};

const OPENERS: Readonly<Record<string, Opener>> = {
  "tfjs-node-gpu": openTfjsNodeGpu,
  webgpu: openWebGpu,
  wasm: openWasm,
  "tfjs-node": openTfjsNode,
  reference: () => Promise.resolve(openReference()),
};

/** What `auto` tries, the fastest first. `reference` is for judging, not for training. */
const PREFERENCE = ["tfjs-node-gpu", "webgpu", "wasm", "tfjs-node"];

/** Engines that compute on a GPU, opened so that they refuse where there is none. */
const ON_GPU: Readonly<Record<string, Opener>> = { "tfjs-node-gpu": openTfjsNodeGpu, webgpu: openWebGpuCard };

/** Of each engine's time at opening in which `auto` compares a card with the processor. */
const COMPARED_MS = 1000;

/** Children of a card in that comparison where a search trains several. */
const COMPARED_CHILDREN = 8;

/** Every name that `openEngine` knows. */
export const ENGINE_NAMES: readonly string[] = ["auto", ...Object.keys(OPENERS)];

/**
 * Opens the named engine, or with `auto` the first of the preferred ones that works. Throws a RangeError if the name
 * is unknown, and an Error that says why and what to do if the engine is not available.
 */
export async function openEngine(name: string): Promise<Opened> {
  if (Object.hasOwn(PLANNED_ENGINES, name)) {
    throw new RangeError(
      `Cannot open engine ${name}: ${PLANNED_ENGINES[name]}. Use --engine auto to take the best that works`,
    );
  }
  if (!ENGINE_NAMES.includes(name)) {
    throw new RangeError(`Cannot open engine "${name}" as it is none of ${ENGINE_NAMES.join(", ")}`);
  }
  if (name === "auto") return await openPreferred(AUTOMATIC);
  try {
    return { engine: await OPENERS[name](), passedOver: [] };
  } catch (cause) {
    const reason = (cause as Error).message;
    throw new Error(`Cannot open engine ${name}: ${reason}. Use --engine auto to take the best that works`, { cause });
  }
}

/**
 * As `openEngine`, for a thread that trains one child at a time: `auto` leaves graphics cards to the one thread that
 * trains children side by side. A driver may crash a process that ends while such a thread is torn down (Mesa 22.3 did
 * in one of ten), so that no thread opens one in vain.
 */
export async function openEngineOfThread(name: string): Promise<Opened> {
  return name === "auto" ? await openPreferred({ webgpu: noCard }) : await openEngine(name);
}

/** How `auto` opens an engine, where it asks for more than a user who names it. */
const AUTOMATIC: Readonly<Record<string, Opener>> = { webgpu: () => openFastCard(1) };

function openPreferred(instead: Readonly<Record<string, Opener>>): Promise<Opened> {
  return openFirst(PREFERENCE.map((name) => [name, instead[name] ?? OPENERS[name]]));
}

function noCard(): Promise<Engine> {
  return Promise.reject(
    new Error("no graphics card was found before the workers started; software drivers do not count"),
  );
}

/**
 * The engine of a real card that trains so many children faster than the processor trains one, or one on every core
 * where there are several; throws an Error with the reason otherwise.
 */
async function openFastCard(children: number): Promise<Engine> {
  const card = await openWebGpuCard(), processor = await openWasm();
  const cores = children > 1 ? navigator.hardwareConcurrency : 1;
  try {
    const onCard = await imagesPerSecond(card, COMPARED_MS, children);
    const onProcessor = cores * await imagesPerSecond(processor, COMPARED_MS);
    if (onCard > onProcessor) return card;
    const [slow, fast] = [onCard, onProcessor].map((rate) => rate.toPrecision(2));
    throw new Error(`${card.device} trains ${slow} images per second here, and wasm ${fast} on ${cores} threads`);
  } finally {
    processor.close();
  }
}

/** The GPU engine to which a name resolves for a search, null if to none, and why `auto` passed over those before it. */
export interface OnGpu {
  readonly engine: string | null;
  readonly passedOver: readonly string[];
}

const found = new Map<string, Promise<OnGpu>>();

/** Finds it once per process, by opening the engine and closing it again. Those of the processor are not opened. */
export function onGpu(name: string): Promise<OnGpu> {
  let answer = found.get(name);
  if (!answer) found.set(name, answer = findOnGpu(name));
  return answer;
}

async function findOnGpu(name: string): Promise<OnGpu> {
  const open: Readonly<Record<string, Opener>> = {
    ...ON_GPU,
    ...name === "auto" && { webgpu: () => openFastCard(COMPARED_CHILDREN) },
  };
  const candidates = (name === "auto" ? PREFERENCE : [name]).filter((candidate) => Object.hasOwn(open, candidate));
  try {
    const { engine, passedOver } = await openFirst(candidates.map((candidate) => [candidate, open[candidate]]));
    engine.close();
    return { engine: engine.name, passedOver };
  } catch {
    return { engine: null, passedOver: [] };
  }
}

/** The first of these engines that opens. Throws an Error with all reasons if none does. */
export async function openFirst(openers: readonly (readonly [name: string, open: Opener])[]): Promise<Opened> {
  const passedOver: string[] = [];
  for (const [name, open] of openers) {
    try {
      return { engine: await open(), passedOver };
    } catch (cause) {
      passedOver.push(`${name} was passed over: ${(cause as Error).message}`);
    }
  }
  throw new Error(`Cannot open an engine as none works here: ${passedOver.join("; ")}`);
}
