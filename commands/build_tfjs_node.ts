/**
 * `deno task build-tfjs-node`: builds the native binding of @tensorflow/tfjs-node, or with --gpu of
 * @tensorflow/tfjs-node-gpu, into .tfjs-node/, which is all that the engines of these names need.
 *
 * The package's own install script would download libtensorflow 2.9.1 (CUDA 11.2, cuDNN 8.1) from Google's storage.
 * This uses the newer one inside a Python wheel from pip, or the one in a folder that the user names.
 */
import { fileURLToPath } from "node:url";
import { BINDING_FILE, packageFolder, TFJS_VERSION } from "../child/engine/tfjs/package.ts";
import { CPU_PACKAGE, GPU_PACKAGE, type TensorFlowPackage } from "../child/engine/tfjs/package.ts";
import { openTfjsNode, openTfjsNodeGpu } from "../child/engine/tfjs/engine.ts";
import { command, EXIT, type Io } from "./command.ts";

export const buildTfjsNode = command({
  name: "build-tfjs-node",
  summary:
    "Builds what the engines tfjs-node and tfjs-node-gpu need, in about a minute: npm package, libtensorflow, binding.",
  positionals: [],
  flags: [
    { name: "gpu", type: "boolean", help: "for --engine tfjs-node-gpu, with CUDA and cuDNN" },
    { name: "libtensorflow", type: "string", value: "DIR", help: "a TensorFlow with include/ (by pip, about 300 MB)" },
  ],
  examples: ["build-tfjs-node", "build-tfjs-node --gpu", "build-tfjs-node --libtensorflow /usr/local"],
  permissions: {
    write: "the folder that it builds",
    run: "npm's package by deno, TensorFlow's by python3 or pip, and the compiler",
    env: "settings that TensorFlow reads when it is loaded",
    ffi: "the check of what was built",
  },
  async run({ gpu, libtensorflow }, io) {
    const tensorFlow = gpu ? GPU_PACKAGE : CPU_PACKAGE;
    await build(tensorFlow, { folder: packageFolder(tensorFlow), libtensorflow, run: runProgram, io });
    io.err("checking it against the reference engine …");
    const engine = await (gpu ? openTfjsNodeGpu() : openTfjsNode());
    io.err(`built: --engine ${engine.name} computes on ${engine.device}`);
    engine.close();
    return EXIT.done;
  },
});

/** Runs a program in a folder. Null if there is no such program. */
export type Run = (program: string, args: readonly string[], cwd: URL) => Promise<Ended | null>;

export interface Ended {
  readonly success: boolean;
  /** What it wrote to stdout and stderr. */
  readonly output: string;
}

export interface BuildOptions {
  readonly folder: URL;
  /** The user's folder; undefined to ask pip. */
  readonly libtensorflow: string | undefined;
  readonly run: Run;
  readonly io: Pick<Io, "err">;
}

/** Throws an Error with one sentence, and how to fix it, if something is missing or fails. */
export async function build(tensorFlow: TensorFlowPackage, options: BuildOptions): Promise<void> {
  const { folder, run, io } = options;
  if (Deno.build.os !== "linux") {
    throw new Error(`Cannot build ${tensorFlow.npm} as this works only on Linux: this is ${Deno.build.os}`);
  }
  await requireCompiler(run, folder);
  io.err(`1/3 fetching ${tensorFlow.npm} ${TFJS_VERSION} from npm …`);
  await fetchPackage(tensorFlow, options);
  io.err(options.libtensorflow ? `2/3 libtensorflow in ${options.libtensorflow}` : `2/3 ${tensorFlow.wheel} by pip …`);
  const found = findLibrary(options.libtensorflow ?? await fetchWheel(tensorFlow, options));
  io.err(`3/3 compiling the binding with ${COMPILER} …`);
  await compile(tensorFlow, found, options);
}

const COMPILER = "g++";

async function requireCompiler(run: Run, folder: URL): Promise<void> {
  Deno.mkdirSync(folder, { recursive: true });
  if ((await run(COMPILER, ["--version"], folder))?.success) return;
  throw new Error("Cannot build the binding as there is no C++ compiler: install g++ (Debian: apt-get install g++)");
}

/** The package without its install script, and Node's headers, into the folder's own node_modules. */
async function fetchPackage({ npm }: TensorFlowPackage, { folder, run }: BuildOptions): Promise<void> {
  const dependencies = { [npm]: TFJS_VERSION, "node-api-headers": "1.5.0" };
  Deno.writeTextFileSync(new URL("package.json", folder), JSON.stringify({ private: true, dependencies }));
  Deno.writeTextFileSync(new URL("deno.json", folder), JSON.stringify({ nodeModulesDir: "auto", lock: false }));
  const ended = await run("deno", ["install", "--quiet"], folder);
  if (!ended?.success) throw new Error(`Cannot fetch ${npm} from npm: ${lastLine(ended)}`);
}

/** The folder of packages in which pip put TensorFlow. One that an earlier call fetched is used again. */
async function fetchWheel({ wheel, gpu }: TensorFlowPackage, { folder, run }: BuildOptions): Promise<string> {
  const target = new URL(`${wheel.replaceAll(/[^\w.-]/g, "-")}/`, folder);
  if (isThere(target)) return fileURLToPath(new URL("tensorflow", target));
  const part = new URL("wheel.part/", folder);
  if (isThere(part)) Deno.removeSync(part, { recursive: true });
  const ended = await run("python3", [
    ...["-m", "pip", "install", "--quiet", "--no-compile", "--target", fileURLToPath(part)],
    ...gpu ? [] : ["--no-deps"], // the GPU wheel's dependencies are CUDA and cuDNN; Python's side of it is not needed
    wheel,
  ], folder);
  const elsewhere = "or name a libtensorflow with --libtensorflow DIR";
  if (ended === null) {
    throw new Error(
      `Cannot fetch TensorFlow as there is no python3: install it with pip ` +
        `(Debian: apt-get install python3-pip), ${elsewhere}`,
    );
  }
  if (/No module named pip/.test(ended.output)) {
    throw new Error(
      `Cannot fetch TensorFlow as python3 has no pip: install it (Debian: apt-get install python3-pip), ` +
        elsewhere,
    );
  }
  if (!ended.success) throw new Error(`Cannot fetch ${wheel} with pip (${lastLine(ended)}): fix that, ${elsewhere}`);
  Deno.renameSync(part, target);
  return fileURLToPath(new URL("tensorflow", target));
}

interface Library {
  readonly include: string;
  readonly folder: string;
  /** File names for the linker. */
  readonly files: readonly string[];
}

/** The layouts of a Python wheel's folder and of Google's C archive. */
const LAYOUTS: readonly { readonly folder: string; readonly files: readonly string[] }[] = [
  { folder: "", files: ["libtensorflow_cc.so.2", "libtensorflow_framework.so.2"] },
  { folder: "/lib", files: ["libtensorflow.so.2", "libtensorflow_framework.so.2"] },
];

function findLibrary(directory: string): Library {
  const root = Deno.realPathSync(existing(directory));
  const header = `${root}/include/tensorflow/c/eager/c_api.h`;
  if (!isThere(header)) throw new Error(`Cannot build against ${root} as it has no headers: ${header} is missing`);
  const layout = LAYOUTS.find(({ folder, files }) => files.every((file) => isThere(`${root}${folder}/${file}`)));
  if (layout) return { include: `${root}/include`, folder: root + layout.folder, files: layout.files };
  const wanted = LAYOUTS.map(({ folder, files }) => `${root}${folder}/${files[0]}`).join(" nor ");
  throw new Error(`Cannot build against ${root} as it has no libtensorflow 2: there is neither ${wanted}`);
}

function existing(directory: string): string {
  if (isThere(directory)) return directory;
  throw new Error(`Cannot build against ${directory} as there is no such folder`);
}

async function compile(
  { npm }: TensorFlowPackage,
  found: Library,
  { folder, run }: BuildOptions,
): Promise<void> {
  const modules = fileURLToPath(new URL("node_modules/", folder));
  const source = `${modules}${npm}`;
  const output = new URL(BINDING_FILE, folder);
  const part = new URL(`${BINDING_FILE}.part`, folder);
  const ended = await run(COMPILER, [
    ...["-O2", "-std=c++17", "-shared", "-fPIC", "-DNAPI_VERSION=8"],
    ...[`-I${modules}node-api-headers/include`, `-I${source}`, `-I${found.include}`],
    ...["tfjs_backend.cc", "tfjs_binding.cc"].map((file) => `${source}/binding/${file}`),
    ...[`-L${found.folder}`, ...found.files.map((file) => `-l:${file}`), `-Wl,-rpath,${found.folder}`],
    ...["-o", fileURLToPath(part)],
  ], folder);
  if (!ended?.success) {
    const error = ended?.output.split("\n").find((line) => /error/i.test(line)) ?? lastLine(ended);
    throw new Error(`Cannot compile the binding with ${COMPILER}: ${error}`);
  }
  Deno.renameSync(part, output);
}

function lastLine(ended: Ended | null): string {
  return ended?.output.trim().split("\n").at(-1) || "it could not be started";
}

async function runProgram(program: string, args: readonly string[], cwd: URL): Promise<Ended | null> {
  try {
    const { success, stdout, stderr } = await new Deno.Command(program, {
      args: [...args],
      cwd,
      stdin: "null",
      env: { NO_COLOR: "1" },
    }).output();
    const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return { success, output: decode(stdout) + decode(stderr) };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

function isThere(path: string | URL): boolean {
  try {
    return Deno.statSync(path) !== null;
  } catch {
    return false;
  }
}
