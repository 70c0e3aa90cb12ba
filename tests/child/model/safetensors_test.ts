/** The safetensors format, judged by its published description: bytes taken apart by hand, and files that break it. */
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import {
  decodeSafetensors,
  encodeSafetensors,
  readSafetensors,
  type Safetensors,
} from "../../../child/model/safetensors.ts";

const FILE: Safetensors = {
  metadata: { network: "tiny", text: 'naïve "quotes"' },
  tensors: new Map([
    ["a", { shape: [2, 3], values: Float32Array.of(1, -2, 0.5, NaN, Infinity, -0) }],
    ["empty", { shape: [0], values: new Float32Array() }],
    ["b", { shape: [1], values: Float64Array.of(Math.PI) }],
  ]),
};

/** A file of a header as text and so many bytes of values. */
function fileOf(header: string, bytes: number): Uint8Array {
  const text = new TextEncoder().encode(header);
  const file = new Uint8Array(8 + text.length + bytes);
  new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true);
  file.set(text, 8);
  return file;
}

describe("encodeSafetensors", () => {
  it("writes a length, a JSON header and the little-endian values, aligned and without holes", () => {
    const bytes = encodeSafetensors(FILE);
    const view = new DataView(bytes.buffer);
    const length = Number(view.getBigUint64(0, true));
    const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
    assertEquals(header, {
      __metadata__: FILE.metadata,
      b: { dtype: "F64", shape: [1], data_offsets: [0, 8] },
      a: { dtype: "F32", shape: [2, 3], data_offsets: [8, 32] },
      empty: { dtype: "F32", shape: [0], data_offsets: [32, 32] },
    });
    assertEquals([length % 8, bytes.length], [0, 8 + length + 32]);
    const at = 8 + length;
    assertEquals(view.getFloat64(at, true), Math.PI);
    assertEquals([0, 1, 2].map((i) => view.getFloat32(at + 8 + 4 * i, true)), [1, -2, 0.5]);
  });

  it("writes what is read again, bit by bit", () => {
    const read = decodeSafetensors(encodeSafetensors(FILE));
    assertEquals(read.metadata, FILE.metadata);
    assertEquals(Object.fromEntries(read.tensors), Object.fromEntries(FILE.tensors));
  });
});

describe("decodeSafetensors", () => {
  const tensor = (more: object) => JSON.stringify({ t: { dtype: "F32", shape: [2], data_offsets: [0, 8], ...more } });

  it("reads a header without metadata, filled up with spaces", () => {
    const { metadata, tensors } = decodeSafetensors(fileOf(tensor({}) + "   ", 8));
    assertEquals([metadata, tensors.get("t")], [{}, { shape: [2], values: new Float32Array(2) }] as unknown[]);
  });

  /** Bits, and the numbers that they are by IEEE 754 binary16 and by the upper half of binary32. */
  const halves: readonly (readonly [dtype: string, bits: number[], values: number[]])[] = [
    [
      "F16",
      [0x3c00, 0xc000, 0x0001, 0x03ff, 0x0400, 0x7bff, 0x8000, 0xfc00, 0x3555, 0x7e00],
      [1, -2, 2 ** -24, 1023 * 2 ** -24, 2 ** -14, 65504, -0, -Infinity, 0.333251953125, NaN],
    ],
    ["BF16", [0x3f80, 0xc000, 0x0001, 0x7f7f, 0x8000, 0xff80, 0x7fc0], [
      1,
      -2,
      2 ** -133,
      3.3895313892515355e38,
      -0,
      -Infinity,
      NaN,
    ]],
  ];
  for (const [dtype, bits, values] of halves) {
    it(`reads ${dtype} as the numbers that its bits are`, () => {
      const bytes = 2 * bits.length;
      const file = fileOf(tensor({ dtype, shape: [bits.length], data_offsets: [0, bytes] }), bytes);
      const view = new DataView(file.buffer);
      bits.forEach((word, at) => view.setUint16(file.length - bytes + 2 * at, word, true));
      assertEquals(decodeSafetensors(file).tensors.get("t")!.values, Float32Array.from(values));
    });
  }

  const broken: readonly (readonly [what: string, file: Uint8Array, says: string])[] = [
    ["nothing", new Uint8Array(), "it has 0 bytes, fewer than the 8"],
    ["a header longer than the file", fileOf(tensor({}), 8).subarray(0, 30), "cut short or not a safetensors file"],
    ["an absurd length", new Uint8Array(64).fill(255), "a header of 18446744073709551615 bytes, and only 56 follow"],
    ["a header that is no JSON", fileOf("{garbage", 8), "its header is not a JSON object"],
    ["a header that is a list", fileOf("[]", 0), "its header is not a JSON object"],
    ["values cut short", fileOf(tensor({}), 7), "it is cut short: its tensors have 8 bytes, and 7 follow"],
    ["more than its values", fileOf(tensor({}), 9), "it has more than its tensors"],
    ["a type it does not know", fileOf(tensor({ dtype: "I64" }), 8), 't is of type "I64": only F32, F64, F16, BF16'],
    ["a shape that does not fit 16 bits", fileOf(tensor({ dtype: "F16" }), 8), "shape [2] must have 4 bytes: it has 8"],
    ["a name that would move the cursor", fileOf('{"\\u001b[2J":{}}', 0), '"\\u{1b}[2J"'],
    ["a shape that does not fit", fileOf(tensor({ shape: [3] }), 8), "shape [3] must have 12 bytes: it has 8"],
    ["a negative shape", fileOf(tensor({ shape: [-2] }), 8), "does not give the shape and place of t"],
    ["no place", fileOf(tensor({ data_offsets: null }), 8), "does not give the shape and place of t"],
    ["a hole", fileOf(tensor({ data_offsets: [4, 12] }), 12), "begins at byte 4 of its values, not at 0"],
    ["metadata of numbers", fileOf('{"__metadata__":{"a":1}}', 0), "not an object of strings"],
  ];
  for (const [what, file, says] of broken) {
    it(`refuses ${what} and says why`, () => {
      const { message } = assertThrows(() => decodeSafetensors(file), RangeError);
      assertEquals(message.includes(says) && !message.includes("\n"), true, message);
    });
  }

  it("refuses every file cut short, wherever", () => {
    const bytes = encodeSafetensors(FILE);
    for (let length = 0; length < bytes.length; length++) {
      assertThrows(() => decodeSafetensors(bytes.subarray(0, length)), RangeError);
    }
  });
});

describe("readSafetensors", () => {
  it("names the file that is not there", async () => {
    await assertRejects(() => readSafetensors("none.safetensors"), Error, "Cannot read none.safetensors: there is no");
  });
});
