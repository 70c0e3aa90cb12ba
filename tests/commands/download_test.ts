/**
 * `deno task download` as a process, on an archive of CIFAR-10's layout and size that the test makes and a server on
 * this machine sends: what it brings, checks, restores and leaves alone, and how it ends when it is interrupted or
 * killed.
 */
import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { CIFAR10, dataFiles } from "../../datasets/images/cifar_format.ts";
import { writeTarGz } from "../datasets/scratch.ts";
import { commandLine, type Ended, fails, inFolder, linesOf, start } from "./command_line.ts";

const FILES = dataFiles(CIFAR10), RECORD = 3073, RECORDS = 10_000;

/** Plain images, 250 of other greys in each file. */
function records(file: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(RECORDS * RECORD), first = FILES.indexOf(file);
  for (let n = 0; n < RECORDS; n++) {
    bytes.fill(first + n % 250, n * RECORD, (n + 1) * RECORD).fill(n % 10, n * RECORD, n * RECORD + 1);
  }
  return bytes;
}

const archiveEntries = () => FILES.map((name) => ({ name: `${CIFAR10.folder}/${name}`, content: records(name) }));

/** Runs `test` with a folder whose data/ holds the archive. */
const withArchive = (test: (cwd: string, folder: string) => Promise<void>) =>
  inFolder(async (cwd) => {
    await Deno.mkdir(`${cwd}/data`);
    await writeTarGz(`${cwd}/data/${CIFAR10.archive}`, archiveEntries());
    await test(cwd, `${cwd}/data/${CIFAR10.folder}`);
  });

/** Runs `test` with the address of a server of this machine. */
async function withServer(answer: (request: Request) => Promise<Response>, test: (port: number) => Promise<void>) {
  const stop = new AbortController();
  const options = { hostname: "127.0.0.1", port: 0, signal: stop.signal, onListen: () => {} };
  const server = Deno.serve(options, answer);
  try {
    await test(server.addr.port);
  } finally {
    stop.abort();
    await server.finished;
  }
}

const download = (cwd: string, ...flags: string[]): Promise<Ended> =>
  commandLine(["download", "cifar10", ...flags], { cwd });

const namesIn = (folder: string) => [...Deno.readDirSync(folder)].map(({ name }) => name).toSorted();

const COUNTS = "cifar10: 45000 training, 5000 validation and 10000 test images, not the official files";

describe("deno task download", () => {
  it("follows a 301 to another host, unpacks, and calls what is not official so", () =>
    withArchive((source) =>
      withServer(async ({ url }) => {
        const { port, hostname } = new URL(url), location = `http://localhost:${port}/moved`;
        if (hostname !== "localhost") return new Response(null, { status: 301, headers: { location } });
        return new Response((await Deno.open(`${source}/data/${CIFAR10.archive}`)).readable);
      }, (port) =>
        inFolder(async (cwd) => {
          const { code, out, err } = await download(cwd, "--from", `http://127.0.0.1:${port}/`);
          assertEquals([code, out, err.at(-1)], [0, "", COUNTS], err.join("\n"));
          assert(err.some((line) => line.includes("is not the official CIFAR-10")), err.join("\n"));
          assertEquals(namesIn(`${cwd}/data`), [CIFAR10.folder, CIFAR10.archive]);
          assertEquals(namesIn(`${cwd}/data/${CIFAR10.folder}`), FILES.toSorted());
        }))
    ));

  it("says which command may reach a mirror on another host, and what is no mirror", () =>
    inFolder(async (cwd) => {
      const from = "http://mirror.example/cifar.tar.gz";
      await fails(["download", "cifar10", "--from", from], { cwd }, 1, [
        `--allow-net=mirror.example main.ts download cifar10 --from ${from}`,
      ]);
      await fails(["download", "cifar10", "--from", "my-folder"], { cwd }, 1, ["with --data"]);
      assertEquals(namesIn(cwd), []);
    }));

  it("adds what is missing, restores what is cut, refuses what cannot be it, and deletes nothing", () =>
    withArchive(async (cwd, folder) => {
      await Deno.mkdir(folder);
      await Deno.writeTextFile(`${folder}/my labels.csv`, "mine");
      await Deno.writeFile(`${folder}/data_batch_2.bin`, new Uint8Array(99));
      await Deno.writeFile(`${folder}/data_batch_3.bin`, records("test_batch.bin")); // whole, though another
      const first = await download(cwd);
      assertEquals(first.code, 1);
      assert(first.err.at(-1)!.includes("test_batch.bin is a copy of data_batch_3.bin"), first.err.join("\n"));
      assert(first.err[0].includes("the old file is kept as data/cifar-10-batches-bin/data_batch_2.bin.damaged"));
      assertEquals(Deno.readFileSync(`${folder}/data_batch_2.bin`), records("data_batch_2.bin"));
      assertEquals(Deno.readFileSync(`${folder}/data_batch_3.bin`), records("test_batch.bin"));
      assertEquals(namesIn(folder), [...FILES, "data_batch_2.bin.damaged", "my labels.csv"].toSorted());

      await Deno.writeFile(`${folder}/data_batch_3.bin`, new Uint8Array(RECORDS * RECORD));
      const zeros = await download(cwd);
      assertEquals(zeros.code, 1);
      assert(zeros.err[0].includes("every image of data_batch_3.bin is the same: move it away"), zeros.err[0]);
      await Deno.rename(`${folder}/data_batch_3.bin`, `${cwd}/moved away`);
      const { code, err } = await download(cwd);
      assertEquals([code, err.at(-1)], [0, COUNTS]);
    }));

  it("ends with 130 if it is interrupted while it unpacks, and the next sweeps what a killed one left", () =>
    withArchive(async (cwd, folder) => {
      const unpacking = () => namesIn(`${cwd}/data`).filter((name) => name.startsWith("unpacking-"));
      for (const [signal, expected] of [["SIGINT", 130], ["SIGKILL", 137]] as const) {
        const process = start(["download", "cifar10"], { cwd });
        while (unpacking().length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
        process.kill(signal);
        const { code, stderr } = await process.output();
        assertEquals(code, expected, linesOf(stderr).join("\n"));
        assertEquals(unpacking().length, signal === "SIGINT" ? 0 : 1);
      }
      const four = await Promise.all([1, 2, 3, 4].map(() => download(cwd)));
      assertEquals(four.map(({ code, err }) => [code, err.at(-1)]), four.map(() => [0, COUNTS]));
      assertEquals(namesIn(`${cwd}/data`), [CIFAR10.folder, CIFAR10.archive]);
      assertEquals(namesIn(folder), FILES.toSorted());
    }));
});
