/** Validation images under shift. */
import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { makeShapes } from "../../datasets/images/shapes.ts";
import { SHIFTS, withShiftedValidation } from "../../datasets/shift.ts";

const plain = makeShapes({ train: 2, validation: 40, test: 2 });
const shifted = withShiftedValidation(plain, 1);
const { height, width, channels } = plain, SIZE = height * width * channels;
const KINDS = Object.keys(SHIFTS);

/** Images changed in that way, before and after, as values from 0 to 1. */
function pairs(kind: string): { before: number[]; after: number[] }[] {
  const image = (pixels: Uint8Array, i: number) => [...pixels.subarray(i * SIZE, (i + 1) * SIZE)].map((b) => b / 255);
  return Array.from({ length: plain.validation.count }, (_, i) => i).filter((i) => KINDS[i % 5] === kind)
    .map((i) => ({ before: image(plain.validation.pixels, i), after: image(shifted.validation.pixels, i) }));
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const deviation = (values: readonly number[]) => {
  const middle = mean(values);
  return Math.sqrt(mean(values.map((value) => (value - middle) ** 2)));
};
/** Mean difference of horizontal neighbours. */
const roughness = (image: readonly number[]) =>
  mean(image.flatMap((v, at) => at % (width * channels) < channels ? [] : [Math.abs(v - image[at - channels])]));

describe("validation images under shift", () => {
  it("are the same from the same seed, others from another, and leave labels and the other splits alone", () => {
    assertEquals(withShiftedValidation(plain, 1).validation.pixels, shifted.validation.pixels);
    assert(
      withShiftedValidation(plain, 2).validation.pixels.some((byte, at) => byte !== shifted.validation.pixels[at]),
    );
    assertEquals(shifted.validation.labels, plain.validation.labels);
    assertEquals([shifted.train, shifted.test], [plain.train, plain.test]);
    assert(shifted.validation.pixels.buffer instanceof SharedArrayBuffer);
  });

  it("are five kinds by turns, each of which changes every image of its turn", () => {
    assertEquals(KINDS, ["noise", "blur", "brightness", "contrast", "pixel shift"]);
    for (const kind of KINDS) {
      for (const { before, after } of pairs(kind)) assert(before.join() !== after.join(), kind);
    }
  });

  it("have noise of the stated deviation where it is not cut off at black or white", () => {
    const errors = pairs("noise").flatMap(({ before, after }) =>
      before.flatMap((value, at) => value > 0.3 && value < 0.7 ? [after[at] - value] : [])
    );
    assertAlmostEquals(deviation(errors), 0.08, 0.005);
    assertAlmostEquals(mean(errors), 0, 0.005);
  });

  it("are smoother when blurred, and as bright", () => {
    for (const { before, after } of pairs("blur")) {
      assert(roughness(after) < 0.9 * roughness(before));
      assertAlmostEquals(mean(after), mean(before), 0.01);
    }
  });

  it("are brighter, and of less contrast about the same mean", () => {
    for (const { before, after } of pairs("brightness")) {
      assert(mean(after) > mean(before) + 0.02);
      assert(after.every((value, at) => value >= before[at] - 1e-9));
    }
    for (const { before, after } of pairs("contrast")) {
      const of = (image: number[], c: number) => image.filter((_, at) => at % channels === c);
      for (let c = 0; c < channels; c++) {
        assertAlmostEquals(mean(of(after, c)), mean(of(before, c)), 0.003);
        assertAlmostEquals(deviation(of(after, c)), 0.4 * deviation(of(before, c)), 0.003);
      }
    }
  });

  it("move by four pixels along both axes", () => {
    const at = (image: number[], y: number, x: number) =>
      image.slice((y * width + x) * channels, (y * width + x + 1) * channels);
    for (const { before, after } of pairs("pixel shift")) {
      const moves = [-4, 4].flatMap((down) => [-4, 4].map((right) => [down, right])).filter(([down, right]) => {
        for (let y = 8; y < height - 8; y++) {
          for (let x = 8; x < width - 8; x++) {
            if (at(after, y, x).join() !== at(before, y - down, x - right).join()) return false;
          }
        }
        return true;
      });
      assert(moves.length >= 1);
    }
  });

  it("are refused for images that are decoded while training", () => {
    const files = { root: "photos", names: ["a"], places: null };
    const streamed = { ...plain, name: "imagenet", validation: { ...plain.validation, files } };
    assertThrows(() => withShiftedValidation(streamed, 1), RangeError, "decoded while training");
  });
});
