/** Ctrl-C at the real command line, and a search without CIFAR-10. */
import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { loadRun } from "../../controller/runs/run_store.ts";
import { isFinished } from "../../controller/trial.ts";
import { commandLine, fails, inFolder, linesFrom, linesOf, start } from "./command_line.ts";
import { IMAGES, inFolderOfImages, moveImages } from "./small_images.ts";

const SMOKE = ["search", "--preset", "smoke", "--no-web", "--json", "--workers", "1"];

describe("a search that is interrupted", () => {
  it("ends within 2 seconds with 130, keeps every finished trial, and is resumed to the same end", () =>
    inFolderOfImages(async (cwd) => {
      const process = start([...SMOKE, ...IMAGES, "--trials", "2", "--run", "first"], { cwd });
      const stderr = new Response(process.stderr).text();
      let sentAt = 0, last = "";
      for await (const line of linesFrom(process.stdout)) {
        last = line;
        if (JSON.parse(line).event !== "trial" || sentAt > 0) continue;
        sentAt = performance.now(); // the second trial is being trained
        process.kill("SIGINT");
      }
      const { code } = await process.status, took = performance.now() - sentAt;
      assertEquals([code, JSON.parse(last).state, JSON.parse(last).trials], [130, "interrupted", 1]);
      assert(took < 2000, `it took ${took} ms`);
      assert((await stderr).includes("resume with: deno task search --resume first"));

      const before = loadRun(`${cwd}/runs/first`);
      assertEquals(before.state, "interrupted");
      const again = ["search", "--resume", "first", "--workers", "2", "--data", "moved", "--no-web", "--json"];
      const others = ["these are not the images of images that it began with", "with --data"];
      await moveImages(cwd, () => fails(again, { cwd }, 1, others));
      const resumed = await commandLine(again, { cwd });
      const finished = JSON.parse(resumed.out.trim().split("\n").at(-1)!);
      assertEquals(loadRun(`${cwd}/runs/first`).info.settings, {
        ...before.info.settings,
        workers: 2,
        dataDirectory: "moved",
      });
      assertEquals([resumed.code, finished.state, finished.trials], [0, "finished", 2]);
      // Finished trials keep their trainings and curves; later trainings only add to them.
      for (const { id, trainings, curve } of before.trials.filter(isFinished)) {
        const after = loadRun(`${cwd}/runs/first`).trials[id];
        assertEquals([after.trainings.slice(0, trainings.length), after.curve], [trainings, curve]);
      }
    }));

  it("ends with 130 however early it is interrupted, and leaves no run half begun", () =>
    inFolder(async (cwd) => {
      const process = start([...SMOKE, "--dataset", "shapes"], { cwd });
      while (!exists(`${cwd}/runs`)) await new Promise((resolve) => setTimeout(resolve, 5));
      process.kill("SIGINT");
      const { code, stderr } = await process.output();
      assertEquals(code, 130, linesOf(stderr).join("\n"));
      // Drawing is one call: the signal is heard after it, where a run may have begun already.
      const runs = [...Deno.readDirSync(`${cwd}/runs`)].map(({ name }) => loadRun(`${cwd}/runs/${name}`).state);
      assert(runs.length === 0 || runs.join() === "interrupted", runs.join());
    }));
});

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}

describe("a search that named no data set", () => {
  const offline = (words: string[]) => words.filter((word) => !word.startsWith("--allow-net="));

  it("says why CIFAR-10 is not available, and continues with drawn shapes", () =>
    inFolder(async (cwd) => {
      const { code, out, err } = await commandLine([...SMOKE, "--trials", "1", "--steps", "1"], {
        cwd,
        change: offline,
      });
      const { state, dataset, synthetic } = JSON.parse(out.trim().split("\n").at(-1)!);
      assertEquals([code, state, dataset, synthetic], [0, "finished", "shapes", true]);
      const told = err.findIndex((line) => line.startsWith("CIFAR-10 is not available: "));
      assert(
        err[told].includes("cifar-10-binary.tar.gz: this command may not use the network. Or put "),
        err.join("\n"),
      );
      assertEquals(
        err[told + 1],
        "Searching on shapes instead: synthetic images, so accuracies say nothing about photographs.",
      );
      assert(!err.some((line) => line.startsWith("error")), err.join("\n"));
    }));

  it("stops if the data set was named", () =>
    inFolder(async (cwd) => {
      const { code, out, err } = await commandLine([...SMOKE, "--dataset", "cifar10"], { cwd, change: offline });
      assertEquals([code, out, err.length], [1, "", 1], err.join("\n"));
      assert(err[0].startsWith("error: Cannot download cifar10: https://"), err[0]);
      assertEquals([...Deno.readDirSync(`${cwd}/runs`)], []);
    }));
});
