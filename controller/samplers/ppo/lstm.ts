/**
 * One layer of long short-term memory (Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000):
 *
 *     input, forget, output = sigmoid(.)   cell = tanh(.)      of the four quarters of   fed + h K
 *     c' = forget c + input cell           h' = output tanh(c')
 *
 * TensorFlow.js takes this as one operation with its own gradient; the way forward, which sampling needs alone, is plain
 * loops. Built from TensorFlow.js's small operations, an update spent most of its time on their overhead (about 30 us
 * each, 3,000 of them) and on adding each step's share to the gradient of the state kernel, where one product computes it
 * from all steps.
 *
 * Shapes: B sequences, T steps, H hidden units; rows of [T x B, .] are step by step.
 */
import { addProduct } from "./matrix.ts";
import { tf } from "./tensorflow.ts";

/**
 * Added to the forget gate, so that the LSTM starts by remembering (Jozefowicz et al. 2015, and TensorFlow's default).
 */
const FORGET_BIAS = 1;

/** State between steps, each [B, H]. */
export interface LstmState {
  readonly h: Float32Array;
  readonly c: Float32Array;
}

interface Step extends LstmState {
  /** Values of the gates input, forget, cell and output, [B, 4H]. */
  readonly gates: Float64Array;
}

/** The state before the first step. */
export function lstmStart(sequences: number, hidden: number): LstmState {
  return { h: new Float32Array(sequences * hidden), c: new Float32Array(sequences * hidden) };
}

/** One step forward. `fed` is the step's input, already multiplied by the input kernel, [B, 4H]; `kernel` is [H, 4H]. */
export function lstmStep(fed: Float32Array, kernel: Float32Array, before: LstmState): Step {
  const hidden = Math.sqrt(kernel.length / 4);
  const gates = new Float64Array(fed);
  addProduct(gates, before.h, kernel, 4 * hidden);
  const h = new Float32Array(before.h.length), c = new Float32Array(before.c.length);
  for (let s = 0; s < h.length; s++) {
    const i = inputGate(s, hidden), f = i + hidden, g = f + hidden, o = g + hidden;
    gates[i] = sigmoid(gates[i]);
    gates[f] = sigmoid(gates[f] + FORGET_BIAS);
    gates[g] = Math.tanh(gates[g]);
    gates[o] = sigmoid(gates[o]);
    c[s] = gates[f] * before.c[s] + gates[i] * gates[g];
    h[s] = gates[o] * Math.tanh(c[s]);
  }
  return { gates, h, c };
}

/**
 * The outputs h of all steps, [T x B, H], from their inputs, [T x B, 4H], and the state kernel, [H, 4H]:
 * differentiable by both. To be called inside `tf.tidy`.
 */
export function lstm(fed: tf.Tensor2D, kernel: tf.Tensor2D, steps: number): tf.Tensor2D {
  const hidden = kernel.shape[0];
  const start = lstmStart(fed.shape[0] / steps, hidden);
  const run = tf.customGrad((...inputs) => {
    const [fed, kernel, save] = inputs as unknown as [tf.Tensor2D, tf.Tensor2D, tf.GradSaveFunc];
    const fedToAll = fed.dataSync<"float32">(), size = fedToAll.length / steps;
    const kernelValues = kernel.dataSync<"float32">();
    const trace: Step[] = [];
    for (let t = 0; t < steps; t++) {
      trace.push(lstmStep(fedToAll.subarray(t * size, (t + 1) * size), kernelValues, trace[t - 1] ?? start));
    }
    save([kernel]);
    return {
      value: states(trace.map(({ h }) => h), hidden),
      gradFunc: (byOutputs, [kernel]) =>
        backward(byOutputs.dataSync() as Float32Array, kernel as tf.Tensor2D, trace, start),
    };
  });
  return run(fed, kernel) as tf.Tensor2D;
}

/** Gradients by the steps' inputs, [T x B, 4H], and by the kernel, from that by all outputs, [T x B, H]. */
function backward(byOutputs: Float32Array, kernel: tf.Tensor2D, trace: readonly Step[], start: LstmState) {
  const hidden = kernel.shape[0], size = start.h.length;
  const byFed = new Float32Array(4 * size * trace.length);
  const byC = new Float32Array(size); // gradients from later steps, as is byH
  let byH: Float32Array = new Float32Array(size);
  for (let t = trace.length - 1; t >= 0; t--) {
    const { gates, c } = trace[t], before = t > 0 ? trace[t - 1] : start;
    const byGates = byFed.subarray(4 * size * t, 4 * size * (t + 1));
    for (let s = 0; s < size; s++) {
      const i = inputGate(s, hidden), f = i + hidden, g = f + hidden, o = g + hidden;
      const tanhC = Math.tanh(c[s]);
      const byThisH = byH[s] + byOutputs[size * t + s];
      const byThisC = byC[s] + byThisH * gates[o] * (1 - tanhC ** 2);
      byGates[i] = byThisC * gates[g] * gates[i] * (1 - gates[i]);
      byGates[f] = byThisC * before.c[s] * gates[f] * (1 - gates[f]);
      byGates[g] = byThisC * gates[i] * (1 - gates[g] ** 2);
      byGates[o] = byThisH * tanhC * gates[o] * (1 - gates[o]);
      byC[s] = byThisC * gates[f];
    }
    byH = tf.matMul(states([byGates], 4 * hidden), kernel, false, true).dataSync<"float32">();
  }
  const fed = states([byFed], 4 * hidden);
  const before = states([start.h, ...trace.slice(0, -1).map(({ h }) => h)], hidden);
  return [fed, tf.matMul(before, fed, true, false)];
}

/** Where the input gate of element `s` of a state [B, H] stands in [B, 4H]; the other gates follow, H apart. */
function inputGate(s: number, hidden: number): number {
  return 4 * s - 3 * (s % hidden);
}

/** Stacks arrays of whole rows into a tensor with that many columns. */
function states(arrays: readonly Float32Array[], columns: number): tf.Tensor2D {
  const all = new Float32Array(arrays.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const array of arrays) {
    all.set(array, at);
    at += array.length;
  }
  return tf.tensor2d(all, [all.length / columns, columns]);
}

function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}
