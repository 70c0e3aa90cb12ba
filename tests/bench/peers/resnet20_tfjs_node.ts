/**
 * A peer of the engine tfjs-node: the same step of ResNet-20 as a user of tfjs would write it, with the layers,
 * gradients and optimiser of @tensorflow/tfjs on the same binding, in TensorFlow's own settings. After `deno task
 * build-tfjs-node`:
 *
 *     deno run --allow-read --allow-env --allow-ffi=.tfjs-node tests/bench/peers/resnet20_tfjs_node.ts "relu;swish"
 */
import { createRequire } from "node:module";
import { CPU_PACKAGE, packageFolder } from "../../../child/engine/tfjs/package.ts";
import { resnet20Rate, type Tf, TFJS_FUNCTIONS } from "./resnet20_tfjs.ts";

const BATCH = 128, WARM_UP_STEPS = 3, STEPS = 9;
const folder = packageFolder(CPU_PACKAGE);
const require = createRequire(
  Deno.realPathSync(new URL("node_modules/@tensorflow/tfjs-node/package.json", folder)),
);

// Deno's node:util lacks what tfjs-node calls, and its index.js looks for the binding where npm would have put it.
require("node:util").isNullOrUndefined ??= (value: unknown) => value == null;
Deno.env.set("TF_CPP_MIN_LOG_LEVEL", "2");
const tf = require("@tensorflow/tfjs") as Tf;
require("./dist/register_all_kernels");
const { NodeJSKernelBackend } = require("./dist/nodejs_kernel_backend");
const binding = require(new URL("tfjs_binding.node", folder).pathname);
tf.enableProdMode();
tf.registerBackend("tensorflow", () => new NodeJSKernelBackend(binding, "@tensorflow/tfjs-node"));
await tf.setBackend("tensorflow");

for (const act of (Deno.args[0] ?? TFJS_FUNCTIONS.join(";")).split(";")) {
  const rate = await resnet20Rate(tf, act, { batch: BATCH, warmUp: WARM_UP_STEPS, steps: STEPS });
  console.log(JSON.stringify({ bench: "train", engine: "plain tfjs-node", act, batch: BATCH, images_per_s: rate }));
}
