/**
 * Copies of photographs with their shorter side scaled down, kept in a folder as plain pixels: decoded once, then only
 * read (`--cache DIR`). Crops are cut of the copy instead of the original, whether or not it could be kept, so that a
 * training does not depend on what a cache already has.
 *
 * A copy belongs to one file (its real path, size, time of change and place in an archive) and one side; its name is the
 * hash of these. It is used only if all of it is as it was written, else made again.
 */
import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { type Dataset, DatasetError, type ResizedCopies, type Split } from "../dataset.ts";
import { reasonOf, writing } from "../files.ts";
import { decodePicture } from "../images/picture.ts";
import type { RgbImage } from "../images/png.ts";
import { type ImagePlace, readImage } from "./image_files.ts";
import { resample } from "./resample.ts";

/** Begins every copy; another number for another format, or other pixels of the same file. */
const FORMAT = new TextEncoder().encode("actsearch 1\n");
const DIGEST_BYTES = 32, NUMBER_BYTES = 4;
/** Format, digest of what the copy is of, width, height, CRC-32 of the pixels. */
const HEADER_BYTES = FORMAT.length + DIGEST_BYTES + 3 * NUMBER_BYTES;

/** Shorter side of copies for crops of this size: 256 as for the papers' 224, and in that ratio for larger ones. */
export function sideFor(size: number): number {
  return Math.max(256, Math.round(256 / 224 * size));
}

/** The data set with copies in the folder. Throws a DatasetError (`unavailable`) if it cannot be written. */
export async function withCopies(dataset: Dataset, directory: string): Promise<Dataset> {
  if (Deno.permissions.querySync({ name: "write", path: directory }).state !== "granted") {
    const what = `Cannot keep copies of images in ${directory} as this task may not write there`;
    throw new DatasetError("unavailable", `${what}: name a folder in data, such as data/copies`);
  }
  const probe = `${directory}/.actsearch-${crypto.randomUUID()}`;
  await writing(directory, async () => {
    await Deno.mkdir(directory, { recursive: true });
    await Deno.writeFile(probe, new Uint8Array(1));
    await Deno.remove(probe);
  });
  const { train, validation, test, notice } = dataset, copies = { directory, side: sideFor(dataset.height) };
  const images = train.count + validation.count + test.count;
  const bytes = images * (HEADER_BYTES + 3 * copies.side * Math.round(4 / 3 * copies.side)); // photographs of 4:3
  const about = `; copies of ${copies.side} pixels on the shorter side are kept in ${directory}`;
  const split = (split: Split): Split => ({ ...split, files: { ...split.files!, copies } });
  return {
    ...dataset,
    notice: `${notice}${about}, about ${(bytes / 1e9).toPrecision(2)} GB for all ${images} images`,
    ...{ train: split(train), validation: split(validation), test: split(test) },
  };
}

export interface Resized {
  readonly image: RgbImage;
  /** Why the copy could not be kept; null if it was, or is there already. */
  readonly notKept: string | null;
}

/** The copy of an image. Throws what reading and decoding the original throw, and keeps nothing then. */
export async function resized(
  place: ImagePlace,
  copies: ResizedCopies & { readonly keeps: boolean },
): Promise<Resized> {
  const digest = await digestOf(place, copies.side), hex = digest.toHex();
  const folder = `${copies.directory}/${hex.slice(0, 2)}`, path = `${folder}/${hex.slice(2)}`;
  const kept = await Deno.readFile(path).catch(() => null);
  const image = kept && parse(kept, digest);
  if (image) return { image, notKept: null };
  const made = scaledDown(await decodePicture(await readImage(place)), copies.side);
  return { image: made, notKept: copies.keeps ? await keep(folder, path, print(made, digest)) : null };
}

async function digestOf({ root, name, place }: ImagePlace, side: number): Promise<Uint8Array> {
  const path = await Deno.realPath(place === null ? `${root}/${name}` : root);
  const { size, mtime } = await Deno.stat(path);
  const about = JSON.stringify([path, size, mtime?.getTime(), place && name, place, side]);
  return createHash("sha256").update(about).digest();
}

function scaledDown(image: RgbImage, side: number): RgbImage {
  const scale = side / Math.min(image.width, image.height);
  if (scale >= 1) return image;
  const [width, height] = [image.width, image.height].map((length) => Math.round(scale * length));
  const whole = { left: 0, top: 0, width: image.width, height: image.height };
  return { width, height, pixels: resample(image, whole, { width, height }) };
}

function print({ width, height, pixels }: RgbImage, digest: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + pixels.length), view = new DataView(bytes.buffer);
  bytes.set(FORMAT);
  bytes.set(digest, FORMAT.length);
  [width, height, crc32(pixels)].forEach((number, i) =>
    view.setUint32(FORMAT.length + DIGEST_BYTES + i * NUMBER_BYTES, number, true)
  );
  bytes.set(pixels, HEADER_BYTES);
  return bytes;
}

/** Null if it is not this copy, whole. */
function parse(bytes: Uint8Array, digest: Uint8Array): RgbImage | null {
  if (bytes.length < HEADER_BYTES) return null;
  const expected = [...FORMAT, ...digest], view = new DataView(bytes.buffer, bytes.byteOffset + expected.length);
  if (expected.some((byte, i) => bytes[i] !== byte)) return null;
  const [width, height, crc] = [0, 1, 2].map((i) => view.getUint32(i * NUMBER_BYTES, true));
  const pixels = bytes.subarray(HEADER_BYTES);
  return pixels.length === 3 * width * height && crc32(pixels) === crc ? { width, height, pixels } : null;
}

/** Why it could not be kept; null if it is. A copy appears whole, whoever else makes it at the same time. */
async function keep(folder: string, path: string, bytes: Uint8Array): Promise<string | null> {
  const part = `${path}.${crypto.randomUUID()}.part`;
  try {
    await Deno.mkdir(folder, { recursive: true });
    await Deno.writeFile(part, bytes);
    await Deno.rename(part, path);
    return null;
  } catch (error) {
    await Deno.remove(part).catch(() => {});
    return reasonOf(error);
  }
}
