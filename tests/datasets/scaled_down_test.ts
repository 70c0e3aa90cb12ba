import { assert, assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { canScaleDown, scaledDown } from "../../datasets/scaled_down.ts";
import { colours } from "../child/tiny.ts";

const COUNTS = { train: 3, validation: 2, test: 0 };

describe("a data set scaled down", () => {
  it("has the mean of each square of pixels, channel by channel", () => {
    const dataset = colours(COUNTS), { train, validation, test, height, width } = scaledDown(dataset, 4);
    assertEquals([height, width, train.count, validation.count, test.count], [4, 4, 3, 2, 0]);
    for (const [at, [n, row, column, channel]] of [[0, 0, 0, 0], [2, 3, 1, 2], [1, 2, 3, 1]].entries()) {
      const pixel = (y: number, x: number) => dataset.train.pixels[((n * 8 + y) * 8 + x) * 3 + channel];
      const [y, x] = [2 * row, 2 * column];
      const mean = (pixel(y, x) + pixel(y, x + 1) + pixel(y + 1, x) + pixel(y + 1, x + 1)) / 4;
      assertEquals(train.pixels[((n * 4 + row) * 4 + column) * 3 + channel], Math.round(mean), `pixel ${at}`);
    }
    assertEquals([train.labels, validation.labels], [dataset.train.labels, dataset.validation.labels]);
  });

  it("is made once, and is itself where the size is the same", () => {
    const dataset = colours(COUNTS), small = scaledDown(dataset, 2);
    assert(scaledDown(dataset, 2) === small);
    assert(scaledDown(dataset, 8) === dataset);
    assert(scaledDown(small, 2) === small);
  });

  it("refuses sides that do not divide its own, images that are no squares, and those in files", () => {
    const dataset = colours(COUNTS);
    for (const side of [3, 16, 0, -4, 2.5, NaN]) {
      assertEquals(canScaleDown(dataset, side), false);
      assertThrows(() => scaledDown(dataset, side), RangeError, "they are 8x8");
    }
    const files = { root: "", names: [], places: null };
    assertEquals(canScaleDown({ ...dataset, train: { ...dataset.train, files } }, 4), false);
    assertEquals(canScaleDown({ ...dataset, width: 16 }, 4), false);
  });
});
