/**
 * A peer of the engine tfjs-node: the same step of ResNet-20 as a user of tfjs would write it, with the layers,
 * gradients and optimiser of @tensorflow/tfjs on the same binding, in TensorFlow's own settings. After `deno task
 * build-tfjs-node`:
 *
 *     deno run --allow-read --allow-env --allow-ffi=.tfjs-node tests/bench/peers/resnet20_tfjs_node.ts "relu;swish"
 */
import { createRequire } from "node:module";
import type * as TensorFlow from "@tensorflow/tfjs";
import { CPU_PACKAGE, packageFolder } from "../../../child/engine/tfjs/package.ts";

const BATCH = 128, WARM_UP_STEPS = 3, STEPS = 9;
const folder = packageFolder(CPU_PACKAGE);
const require = createRequire(
  Deno.realPathSync(new URL("node_modules/@tensorflow/tfjs-node/package.json", folder)),
);

// Deno's node:util lacks what tfjs-node calls, and its index.js looks for the binding where npm would have put it.
require("node:util").isNullOrUndefined ??= (value: unknown) => value == null;
Deno.env.set("TF_CPP_MIN_LOG_LEVEL", "2");
const tf = require("@tensorflow/tfjs") as typeof TensorFlow;
require("./dist/register_all_kernels");
const { NodeJSKernelBackend } = require("./dist/nodejs_kernel_backend");
const binding = require(new URL("tfjs_binding.node", folder).pathname);
tf.enableProdMode();
tf.registerBackend("tensorflow", () => new NodeJSKernelBackend(binding, "@tensorflow/tfjs-node"));
await tf.setBackend("tensorflow");

type Activation = (x: TensorFlow.Tensor4D) => TensorFlow.Tensor4D;

/** Each call is one of the network; the first makes the variables. */
const ACTIVATIONS: Readonly<Record<string, (beta: () => TensorFlow.Variable) => Activation>> = {
  "relu": () => (x) => tf.relu(x),
  "swish": (beta) => (x) => tf.mul(x, tf.sigmoid(tf.mul(beta(), x))),
  "max(x, sigmoid(x))": () => (x) => tf.maximum(x, tf.sigmoid(x)),
  "cos(x) - x": () => (x) => tf.sub(tf.cos(x), x),
  "min(x, sin(x))": () => (x) => tf.minimum(x, tf.sin(x)),
  "atan(x)^2 - x": () => (x) => tf.sub(tf.square(tf.atan(x)), x),
  "max(x, tanh(x))": () => (x) => tf.maximum(x, tf.tanh(x)),
  "log(1 + exp(x)) - sigmoid(x)": () => (x) => tf.sub(tf.log(tf.add(1, tf.exp(x))), tf.sigmoid(x)),
  "atan(x) / (1 + exp(-x))": () => (x) => tf.div(tf.atan(x), tf.add(1, tf.exp(tf.neg(x)))),
};

function network(act: string): (images: TensorFlow.Tensor4D) => TensorFlow.Tensor2D {
  const variables: TensorFlow.Variable[] = [];
  let next = 0;
  const variable = (make: () => TensorFlow.Tensor) => variables[next++] ??= tf.variable(make());
  const conv = (x: TensorFlow.Tensor4D, channels: number, stride: number) => {
    const inputs = x.shape[3];
    const kernel = variable(() => tf.randomNormal([3, 3, inputs, channels], 0, Math.sqrt(2 / (9 * inputs))));
    return tf.conv2d(x, kernel as unknown as TensorFlow.Tensor4D, stride, "same");
  };
  const normalise = (x: TensorFlow.Tensor4D) => {
    const scale = variable(() => tf.ones([x.shape[3]])) as unknown as TensorFlow.Tensor1D;
    const shift = variable(() => tf.zeros([x.shape[3]])) as unknown as TensorFlow.Tensor1D;
    const { mean, variance } = tf.moments(x, [0, 1, 2]);
    return tf.batchNorm(x, mean as TensorFlow.Tensor1D, variance as TensorFlow.Tensor1D, shift, scale, 1e-5);
  };
  const activate: Activation = (x) => ACTIVATIONS[act](() => variable(() => tf.ones([x.shape[3]])))(x);
  return (images) => {
    next = 0;
    let x = activate(normalise(conv(images, 16, 1)));
    for (const [stage, channels] of [16, 32, 64].entries()) {
      for (let block = 0; block < 3; block++) {
        const stride = stage > 0 && block === 0 ? 2 : 1;
        const inner = normalise(conv(activate(normalise(conv(x, channels, stride))), channels, 1));
        x = activate(tf.add(inner, stride === 1 ? x : shortcut(x, channels)));
      }
    }
    const kernel = variable(() => tf.randomNormal([64, 10], 0, 0.1)) as unknown as TensorFlow.Tensor2D;
    const bias = variable(() => tf.zeros([10]));
    return tf.add(tf.matMul(tf.mean(x, [1, 2]) as TensorFlow.Tensor2D, kernel), bias);
  };
}

function shortcut(x: TensorFlow.Tensor4D, channels: number): TensorFlow.Tensor4D {
  const side = (channels - x.shape[3]) / 2;
  const pixels = tf.avgPool(x, 1, 2, "valid"); // every second pixel; tfjs has no gradient of a strided slice
  return tf.pad(pixels, [[0, 0], [0, 0], [0, 0], [side, side]]);
}

const images = tf.randomNormal([BATCH, 32, 32, 3]) as TensorFlow.Tensor4D;
const labels = tf.oneHot(tf.randomUniform([BATCH], 0, 10, "int32"), 10).toFloat();

for (const act of (Deno.args[0] ?? Object.keys(ACTIVATIONS).join(";")).split(";")) {
  const logits = network(act);
  tf.tidy(() => logits(images)); // makes the variables, which are not found if made while gradients are taken
  const optimizer = tf.train.momentum(0.01, 0.9);
  const step = () => {
    const start = performance.now();
    const loss = optimizer.minimize(
      () => tf.losses.softmaxCrossEntropy(labels, logits(images)) as TensorFlow.Scalar,
      true,
    )!;
    loss.dataSync();
    loss.dispose();
    return (performance.now() - start) / 1000;
  };
  const times = Array.from({ length: WARM_UP_STEPS + STEPS }, step).slice(WARM_UP_STEPS).sort((a, b) => a - b);
  const rate = Math.round(10 * BATCH / times[Math.floor(STEPS / 2)]) / 10;
  console.log(JSON.stringify({ bench: "train", engine: "plain tfjs-node", act, batch: BATCH, images_per_s: rate }));
}
