import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { PAPER_CONTROLLER } from "../../../../controller/samplers/ppo/config.ts";
import { MAX_MULTIPLY_ADDS_PER_PIECE, Policy } from "../../../../controller/samplers/ppo/rnn.ts";
import { SearchSpace } from "../../../../controller/search_space.ts";
import { tf } from "../../../../controller/samplers/ppo/tensorflow.ts";
import { Random } from "../../../../datasets/random.ts";
import { distributions, oracleWeights } from "./policy_oracle.ts";

/** Weights far from 0, biases too, so that every part of the network matters. */
function loudPolicy(units: 1 | 2 | 3, hidden = 5): Policy {
  const policy = new Policy(new SearchSpace(units), { hidden, initialRange: 1.2 }, new Random(units));
  const random = new Random(77);
  for (const { name, values } of policy.weights) {
    if (name.endsWith("bias")) values.forEach((_, i) => values[i] = random.normal());
  }
  return policy;
}

/** Probabilities the policy gives to every choice of every position, for one candidate. */
function probabilitiesOf(policy: Policy, space: SearchSpace, tokens: readonly number[]): number[][] {
  const sums = space.positions.map(({ choices }) => choices.map(() => 0));
  tf.tidy(() => policy.addProbabilities(sums, policy.read(policy.tensors(), [tokens]), 1));
  return sums;
}

describe("policy", () => {
  for (const units of [1, 2, 3] as const) {
    it(`gives ${units} core units the probabilities of a float64 LSTM`, () => {
      const space = new SearchSpace(units), policy = loudPolicy(units), random = new Random(5);
      for (let n = 0; n < 5; n++) {
        const tokens = space.positions.map(({ choices }) => random.integer(choices.length));
        const expected = distributions(oracleWeights(policy.weights), space.positions, tokens);
        const actual = probabilitiesOf(policy, space, tokens).filter((row) => row.length > 1);
        assertEquals(actual.map((row) => row.length), expected.map((row) => row.length));
        actual.forEach((row, at) => row.forEach((p, token) => assertAlmostEquals(p, expected[at][token], 2e-6)));
      }
    });
  }

  it("reads the same candidate the same whatever others it is read with", () => {
    const space = new SearchSpace(2), policy = loudPolicy(2), random = new Random(6);
    const candidates = Array.from(
      { length: 3 },
      () => space.positions.map(({ choices }) => random.integer(choices.length)),
    );
    const together = tf.tidy(() => policy.read(policy.tensors(), candidates).logProbabilities.arraySync());
    candidates.forEach((tokens, at) => {
      const alone = tf.tidy(() => policy.read(policy.tensors(), [tokens]).logProbabilities.arraySync());
      assertEquals(alone, together.filter((_, row) => row % 3 === at));
    });
  });

  it("samples each token with the probability that the network gives it, far from always the likeliest", async () => {
    const space = new SearchSpace(1), policy = loudPolicy(1, 3), draws = 4_000;
    const candidates = await policy.sample(draws, new Random(9));
    // Exact marginal probabilities of the third prediction, by summing over all that can come before it.
    const weights = oracleWeights(policy.weights);
    const [first] = distributions(weights, space.positions, [0, 0, 0, 0, 0]);
    const last = new Array<number>(10).fill(0);
    first.forEach((p1, u1) => {
      const [, second] = distributions(weights, space.positions, [0, 0, u1, 0, 0]);
      second.forEach((p2, u2) => {
        const [, , third] = distributions(weights, space.positions, [0, 0, u1, u2, 0]);
        third.forEach((p3, b) => last[b] += p1 * p2 * p3);
      });
    });
    for (const [at, expected] of [[2, first], [4, last]] as const) {
      expected.forEach((p, token) => {
        const seen = candidates.filter((tokens) => tokens[at] === token).length;
        const deviation = Math.sqrt(draws * p * (1 - p));
        assert(Math.abs(seen - draws * p) <= 4.5 * deviation, `token ${token} at ${at}: ${seen} of ${draws}, p = ${p}`);
      });
    }
    assert(Math.max(...first) < 0.9, "the test is of no use where one token is nearly certain");
  });

  it("gives a position with one choice token 0, certainty and no step of the network", async () => {
    const space = new SearchSpace(2), policy = loudPolicy(2);
    assertEquals(policy.predictions, 8);
    const candidates = await policy.sample(10, new Random(1));
    for (const tokens of candidates) {
      assertEquals(tokens.slice(0, 2), [0, 0]);
      space.check(tokens);
    }
    assertEquals(probabilitiesOf(policy, space, candidates[0]).slice(0, 2), [[1], [1]]);
  });

  it("starts with weights uniform in ± 0.1, nearly indifferent among all choices", () => {
    const space = new SearchSpace(2), policy = new Policy(space, PAPER_CONTROLLER, new Random(1));
    for (const { name, shape, values } of policy.weights) {
      const largest = values.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
      if (shape.length === 1) assertEquals(largest, 0, name);
      else assert(largest <= 0.1 && largest > 0.09, `${name}: largest weight ${largest}`);
    }
    for (const row of probabilitiesOf(policy, space, space.positions.map(() => 0))) {
      row.forEach((p) => assert(Math.abs(p * row.length - 1) < 0.2, `${p} of ${row.length} choices`));
    }
  });

  it("is cut into pieces of bounded work, none over a candidate of three units too much", () => {
    for (const units of [1, 2, 3] as const) {
      const policy = new Policy(new SearchSpace(units), PAPER_CONTROLLER, new Random(1));
      const candidates = Array.from({ length: 20 }, (_, at) => at);
      const pieces = policy.pieces(candidates);
      assertEquals(pieces.flat(), candidates);
      for (const piece of pieces) {
        const work = piece.length * policy.multiplyAdds;
        assert(
          work <= MAX_MULTIPLY_ADDS_PER_PIECE || (piece.length === 1 && work <= 3.25e6),
          `${units} units: ${work}`,
        );
      }
    }
  });
});
