import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { whyNoCard } from "../child/engine/why_no_card.ts";
import { commandLine, decode, type Ended, fails, inFolder, linesOf, start } from "./command_line.ts";

const TINY = ["--network", "resnet8", "--batch", "16", "--acts", "relu", "--steps", "1", "--json"];

function rows({ code, out, err }: Ended): Record<string, unknown>[] {
  assertEquals(code, 0, err.join("\n"));
  return out.trim().split("\n").map((line) => JSON.parse(line));
}

describe("deno task bench train", () => {
  it("prints a line per function, with the images per second of all children together", () =>
    inFolder(async (cwd) => {
      const [row, ...more] = rows(await commandLine(["bench", "train", ...TINY, "--children", "2"], { cwd }));
      assertEquals(more, []);
      const { images_per_s: rate, mib_per_child: mebibytes, ...said } = row;
      assertEquals(said, { bench: "train", engine: "wasm", act: "relu", batch: 16, children: 2, threads: 1 });
      assert(Number(rate) > 0, `${rate}`);
      // Of its 19 tensors of 16 images the largest is 1.1 MiB, with a border.
      assert(Number(mebibytes) > 5 && Number(mebibytes) < 30, `${mebibytes}`);
    }));

  it("takes the functions in turns", () =>
    inFolder(async (cwd) => {
      const args = ["bench", "train", ...TINY.with(TINY.indexOf("relu"), "relu;swish"), "--turns", "3"];
      const printed = rows(await commandLine(args, { cwd }));
      assertEquals(printed.map(({ act }) => act), ["relu", "swish"]);
      assert(printed.every(({ images_per_s: rate }) => Number(rate) > 0), JSON.stringify(printed));
    }));

  it("ends with one line if a child cannot be trained", () =>
    inFolder(async (cwd) => {
      const { code, out, err } = await commandLine(
        ["bench", "train", "--network", "resnet9", "--engine", "wasm", "--json"],
        { cwd },
      );
      assertEquals([code, out, err.length], [1, "", 2]); // the first line names the engine
      assertStringIncludes(err[1], 'error: Cannot build network "resnet9"');
    }));
});

describe("deno task bench kernels", () => {
  it("counts calls and operations of each kernel, of which the times make the step", () =>
    inFolder(async (cwd) => {
      const [step, ...all] = rows(await commandLine(["bench", "kernels", ...TINY], { cwd }));
      assertEquals(step.direct_gflop, 1.2); // 16 images, 3 passes of 12.3 million multiply-adds
      assert(Number(step.floor_ms) > 0 && Number(step.step_ms) > 0, JSON.stringify(step));
      const share = all.reduce((sum, row) => sum + Number(row.share_of_step), 0);
      assert(Math.abs(share - 1) < 0.01, `${share}`);
      const product = all.find(({ kernel }) => kernel === "winograd_multiply_16_16_64")!;
      // Two convolutions forward and two backward by their input: 64 tiles per image, 36 products of 16 x 16 per tile.
      const operations = 4 * 16 * 64 * 36 * 16 * 16 * 2;
      const counted = Number(product.gflop_per_s) * Number(product.ms) * 1e6;
      assert(Math.abs(counted / operations - 1) < 0.1, `${counted} is not near ${operations}`);
      assert(
        Number(product.share_of_peak) > 0 && Number.isFinite(Number(product.share_of_peak)),
        JSON.stringify(product),
      );
    }));

  it("says that it is about the wasm engine and one thread", () =>
    inFolder((cwd) => fails(["bench", "kernels", "--engine", "reference"], { cwd }, 2, ["wasm engine"])));

  it("counts a step of a card that is not here, of which the kernels' floors make the step's", () =>
    inFolder(async (cwd) => {
      const args = ["bench", "kernels", "--engine", "webgpu", "--card", "A100", "--children", "3", ...TINY];
      const [step, ...kernels] = rows(await commandLine(args, { cwd }));
      assertEquals([step.kernel, step.card, step.children, step.ms], ["a step", "A100", 3, undefined]);
      assert(Math.abs(Number(step.gflop) / 3.5 - 1) < 0.1, `${step.gflop}`); // three children, 1.2 each: see above
      for (const column of ["floor_ms", "megabytes", "dispatches"]) {
        const sum = kernels.reduce((sum, kernel) => sum + Number(kernel[column]), 0);
        assert(Math.abs(sum / Number(step[column]) - 1) < 0.05, `${column}: ${sum} beside ${step[column]}`);
      }
    }));

  it("counts for a named card with webgpu alone", () =>
    inFolder((cwd) => fails(["bench", "kernels", "--card", "A100", ...TINY], { cwd }, 2, ["--engine webgpu"])));
});

const reason = await whyNoCard();
describe("deno task bench on a card", { skip: reason !== null }, () => {
  it("times every kernel of a step", () =>
    inFolder(async (cwd) => {
      const args = ["--engine", "webgpu", ...TINY, "--children", "2"];
      const [step, ...kernels] = rows(await commandLine(["bench", "kernels", ...args], { cwd }));
      const sum = kernels.reduce((sum, { ms }) => sum + Number(ms), 0);
      assert(sum > 0 && Math.abs(Number(step.ms) - sum) < 0.01 * kernels.length, JSON.stringify([step, sum]));
    }));

  for (const what of ["train", "kernels"]) {
    it(`${what} ends at once with 130 at Ctrl-C, without a stack`, () =>
      inFolder(async (cwd) => {
        const process = start(["bench", what, "--engine", "webgpu", "--acts", "swish"], { cwd });
        await new Promise((resolve) => setTimeout(resolve, 3000)); // its thread compiles or waits for the card
        const sentAt = performance.now();
        process.kill("SIGINT");
        const { code, stdout, stderr } = await process.output(), took = performance.now() - sentAt;
        assertEquals([code, decode(stdout)], [130, ""]);
        const about = (line: string) => line.startsWith("engine webgpu") || line.startsWith("  engine webgpu");
        assertEquals(linesOf(stderr).filter((line) => !about(line) && line !== "interrupted"), []);
        assert(took < 8000, `it took ${took} ms`); // half a second on an idle machine
      }));
  }
});
