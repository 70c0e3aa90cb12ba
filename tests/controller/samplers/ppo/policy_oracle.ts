/**
 * The policy and its loss in float64, as obvious loops over one candidate at a time: the judge of `rnn.ts` and
 * `ppo.ts`. It shares nothing with them but the names of the weights and their layout.
 */
import type { Weight } from "../../../../controller/samplers/ppo/rnn.ts";
import type { Position } from "../../../../controller/search_space.ts";

/** Weights by name, as float64. */
export type OracleWeights = Readonly<Record<string, Float64Array>>;

/** Of one prediction: the probabilities of all choices. */
export type Distribution = readonly number[];

export function oracleWeights(weights: readonly Weight[]): OracleWeights {
  return Object.fromEntries(weights.map(({ name, values }) => [name, Float64Array.from(values)]));
}

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

/** Name of the head of a position, and null for one with a single choice, which is not predicted. */
function headOf({ kind, choices }: Position): string | null {
  if (choices.length === 1) return null;
  return kind === "input" ? `input of ${choices.length}` : kind;
}

/** Probabilities of every choice of every prediction of a candidate, in order. */
export function distributions(w: OracleWeights, space: readonly Position[], tokens: readonly number[]): Distribution[] {
  const hidden = w["gate bias"].length / 4;

  // Row 0 of the embedding is the start; then come the tokens of each head, heads in the order they first occur.
  const firstRow = new Map<string, number>();
  let rows = 1;
  for (const position of space) {
    const head = headOf(position);
    if (head === null || firstRow.has(head)) continue;
    firstRow.set(head, rows);
    rows += position.choices.length;
  }

  const result: Distribution[] = [];
  let h = new Array<number>(hidden).fill(0), c = new Array<number>(hidden).fill(0), row = 0;
  space.forEach((position, at) => {
    const head = headOf(position);
    if (head === null) return;
    const gates = Array.from(w["gate bias"], (bias, column) => {
      let sum = bias;
      for (let k = 0; k < hidden; k++) {
        sum += w.embedding[row * hidden + k] * w["input kernel"][k * 4 * hidden + column];
        sum += h[k] * w["state kernel"][k * 4 * hidden + column];
      }
      return sum;
    });
    const gate = (which: number, k: number) => gates[which * hidden + k];
    c = c.map((value, k) => sigmoid(gate(1, k) + 1) * value + sigmoid(gate(0, k)) * Math.tanh(gate(2, k)));
    h = c.map((value, k) => sigmoid(gate(3, k)) * Math.tanh(value));
    const choices = position.choices.length;
    const exponentials = position.choices.map((_, token) => {
      let logit = w[`${head} bias`][token];
      for (let k = 0; k < hidden; k++) logit += h[k] * w[`${head} kernel`][k * choices + token];
      return Math.exp(logit);
    });
    const total = exponentials.reduce((sum, value) => sum + value, 0);
    result.push(exponentials.map((value) => value / total));
    row = firstRow.get(head)! + tokens[at];
  });
  return result;
}

/** Log-probability of each prediction of a candidate, in order. */
export function logProbabilities(w: OracleWeights, space: readonly Position[], tokens: readonly number[]): number[] {
  const chosen = space.flatMap((position, at) => headOf(position) === null ? [] : [tokens[at]]);
  return distributions(w, space, tokens).map((distribution, at) => Math.log(distribution[chosen[at]]));
}

/** PPO's loss of a batch, a mean over its predictions; `before` are their log-probabilities when they were proposed. */
export function loss(
  w: OracleWeights,
  space: readonly Position[],
  batch: readonly { tokens: readonly number[]; advantage: number; before: readonly number[] }[],
  clip: number,
  entropyWeight: number,
): number {
  let sum = 0, count = 0;
  for (const { tokens, advantage, before } of batch) {
    logProbabilities(w, space, tokens).forEach((now, at) => {
      const ratio = Math.exp(now - before[at]);
      const clipped = Math.min(Math.max(ratio, 1 - clip), 1 + clip);
      sum += Math.min(ratio * advantage, clipped * advantage);
      count++;
    });
    for (const distribution of distributions(w, space, tokens)) {
      for (const p of distribution) sum -= entropyWeight * p * Math.log(p);
    }
  }
  return -sum / count;
}
