import { assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { CPU_PACKAGE, GPU_PACKAGE, type TensorFlowPackage } from "../../child/engine/tfjs/package.ts";
import { build, type Ended, type Run } from "../../commands/build_tfjs_node.ts";

const done: Ended = { success: true, output: "" };
const failed = (output: string): Ended => ({ success: false, output });

/** Programs that a scripted machine has, and what becomes of them. The compiler and pip leave their files. */
type Machine = Readonly<Record<string, (args: readonly string[]) => Ended>>;

const working: Machine = {
  "g++": (args) => {
    if (args.includes("-o")) Deno.writeTextFileSync(args.at(-1)!, "binding");
    return done;
  },
  deno: () => done,
  python3: (args) => {
    makeLibrary(`${args[args.indexOf("--target") + 1]}tensorflow`);
    return done;
  },
};

function makeLibrary(folder: string): void {
  Deno.mkdirSync(`${folder}/include/tensorflow/c/eager`, { recursive: true });
  Deno.writeTextFileSync(`${folder}/include/tensorflow/c/eager/c_api.h`, "");
  for (const name of ["cc", "framework"]) Deno.writeTextFileSync(`${folder}/libtensorflow_${name}.so.2`, "");
}

interface Built {
  readonly calls: readonly string[];
  readonly folder: URL;
}

async function buildOn(machine: Machine, tensorFlow: TensorFlowPackage, libtensorflow?: string): Promise<Built> {
  const folder = new URL(`file://${Deno.makeTempDirSync()}/`);
  const calls: string[] = [];
  const run: Run = (program, args) => {
    calls.push([program, ...args].join(" "));
    return Promise.resolve(Object.hasOwn(machine, program) ? machine[program](args) : null);
  };
  await build(tensorFlow, { folder, libtensorflow, run, io: { err() {} } });
  return { calls, folder };
}

const fails = (machine: Machine, words: string, libtensorflow?: string) =>
  assertRejects(() => buildOn(machine, CPU_PACKAGE, libtensorflow), Error, words);

const without = (name: string): Machine => Object.fromEntries(Object.entries(working).filter(([key]) => key !== name));

describe("deno task build-tfjs-node", () => {
  if (Deno.build.os !== "linux") {
    it.skip("is not tested as it builds on Linux only", () => {});
    return;
  }

  it("leaves the binding, compiled against TensorFlow of a Python wheel", async () => {
    const { calls, folder } = await buildOn(working, CPU_PACKAGE);
    assertEquals(Deno.readTextFileSync(new URL("tfjs_binding.node", folder)), "binding");
    assertEquals(calls.map((line) => line.split(" ")[0]), ["g++", "deno", "python3", "g++"]);
    assertEquals(calls[2].includes("--no-deps") && calls[2].endsWith(CPU_PACKAGE.wheel), true);
    assertEquals(calls[3].includes("@tensorflow/tfjs-node/binding/tfjs_backend.cc"), true);
  });

  it("includes CUDA and cuDNN for a GPU", async () => {
    const { calls } = await buildOn(working, GPU_PACKAGE);
    assertEquals(calls[2].includes("--no-deps"), false);
    assertEquals(calls[2].endsWith("tensorflow[and-cuda]==2.21.0"), true);
    assertEquals(calls[3].includes("@tensorflow/tfjs-node-gpu/binding/tfjs_backend.cc"), true);
  });

  it("does not call pip if a libtensorflow is named", async () => {
    const given = Deno.makeTempDirSync();
    makeLibrary(given);
    const { calls } = await buildOn(without("python3"), CPU_PACKAGE, given);
    assertEquals(calls.some((line) => line.startsWith("python3")), false);
    assertEquals(calls.at(-1)!.includes(`-Wl,-rpath,${given}`), true);
  });

  it("says what is missing and how to get it", async () => {
    await fails(without("g++"), "install g++");
    await fails(without("python3"), "no python3");
    await fails({ ...working, python3: () => failed("/usr/bin/python3: No module named pip") }, "has no pip");
    await fails({ ...working, python3: () => failed("noise\nERROR: No matching distribution found") }, "No matching");
    await fails({ ...working, deno: () => failed("error: connection refused") }, "connection refused");
    await fails(working, "no such folder", "/nowhere/at/all");
    await fails(working, "no headers", Deno.makeTempDirSync());
  });

  it("names a compiler's first error and leaves no binding", async () => {
    const machine: Machine = {
      ...working,
      "g++": (args) => args.includes("-o") ? failed("a.cc:1: fatal error: node_api.h: No such file\nstop") : done,
    };
    await fails(machine, "fatal error: node_api.h");
  });
});
