/** PNG and JPEG images against the pixels that Pillow reads from the same files, and scaling to 32x32. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { decodePicture, scaled } from "../../../datasets/images/picture.ts";
import { decodePng } from "../../../datasets/images/png.ts";
import { pngOf } from "../pictures.ts";

interface Fixture {
  readonly file: string;
  readonly what: string;
  readonly pixels: string;
}

/** Made by Pillow: 5x3 images of random colours, and a 16x16 JPEG. */
const { png, jpeg } = JSON.parse(Deno.readTextFileSync(new URL("fixtures/pictures.json", import.meta.url))) as {
  png: readonly Fixture[];
  jpeg: { readonly file: string; readonly firstRow: string };
};

const bytesOf = (file: string) => Uint8Array.from(atob(file), (letter) => letter.charCodeAt(0));
const hexOf = (bytes: Uint8Array) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");

describe("decodePng", () => {
  for (const { what, file, pixels } of png) {
    it(`reads ${what} as Pillow does`, () => {
      const image = decodePng(bytesOf(file));
      assertEquals([image.width, image.height, hexOf(image.pixels)], [5, 3, pixels]);
    });
  }

  it("reads every filter, and interlaced images of every size", () => {
    const pixels = (width: number, height: number) =>
      Uint8Array.from({ length: 3 * width * height }, (_, i) => (i * i * 7 + i) % 256);
    for (const filter of [0, 1, 2, 3, 4]) {
      assertEquals(decodePng(pngOf(11, 7, pixels(11, 7), { filter })).pixels, pixels(11, 7));
    }
    for (const [width, height] of [[1, 1], [2, 3], [5, 9], [8, 8], [17, 13]]) {
      const image = decodePng(pngOf(width, height, pixels(width, height), { filter: 1, interlaced: true }));
      assertEquals(image.pixels, pixels(width, height), `${width}x${height}`);
    }
  });

  it("refuses what is cut short, damaged or too large", () => {
    const whole = bytesOf(png[0].file);
    for (let length = 0; length < whole.length - 16; length += 5) {
      assertThrows(() => decodePng(whole.slice(0, length)), Error);
    }
    const flipped = pngOf(4, 4, new Uint8Array(48), { filter: 9 });
    assertThrows(() => decodePng(flipped), Error, "unknown filter 9");
    const huge = whole.slice();
    huge.set([0, 1, 0, 0], 16);
    assertThrows(() => decodePng(huge), Error, "65536x3");
  });
});

describe("decodePicture", () => {
  it("reads JPEG as Pillow does, and tells kinds by the first bytes", async () => {
    const image = await decodePicture(bytesOf(jpeg.file));
    assertEquals([image.width, image.height], [16, 16]);
    assertEquals(hexOf(image.pixels.subarray(0, 48)), jpeg.firstRow);
    await assertRejects(() => decodePicture(new TextEncoder().encode("GIF89a")), Error, "neither a PNG nor a JPEG");
    for (const share of [0.2, 0.95]) {
      const cut = bytesOf(jpeg.file).slice(0, Math.floor(share * bytesOf(jpeg.file).length));
      await assertRejects(() => decodePicture(cut), Error, "a damaged JPEG image");
    }
    assertEquals((await decodePicture(bytesOf(jpeg.file))).width, 16); // none spoils the next
  });
});

describe("scaled", () => {
  it("leaves 32x32 as it is, halves 64x64 by means, and takes the middle of what is no square", () => {
    const image = (width: number, height: number, value: (x: number, y: number) => number) => ({
      ...{ width, height },
      pixels: Uint8Array.from({ length: 3 * width * height }, (_, i) => {
        const place = Math.floor(i / 3);
        return value(place % width, Math.floor(place / width));
      }),
    });
    const same = image(32, 32, (x, y) => x + y);
    assert(scaled(same) === same.pixels);
    assertEquals(scaled(image(64, 64, (x) => x % 2 === 0 ? 10 : 20)), new Uint8Array(3072).fill(15));
    const wide = scaled(image(96, 32, (x) => x >= 32 && x < 64 ? 200 : 0));
    assertEquals(wide, new Uint8Array(3072).fill(200));
    const small = scaled(image(16, 16, (x, y) => x + 16 * y));
    assertEquals([small[0], small[3], small[6], small.at(-1)], [0, 0, 1, 255]);
  });
});
