/**
 * Decodes JPEG images with mozjpeg, compiled to WebAssembly by `@jsquash/jpeg`: the same pixels as Pillow and libjpeg.
 */
import type decode from "@jsquash/jpeg/decode.js";
import type { RgbImage } from "./png.ts";

/** Loaded with the first image, since few need it. */
let decoder: Promise<typeof decode> | null = null;

export const isJpeg = (bytes: Uint8Array): boolean => bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff;

/** mozjpeg's warnings about the current image: it warns of damage and fills the rest with grey. */
const warnings: string[] = [];

/** Throws an Error if the image is damaged. */
export async function decodeJpeg(bytes: Uint8Array<ArrayBuffer>): Promise<RgbImage> {
  decoder ??= loadDecoder();
  const { width, height, data } = await decoded(await decoder, bytes.slice().buffer);
  const pixels = new Uint8Array(3 * width * height);
  for (let from = 0, to = 0; to < pixels.length; from += 4, to += 3) {
    pixels[to] = data[from];
    pixels[to + 1] = data[from + 1];
    pixels[to + 2] = data[from + 2];
  }
  return { width, height, pixels };
}

async function loadDecoder(): Promise<typeof decode> {
  const library = await import("@jsquash/jpeg/decode.js");
  const code = new URL(import.meta.resolve("@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm"));
  // Its types omit the module, and the options that Emscripten gives every module.
  const init = library.init as unknown as (module: WebAssembly.Module, options: object) => Promise<void>;
  const printErr = (line: string) => warnings.push(line);
  await init(await WebAssembly.compile(await Deno.readFile(code)), { printErr, print: printErr });
  return library.default;
}

/** C++ throws values that are not Errors. */
async function decoded(decoder: typeof decode, bytes: ArrayBuffer): Promise<ImageData> {
  warnings.length = 0;
  const image = await decoder(bytes).catch(() => null);
  if (image !== null && warnings.length === 0) return image;
  throw new Error(`it is a damaged JPEG image (${warnings.join(", ") || "nothing is in it"})`);
}
