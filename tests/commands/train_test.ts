/**
 * `deno task cifar100` and `test-model` as processes, on files of the official layout and size that the test makes:
 * 60,000 images, each of its fine class's colour, so that the smallest network trains for some steps and is tested. They
 * are not packed, as each process would unpack 180 MB.
 */
import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { commandLine, contents, fails, inFolder } from "./command_line.ts";

const RECORD = 3074, TRAINING_IMAGES = 50_000, TEST_IMAGES = 10_000;
const TINY = ["--network", "resnet8", "--batch", "16", "--steps", "3", "--json"];

/**
 * Records of a coarse label, a fine label and a plain image; image n is of fine class n % 100, 5 of which make a
 * coarse.
 */
function records(count: number): Uint8Array<ArrayBuffer> {
  const hundred = new Uint8Array(100 * RECORD);
  for (let fine = 0; fine < 100; fine++) {
    const record = hundred.subarray(fine * RECORD, (fine + 1) * RECORD);
    record.set([Math.floor(fine / 5), fine]);
    for (let channel = 0; channel < 3; channel++) {
      const start = 2 + channel * 1024;
      record.fill((fine * (channel + 1) * 37) % 256, start, start + 1024);
    }
  }
  const all = new Uint8Array(count * RECORD);
  for (let at = 0; at < all.length; at += hundred.length) all.set(hundred, at);
  return all;
}

const names = (what: string, count: number) =>
  new TextEncoder().encode(Array.from({ length: count }, (_, i) => `${what} ${i}\n`).join(""));

async function writeData(folder: string): Promise<void> {
  await Deno.mkdir(`${folder}/cifar-100-binary`, { recursive: true });
  const files = {
    ...{ "train.bin": records(TRAINING_IMAGES), "test.bin": records(TEST_IMAGES) },
    ...{ "fine_label_names.txt": names("fine", 100), "coarse_label_names.txt": names("coarse", 20) },
  };
  for (const [name, content] of Object.entries(files)) {
    await Deno.writeFile(`${folder}/cifar-100-binary/${name}`, content);
  }
}

/** The objects of stdout; fails where the command did. Lines of stderr are added to `told`. */
async function rowsOf(line: readonly string[], cwd: string, told: string[] = []): Promise<Record<string, unknown>[]> {
  const { code, out, err } = await commandLine(line, { cwd });
  assertEquals(code, 0, err.join("\n"));
  told.push(...err);
  return out.trim().split("\n").map((row) => JSON.parse(row));
}

describe("deno task cifar100", () => {
  it("trains on fine and coarse labels, keeps the run, and its saved weights are tested to the same accuracy", () =>
    inFolder(async (cwd) => {
      await writeData(`${cwd}/data`);
      const fine = ["cifar100", "--act", "swish", "--name", "fine", ...TINY, "--save", "--data", "data"];
      const told: string[] = [];
      const [trained, coarse] = await Promise.all([
        rowsOf([...fine, "--threads", "1"], cwd, told),
        rowsOf(["cifar100", "--coarse", ...TINY, "--data", "data", "--threads", "1"], cwd),
      ]);
      assertEquals(trained.map(({ event }) => event), ["point", "point", "point", "seed", "finished"]);
      const seed = trained[3], finished = trained[4];
      assert(told.some((line) => line.includes("is not the official CIFAR-100: the checksum of every file differs")));
      assert(told.some((line) => line.endsWith(`deno task test-model ${seed.saved} --data data`)), told.join("\n"));
      assertEquals([finished.labels, coarse[4].labels], ["fine", "coarse"]);
      // Both guess at the start: log 100 and log 20 nats.
      assert(Math.abs(trained[0].loss as number - Math.log(100)) < 1.5, `loss ${trained[0].loss}`);
      assert(Math.abs(coarse[0].loss as number - Math.log(20)) < 1.5, `loss ${coarse[0].loss}`);
      assert((seed.test_top5 as number) >= (seed.test_accuracy as number));

      const files = [...Deno.readDirSync(`${cwd}/runs/fine`)].map(({ name }) => name).toSorted();
      const made = ["accuracy.svg", "lock", "loss.svg", "results.json", "seed-1.checkpoint", "seed-1.json"];
      assertEquals(files, [...made, "seed-1.safetensors", "settings.json"]);
      const results = JSON.parse(await Deno.readTextFile(`${cwd}/runs/fine/results.json`));
      assertEquals(results.seeds[0].test_accuracy, seed.test_accuracy);
      assertEquals(
        results.seeds[0].curve.map(({ loss }: { loss: number }) => loss),
        trained.slice(0, 3).map(({ loss }) => loss),
      );

      const [again, resumed] = await Promise.all([
        rowsOf(["test-model", seed.saved as string, "--data", "data", "--json", "--threads", "1"], cwd),
        rowsOf(["cifar100", "--resume", "fine", "--json"], cwd), // finished: read, not trained again
      ]);
      const { validation_accuracy, validation_top5, test_accuracy, test_top5 } = seed;
      const { event, as_saved, ...tested } = again[0];
      assertEquals([event, as_saved], ["finished", true]);
      assertEquals({ ...tested, validation_accuracy, validation_top5, test_accuracy, test_top5 }, tested);
      assertEquals(resumed.at(-1), finished);
      const write = ["export-model", seed.saved as string, "--to", "pytorch", "--engine", "reference"];
      const [exported] = await rowsOf([...write, "--json"], cwd);
      const folder = (seed.saved as string).replace(".safetensors", "-pytorch");
      assertEquals([exported.event, exported.folder], ["finished", folder]);
      const written = [...Deno.readDirSync(`${cwd}/${folder}`)].map(({ name }) => name).toSorted();
      assertEquals(written, ["README.md", "check.py", "images.npy", "logits.npy", "network.py", "weights.safetensors"]);
      const { saved: _, ...row } = seed;
      assertEquals(resumed[0], row);

      const before = contents(`${cwd}/runs`);
      await fails(["cifar100", "--name", "fine", "--network", "resnet14", "--data", "data"], { cwd }, 1, [
        "Cannot resume runs/fine as its",
      ]);
      await Promise.all([
        fails(write, { cwd }, 1, [`Cannot write ${folder} as it has files already: name another folder with --out`]),
        fails(["cifar100", "--resume", "fine", "--act", "relu", "--data", "data"], { cwd }, 1, [
          'Cannot resume runs/fine as its act is "swish", and "relu" was asked for',
        ]),
        fails(["cifar10", "--resume", "fine"], { cwd }, 1, [
          "Cannot resume fine with cifar10 as it is a run of cifar100",
        ]),
      ]);
      assertEquals(contents(`${cwd}/runs`), before);
    }));

  it("reports bad input on one line", () =>
    inFolder(async (cwd) => {
      await Deno.mkdir(`${cwd}/short`);
      for (const name of ["train.bin", "test.bin"]) await Deno.writeFile(`${cwd}/short/${name}`, new Uint8Array());
      await Deno.truncate(`${cwd}/short/train.bin`, TRAINING_IMAGES * RECORD - 1000); // the last record is cut
      await Deno.writeTextFile(`${cwd}/garbage.safetensors`, "this is no model");
      await Deno.mkdir(`${cwd}/runs/table`, { recursive: true });
      const table = { command: "baselines", dataset: "cifar10", network: "resnet8" };
      await Deno.writeTextFile(`${cwd}/runs/table/settings.json`, JSON.stringify(table));
      const before = contents(cwd);
      await Promise.all([
        fails(["cifar10", "--resume", "table"], { cwd }, 1, [
          "Cannot resume table with cifar10 as it is a run of baselines",
        ]),
        fails(["cifar100", "--data", "short"], { cwd }, 1, [
          "Cannot load short/train.bin as it must have 153700000 bytes: it has 153699000",
        ]),
        fails(["cifar100", "--steps", "5", "--epochs", "1"], { cwd }, 2, ["--steps and --epochs", "give only one"]),
        fails(["cifar100", "--name", "a", "--resume", "b"], { cwd }, 2, ["--name starts a run and --resume continues"]),
        fails(["cifar100", "--resume", "none"], { cwd }, 1, ["Cannot resume none as there is no runs/none"]),
        fails(["cifar10", "--coarse"], { cwd }, 2, ["cifar10 has no flag --coarse"]),
        fails(["test-model", "none.safetensors"], { cwd }, 1, ["Cannot read none.safetensors: there is no such file"]),
        fails(["export-model", "garbage.safetensors"], { cwd }, 2, ["--to names the framework: pytorch, onnx"]),
        fails(["export-model", "garbage.safetensors", "--to", "onnx"], { cwd }, 1, ["Cannot read garbage.safetensors"]),
        fails(["test-model", "garbage.safetensors"], { cwd }, 1, ["Cannot read garbage.safetensors: it is cut short"]),
      ]);
      assertEquals(contents(cwd), before);
    }));
});
