import { assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { channelsOf, imageSizes, placesOf, sizeAlong, sizeOf } from "../../../child/network/shape.ts";

describe("a shape", () => {
  it("names its axes by their number, channels last: of vectors, sequences and images", () => {
    assertEquals([[7], [5, 7], [3, 5, 7]].map(channelsOf), [7, 7, 7]);
    assertEquals([[7], [5, 7], [3, 5, 7]].map(placesOf), [1, 5, 15]);
    assertEquals([[7], [5, 7], [3, 5, 7]].map(sizeOf), [7, 35, 105]);
    assertEquals(sizeAlong([5, 7], "positions"), 5);
    assertEquals(imageSizes([3, 5, 7]), { height: 3, width: 5, channels: 7 });
  });

  it("says which axis it lacks", () => {
    assertThrows(() => sizeAlong([5, 7], "height"), RangeError, "height of a shape that has none: it is 5x7");
    assertThrows(() => imageSizes([7]), RangeError, "height");
    assertThrows(() => channelsOf([1, 2, 3, 4]), RangeError, "channels");
  });
});
