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

/** Pixels beyond which a file is refused before it is decoded: Pillow warns from 89 million on. */
const MAX_PIXELS = 1e8;

/**
 * Turned upright where its EXIF data say how it was held. Throws an Error if the image is damaged, or of a kind that is
 * not decoded: CMYK, or other than 8 bits a value.
 */
export async function decodeJpeg(bytes: Uint8Array<ArrayBuffer>): Promise<RgbImage> {
  decoder ??= loadDecoder();
  const refusal = refusalOf(bytes);
  if (refusal !== null) throw new Error(refusal);
  const { width, height, data } = await decoded(await decoder, bytes.slice().buffer);
  const pixels = new Uint8Array(3 * width * height);
  for (let from = 0, to = 0; to < pixels.length; from += 4, to += 3) {
    pixels[to] = data[from];
    pixels[to + 1] = data[from + 1];
    pixels[to + 2] = data[from + 2];
  }
  return { width, height, pixels };
}

/** Why the frame that a file's header describes is not decoded; null if it may be, or if no header is found. */
function refusalOf(bytes: Uint8Array): string | null {
  const frame = frameOf(bytes);
  if (frame === null) return null;
  const { bits, width, height, components } = frame;
  if (components === 4) return "it is a CMYK image, which is not read: convert it to RGB";
  if (bits !== 8) return `it has ${bits} bits per value, and only JPEG images of 8 are read`;
  return width * height > MAX_PIXELS ? `it is ${width}x${height} pixels large` : null;
}

/**
 * The frame header, SOF0 to SOF15, of a file of segments: marker, length, content (ITU-T T.81, section B.2). Null if
 * there is none.
 */
function frameOf(bytes: Uint8Array) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 2; at + 10 <= bytes.length && bytes[at] === 0xff;) {
    const marker = bytes[at + 1];
    const isFrame = marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
    if (isFrame) {
      const [bits, components] = [bytes[at + 4], bytes[at + 9]];
      return { bits, height: view.getUint16(at + 5), width: view.getUint16(at + 7), components };
    }
    const isFill = marker === 0xff;
    at += isFill ? 1 : 2 + view.getUint16(at + 2);
  }
  return null;
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
  const image = await decoder(bytes, { preserveOrientation: true }).catch(() => null);
  if (image !== null && warnings.length === 0) return image;
  throw new Error(`it is a damaged JPEG image (${warnings.join(", ") || "it is empty"})`);
}
