/**
 * What people get wrong, at the real command line: one line that says what to do, exit code 1 (failed) or 2 (bad
 * usage), and nothing changed on disk.
 */
import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { DatabaseSync } from "node:sqlite";
import type { RunInfo } from "../../controller/runs/events.ts";
import { PRESETS } from "../../controller/presets.ts";
import { RunStore } from "../../controller/runs/run_store.ts";
import { commandLine, contents, fails, failsHere, inFolder } from "./command_line.ts";

/** A complete run without trials, closed. */
function makeRun(folder: string): void {
  const name = folder.split("/").at(-1)!;
  const settings = {
    ...{ sampler: "random", preset: "smoke", dataset: "shapes", datasetNamed: true, dataDirectory: null },
    ...{
      units: 1 as const,
      trials: 4,
      timeLimitMs: null,
      seed: 1,
      batch: 4,
      workers: 1,
      engine: "auto",
      child: PRESETS.smoke.child,
      judging: PRESETS.smoke.judging,
      controller: PRESETS.smoke.controller,
      childTimeMs: null,
      objective: "validation" as const,
      learnFrom: null,
      tableSeeds: false,
    },
  };
  const info: RunInfo = {
    ...{ name, settings, engine: "wasm", device: "", engineNotices: [], dataset: "shapes", synthetic: true },
    ...{ classes: 10, metric: "validation accuracy", createdAt: 1 },
  };
  RunStore.makeFolder(folder);
  RunStore.create(folder, info).close();
}

/** `test` with a folder whose `runs/first` is a run. */
function withRun(test: (cwd: string, run: string) => Promise<void>): Promise<void> {
  return inFolder(async (cwd) => {
    makeRun(`${cwd}/runs/first`);
    await test(cwd, `${cwd}/runs/first`);
  });
}

/** That each line fails with 1 and these words, and leaves the folder as it is; lines run at once. */
async function allFail(lines: readonly string[], cwd: string, code: 1 | 2, ...says: readonly string[]): Promise<void> {
  const before = contents(cwd);
  await Promise.all(lines.map((line) => fails(line.split(" "), { cwd }, code, says)));
  assertEquals(contents(cwd), before);
}

describe("a wrong command line", () => {
  const LINES: readonly (readonly [line: readonly string[], says: string])[] = [
    [["search", "--trails", "3"], "search has no flag --trails: did you mean --trials?"],
    [["search", "--trials", "0"], '--trials takes a whole number of at least 1: current value is "0"'],
    [["cifar10", "--dropout", "1", "--network", "wrn-16-4"], "--dropout must be below 1"],
    [["cifar10", "--dropout", "0.3"], "--dropout has no place in resnet20: leave it out, or use --network wrn-16-4, "],
    [["baselines", "--dropout", "0.3", "--network", "wrn-16-4;resnet20"], "--dropout has no place in resnet20"],
    [["swish", "--dropout", "0.3", "--network", "resnet8"], "--dropout has no place in resnet8"],
    [["search", "--workers", "many"], '--workers takes a whole number from 1 to 256: current value is "many"'],
    [["search", "--units", "4"], '--units takes a whole number from 1 to 3: current value is "4"'],
    [
      ["search", "--preset", "huge"],
      '--preset takes one of smoke, laptop, workstation, paper: current value is "huge"',
    ],
    [["search", "--dataset", "cifar"], "did you mean cifar10?"],
    [["search", "--time", "soon"], "--time takes a duration such as 90s"],
    [["search", "--sampler"], "--sampler needs a value"],
    [["search", "--port", "70000"], "--port takes a whole number from 0 to 65535"],
    [["search", "first"], 'search does not know what to do with "first"'],
    [["search", "--resume", "first", "--trials", "9"], "--resume continues a run with the settings it has"],
    [["cifar10", "--seeds", "-3"], '--seeds takes a whole number of at least 1: current value is "-3"'],
    [
      ["search", "--resume", "first", "--seed", "1"],
      "--resume continues a run with the settings it has: leave out --seed",
    ],
    [["search", "--resume", "first", "--engine", "auto"], "leave out --engine"],
    [["search", "--seed", "1", "--trials", "3", "--seed=2"], "--seed is given twice: give it once"],
    [["cifar10", "--engine", "cuda"], "--engine cuda cannot be chosen: CUDA kernels of its own are not part"],
    [["search", "--controller", "learnRate=1"], 'has no setting "learnRate": did you mean learningRate?'],
    [["search", "--controller", "hidden=0.5"], 'hidden takes a whole number of at least 1: current value is "0.5"'],
    [["search", "--controller", "fast"], "--controller takes NAME=NUMBER,… of batch, hidden"],
    [["search", "--sampler", "random", "--controller", "hidden=5"], "leave it out with --sampler random"],
    [["search", "--resume", "first", "--child-time", "1m"], "leave out --child-time"],
    [["search", "--resume", "first", "--target-steps", "9"], "leave out --target-steps"],
    [["search", "--target-network", "resnet21"], "did you mean resnet20?"],
    [["search", "--second-network", "resnet9"], "did you mean resnet8?"],
    [["search", "--second-network", "none", "--second-steps", "9"], "--second-steps has no meaning with"],
    [["search", "--dataset", "shapes", "--target-network", "none", "--target-steps", "9"], "has no meaning with"],
    [["search", "--no-web", "--no-web"], "--web is given twice"],
    [["cifar10", "--name", "a", "--name", "a"], "--name is given twice"],
    [["search", "--reference", "relu", "--reference", "max(x, 0)"], "it is the same function as ReLU"],
    [["compare", "--out", "a b"], '--out takes letters, digits, ".", "_" and "-"'],
    [["confirm", "first", "--name", "a b"], '--name takes letters, digits, ".", "_" and "-"'],
    [["function", "--json"], "function needs EXPRESSION"],
    [["cifar10", "--act", "foo"], 'the name "foo" is unknown'],
    [["bench", "train", "--acts", "relu;foo"], 'the name "foo" is unknown'],
    [["show"], "show needs RUN"],
    [["golden"], "golden needs FILE"],
    [["download", "imagenet"], "DATASET takes one of cifar10, cifar100, fashion-mnist, mnist"],
  ];

  for (const [line, says] of LINES) {
    it(`is reported on one line that names the flag, the rule and the help page: ${line.join(" ")}`, () =>
      failsHere(line, 2, [says, `(deno task ${line[0]} --help)`]));
  }

  it("ends the process with 2, and leaves nothing behind", () =>
    inFolder(async (cwd) => {
      const [line, says] = LINES[0];
      await fails(line, { cwd }, 2, [says]);
      await fails(["serch"], { cwd }, 2, ['there is no command "serch": did you mean search?']);
      assertEquals(contents(cwd), {});
    }));

  it("is reported if an expression goes wrong", () =>
    inFolder(async (cwd) => {
      const line = (act: string) => ["cifar10", "--act", act];
      const check = async (act: string, ...says: string[]) => {
        const { code, err } = await commandLine(line(act), { cwd });
        assert(code === 1 || code === 2, `exit code ${code}`);
        assertEquals(err.length, 1, err.join("\n"));
        for (const words of says) assert(err[0].startsWith("error: ") && err[0].includes(words), err[0]);
      };
      await Promise.all([
        check("frobnicate(x)", '"frobnicate" is unknown', "at column 1", "did you mean"),
        check("x / ", "at column 5", "the end"),
        check("max(x)", "max"),
      ]);
      assertEquals(contents(cwd), {});
    }));
});

describe("data that is not there or damaged", () => {
  it("is reported for a folder that does not exist, before a run is started", () =>
    inFolder(async (cwd) => {
      await Deno.mkdir(`${cwd}/runs`);
      await allFail(["search --data nowhere --no-web", "cifar10 --data nowhere"], cwd, 1, ...[
        "Cannot load cifar10 from nowhere as it does not exist",
        "put https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz into a folder and name it with --data",
      ]);
    }));

  it("is reported for a file cut in half, with its name", () =>
    inFolder(async (cwd) => {
      const names = [1, 2, 3, 4, 5].map((k) => `data_batch_${k}.bin`);
      await Deno.mkdir(`${cwd}/cifar`);
      for (const name of [...names, "test_batch.bin"]) await Deno.writeFile(`${cwd}/cifar/${name}`, new Uint8Array());
      await Deno.truncate(`${cwd}/cifar/data_batch_1.bin`, 15_365_000);
      await fails(["cifar10", "--data", "cifar"], { cwd }, 1, [
        "Cannot load cifar/data_batch_1.bin as it must have 30730000 bytes: it has 15365000",
        "delete it and fetch it again",
      ]);
      assertEquals(Deno.statSync(`${cwd}/cifar/data_batch_1.bin`).size, 15_365_000);
    }));

  it("is reported if the folder for downloads is a file", () =>
    inFolder(async (cwd) => {
      await Deno.writeTextFile(`${cwd}/data`, "mine");
      await allFail(
        ["download cifar10", "cifar100"],
        cwd,
        1,
        "Cannot write data/cifar-10",
        "Name a folder that can be written",
      );
    }));
});

describe("a folder that is not a run", () => {
  const SHOWN = ["show first", "export first", "search --resume first --no-web"];

  it("is reported by every command that needs one", () =>
    inFolder(async (cwd) => {
      await allFail(SHOWN, cwd, 1, "runs/first as it is not a run folder", "deno task runs");
      await Deno.mkdir(`${cwd}/runs/first`, { recursive: true });
      await Deno.writeTextFile(`${cwd}/runs/first/notes.txt`, "mine");
      await allFail(SHOWN, cwd, 1, "runs/first as it is not a run folder", "deno task runs");
    }));

  it("is reported if its file is garbage, empty, another database, or a run's cut in half", async () => {
    const whole = await Deno.makeTempDir({ prefix: "commands-" });
    makeRun(`${whole}/run`);
    const run = await Deno.readFile(`${whole}/run/run.sqlite`);
    new DatabaseSync(`${whole}/other`).exec("CREATE TABLE run (id); PRAGMA user_version = 1");
    const kinds: readonly Uint8Array[] = [
      new TextEncoder().encode("garbage ".repeat(2000)),
      new Uint8Array(),
      await Deno.readFile(`${whole}/other`),
      run.subarray(0, run.length / 2),
    ];
    await Promise.all(kinds.map((bytes) =>
      inFolder(async (cwd) => {
        const file = `${cwd}/runs/first/run.sqlite`;
        await Deno.mkdir(`${cwd}/runs/first`, { recursive: true });
        await Deno.writeFile(file, bytes);
        for (const line of SHOWN) {
          await fails(line.split(" "), { cwd }, 1, ["Cannot read runs/first", "delete the folder"]);
        }
        assertEquals(await Deno.readFile(file), bytes);
      })
    ));
    await Deno.remove(whole, { recursive: true });
  });

  it("is reported if a value in it is garbage", () =>
    withRun(async (cwd, run) => {
      const database = new DatabaseSync(`${run}/run.sqlite`);
      database.exec("UPDATE run SET info = 'garbage'");
      database.close();
      for (const line of SHOWN) {
        await fails(line.split(" "), { cwd }, 1, ["Cannot read runs/first/run.sqlite as a run"]);
      }
    }));

  it("does not keep the others from being listed", () =>
    withRun(async (cwd) => {
      await Deno.mkdir(`${cwd}/runs/bad`);
      await Deno.writeTextFile(`${cwd}/runs/bad/run.sqlite`, "garbage");
      const { code, out, err } = await commandLine(["runs"], { cwd });
      assertEquals([code, out.split("\n").length, err.length], [0, 2, 1]);
      assert(out.startsWith("first "), out);
      assert(err[0].startsWith("skipped: Cannot read runs/bad/run.sqlite"), err[0]);
    }));

  it("is a training to the list of runs, and no search to show", () =>
    withRun(async (cwd) => {
      await Deno.mkdir(`${cwd}/runs/training`);
      const settings = { dataset: "cifar10", labels: "fine", act: "swish", network: "resnet8", seeds: 3, seed: 1 };
      await Deno.writeTextFile(`${cwd}/runs/training/settings.json`, JSON.stringify(settings));
      await Deno.writeTextFile(`${cwd}/runs/training/results.json`, JSON.stringify({ seeds: [{}, {}] }));
      for (
        const [name, content] of [["empty", ""], ["foreign", '{"colour": "red"}'], ["list", "[1]"], [
          "images",
          JSON.stringify({ ...settings, images: { cifar10: {} } }),
        ]]
      ) {
        await Deno.mkdir(`${cwd}/runs/${name}`);
        await Deno.writeTextFile(`${cwd}/runs/${name}/settings.json`, content);
        const says = [`Cannot read runs/${name}/settings.json as the settings of a training`, "give another --name"];
        await fails(["cifar10", "--resume", name], { cwd }, 1, says);
      }
      const { code, out, err } = await commandLine(["runs"], { cwd });
      assertEquals([code, err.length], [0, 4], err.join("\n"));
      assert(out.includes("training  interrupted  2/3 trainings  cifar10 of swish, resnet8"), out);
      await fails(["show", "training"], { cwd }, 1, ["runs/training", "holds trainings", "results.json"]);
    }));

  it("cannot be named so that it lies elsewhere", () =>
    withRun(async (cwd) => {
      const lines = ["show ../first", "export ../../first", "search --resume ../runs/first"];
      await allFail(lines, cwd, 1, "as a run's name as it must be letters, digits");
      const asked = [
        "search --run a/b",
        "search --run .hidden",
        "cifar10 --name a/b",
        "swish --name=-x",
        "baselines --name ../a",
      ];
      await allFail(asked, cwd, 2, "takes letters, digits");
    }));
});

describe("a run that is taken", () => {
  it("is not started again under the same name", () =>
    withRun((cwd) =>
      allFail(["search --run first --dataset shapes"], cwd, 1, "as it holds a run already: use --resume")
    ));

  it("is not continued by two processes, and can be looked at meanwhile", () =>
    withRun(async (cwd, run) => {
      const store = RunStore.open(run);
      await fails(["search", "--resume", "first"], { cwd }, 1, ["another process is running it: stop that one first"]);
      assertEquals((await commandLine(["show", "first"], { cwd })).code, 0);
      store.saveState("running", 5); // the first goes on unharmed
      assertEquals(store.load().elapsedMs, 5);
      store.close();
    }));
});

describe("a place that is not available", () => {
  it("is reported for a port in use, before a run is started", () =>
    withRun(async (cwd) => {
      const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 }), { port } = listener.addr as Deno.NetAddr;
      const lines = [`search --dataset shapes --port ${port}`, `search --resume first --port ${port}`];
      await allFail([...lines, `serve --port ${port}`], cwd, 2, `port ${port} is in use: give another --port`);
      listener.close();
    }));

  it("is reported for an engine that is not available, before a run is started", () =>
    inFolder(async (cwd) => {
      const withoutFfi = (words: string[]) => words.filter((word) => !word.startsWith("--allow-ffi"));
      const line = ["search", "--dataset", "shapes", "--engine", "tfjs-node"];
      await fails(line, { cwd, change: withoutFfi }, 1, ["Cannot open engine tfjs-node", "Use --engine auto"]);
      assertEquals(contents(cwd), {});
    }));

  it("is reported for a runs folder that cannot be written, before the data set is looked for", () =>
    inFolder(async (cwd) => {
      await Deno.writeTextFile(`${cwd}/runs`, "mine");
      await allFail(["search --data nowhere", "search --dataset shapes"], cwd, 1, ...[
        "Cannot write the run folder runs/",
        "Make runs/ writable",
      ]);
    }));

  it("is reported for a run folder that became read-only", () =>
    withRun(async (cwd, run) => {
      await Deno.remove(`${run}/run.lock`);
      await Deno.mkdir(`${run}/run.lock`); // stops root too, whom no mode stops
      await allFail(["search --resume first"], cwd, 1, "Cannot write the run folder runs/first");
      await Deno.chmod(run, 0o555);
      await allFail(["search --resume first"], cwd, 1, "Cannot write the run folder runs/first");
      await Deno.chmod(run, 0o755);
    }));
});

describe("a golden file that is none", () => {
  const TRACE = { act: "relu", batch: 2, classes: 10, lr: 0.1, weight_decay: 0, losses: [1] };

  it("is reported with the trace and the field", () =>
    inFolder(async (cwd) => {
      const files: Readonly<Record<string, readonly [content: string, says: string]>> = {
        "text.json": ["not JSON", "Cannot read golden file text.json"],
        "empty.json": ["", "Cannot read golden file empty.json"],
        "list.json": ["[1, 2]", 'as it must be an object with a list "traces"'],
        "none.json": ['{"traces": []}', 'as it must be an object with a list "traces"'],
        "number.json": ['{"traces": [7]}', "Cannot read trace 1 of golden file number.json: a trace must be an object"],
        "short.json": [JSON.stringify({ traces: [TRACE] }), '"step_1" must have an object "grad_norm"'],
        "act.json": [JSON.stringify({ traces: [{ ...TRACE, act: "foo(x)" }] }), '"foo" is unknown'],
        "batch.json": [JSON.stringify({ traces: [{ ...TRACE, batch: 0 }] }), '"batch" must be a whole number from 1'],
      };
      for (const [name, [content]] of Object.entries(files)) await Deno.writeTextFile(`${cwd}/${name}`, content);
      const check = ([name, [, says]]: [string, readonly [string, string]]) =>
        fails(["golden", name], { cwd }, 1, [name, says]);
      await Promise.all([
        ...Object.entries(files).map(check),
        fails(["golden", "absent.json"], { cwd }, 1, ["Cannot read golden file absent.json"]),
        fails(["golden", "."], { cwd }, 1, ["Cannot read golden file ."]),
      ]);
    }));
});
