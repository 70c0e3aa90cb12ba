/** A training step of ResNet-20 as a user of tfjs would write it, on whatever backend tfjs has. */
import type * as TensorFlow from "@tensorflow/tfjs";

export type Tf = typeof TensorFlow;
type Activation = (x: TensorFlow.Tensor4D) => TensorFlow.Tensor4D;

/** Each call is one of the network; the first makes the variables. */
const ACTIVATIONS: Readonly<Record<string, (tf: Tf, beta: () => TensorFlow.Variable) => Activation>> = {
  "relu": (tf) => (x) => tf.relu(x),
  "swish": (tf, beta) => (x) => tf.mul(x, tf.sigmoid(tf.mul(beta(), x))),
  "max(x, sigmoid(x))": (tf) => (x) => tf.maximum(x, tf.sigmoid(x)),
  "cos(x) - x": (tf) => (x) => tf.sub(tf.cos(x), x),
  "min(x, sin(x))": (tf) => (x) => tf.minimum(x, tf.sin(x)),
  "atan(x)^2 - x": (tf) => (x) => tf.sub(tf.square(tf.atan(x)), x),
  "max(x, tanh(x))": (tf) => (x) => tf.maximum(x, tf.tanh(x)),
  "log(1 + exp(x)) - sigmoid(x)": (tf) => (x) => tf.sub(tf.log(tf.add(1, tf.exp(x))), tf.sigmoid(x)),
  "atan(x) / (1 + exp(-x))": (tf) => (x) => tf.div(tf.atan(x), tf.add(1, tf.exp(tf.neg(x)))),
};

export const TFJS_FUNCTIONS: readonly string[] = Object.keys(ACTIVATIONS);

function network(tf: Tf, act: string): (images: TensorFlow.Tensor4D) => TensorFlow.Tensor2D {
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
  const activate: Activation = (x) => ACTIVATIONS[act](tf, () => variable(() => tf.ones([x.shape[3]])))(x);
  return (images) => {
    next = 0;
    let x = activate(normalise(conv(images, 16, 1)));
    for (const [stage, channels] of [16, 32, 64].entries()) {
      for (let block = 0; block < 3; block++) {
        const stride = stage > 0 && block === 0 ? 2 : 1;
        const inner = normalise(conv(activate(normalise(conv(x, channels, stride))), channels, 1));
        x = activate(tf.add(inner, stride === 1 ? x : shortcut(tf, x, channels)));
      }
    }
    const kernel = variable(() => tf.randomNormal([64, 10], 0, 0.1)) as unknown as TensorFlow.Tensor2D;
    const bias = variable(() => tf.zeros([10]));
    return tf.add(tf.matMul(tf.mean(x, [1, 2]) as TensorFlow.Tensor2D, kernel), bias);
  };
}

function shortcut(tf: Tf, x: TensorFlow.Tensor4D, channels: number): TensorFlow.Tensor4D {
  const side = (channels - x.shape[3]) / 2;
  const pixels = tf.avgPool(x, 1, 2, "valid"); // every second pixel; tfjs has no gradient of a strided slice
  return tf.pad(pixels, [[0, 0], [0, 0], [0, 0], [side, side]]);
}

/** Images per second of the median of so many steps after others, by the clock from a step's call to its loss. */
export async function resnet20Rate(
  tf: Tf,
  act: string,
  { batch, warmUp, steps }: { readonly batch: number; readonly warmUp: number; readonly steps: number },
): Promise<number> {
  const images = tf.randomNormal([batch, 32, 32, 3]) as TensorFlow.Tensor4D;
  const labels = tf.oneHot(tf.randomUniform([batch], 0, 10, "int32"), 10).toFloat();
  const logits = network(tf, act);
  tf.tidy(() => logits(images)); // makes the variables, which are not found if made while gradients are taken
  const optimizer = tf.train.momentum(0.01, 0.9), times: number[] = [];
  for (let step = 0; step < warmUp + steps; step++) {
    const start = performance.now();
    const loss = optimizer.minimize(
      () => tf.losses.softmaxCrossEntropy(labels, logits(images)) as TensorFlow.Scalar,
      true,
    )!;
    await loss.data();
    loss.dispose();
    times.push((performance.now() - start) / 1000);
  }
  const measured = times.slice(warmUp).sort((a, b) => a - b);
  return Math.round(100 * batch / measured[Math.floor(steps / 2)]) / 100;
}
