/** Photographs of every kind: what comes out is what Pillow shows, or a reason. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { centreCrop, randomCrop } from "../../../datasets/imagenet/crop.ts";
import { decodeOne } from "../../../datasets/imagenet/decode.ts";
import { resample } from "../../../datasets/imagenet/resample.ts";
import { decodePicture } from "../../../datasets/images/picture.ts";
import { Random } from "../../../datasets/random.ts";
import { withFolder } from "../scratch.ts";
import { bytesOf, photograph, resampled, source, withBits } from "./photographs.ts";

/** Mean difference of channels from the picture that all fixtures show. */
function distance({ width, height, pixels }: { width: number; height: number; pixels: Uint8Array }): number {
  let sum = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const shown = [6 * x, 10 * y, 3 * (x + y)];
      shown.forEach((value, c) => sum += Math.abs(Math.min(value, 255) - pixels[(y * width + x) * 3 + c]));
    }
  }
  return sum / pixels.length;
}

const square = (side: number) => ({ width: side, height: side });

describe("decodePicture", () => {
  for (const name of ["plain", "progressive", ...[1, 2, 3, 4, 5, 6, 7, 8].map((tag) => `exif${tag}`)]) {
    it(`shows ${name} upright`, async () => {
      const image = await decodePicture(photograph(name));
      assertEquals([image.width, image.height], [40, 24]);
      assert(distance(image) < 2, `mean difference ${distance(image)}`);
    });
  }

  it("reads grey JPEGs and the upper bits of 16-bit PNGs as grey colours", async () => {
    for (const name of ["grey", "png16"]) {
      const { width, height, pixels } = await decodePicture(photograph(name));
      assertEquals([width, height], [40, 24]);
      for (let at = 0; at < pixels.length; at += 3) {
        assert(pixels[at] === pixels[at + 1] && pixels[at] === pixels[at + 2]);
      }
      assert(pixels[3 * 39] > pixels[0]);
    }
  });

  it("says why CMYK, 12 bits, gigantic, cut and foreign files are not read", async () => {
    const huge = photograph("plain"), frame = huge.findIndex((byte, at) => byte === 0xff && huge[at + 1] === 0xc0);
    huge.set([0xff, 0xff, 0xff, 0xff], frame + 5);
    const cases = [
      [photograph("cmyk"), "it is a CMYK image"],
      [withBits(photograph("plain"), 12), "it has 12 bits per value"],
      [huge, "it is 65535x65535 pixels large"],
      [photograph("plain").slice(0, 400), "damaged"],
      [photograph("plain").slice(0, 20), "damaged"],
      [new TextEncoder().encode("<html>not found</html>"), "neither a PNG nor a JPEG"],
      [new Uint8Array(), "neither a PNG nor a JPEG"],
    ] as const;
    for (const [bytes, says] of cases) await assertRejects(() => decodePicture(bytes.slice()), Error, says);
  });
});

describe("resample", () => {
  const image = { ...source, pixels: bytesOf(source.pixels) };

  it("scales as Pillow does, parts between pixels too", () => {
    for (const { box, size, pixels } of resampled) {
      const wanted = bytesOf(pixels), got = resample(image, box, square(size));
      got.forEach((value, at) => assert(Math.abs(value - wanted[at]) <= 1, `${value} is not ${wanted[at]} at ${at}`));
    }
  });

  it("mirrors left to right", () => {
    const box = { left: 0, top: 0, width: 23, height: 17 }, plain = resample(image, box, square(4));
    const turned = resample(image, box, square(4), true);
    for (let row = 0; row < 4; row++) {
      for (let x = 0; x < 4; x++) {
        const at = (row * 4 + x) * 3, other = (row * 4 + 3 - x) * 3;
        assertEquals([...turned.subarray(at, at + 3)], [...plain.subarray(other, other + 3)]);
      }
    }
  });

  it("keeps one colour, whatever the part", () => {
    const grey = { width: 5, height: 3, pixels: new Uint8Array(45).fill(77) };
    for (const box of [{ left: 0, top: 0, width: 5, height: 3 }, { left: 4.2, top: 2.1, width: 0.5, height: 0.5 }]) {
      assertEquals([...new Set(resample(grey, box, square(7)))], [77]);
    }
  });
});

describe("crops", () => {
  it("lie in the image, with 8 to 100 % of its area and ratios of 3:4 to 4:3", () => {
    const random = new Random(5);
    for (let n = 0; n < 500; n++) {
      const { left, top, width, height } = randomCrop(random, 300, 200);
      assert(left >= 0 && top >= 0 && left + width <= 300 && top + height <= 200);
      const share = width * height / 60_000, ratio = width / height;
      assert(share > 0.079 && share <= 1.001 && ratio > 0.74 && ratio < 1.35, `${share} ${ratio}`);
    }
  });

  it("are the largest middle part where an image is too long for any", () => {
    assertEquals(randomCrop(new Random(1), 1000, 3), { left: 498, top: 0, width: 4, height: 3 });
    assertEquals(randomCrop(new Random(1), 1, 1), { left: 0, top: 0, width: 1, height: 1 });
  });

  it("take 7/8 of the shorter side from the middle", () => {
    assertEquals(centreCrop(400, 256), { left: 88, top: 16, width: 224, height: 224 });
  });
});

describe("decodeOne", () => {
  it("depends on seed, step and place only, and gives the reason of a file that is not there", () =>
    withFolder(async (folder) => {
      await Deno.writeFile(`${folder}/a.jpg`, photograph("plain"));
      const ask = (random: { seed: number; step: number; n: number } | null, name = "a.jpg") =>
        decodeOne({ id: 1, root: folder, name, place: null, size: 8, random });
      const first = await ask({ seed: 1, step: 2, n: 3 }), again = await ask({ seed: 1, step: 2, n: 3 });
      assertEquals(first, again);
      for (const other of [{ seed: 2, step: 2, n: 3 }, { seed: 1, step: 3, n: 3 }, { seed: 1, step: 2, n: 4 }, null]) {
        assert(JSON.stringify(await ask(other)) !== JSON.stringify(first));
      }
      const missing = await ask(null, "b.jpg");
      assert("reason" in missing);
      assertStringIncludes(missing.reason, "No such file");
    }));
});
