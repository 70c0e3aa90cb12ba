/**
 * Files added to a folder of downloads: nothing whole is replaced, nothing of the user's is lost, whoever else does the
 * same.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { DatasetError } from "../../../datasets/dataset.ts";
import { loadCifar, type RecordFile } from "../../../datasets/images/cifar.ts";
import { CIFAR10, type CifarFormat, dataFiles } from "../../../datasets/images/cifar_format.ts";
import { sweep, unpack, type UnpackOptions } from "../../../datasets/images/unpack.ts";
import { withFolder } from "../scratch.ts";

const SMALL: CifarFormat = { ...CIFAR10, trainRecords: 1, testRecords: 1, validation: 2 };
const NAMES = dataFiles(SMALL);

/** File n has label n and pixels n + 1. */
const contentOf = (name: string) => new Uint8Array(3073).fill(NAMES.indexOf(name) + 1).with(0, NAMES.indexOf(name));

async function* smallFiles(): AsyncGenerator<RecordFile> {
  for (const name of NAMES) yield { name, path: `archive/${name}`, bytes: contentOf(name) };
}

const unpackSmall = (folder: string, options: UnpackOptions = {}) => unpack(SMALL, smallFiles(), folder, options);

const namesIn = (folder: string) => [...Deno.readDirSync(folder)].map(({ name }) => name).toSorted();

describe("unpack", () => {
  it("gives the files that loadCifar reads", () =>
    withFolder(async (folder) => {
      await unpackSmall(`${folder}/cifar`);
      const { train, validation, test } = await loadCifar(SMALL, `${folder}/cifar`);
      assertEquals([[...train.labels], [...validation.labels], [...test.labels]], [[0, 1, 2], [3, 4], [5]]);
      assertEquals([train.pixels[0], validation.pixels[3072], test.pixels[3071]], [1, 5, 6]);
      assertEquals(namesIn(folder), ["cifar"]);
    }));

  it("adds what is missing, and leaves whole files and the user's own as they are", () =>
    withFolder(async (folder) => {
      await Deno.mkdir(`${folder}/cifar`);
      await Deno.writeTextFile(`${folder}/cifar/my labels.csv`, "mine");
      const own = new Uint8Array(3073).fill(77);
      await Deno.writeFile(`${folder}/cifar/data_batch_2.bin`, own);
      await unpackSmall(`${folder}/cifar`);
      assertEquals(namesIn(`${folder}/cifar`), [...NAMES, "my labels.csv"].toSorted());
      assertEquals(Deno.readTextFileSync(`${folder}/cifar/my labels.csv`), "mine");
      assertEquals(Deno.readFileSync(`${folder}/cifar/data_batch_2.bin`), own);
      assertEquals(Deno.readFileSync(`${folder}/cifar/data_batch_3.bin`), contentOf("data_batch_3.bin"));
    }));

  it("restores a file that is cut short, keeps what it was under another name, and says so", () =>
    withFolder(async (folder) => {
      await Deno.mkdir(`${folder}/cifar`);
      const file = `${folder}/cifar/data_batch_1.bin`, told: string[] = [];
      for (const letter of ["a", "b"]) {
        await Deno.writeTextFile(file, letter);
        await unpackSmall(`${folder}/cifar`, { onNotice: (line) => told.push(line) });
        assertEquals(Deno.readFileSync(file), contentOf("data_batch_1.bin"));
      }
      assertEquals([Deno.readTextFileSync(`${file}.damaged`), Deno.readTextFileSync(`${file}.damaged-2`)], ["a", "b"]);
      assert(told[1].includes(file) && told[1].includes("data_batch_1.bin.damaged-2"), told[1]);
    }));

  it("lets many do the same at once", () =>
    withFolder(async (folder) => {
      await Promise.all(Array.from({ length: 40 }, (_, n) => unpackSmall(`${folder}/cifar-${n % 4}`)));
      for (const n of [0, 1, 2, 3]) {
        assertEquals(namesIn(`${folder}/cifar-${n}`), NAMES.toSorted());
        for (const name of NAMES) assertEquals(Deno.readFileSync(`${folder}/cifar-${n}/${name}`), contentOf(name));
      }
      assertEquals(namesIn(folder), ["cifar-0", "cifar-1", "cifar-2", "cifar-3"]);
    }));

  it("leaves nothing behind if it is stopped, or a file has the wrong size", () =>
    withFolder(async (folder) => {
      const stop = new AbortController();
      async function* stopping() {
        for await (const file of smallFiles()) {
          yield file;
          stop.abort(new RangeError("enough"));
        }
      }
      await assertRejects(
        () => unpack(SMALL, stopping(), `${folder}/cifar`, { signal: stop.signal }),
        RangeError,
        "enough",
      );
      async function* short() {
        yield { name: "data_batch_1.bin", path: "archive/data_batch_1.bin", bytes: new Uint8Array(3072) };
      }
      await assertRejects(() => unpack(SMALL, short(), `${folder}/cifar`), DatasetError, "must have 3073 bytes");
      assertEquals(namesIn(folder), []);
    }));

  it("sweeps what a killed process left, and neither a living one's nor the user's", () =>
    withFolder(async (folder) => {
      const make = async (name: string, files: readonly string[]) => {
        await Deno.mkdir(`${folder}/${name}/files`, { recursive: true });
        for (const file of files) await Deno.writeTextFile(`${folder}/${name}/${file}`, "x");
      };
      await make("unpacking-dead", ["lock", "files/test_batch.bin"]);
      await make("unpacking-old", ["data_batch_1.bin", "batches.meta.txt"]); // as earlier versions left them
      await make("unpacking-notes", ["my notes.txt"]);
      await make("unpacking-alive", ["lock"]);
      using lock = await Deno.open(`${folder}/unpacking-alive/lock`, { write: true });
      await lock.lock(true);
      await sweep(folder);
      assertEquals(namesIn(folder), ["unpacking-alive", "unpacking-notes"]);
    }));
});
