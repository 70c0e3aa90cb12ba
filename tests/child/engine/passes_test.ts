import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { type Body, cutIntoPasses, MAX_KEPT_BYTES } from "../../../child/engine/wasm/passes.ts";

const POINTER = "(local.get $kept)";

/** Divisions, each of the result of the one before; both parts of a vector alike. */
function chain(length: number): Body {
  const lines = [
    "(local.set $v0_0 (v128.load offset=0 (local.get $x)))",
    "(local.set $v0_1 (v128.load offset=16 (local.get $x)))",
  ];
  const vectors = [["$v0_0", "$v0_1"]];
  for (let i = 1; i < length; i++) {
    vectors.push([`$v${i}_0`, `$v${i}_1`]);
    for (const part of [0, 1]) {
      lines.push(`(local.set $v${i}_${part} (f32x4.div (local.get $v${i - 1}_${part}) (local.get $v0_${part})))`);
    }
  }
  for (const part of [0, 1]) {
    lines.push(`(v128.store offset=${16 * part} (local.get $y) (local.get $v${length - 1}_${part}))`);
  }
  return { lines, vectors };
}

const setIn = (lines: readonly string[]) =>
  new Set(lines.flatMap((line) => /^\(local\.set (\$\w+)/.exec(line)?.[1] ?? []));

describe("passes over a loop's body", () => {
  it("leave a short body whole", () => {
    const body = chain(4);
    assertEquals(cutIntoPasses(body, POINTER), { passes: [body.lines], pixelBytes: 0 });
  });

  it("are several where one operation waits for another, and keep what the next one needs", () => {
    const body = chain(60);
    const { passes, pixelBytes } = cutIntoPasses(body, POINTER);
    assert(passes.length > 1);
    assertEquals(pixelBytes, (passes.length - 1) * 32); // one vector of two parts at each cut
    assert(pixelBytes <= MAX_KEPT_BYTES);
    for (const line of body.lines) assert(passes.some((lines) => lines.includes(line)), `${line} is lost`);
  });

  it("read nothing that was not set before in the same pass", () => {
    const own = new Set(chain(60).vectors.flat());
    for (const lines of cutIntoPasses(chain(60), POINTER).passes) {
      lines.forEach((line, i) => {
        const before = setIn(lines.slice(0, i));
        for (const [, name] of line.matchAll(/\(local\.get (\$\w+)\)/g)) {
          assert(!own.has(name) || before.has(name), `${line} reads ${name}`);
        }
      });
    }
  });

  it("load again what is loaded instead of keeping it", () => {
    const [first, ...later] = cutIntoPasses(chain(60), POINTER).passes;
    assert(first.every((line) => !line.startsWith("(v128.store") || !line.includes("$v0_")));
    for (const lines of later) assert(lines.includes("(local.set $v0_0 (v128.load offset=0 (local.get $x)))"));
  });
});
