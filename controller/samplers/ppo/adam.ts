/**
 * Adam (Kingma & Ba 2015, algorithm 1) over plain arrays, so that its moments are saved and restored exactly. The
 * optimiser of TensorFlow.js restores the powers of its decays only approximately.
 */
const BETA1 = 0.9;
const BETA2 = 0.999;
const EPSILON = 1e-8;

export class Adam {
  /** Steps done. */
  steps = 0;
  /** Running means of the gradient and of its square, one array for each array of weights. */
  readonly first: readonly Float32Array[];
  readonly second: readonly Float32Array[];

  constructor(sizes: readonly number[], readonly learningRate: number) {
    this.first = sizes.map((size) => new Float32Array(size));
    this.second = sizes.map((size) => new Float32Array(size));
  }

  /** One step down the gradients, in place: w -= rate * mHat / (sqrt(vHat) + epsilon). */
  descend(weights: readonly Float32Array[], gradients: readonly Float32Array[]): void {
    this.steps++;
    const correction1 = 1 - BETA1 ** this.steps;
    const correction2 = 1 - BETA2 ** this.steps;
    weights.forEach((values, at) => {
      const gradient = gradients[at], m = this.first[at], v = this.second[at];
      for (let i = 0; i < values.length; i++) {
        const g = gradient[i];
        m[i] = BETA1 * m[i] + (1 - BETA1) * g;
        v[i] = BETA2 * v[i] + (1 - BETA2) * g * g;
        values[i] -= this.learningRate * (m[i] / correction1) / (Math.sqrt(v[i] / correction2) + EPSILON);
      }
    });
  }
}
