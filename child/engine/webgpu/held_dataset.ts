/** A data set's training split on a card: its bytes, uploaded once, and the table that normalises them. */
import { normalisation } from "../../../datasets/batches.ts";
import type { Dataset } from "../../../datasets/dataset.ts";
import { type Card, type Refusal, watched } from "./device.ts";

export interface HeldDataset {
  /** Pixels, NHWC, four to a word. */
  readonly pixels: GPUBuffer;
  /** [channels][256] floats. */
  readonly table: GPUBuffer;
  /** What the card refused of them. */
  readonly refused: Promise<Refusal | null>;
}

/** Bytes of one upload: each is copied on its way. */
const CHUNK_BYTES = 2 ** 24;

const held = new WeakMap<GPUDevice, WeakMap<Dataset, HeldDataset>>();

/** Whether the split is in memory, and the card binds the whole of it. */
export function canHold({ device: { limits } }: Card, { train }: Dataset): boolean {
  return train.files === undefined &&
    train.pixels.byteLength <= Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize) - 4;
}

/** The split on the card, uploaded at the first call, and again if the card had no room for it. */
export function holdDataset(card: Card, dataset: Dataset): HeldDataset {
  let datasets = held.get(card.device);
  if (!datasets) held.set(card.device, datasets = new WeakMap());
  let found = datasets.get(dataset);
  if (!found) {
    const { result, refused } = watched(card.device, () => upload(card, dataset));
    datasets.set(dataset, found = { ...result, refused });
    refused.then((refusal) => refusal && datasets.delete(dataset), () => {});
  }
  return found;
}

function upload({ device }: Card, dataset: Dataset): Omit<HeldDataset, "refused"> {
  const bytes = dataset.train.pixels, usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST;
  const pixels = device.createBuffer({ size: Math.ceil(bytes.length / 4) * 4, usage });
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
    const chunk = new Uint8Array(Math.ceil(Math.min(CHUNK_BYTES, bytes.length - at) / 4) * 4);
    chunk.set(bytes.subarray(at, at + CHUNK_BYTES));
    device.queue.writeBuffer(pixels, at, chunk);
    device.queue.submit([]); // or Deno keeps every copy
  }
  const values = normalisation(dataset) as Float32Array<ArrayBuffer>;
  const table = device.createBuffer({ size: values.byteLength, usage });
  device.queue.writeBuffer(table, 0, values);
  device.queue.submit([]);
  return { pixels, table };
}
