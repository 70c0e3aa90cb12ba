/**
 * The policy: one LSTM layer that writes a candidate one prediction at a time. Each prediction is embedded and fed to
 * the next step; a softmax head for each kind of prediction turns the LSTM's output into probabilities. Tokens are
 * sampled from them, never taken by argmax, as a deterministic policy cannot explore.
 *
 * A position with a single choice (the inputs of the first core unit are always x) is no prediction: its token is 0, it
 * takes no step and has no probability.
 *
 * Weights live in plain arrays and become tensors only inside one piece of work, so that they are saved exactly and
 * no tensor leaks. Shapes below: B candidates, D predictions, H hidden units, V rows of the embedding.
 */
import { setImmediate as yieldToEventLoop } from "node:timers/promises";
import type { Random } from "../../../datasets/random.ts";
import type { ControllerSettings } from "./config.ts";
import { lstm, lstmStart, lstmStep } from "./lstm.ts";
import { addProduct } from "./matrix.ts";
import type { Position, SearchSpace } from "../../search_space.ts";
import { tf } from "./tensorflow.ts";

export interface Weight {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** The softmax shared by all predictions of one kind. */
interface Head {
  readonly name: string;
  readonly choices: number;
  /** Its predictions, as indices from 0 to D - 1. */
  readonly predictions: readonly number[];
  /** Row of the embedding that stands for its token 0; those of its other tokens follow. */
  readonly firstRow: number;
  /** Its kernel [H, choices] in the list of weights; its bias [choices] is the next one. */
  readonly kernel: number;
}

/** The policy's probabilities for given candidates; rows are D x B, head by head, in the same order every time. */
export interface Reading {
  /** Log-probability of each token of the candidates, [D x B]. */
  readonly logProbabilities: tf.Tensor1D;
  /** Entropy in nats of what each token was drawn from, [D x B]. */
  readonly entropies: tf.Tensor1D;
  /** Log-probability of every choice, a tensor per head, [its predictions x B, choices]. */
  readonly perHead: readonly tf.Tensor2D[];
}

type Tokens = readonly number[];

// The weights in front of those of the heads, in this order. Columns are by gate: input, forget, cell, output.
const EMBEDDING = 0; // [V, H]; row 0 is the first step's input
const INPUT_KERNEL = 1; // [H, 4H]
const STATE_KERNEL = 2; // [H, 4H]
const GATE_BIAS = 3; // [4H]
const FIRST_HEAD = 4;

/**
 * Maximum number of multiply-adds between two yields to the event loop, unless a single candidate takes more (one of
 * three core units takes 3.2e6 with 100 hidden units). No piece of an update then took over 20 ms of a quiet core, of
 * the 50 allowed (Zen 4 server, Deno 2.9.6, 2026-11-24), 10 of them in products at 0.3 to 0.4 multiply-adds per
 * nanosecond.
 */
export const MAX_MULTIPLY_ADDS_PER_PIECE = 3e6;

export class Policy {
  readonly weights: readonly Weight[];
  readonly #space: SearchSpace;
  readonly #hidden: number;
  /** Index in `space.positions` of each prediction. */
  readonly #positions: readonly number[];
  readonly #heads: readonly Head[];
  /** The head of each prediction. */
  readonly #headOf: readonly Head[];

  /** A new policy, its weights drawn from `random`: close to uniform over the space. */
  constructor(space: SearchSpace, settings: Pick<ControllerSettings, "hidden" | "initialRange">, random: Random) {
    const { hidden, initialRange } = settings;
    this.#space = space;
    this.#hidden = hidden;
    this.#positions = space.positions.flatMap(({ choices }, at) => choices.length > 1 ? [at] : []);
    this.#heads = headsOf(this.#positions.map((at) => space.positions[at]));
    this.#headOf = this.#positions.map((_, prediction) =>
      this.#heads.find((head) => head.predictions.includes(prediction))!
    );
    const last = this.#heads[this.#heads.length - 1];
    const shapes: (readonly [string, readonly number[]])[] = [
      ["embedding", [last.firstRow + last.choices, hidden]],
      ["input kernel", [hidden, 4 * hidden]],
      ["state kernel", [hidden, 4 * hidden]],
      ["gate bias", [4 * hidden]],
      ...this.#heads.flatMap(({ name, choices }) =>
        [[`${name} kernel`, [hidden, choices]], [`${name} bias`, [choices]]] as const
      ),
    ];
    this.weights = shapes.map(([name, shape]) => {
      const values = new Float32Array(shape.reduce((product, size) => product * size, 1));
      const isBias = shape.length === 1;
      return { name, shape, values: isBias ? values : values.map(() => (2 * random.uniform() - 1) * initialRange) };
    });
  }

  /** Number of predictions per candidate, D. */
  get predictions(): number {
    return this.#positions.length;
  }

  /** Multiply-adds of the loss of a candidate and its gradient, which costs twice as much as the loss. */
  get multiplyAdds(): number {
    return 3 * this.#headOf.reduce((sum, { choices }) => sum + this.#hidden * (8 * this.#hidden + choices), 0);
  }

  /** The candidates cut into pieces, each small enough to learn from before the next yield to the event loop. */
  pieces<T>(candidates: readonly T[]): readonly (readonly T[])[] {
    const size = Math.max(1, Math.floor(MAX_MULTIPLY_ADDS_PER_PIECE / this.multiplyAdds));
    return Array.from(
      { length: Math.ceil(candidates.length / size) },
      (_, piece) => candidates.slice(piece * size, (piece + 1) * size),
    );
  }

  /**
   * Draws the tokens of `count` candidates, one per position of the space. Above a temperature of 1, unlikely choices are
   * drawn more often.
   */
  async sample(count: number, random: Random, temperature = 1): Promise<readonly Tokens[]> {
    const candidates = Array.from({ length: count }, () => this.#space.positions.map(() => 0));
    const fedByRow = this.#affine(this.weights[EMBEDDING].values, INPUT_KERNEL, GATE_BIAS);
    for (const piece of this.pieces(candidates)) {
      this.#fillIn(piece, fedByRow, random, temperature);
      await yieldToEventLoop();
    }
    return candidates;
  }

  /**
   * Draws the predictions of a few candidates, step by step, in place. `fedByRow` is what each row of the embedding feeds
   * the gates, [V, 4H].
   */
  #fillIn(candidates: readonly number[][], fedByRow: Float32Array, random: Random, temperature: number): void {
    const gates = 4 * this.#hidden, fed = new Float32Array(candidates.length * gates);
    let rows = candidates.map(() => 0), state = lstmStart(candidates.length, this.#hidden);
    for (const [prediction, head] of this.#headOf.entries()) {
      rows.forEach((row, at) => fed.set(fedByRow.subarray(row * gates, (row + 1) * gates), at * gates));
      state = lstmStep(fed, this.weights[STATE_KERNEL].values, state);
      const logits = this.#affine(state.h, head.kernel, head.kernel + 1);
      rows = candidates.map((tokens, at) => {
        const token = draw(logits.subarray(at * head.choices, (at + 1) * head.choices), temperature, random);
        tokens[this.#positions[prediction]] = token;
        return head.firstRow + token;
      });
    }
  }

  /** Rows of inputs times a kernel plus a bias, both by their indices in the list of weights. */
  #affine(inputs: Float32Array, kernel: number, bias: number): Float32Array {
    const biases = this.weights[bias].values, columns = biases.length;
    const sums = new Float64Array(inputs.length / this.#hidden * columns);
    for (let at = 0; at < sums.length; at += columns) sums.set(biases, at);
    addProduct(sums, inputs, this.weights[kernel].values, columns);
    return new Float32Array(sums);
  }

  /** The weights as tensors, in order; the caller disposes of them. */
  tensors(): tf.Tensor[] {
    return this.weights.map(({ shape, values }) => tf.tensor(values, [...shape], "float32"));
  }

  /** Reads candidates with the given weights (those of `tensors`), differentiably; to be called inside `tf.tidy`. */
  read(weights: readonly tf.Tensor[], candidates: readonly Tokens[]): Reading {
    // All inputs are known beforehand, so that their share of the gates is one product: [D x B, 4H].
    const fed = this.#headOf.map((_, prediction) => candidates.map((tokens) => this.#rowFed(prediction, tokens)));
    const h = lstm(project(weights, fed.flat()), weights[STATE_KERNEL] as tf.Tensor2D, this.predictions);
    const outputs = tf.split(h, this.predictions) as tf.Tensor2D[];

    const perHead = this.#heads.map((head) =>
      logSoftmax(weights, head, tf.concat(head.predictions.map((prediction) => outputs[prediction])))
    );
    const chosen = this.#heads.map((head, at) => {
      const tokens = head.predictions.flatMap((p) => candidates.map((tokens) => tokens[this.#positions[p]]));
      return tf.sum(tf.mul(perHead[at], tf.oneHot(tf.tensor1d(tokens, "int32"), head.choices)), 1) as tf.Tensor1D;
    });
    const entropies = perHead.map((logP) => tf.neg(tf.sum(tf.mul(tf.exp(logP), logP), 1)) as tf.Tensor1D);
    return { logProbabilities: tf.concat(chosen), entropies: tf.concat(entropies), perHead };
  }

  /** Adds to `sums`, [positions][choices], the probabilities that a reading of `count` candidates gives each choice. */
  addProbabilities(sums: readonly number[][], reading: Reading, count: number): void {
    for (const sum of sums) if (sum.length === 1) sum[0] += count;
    this.#heads.forEach((head, at) => {
      const logP = reading.perHead[at].arraySync();
      head.predictions.forEach((prediction, nth) => {
        const sum = sums[this.#positions[prediction]];
        for (const row of logP.slice(nth * count, (nth + 1) * count)) {
          row.forEach((l, token) => sum[token] += Math.exp(l));
        }
      });
    });
  }

  /** Row of the embedding that is a step's input: the prediction before it, or row 0 at the start. */
  #rowFed(prediction: number, tokens: Tokens): number {
    if (prediction === 0) return 0;
    return this.#headOf[prediction - 1].firstRow + tokens[this.#positions[prediction - 1]];
  }
}

/** Predictions of one kind and number of choices share a head. */
function headsOf(predictions: readonly Position[]): readonly Head[] {
  const nameOf = ({ kind, choices }: Position) => kind === "input" ? `input of ${choices.length}` : kind;
  const names = [...new Set(predictions.map(nameOf))];
  let row = 1;
  return names.map((name, nth) => {
    const made = predictions.flatMap((position, at) => nameOf(position) === name ? [at] : []);
    const choices = predictions[made[0]].choices.length;
    const firstRow = row;
    row += choices;
    return { name, choices, predictions: made, firstRow, kernel: FIRST_HEAD + 2 * nth };
  });
}

/** The share of the gates that comes from the steps' inputs: rows of the embedding -> [rows, 4H]. */
function project(weights: readonly tf.Tensor[], rows: readonly number[]): tf.Tensor2D {
  // A product with one-hot rows instead of a gather, whose gradient costs the CPU backend V passes over its input.
  const oneHot = tf.oneHot(tf.tensor1d([...rows], "int32"), weights[EMBEDDING].shape[0]);
  const embedded = tf.matMul(tf.cast(oneHot, "float32"), weights[EMBEDDING]); // [rows, H]
  return tf.add(tf.matMul(embedded, weights[INPUT_KERNEL]), weights[GATE_BIAS]);
}

/** [rows, H] -> log-probabilities of the head's choices, [rows, choices]. */
function logSoftmax(weights: readonly tf.Tensor[], head: Head, h: tf.Tensor2D): tf.Tensor2D {
  return tf.logSoftmax(tf.add(tf.matMul(h, weights[head.kernel]), weights[head.kernel + 1]));
}

/** A token drawn by the softmax of the logits divided by the temperature. */
function draw(logits: Float32Array, temperature: number, random: Random): number {
  const highest = Math.max(...logits);
  const weights = Array.from(logits, (logit) => Math.exp((logit - highest) / temperature));
  let left = random.uniform() * weights.reduce((sum, weight) => sum + weight, 0);
  const last = weights.length - 1;
  for (let token = 0; token < last; token++) {
    left -= weights[token];
    if (left < 0) return token;
  }
  return last;
}
