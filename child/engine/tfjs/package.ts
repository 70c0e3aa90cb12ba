/**
 * The two packages that bring TensorFlow to Node, and where `deno task build-tfjs-node` puts the result.
 * They are not dependencies of the project, so that nobody downloads them unasked: the folder below is everything.
 *
 * Only the build writes there and only this folder may be loaded as native code (`--allow-ffi`), so that no task can
 * write a library and then load it.
 */

export interface TensorFlowPackage {
  /** As on the command line. */
  readonly engine: "tfjs-node" | "tfjs-node-gpu";
  /** On npm. */
  readonly npm: string;
  /** Of the Python wheel that carries the libtensorflow to build against; the GPU one brings CUDA and cuDNN along. */
  readonly wheel: string;
  readonly gpu: boolean;
  /** The command that builds or repairs it. */
  readonly build: string;
}

/** The last release, of October 2024. */
export const TFJS_VERSION = "4.22.0";
/** libtensorflow of this version was checked with the binding (November 2026). */
const TENSORFLOW_VERSION = "2.21.0";

export const CPU_PACKAGE: TensorFlowPackage = {
  engine: "tfjs-node",
  npm: "@tensorflow/tfjs-node",
  wheel: `tensorflow-cpu==${TENSORFLOW_VERSION}`,
  gpu: false,
  build: "deno task build-tfjs-node",
};

export const GPU_PACKAGE: TensorFlowPackage = {
  engine: "tfjs-node-gpu",
  npm: "@tensorflow/tfjs-node-gpu",
  wheel: `tensorflow[and-cuda]==${TENSORFLOW_VERSION}`,
  gpu: true,
  build: "deno task build-tfjs-node --gpu",
};

const BUILD_FOLDER = ".tfjs-node";
/** Beside `deno.json`, whatever the working directory. */
export const BUILD_ROOT = new URL(`../../../${BUILD_FOLDER}/`, import.meta.url);

/** A package's own folder, with its node_modules, its libtensorflow and the binding. */
export function packageFolder({ engine }: TensorFlowPackage, root = BUILD_ROOT): URL {
  return new URL(`${engine}/`, root);
}

/** The native add-on in that folder, built last, so that it exists only if everything else does. */
export const BINDING_FILE = "tfjs_binding.node";
