/** Output that fails or waits never ends what a command is doing, and a command whose output is its result says so. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { Output, type Sink } from "../../commands/output.ts";
import { loadRun } from "../../controller/runs/run_store.ts";
import { withStore } from "../controller/runs/with_store.ts";
import { start } from "./command_line.ts";
import { IMAGES, inFolderOfImages } from "./small_images.ts";

/** A sink that takes what `take` lets it: a number of bytes, or an error. */
function sink(take: (bytes: Uint8Array) => number | Error): Sink & { text: string } {
  const decoder = new TextDecoder();
  const write = (bytes: Uint8Array) => {
    const taken = take(bytes);
    if (taken instanceof Error) throw taken;
    made.text += decoder.decode(bytes.subarray(0, taken), { stream: true });
    return taken;
  };
  const made = {
    text: "",
    write: (bytes: Uint8Array) => new Promise<number>((resolve) => resolve(write(bytes))),
    writeSync: write,
    isTerminal: () => false,
  };
  return made;
}

function output(): { written: Output; failures: string[] } {
  const failures: string[] = [];
  return { written: new Output(({ message }) => failures.push(message)), failures };
}

describe("output", () => {
  it("arrives whole and in order, though the reader takes three bytes at a time and is full at times", async () => {
    let calls = 0;
    const slow = sink((bytes) => calls++ % 3 === 2 ? new Deno.errors.WouldBlock("full") : Math.min(3, bytes.length));
    const { written, failures } = output();
    const lines = Array.from({ length: 20 }, (_, i) => `line ${i}\n`);
    lines.forEach((line) => written.write(slow, line));
    assert(slow.text.length < 10, "it waited for its reader");
    await written.flush();
    assertEquals([slow.text, failures], [lines.join(""), []]);
  });

  it("that cannot be written is reported once, throws nothing and leaves the other stream alone", async () => {
    const full = sink(() => new Error("No space left on device (os error 28)")), other = sink((bytes) => bytes.length);
    const { written, failures } = output();
    for (let i = 0; i < 5; i++) {
      written.write(full, "lost\n");
      written.write(other, "kept\n");
    }
    await written.flush();
    assertEquals([failures, other.text], [["No space left on device (os error 28)"], "kept\n".repeat(5)]);
    assertEquals([written.hasFailed(full), written.hasFailed(other)], [true, false]);
  });
});

describe("a search", () => {
  const SMOKE = [..."search --preset smoke --steps 2 --no-web --workers 1 --run first".split(" "), ...IMAGES];

  it("continues when the reader of its output is gone", () =>
    inFolderOfImages(async (cwd) => {
      const process = start([...SMOKE, "--trials", "1", "--json"], { cwd });
      const stderr = new Response(process.stderr).text();
      await process.stdout.cancel();
      assertEquals((await process.status).code, 0, await stderr);
      assertEquals(loadRun(`${cwd}/runs/first`).state, "finished");
      assertStringIncludes(await stderr, "output cannot be written: ");
      assertStringIncludes(await stderr, "the command continues");
    }));

  it("ends as by Ctrl-C, with its state saved, when its terminal is closed", () =>
    inFolderOfImages(async (cwd) => {
      const process = start([...SMOKE, "--trials", "40", "--json"], { cwd });
      const stderr = new Response(process.stderr).text();
      let said = "", sent = false;
      for await (const chunk of process.stdout) {
        said += new TextDecoder().decode(chunk);
        if (!sent && said.includes('"running"')) {
          sent = true;
          process.kill("SIGHUP");
        }
      }
      assertEquals((await process.status).code, 130, await stderr);
      assertEquals(loadRun(`${cwd}/runs/first`).state, "interrupted");
    }));
});

describe("export", () => {
  it("stops quietly when its reader is gone, as head does", () =>
    withStore("v2", "finished", async (cwd) => {
      const process = start(["export", "finished"], { cwd });
      await process.stdout.cancel();
      const stderr = await new Response(process.stderr).text();
      assertEquals([(await process.status).code, stderr], [1, ""]);
    }));
});
