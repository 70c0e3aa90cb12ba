/**
 * Batches of images that are decoded while the network trains. As in `batches.ts`, a batch is a function of seed and
 * step alone: each image's crop and flip have a random stream of their own, so it does not matter which thread decodes
 * it, or when. An image that cannot be decoded is named once, and another one that the seed and step decide takes its
 * place; in evaluation it is left out.
 */
import { type Batch, type Dataset, DatasetError, type Split, type SplitName } from "../dataset.ts";
import { Random } from "../random.ts";
import { Decoders } from "./decoders.ts";
import { placeOf } from "./image_files.ts";

/** Called once for each image that cannot be decoded. */
export type OnSkipped = (name: string, reason: string) => void;

/** What is told while images are decoded. */
export interface StreamHooks {
  readonly onSkipped?: OnSkipped;
  /** Called once with a line for people if copies of images can no longer be kept. */
  readonly onNotice?: (line: string) => void;
}

/** Steps decoded ahead: what one step needs while the one before is trained, and as much again for slow files. */
const AHEAD = 2;
/** Images in a row that cannot be decoded before the data set is given up. */
const MAX_TRIES = 100;

/** Threads that decode: half the cores, as the network wants them too. */
const decoderCount = () => Math.max(1, Math.floor(navigator.hardwareConcurrency / 2));

/** The images of one split, decoded; remembers which cannot be. */
class Pictures {
  readonly #decoders = new Decoders(decoderCount());
  readonly #broken = new Map<number, string>();
  #keeps = true;

  constructor(readonly dataset: Dataset, readonly split: Split, readonly hooks: StreamHooks) {}

  /** Bytes of an image; null if it cannot be decoded. */
  async pixels(image: number, random: { seed: number; step: number; n: number } | null): Promise<Uint8Array | null> {
    if (this.#broken.has(image)) return null;
    const files = this.split.files!, { copies } = files, place = placeOf(files, image);
    const asked = { ...place, size: this.dataset.height, random };
    const reply = await this.#decoders.decode({ ...asked, ...copies && { copies: { ...copies, keeps: this.#keeps } } });
    if ("pixels" in reply) {
      if (reply.notKept !== undefined) this.#stopKeeping(reply.notKept);
      return reply.pixels;
    }
    if (!this.#broken.has(image)) this.hooks.onSkipped?.(`${place.root}/${place.name}`, reply.reason);
    this.#broken.set(image, reply.reason);
    return null;
  }

  #stopKeeping(reason: string): void {
    if (!this.#keeps) return;
    this.#keeps = false;
    const { directory } = this.split.files!.copies!;
    this.hooks.onNotice?.(
      `Cannot keep more copies of images in ${directory}: ${reason}; the training goes on without, with the same results`,
    );
  }

  close(): void {
    this.#decoders.close();
  }
}

/** Bytes and labels of a batch before they are normalised. */
interface Decoded {
  readonly pixels: readonly Uint8Array[];
  readonly labels: Int32Array;
}

export interface StreamedOptions extends StreamHooks {
  readonly batch: number;
  readonly seed: number;
  /** Random crops and flips; the centre of each image without. */
  readonly augment: boolean;
}

export class StreamedTrainingBatches {
  readonly #pictures: Pictures;
  readonly #options: StreamedOptions;
  readonly #random: Random;
  readonly #ahead = new Map<number, Promise<Decoded>>();
  #epoch = -1;
  #order = new Uint32Array();

  /** Throws a RangeError if the training split has fewer images than a batch. */
  constructor(dataset: Dataset, options: StreamedOptions) {
    const { batch } = options, { count } = dataset.train;
    if (!Number.isInteger(batch) || batch < 1 || batch > count) {
      const what = `Cannot make training batches as they take 1 to ${count} images of ${dataset.name}`;
      throw new RangeError(`${what}: ${batch} were asked for`);
    }
    this.#pictures = new Pictures(dataset, dataset.train, options);
    this.#options = options;
    this.#random = new Random(options.seed);
  }

  /** The batch of a step, counted from 0; the next steps are begun. Rejects with a DatasetError if too many are broken. */
  async at(step: number): Promise<Batch> {
    for (const known of this.#ahead.keys()) if (known < step) this.#ahead.delete(known);
    for (let next = step; next <= step + AHEAD; next++) {
      if (this.#ahead.has(next)) continue;
      const decoded = this.#decode(next);
      decoded.catch(() => {}); // reported where it is awaited, if ever
      this.#ahead.set(next, decoded);
    }
    return normalised(this.#pictures.dataset, await this.#ahead.get(step)!);
  }

  close(): void {
    this.#pictures.close();
  }

  async #decode(step: number): Promise<Decoded> {
    const { batch, augment, seed } = this.#options, { split } = this.#pictures;
    const steps = Math.floor(split.count / batch), first = (step % steps) * batch;
    const order = this.#orderOf(Math.floor(step / steps));
    const labels = new Int32Array(batch);
    const pixels = await Promise.all(Array.from({ length: batch }, async (_, n) => {
      for (let tries = 0; tries < MAX_TRIES; tries++) {
        const image = tries === 0
          ? order[first + n]
          : this.#random.split("substitute", step, n, tries).integer(split.count);
        const found = await this.#pictures.pixels(image, augment ? { seed, step, n } : null);
        if (found === null) continue;
        labels[n] = split.labels[image];
        return found;
      }
      const { root } = split.files!;
      throw new DatasetError("malformed", `Cannot train on ${root} as ${MAX_TRIES} images in a row cannot be decoded`);
    }));
    return { pixels, labels };
  }

  #orderOf(epoch: number): Uint32Array {
    if (epoch !== this.#epoch) {
      this.#epoch = epoch;
      this.#order = this.#random.split("order", epoch).permutation(this.#pictures.split.count) as Uint32Array<
        ArrayBuffer
      >;
    }
    return this.#order;
  }
}

export interface StreamedEvaluationOptions extends StreamHooks {
  readonly batch: number;
  /** Only this many images, from the start; all if null or absent. */
  readonly limit?: number | null;
}

/** The centres of a split's images in their order. Throws a RangeError if there are none, a DatasetError if none can be decoded. */
export async function* streamedEvaluationBatches(
  dataset: Dataset,
  name: SplitName,
  { batch, limit, ...hooks }: StreamedEvaluationOptions,
): AsyncGenerator<Batch> {
  const split = dataset[name], count = Math.min(split.count, limit ?? Infinity);
  if (count < 1) throw new RangeError(`Cannot evaluate the ${name} split of ${dataset.name} as it has no images here`);
  const pictures = new Pictures(dataset, split, hooks);
  const decode = async (first: number): Promise<Decoded> => {
    const images = Array.from({ length: Math.min(batch, count - first) }, (_, n) => first + n);
    const found = await Promise.all(images.map((image) => pictures.pixels(image, null)));
    const whole = images.filter((_, n) => found[n] !== null);
    return {
      pixels: found.filter((pixels) => pixels !== null),
      labels: Int32Array.from(whole, (image) => split.labels[image]),
    };
  };
  let judged = 0;
  try {
    let next = decode(0);
    for (let first = 0; first < count; first += batch) {
      const now = next;
      if (first + batch < count) {
        next = decode(first + batch);
        next.catch(() => {});
      }
      const decoded = await now;
      judged += decoded.labels.length;
      if (decoded.labels.length > 0) yield normalised(dataset, decoded);
    }
  } finally {
    pictures.close();
  }
  if (judged > 0) return;
  throw new DatasetError("malformed", `Cannot evaluate ${split.files!.root} as none of its images can be decoded`);
}

function normalised({ mean, standardDeviation }: Dataset, { pixels, labels }: Decoded): Batch {
  const length = pixels[0].length, images = new Float32Array(pixels.length * length);
  const scale = standardDeviation.map((deviation) => 1 / (255 * deviation));
  const shift = mean.map((value, c) => -value / standardDeviation[c]);
  pixels.forEach((bytes, n) => {
    const into = images.subarray(n * length, (n + 1) * length);
    for (let i = 0; i < length; i += 3) {
      into[i] = bytes[i] * scale[0] + shift[0];
      into[i + 1] = bytes[i + 1] * scale[1] + shift[1];
      into[i + 2] = bytes[i + 2] * scale[2] + shift[2];
    }
  });
  return { images, labels };
}
