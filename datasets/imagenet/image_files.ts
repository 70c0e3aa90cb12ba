/**
 * Image files below a folder or in a tar archive, and reading one of them: what a streamed data set has in place of
 * pixels. Archives are not unpacked: their headers are read once, then each image from its place.
 */
import { PICTURE_NAME } from "../images/picture.ts";
import { type Place, placesIn } from "../images/tar.ts";
import { breathe } from "../images/cifar.ts";
import type { ImageFiles } from "../dataset.ts";

/** A file by its path in the folder or archive, in "/" form. */
export interface Found {
  readonly path: string;
  /** Of an archive. */
  readonly place?: Pick<Place, "offset" | "size">;
}

/** Files are given to the event loop's other work after so many. */
const PAUSE_EVERY = 2000;

/** Every file below a folder, links followed once; sorted by name within a folder. Hidden ones are left out. */
export async function* filesBelow(folder: string, signal?: AbortSignal, below = ""): AsyncGenerator<Found> {
  const entries = [...Deno.readDirSync(below === "" ? folder : `${folder}/${below}`)]
    .filter(({ name }) => !name.startsWith(".")).toSorted((a, b) => a.name < b.name ? -1 : 1);
  for (const [n, { name, isDirectory, isSymlink }] of entries.entries()) {
    if (n % PAUSE_EVERY === 0) {
      await breathe();
      signal?.throwIfAborted();
    }
    const path = below === "" ? name : `${below}/${name}`;
    const isFolder = isDirectory || isSymlink && await isFolderLink(`${folder}/${path}`);
    if (!isFolder) yield { path };
    else if (path.split("/").length <= MAX_DEPTH) yield* filesBelow(folder, signal, path);
  }
}

/** Of folders: a link to its own parent would never end. */
const MAX_DEPTH = 8;

async function isFolderLink(path: string): Promise<boolean> {
  return (await Deno.stat(path).catch(() => null))?.isDirectory ?? false;
}

/** Every file of an archive; archives in it, of a class each in ILSVRC2012, count as folders of their name. */
export async function* filesInTar(archive: string, signal?: AbortSignal): AsyncGenerator<Found> {
  using file = await Deno.open(archive);
  let count = 0;
  const list = function* (part?: Place, prefix = ""): Generator<Found> {
    for (const { path, ...place } of placesIn(file, part)) {
      const name = prefix + path.join("/");
      if (name.endsWith(".tar") && part === undefined) yield* list({ path, ...place }, `${name.slice(0, -4)}/`);
      else yield { path: name, place };
    }
  };
  for (const found of list()) {
    if (count++ % PAUSE_EVERY === 0) {
      await breathe();
      signal?.throwIfAborted();
    }
    if (!found.path.split("/").some((segment) => segment.startsWith("."))) yield found;
  }
}

export const isImage = ({ path }: Found): boolean => PICTURE_NAME.test(path);

/** The list of a split's images, in that order. */
export function imageFiles(root: string, files: readonly Found[]): ImageFiles {
  const isArchive = files.some(({ place }) => place !== undefined);
  const places = isArchive ? new Float64Array(2 * files.length) : null;
  files.forEach(({ place }, n) => places?.set([place!.offset, place!.size], 2 * n));
  return { root, names: files.map(({ path }) => path), places };
}

/** The bytes of one image. Throws what the file system throws. */
export async function readImage({ root, name, place }: ImagePlace): Promise<Uint8Array<ArrayBuffer>> {
  if (place === null) return await Deno.readFile(`${root}/${name}`);
  using file = await Deno.open(root);
  await file.seek(place[0], Deno.SeekMode.Start);
  const bytes = new Uint8Array(place[1]);
  for (let filled = 0; filled < bytes.length;) {
    const count = await file.read(bytes.subarray(filled));
    if (count === null) throw new Error("the archive ends in the middle of it");
    filled += count;
  }
  return bytes;
}

/** Where one image is. */
export interface ImagePlace {
  readonly root: string;
  readonly name: string;
  /** Offset and bytes in an archive. */
  readonly place: readonly [offset: number, size: number] | null;
}

export function placeOf({ root, names, places }: ImageFiles, n: number): ImagePlace {
  return { root, name: names[n], place: places === null ? null : [places[2 * n], places[2 * n + 1]] };
}
