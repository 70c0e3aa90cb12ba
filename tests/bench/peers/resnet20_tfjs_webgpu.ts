/**
 * A peer of the engine webgpu: the same step on tfjs's own WebGPU backend, on the same driver. The packages are fetched
 * for the measurement alone, which is why they are in no list of the project's:
 *
 *     deno run --no-config --no-lock --allow-read --allow-env --allow-sys \
 *       tests/bench/peers/resnet20_tfjs_webgpu.ts "relu;swish" BATCH WARM_UP STEPS
 */
import { resnet20Rate, type Tf, TFJS_FUNCTIONS } from "./resnet20_tfjs.ts";

const VERSION = "4.22.0";

/** By a name that neither the type checker nor the lock file sees. */
const fetched = (name: string) => import(`npm:@tensorflow/${name}@${VERSION}`);

const tf: Tf = await fetched("tfjs");
await fetched("tfjs-backend-webgpu"); // registers itself
tf.enableProdMode();
if (!await tf.setBackend("webgpu")) throw new Error("tfjs has no WebGPU here");
await tf.ready();

const [acts = TFJS_FUNCTIONS.join(";"), ...sizes] = Deno.args;
const [batch = 128, warmUp = 1, steps = 3] = sizes.map(Number);
for (const act of acts.split(";")) {
  const rate = await resnet20Rate(tf, act, { batch, warmUp, steps });
  console.log(JSON.stringify({ bench: "train", engine: "tfjs webgpu", act, batch, images_per_s: rate }));
}
