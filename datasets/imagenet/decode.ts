/** One image of a streamed data set: read, decoded, cropped, scaled. Messages between the decoders and their pool. */
import { decodePicture } from "../images/picture.ts";
import { Random } from "../random.ts";
import { centreCrop, randomCrop } from "./crop.ts";
import { type ImagePlace, readImage } from "./image_files.ts";
import { resample } from "./resample.ts";

export interface DecodeRequest extends ImagePlace {
  readonly id: number;
  /** Side of the square. */
  readonly size: number;
  /** Labels of the random stream that decides crop and flip; null for the centre. */
  readonly random: { readonly seed: number; readonly step: number; readonly n: number } | null;
}

export type DecodeReply =
  | { readonly id: number; readonly pixels: Uint8Array }
  | { readonly id: number; readonly reason: string };

/** A damaged or missing image is a reply, not an error. */
export async function decodeOne(request: DecodeRequest): Promise<DecodeReply> {
  const { id, size, random } = request;
  try {
    const image = await decodePicture(await readImage(request)), { width, height } = image;
    if (random === null) return { id, pixels: resample(image, centreCrop(width, height), size) };
    const draw = new Random(random.seed).split("augment", random.step, random.n);
    const box = randomCrop(draw, width, height);
    return { id, pixels: resample(image, box, size, draw.integer(2) === 1) };
  } catch (error) {
    return { id, reason: error instanceof Error ? error.message : String(error) };
  }
}
