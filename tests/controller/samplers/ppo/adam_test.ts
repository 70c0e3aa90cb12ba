import { assert, assertAlmostEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { Adam } from "../../../../controller/samplers/ppo/adam.ts";
import { Random } from "../../../../datasets/random.ts";

describe("adam", () => {
  it("moves weights as algorithm 1 of Kingma & Ba does in float64", () => {
    const random = new Random(1), rate = 0.01;
    const weights = [Float32Array.of(0.5, -0.25, 2), Float32Array.of(1)];
    const adam = new Adam([3, 1], rate);
    const expected = weights.map((values) => Array.from(values));
    const m = expected.map((values) => values.map(() => 0)), v = expected.map((values) => values.map(() => 0));
    for (let t = 1; t <= 30; t++) {
      const gradients = weights.map((values) => values.map(() => random.normal()));
      adam.descend(weights, gradients);
      gradients.forEach((gradient, at) =>
        gradient.forEach((g, i) => {
          m[at][i] = 0.9 * m[at][i] + 0.1 * g;
          v[at][i] = 0.999 * v[at][i] + 0.001 * g ** 2;
          const mHat = m[at][i] / (1 - 0.9 ** t), vHat = v[at][i] / (1 - 0.999 ** t);
          expected[at][i] -= rate * mHat / (Math.sqrt(vHat) + 1e-8);
        })
      );
    }
    expected.forEach((values, at) => values.forEach((value, i) => assertAlmostEquals(weights[at][i], value, 2e-6)));
    assert(Math.abs(expected[0][0] - 0.5) > 0.01, "the weights have hardly moved");
  });
});
