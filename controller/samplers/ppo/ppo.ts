/**
 * The ppo sampler: candidates sampled from the policy of `rnn.ts`, which learns by proximal policy optimisation
 * (Schulman et al. 2017) as the paper's controller did: the reward of a candidate, less a moving average of rewards, is
 * the advantage of every token in it; there is no value network. `learn` is the whole algorithm, top to bottom.
 *
 * With the setting `screen` it draws more than it proposes, and proposes the most promising of these, and of what others
 * found, by what is predicted from the functions judged so far (`prediction.ts`): a policy learns slowly, and a regressor
 * on what functions look like, quickly.
 *
 * A draw may have been proposed before, or be useless: then the policy draws again, eventually at a rising temperature,
 * and does not learn from the rejected draw. When it learned from repeats, it collapsed to a handful of functions
 * within a few hundred candidates and had nothing new to propose.
 */
import { setImmediate as yieldToEventLoop } from "node:timers/promises";
import { Random, type RandomState } from "../../../datasets/random.ts";
import { Adam } from "./adam.ts";
import { BatchSampler, type KnownFunction, type Learnt } from "../batch_sampler.ts";
import type { FunctionFacts } from "../function_facts.ts";
import type { ControllerSettings } from "./config.ts";
import { processOf, samplesOf, takeHopeful, Turns } from "../prediction.ts";
import { Policy, type Reading } from "./rnn.ts";
import type { Judged } from "../sampler.ts";
import type { SamplerState } from "../sampler_state.ts";
import { tf } from "./tensorflow.ts";

interface Own {
  readonly random: RandomState;
  /** Moving average of rewards; null before the first. */
  readonly baseline: number | null;
  /** Adam steps done. */
  readonly steps: number;
}

/** A few candidates of a batch, few enough to learn from between two yields to the event loop. */
interface Piece {
  readonly tokens: readonly (readonly number[])[];
  readonly advantages: readonly number[];
}

/**
 * Temperatures of successive draws for the candidates still missing; after the last, they are drawn uniformly from the
 * rest.
 */
const TEMPERATURES = [1, 1, 1, 1, 1.5, 1.5, 2, 2, 3, 3];

/** Functions judged before draws are screened: a batch of the laptop preset (2026-11-27_mirror_images.md). */
const LEAST_SAMPLES = 10;
/** Deviations added to a prediction: more were not shown to help (2026-11-27_mirror_images.md). */
const HOPE = 0;

export class PpoSampler extends BatchSampler<Own> {
  readonly name: string = "ppo";
  readonly #settings: ControllerSettings;
  readonly #policy: Policy;
  readonly #adam: Adam;
  #random: Random;
  #baseline: number | null = null;

  constructor(facts: FunctionFacts, seed: number, settings: ControllerSettings) {
    super(facts);
    const random = new Random(seed).split("controller");
    this.#settings = settings;
    this.#policy = new Policy(this.space, settings, random.split("weights"));
    this.#adam = new Adam(this.#policy.weights.map(({ values }) => values.length), settings.learningRate);
    this.#random = random.split("samples");
  }

  protected async propose(count: number): Promise<readonly (readonly number[])[]> {
    const proposed = await this.#screened(count);
    if (proposed.length === count) return proposed;
    for (const temperature of TEMPERATURES) {
      const drawn = await this.#policy.sample(count - proposed.length, this.#random, temperature);
      proposed.push(...drawn.filter((tokens) => this.take(tokens)));
      if (proposed.length === count) return proposed;
    }
    return [...proposed, ...this.takeSeveral(count - proposed.length, this.#random)];
  }

  /**
   * With `screen`, of so many draws for each candidate wanted, and of what others found, the most promising; none before
   * there is enough to predict from.
   */
  async #screened(count: number): Promise<(readonly number[])[]> {
    const { screen } = this.#settings;
    if (screen === 1 || this.known.length + this.told.length < LEAST_SAMPLES) return [];
    const samples = samplesOf(this.facts, this.known, this.told), first = samples.length, turns = new Turns();
    const drawn = [...await this.#drawFree(count * screen), ...this.foundElsewhere()];
    const process = await processOf(samples, drawn.map((tokens) => this.facts.featuresOf(tokens)), turns);
    const among = drawn.map((_, at) => first + at), take = (at: number) => this.take(drawn[at - first]);
    const taken = await takeHopeful(process, samples, { hope: HOPE, count, among, take }, turns);
    return taken.map((at) => drawn[at - first]);
  }

  /** Draws of as many functions that may be proposed, or of fewer where the policy hardly draws others. */
  async #drawFree(count: number): Promise<readonly (readonly number[])[]> {
    const drawn = new Map<string, readonly number[]>();
    for (const temperature of TEMPERATURES) {
      for (const tokens of await this.#policy.sample(count - drawn.size, this.#random, temperature)) {
        if (this.isFree(tokens)) drawn.set(this.factsOf(tokens).fingerprint, tokens);
      }
      if (drawn.size === count) break;
    }
    return [...drawn.values()];
  }

  /**
   * Learns from members of the space as if it had proposed them, one batch at a time. The baseline stays that of what it
   * proposed itself, as another child's rewards may be higher or lower throughout.
   */
  protected override async learnKnown(known: readonly KnownFunction[]): Promise<void> {
    const judged = known.flatMap(({ tokens, reward }) => tokens ? [{ tokens, reward }] : []), baseline = this.#baseline;
    for (let at = 0; at < judged.length; at += this.#settings.batch) {
      await this.learn(judged.slice(at, at + this.#settings.batch));
    }
    this.#baseline = baseline;
  }

  protected async learn(batch: readonly Judged[]): Promise<Learnt> {
    const { epochs, baselineDecay } = this.#settings;
    const weights = this.#policy.weights.map(({ values }) => values);
    // Advantage: how much better than usual. The first batch, without a history, is compared with its own mean.
    const worth = this.#worthAmong([...this.told, ...batch]), values = batch.map(({ reward }) => worth(reward));
    let baseline = this.#baseline ?? mean(values);
    const learnt = [...batch, ...this.#elitesBefore(batch)];
    const judged = learnt.map(({ tokens, reward }) => ({ tokens, advantage: worth(reward) - baseline }));
    for (const value of values) baseline = baselineDecay * baseline + (1 - baselineDecay) * value;
    this.#baseline = baseline;

    // The probabilities before learning: of the batch, those under which it was proposed.
    const pieces: Piece[] = this.#policy.pieces(judged).map((piece) => ({
      tokens: piece.map(({ tokens }) => tokens),
      advantages: piece.map(({ advantage }) => advantage),
    }));
    const before = await this.#eachPiece(pieces, (piece) => this.#logProbabilities(piece));

    const rows = judged.length * this.#policy.predictions;

    // Epochs: the gradient of the whole batch, a piece at a time, then one step of Adam.
    let loss = 0;
    for (let epoch = 0; epoch < epochs; epoch++) {
      const gradients = weights.map((values) => new Float32Array(values.length));
      const losses = await this.#eachPiece(
        pieces,
        (piece, at) => this.#addGradients(gradients, piece, before[at], rows),
      );
      loss = losses.reduce((sum, part) => sum + part, 0);
      this.#adam.descend(weights, gradients);
    }

    // How the policy changed, measured on the same candidates.
    const sums = this.space.positions.map(({ choices }) => choices.map(() => 0));
    const after = await this.#eachPiece(pieces, (piece) => this.#describe(piece, sums));
    const changes = after.flatMap(({ logProbabilities }, at) =>
      logProbabilities.map((now, row) => now - before[at][row])
    );
    const entropy = mean(after.flatMap(({ entropies }) => entropies));
    // Schulman's low-variance estimate from the proposed tokens, http://joschu.net/blog/kl-approx.html
    const kl = mean(changes.map((change) => Math.exp(change) - 1 - change));
    return {
      metrics: [
        { name: "baseline", label: "baseline", unit: "reward", value: baseline },
        { name: "entropy", label: "entropy", unit: "nats", value: entropy },
        { name: "kl", label: "KL divergence", unit: "nats", value: kl },
        { name: "loss", label: "loss", unit: "", value: loss },
      ],
      // A token's probability depends on those before it; shown is its mean over the batch's prefixes.
      probabilities: sums.map((row) => row.map((sum) => sum / judged.length)),
    };
  }

  /** What a reward is worth: itself, or with `ranked` the share of those told that it beats, in [0, 1]. */
  #worthAmong(told: readonly Judged[]): (reward: number) => number {
    if (!this.#settings.ranked) return (reward) => reward;
    return (reward) => mean(told.map((other) => reward > other.reward ? 1 : reward === other.reward ? 0.5 : 0));
  }

  /** The `elites` best functions told before, which are learned from again; none of the batch. */
  #elitesBefore(batch: readonly Judged[]): readonly Judged[] {
    const seen = new Set(batch.map(({ tokens }) => tokens.join()));
    return this.told.filter(({ tokens }) => !seen.has(tokens.join())).toSorted((a, b) => b.reward - a.reward)
      .slice(0, this.#settings.elites);
  }

  #logProbabilities({ tokens }: Piece): readonly number[] {
    return this.#policy.read(this.#policy.tensors(), tokens).logProbabilities.arraySync();
  }

  /** Adds a piece's share of the gradients of the loss to `gradients`, and returns its share of the loss. */
  #addGradients(gradients: readonly Float32Array[], piece: Piece, before: readonly number[], rows: number): number {
    const { value, grads } = tf.valueAndGrads((...weights) =>
      tf.div(ppoLoss(this.#policy.read(weights, piece.tokens), before, piece.advantages, this.#settings), rows)
    )(this.#policy.tensors());
    grads.forEach((gradient, at) => {
      const sum = gradients[at], share = gradient.dataSync();
      for (let i = 0; i < sum.length; i++) sum[i] += share[i];
    });
    return value.dataSync()[0];
  }

  #describe({ tokens }: Piece, sums: readonly number[][]) {
    const reading = this.#policy.read(this.#policy.tensors(), tokens);
    this.#policy.addProbabilities(sums, reading, tokens.length);
    return { logProbabilities: reading.logProbabilities.arraySync(), entropies: reading.entropies.arraySync() };
  }

  /** Works through the pieces without leaving tensors behind, yielding to the event loop after each. */
  async #eachPiece<T>(pieces: readonly Piece[], work: (piece: Piece, at: number) => T): Promise<readonly T[]> {
    const results: T[] = [];
    for (const [at, piece] of pieces.entries()) {
      tf.tidy(() => void results.push(work(piece, at)));
      await yieldToEventLoop();
    }
    return results;
  }

  protected save(): SamplerState<Own> {
    return {
      header: {
        random: this.#random.state(),
        baseline: this.#baseline,
        steps: this.#adam.steps,
      },
      arrays: this.#arrays(),
    };
  }

  protected load({ header, arrays }: SamplerState<Own>): void {
    const own = this.#arrays();
    if (arrays.length !== own.length || arrays.some(({ length }, at) => length !== own[at].length)) {
      throw new RangeError(
        `Cannot restore the sampler ${this.name} of ${this.#settings.hidden} hidden units as the state has weights of other ` +
          `sizes: ${arrays.map(({ length }) => length).join(", ")}`,
      );
    }
    this.#random = Random.from(header.random);
    this.#baseline = header.baseline;
    this.#adam.steps = header.steps;
    own.forEach((values, at) => values.set(arrays[at]));
  }

  /** Everything that learning changes, besides a few numbers. */
  #arrays(): readonly Float32Array[] {
    return [...this.#policy.weights.map(({ values }) => values), ...this.#adam.first, ...this.#adam.second];
  }
}

/**
 * The loss to minimise: the clipped objective of PPO (Schulman et al. 2017, equation 7) and the entropy
 * bonus, negated and summed over the rows of the reading. The probability ratio of each token is clipped on its own.
 *
 * `before` are the log-probabilities of the rows when the candidates were proposed; `advantages` has one per candidate.
 */
export function ppoLoss(
  { logProbabilities, entropies }: Pick<Reading, "logProbabilities" | "entropies">,
  before: readonly number[],
  advantages: readonly number[],
  { clip, entropyWeight }: Pick<ControllerSettings, "clip" | "entropyWeight">,
): tf.Scalar {
  const ratio = tf.exp(tf.sub(logProbabilities, tf.tensor1d([...before])));
  const advantage = tf.tile(tf.tensor1d([...advantages]), [before.length / advantages.length]);
  const clipped = tf.clipByValue(ratio, 1 - clip, 1 + clip);
  const objective = tf.minimum(tf.mul(ratio, advantage), tf.mul(clipped, advantage));
  return tf.neg(tf.add(tf.sum(objective), tf.mul(tf.sum(entropies), entropyWeight)));
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
