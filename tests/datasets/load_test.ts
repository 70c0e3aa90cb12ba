/** Where each data set is looked for, when it is fetched, and what is said if it is not available. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { CIFAR10, type CifarFormat } from "../../datasets/images/cifar_format.ts";
import { DatasetError } from "../../datasets/dataset.ts";
import { DATASET_NAMES, DATASETS, loadDataset } from "../../datasets/load.ts";
import { IDX_FILES } from "../../datasets/images/idx.ts";
import { makeShapes } from "../../datasets/images/shapes.ts";
import { withFolder, writeTarGz } from "./scratch.ts";

const SMALL: CifarFormat = { ...CIFAR10, trainRecords: 1, testRecords: 1, validation: 2 };

/** Runs `test` with `answer` for the network and returns the addresses it asked for. */
async function withNetwork(answer: () => Promise<Response>, test: () => Promise<void>): Promise<string[]> {
  const original = globalThis.fetch, asked: string[] = [];
  globalThis.fetch = (input) => {
    asked.push(String(input));
    return answer();
  };
  try {
    await test();
  } finally {
    globalThis.fetch = original;
  }
  return asked;
}

const offline = () => Promise.reject(new TypeError("no route to host"));
const notFound = () => Promise.resolve(new Response("gone", { status: 404 }));

/** An archive as the official one but of one record per file: file n has label n and pixels n + 1. */
async function writeSmallArchive(archive: string): Promise<void> {
  const names = [...SMALL.trainFiles, SMALL.testFile];
  const content = (n: number) => new Uint8Array(3073).fill(n + 1).with(0, n);
  await writeTarGz(archive, names.map((name, n) => ({ name: `${SMALL.folder}/${name}`, content: content(n) })));
}

/** A symbolic link, made by a process that may write anywhere, as Deno asks for. */
async function link(to: string, path: string): Promise<void> {
  const args = ["eval", `Deno.symlinkSync(${JSON.stringify(to)}, ${JSON.stringify(path)})`];
  assert((await new Deno.Command("deno", { args }).output()).success);
}

/** Files that are there and empty. */
async function writeFiles(folder: string, names: readonly string[]): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  for (const name of names) await Deno.writeFile(`${folder}/${name}`, new Uint8Array());
}

async function malformed(load: () => Promise<unknown>, says: string): Promise<void> {
  assertEquals((await assertRejects(load, DatasetError, says)).reason, "malformed");
}

describe("loadDataset", () => {
  it("knows CIFAR-10, CIFAR-100, MNIST, Fashion-MNIST, ImageNet, the user's own images and the drawn shapes", () => {
    assertEquals([...DATASET_NAMES].sort(), [
      "cifar10",
      "cifar100",
      "fashion-mnist",
      "imagenet",
      "images",
      "mnist",
      "shapes",
    ]);
  });

  it("refuses a name it does not know, even one that every object has", () => {
    for (const name of ["cifar", "", "constructor", "__proto__"]) {
      assertThrows(() => loadDataset(name, { download: false }), RangeError, `"${name}"`);
    }
  });

  it("draws shapes by seed, without a file or the network", async () => {
    const asked = await withNetwork(offline, async () => {
      const { synthetic, train } = await loadDataset("shapes", { download: true, seed: 3 });
      const [same, other] = [3, 4].map((seed) => makeShapes({ seed, train: 20, validation: 1, test: 1 }).train.pixels);
      assert(synthetic);
      assertEquals(train.pixels.subarray(0, same.length), same);
      assert(other.some((byte, at) => byte !== same[at]));
    });
    assertEquals(asked, []);
  });

  it("is unavailable, and leaves the network alone, if nothing is there and downloading is not wanted", () =>
    withFolder(async (cache) => {
      const asked = await withNetwork(offline, async () => {
        for (const name of ["cifar10", "cifar100"]) {
          const error = await assertRejects(() => loadDataset(name, { cache, download: false }), DatasetError, cache);
          assertEquals(error.reason, "unavailable");
        }
      });
      assertEquals(asked, []);
      assertEquals([...Deno.readDirSync(cache)], []);
    }));

  it("never downloads for a folder that was named, but says what that folder lacks", () =>
    withFolder(async (directory) => {
      const asked = await withNetwork(offline, async () => {
        for (const name of ["cifar10", "cifar100", "fashion-mnist"]) {
          for (const folder of [directory, `${directory}/absent`]) {
            const load = () => loadDataset(name, { directory: folder, cache: directory, download: true });
            assertEquals((await assertRejects(load, DatasetError, folder)).reason, "unavailable");
          }
        }
      });
      assertEquals(asked, []);
    }));

  it("asks every source in turn, and is unavailable with every address if none can be reached", () =>
    withFolder(async (cache) => {
      for (const name of ["cifar10", "cifar100"] as const) {
        const urls = DATASETS[name].sources!.map(({ files: [{ url }] }) => url);
        for (
          const [network, says] of [[offline, "there seems to be no network"], [notFound, "HTTP status 404"]] as const
        ) {
          const asked = await withNetwork(network, async () => {
            const error = await assertRejects(() => loadDataset(name, { cache, download: true }), DatasetError, says);
            assertEquals(error.reason, "unavailable");
            for (const url of urls) assert(error.message.includes(url), error.message);
            assert(error.message.includes("name it with --data"), error.message);
          });
          assertEquals([...new Set(asked)], urls);
        }
      }
      assertEquals([...Deno.readDirSync(cache)].filter(({ isFile }) => isFile), []);
    }));

  it("passes over Parquet files that are not the data set, and keeps none of them", () =>
    withFolder(async (cache) => {
      const file = (url: string) => new URL(`images/fixtures/${url.split("/").at(-1)}`, import.meta.url);
      const original = globalThis.fetch;
      globalThis.fetch = async (input) => {
        const url = String(input);
        return url.endsWith(".parquet") ? new Response(await Deno.readFile(file(url))) : await notFound();
      };
      try {
        const load = () => loadDataset("cifar10", { cache, download: true });
        const says = "train-00000-of-00001.parquet as there must be 50000 images: there are 5";
        await assertRejects(load, DatasetError, says);
      } finally {
        globalThis.fetch = original;
      }
      assertEquals([...Deno.readDirSync(cache)].flatMap(({ name }) => [...Deno.readDirSync(`${cache}/${name}`)]), []);
    }));

  it("does not take another set's images or Parquet files in the cache for CIFAR", () =>
    withFolder(async (cache) => {
      await Deno.mkdir(`${cache}/train/cat`, { recursive: true });
      await Deno.mkdir(`${cache}/test/cat`, { recursive: true });
      for (const split of ["train", "test"]) {
        await Deno.writeTextFile(`${cache}/${split}/cat/1.png`, "");
        await Deno.writeTextFile(`${cache}/${split}.parquet`, "");
      }
      await assertRejects(() => loadDataset("cifar10", { cache, download: false }), DatasetError, `not in ${cache}`);
    }));

  it("stops with the caller's reason when it is told to stop", () =>
    withFolder(async (cache) => {
      const reason = new RangeError("enough"), stop = new AbortController();
      await withNetwork(offline, async () => {
        stop.abort(reason);
        await assertRejects(
          () => loadDataset("cifar10", { cache, download: true, signal: stop.signal }),
          RangeError,
          "enough",
        );
      });
    }));

  it("reads the archive in a named folder, or the archive that is named, whatever the cache holds, and writes nothing", () =>
    withFolder(async (folder) => {
      const directory = `${folder}/named`, cache = `${folder}/cache`, cached = `${cache}/${CIFAR10.folder}`;
      await Deno.mkdir(directory);
      await writeSmallArchive(`${directory}/${CIFAR10.archive}`);
      await writeFiles(cached, [...CIFAR10.trainFiles, CIFAR10.testFile]);
      const before = [...Deno.readDirSync(folder)];
      const says = `${directory}/${CIFAR10.archive}/${CIFAR10.folder}/data_batch_1.bin as it must have 30730000 bytes`;
      for (const named of [directory, `${directory}/${CIFAR10.archive}`]) {
        await malformed(() => loadDataset("cifar10", { directory: named, cache, download: false }), says);
      }
      assertEquals([...Deno.readDirSync(folder)], before);
    }));

  it("says where a folder that was named would be, and what a dangling link points to", () =>
    withFolder(async (folder) => {
      await link(`${folder}/gone`, `${folder}/link`);
      const load = (directory: string) => () => loadDataset("cifar10", { directory, download: false });
      await assertRejects(
        load("no/such"),
        DatasetError,
        `from no/such as it does not exist (it would be ${Deno.cwd()}/no/such)`,
      );
      await assertRejects(
        load(`${folder}/link`),
        DatasetError,
        `from ${folder}/link as it is a symbolic link to ${folder}/gone, which does not exist`,
      );
    }));

  it("touches nothing of the cache if its archive is not of the right size", () =>
    withFolder(async (cache) => {
      await writeSmallArchive(`${cache}/${CIFAR10.archive}`);
      await writeFiles(`${cache}/${CIFAR10.folder}`, CIFAR10.trainFiles);
      const says =
        `${cache}/${CIFAR10.archive}/${CIFAR10.folder}/data_batch_1.bin as it must have 30730000 bytes: it has 3073`;
      await malformed(() => loadDataset("cifar10", { cache, download: false }), says);
      assertEquals(Deno.statSync(`${cache}/${CIFAR10.folder}/data_batch_1.bin`).size, 0);
      assertEquals([...Deno.readDirSync(cache)].map(({ name }) => name).toSorted(), [CIFAR10.folder, CIFAR10.archive]);
    }));

  it("downloads for a cache whose folder lacks a file, and without leave to download names the file", () =>
    withFolder(async (cache) => {
      await writeFiles(`${cache}/${CIFAR10.folder}`, CIFAR10.trainFiles);
      const load = (download: boolean) => loadDataset("cifar10", { cache, download });
      const asked = await withNetwork(notFound, async () => {
        await assertRejects(() => load(true), DatasetError, "HTTP status 404");
      });
      assertEquals(asked.length, CIFAR10.sources.length);
      await malformed(() => load(false), `${cache}/${CIFAR10.folder}/data_batch_1.bin as it must have 30730000 bytes`);
    }));

  it("names the file that a named folder of Fashion-MNIST lacks", () =>
    withFolder(async (directory) => {
      await writeFiles(directory, IDX_FILES.slice(0, 3));
      const load = () => loadDataset("fashion-mnist", { directory, download: false });
      await assertRejects(load, DatasetError, `${directory} lacks ${IDX_FILES[3]}`);
    }));

  it("has coarse labels for CIFAR-100 alone", () => {
    for (const name of ["cifar10", "fashion-mnist", "shapes"]) {
      assertThrows(() => loadDataset(name, { download: false, labels: "coarse" }), RangeError, "coarse");
    }
  });

  it("calls an archive that is cut short malformed, and leaves no folder that looks whole", () =>
    withFolder(async (folder) => {
      const archive = `${folder}/${CIFAR10.archive}`;
      await writeSmallArchive(archive);
      const { size } = await Deno.stat(archive);
      await Deno.truncate(archive, Math.floor(size / 2));
      await malformed(() => loadDataset("cifar10", { cache: folder, download: false }), archive);
      await malformed(() => loadDataset("cifar10", { directory: folder, download: false }), archive);
      assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), [CIFAR10.archive]);
    }));
});
