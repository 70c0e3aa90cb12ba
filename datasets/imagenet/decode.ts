/** One image of a streamed data set: read, decoded (or its copy read), cropped, scaled. Messages between the decoders and their pool. */
import type { ResizedCopies } from "../dataset.ts";
import { decodePicture } from "../images/picture.ts";
import type { RgbImage } from "../images/png.ts";
import { Random } from "../random.ts";
import { centreCrop, randomCrop } from "./crop.ts";
import { type ImagePlace, readImage } from "./image_files.ts";
import { resample } from "./resample.ts";
import { resized } from "./resized.ts";

export interface DecodeRequest extends ImagePlace {
  readonly id: number;
  /** Side of the square. */
  readonly size: number;
  /** Copies that are read instead of the originals; `keeps` to make those that are missing. */
  readonly copies?: ResizedCopies & { readonly keeps: boolean };
  /** Labels of the random stream that decides crop and flip; null for the centre. */
  readonly random: { readonly seed: number; readonly step: number; readonly n: number } | null;
}

export type DecodeReply =
  /** `notKept`: why there is no copy of it. */
  | { readonly id: number; readonly pixels: Uint8Array; readonly notKept?: string }
  | { readonly id: number; readonly reason: string };

/** A damaged or missing image is a reply, not an error. */
export async function decodeOne(request: DecodeRequest): Promise<DecodeReply> {
  const { id, size, random, copies } = request;
  try {
    const { image, notKept } = copies
      ? await resized(request, copies)
      : { image: await decodePicture(await readImage(request)), notKept: null };
    return { id, pixels: cropped(image, size, random), ...notKept !== null && { notKept } };
  } catch (error) {
    return { id, reason: error instanceof Error ? error.message : String(error) };
  }
}

function cropped(image: RgbImage, side: number, random: DecodeRequest["random"]): Uint8Array {
  const { width, height } = image, size = { width: side, height: side };
  if (random === null) return resample(image, centreCrop(width, height), size);
  const draw = new Random(random.seed).split("augment", random.step, random.n);
  const box = randomCrop(draw, width, height);
  return resample(image, box, size, draw.integer(2) === 1);
}
