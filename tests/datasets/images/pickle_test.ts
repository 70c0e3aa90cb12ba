/**
 * Pickles that Python wrote, in every protocol; and that what is not plain data is refused by its name, before it is
 * run.
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { NumpyArray, unpickle } from "../../../datasets/images/pickle.ts";

/** Made by Python 3.11 with numpy 1 or 2; base64. */
const PICKLES: Record<string, string> = JSON.parse(
  Deno.readTextFileSync(new URL("fixtures/pickles.json", import.meta.url)),
);
const bytesOf = (name: string) => Uint8Array.from(atob(PICKLES[name]), (letter) => letter.charCodeAt(0));

const letters = (text: string) => new TextEncoder().encode(text);
/** What Python 2 wrote: bytes as its str. */
const str = (text: string) => [0x55, text.length, ...letters(text)];

describe("unpickle", () => {
  for (const protocol of [0, 1, 2, 3, 4, 5]) {
    it(`reads a dict of lists, numbers, bytes and an array in protocol ${protocol}`, () => {
      const value = unpickle(bytesOf(`protocol ${protocol}`));
      assert(value instanceof Map);
      const data = value.get("data");
      assert(data instanceof NumpyArray);
      assertEquals([data.shape, [...data.data]], [[2, 3], [0, 1, 2, 3, 4, 5]]);
      assertEquals(value.get("labels"), [1, 2, 300]);
      assertEquals([value.get("n"), value.get("x"), value.get("big")], [-3, 1.5, 2 ** 40]);
      assertEquals([...value.get("batch_label") as Uint8Array], [...letters("training batch 1 of 5")]);
    });
  }

  it("reads what Python 2 wrote", () => {
    const pickle = [0x80, 2, 0x7d, 0x71, 0, 0x28, ...str("labels"), 0x5d, 0x28, 0x4b, 7, 0x4b, 8, 0x65, 0x75, 0x2e];
    const value = unpickle(Uint8Array.from(pickle));
    assert(value instanceof Map);
    assertEquals(value.get("labels"), [7, 8]);
  });

  const REFUSED: readonly (readonly [name: string, says: string])[] = [
    ["os.system, protocol 2", "posix.system"],
    ["os.system, protocol 4", "posix.system"],
    ["eval", "__builtin__.eval"],
    ["float32", "a numpy array of f4"],
    ["objects", "a numpy array of O8"],
    ["set", "0x8f"],
  ];
  for (const [name, says] of REFUSED) {
    it(`refuses ${name} by name`, () => {
      assertThrows(() => unpickle(bytesOf(name)), Error, says);
    });
  }

  it("refuses the names that are known if they would build something else", () => {
    const pickle = `cnumpy\nndarray\n(tR.`; // calls what may only be mentioned
    assertThrows(() => unpickle(letters(pickle)), Error, "numpy.ndarray");
    assertThrows(() => unpickle(letters(`cconstructor\nconstructor\n(tR.`)), Error, "constructor.constructor");
  });

  it("refuses every pickle that is cut short or changed, and never hangs on one", () => {
    const whole = bytesOf("protocol 2");
    for (let length = 0; length < whole.length; length += 3) {
      assertThrows(() => unpickle(whole.slice(0, length)), Error);
    }
    for (let at = 0; at < whole.length; at++) {
      try {
        unpickle(whole.with(at, whole[at] ^ 0x55));
      } catch (error) {
        assert(error instanceof Error && !(error instanceof TypeError), String(error)); // TypeErrors are bugs
      }
    }
  });

  it("stops at values that hold themselves", () => {
    const loop = unpickle(Uint8Array.from([0x5d, 0x71, 0, 0x68, 0, 0x61, 0x2e]));
    assert(Array.isArray(loop) && loop[0] === loop);
  });
});
