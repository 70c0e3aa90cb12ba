/**
 * Gaussian process regression (Rasmussen & Williams 2006, chapter 2) over a fixed list of points, conditioned on one
 * observation after another: after each, `mean` and `variance` are those of the posterior at every point.
 *
 * The prior has mean 0, variance 1 and the exponential kernel exp(-d / length), d being the root mean square of the differences
 * between two points' features: of the usual kernels the least smooth, and the least sensitive to its length.
 */
export interface ProcessSettings {
  /** Distance at which the correlation falls to 1/e. */
  readonly length: number;
  /** Variance of an observation's error; that of the prior is 1. */
  readonly noise: number;
}

export class GaussianProcess {
  /** Of the posterior, one a point. */
  readonly mean: Float64Array;
  readonly variance: Float64Array;
  readonly #points: readonly Float32Array[];
  readonly #settings: ProcessSettings;
  /** For each observation, how far a deviation of 1 in it moves every point. */
  readonly #gains: Float64Array[] = [];

  /** Points are features of equal number. */
  constructor(points: readonly Float32Array[], settings: ProcessSettings) {
    this.#points = points;
    this.#settings = settings;
    this.mean = new Float64Array(points.length);
    this.variance = new Float64Array(points.length).fill(1);
  }

  /** Conditions on the value of point `at`, in the prior's deviations from its mean. */
  observe(at: number, value: number): void {
    const deviation = Math.sqrt(this.variance[at] + this.#settings.noise);
    const surprise = (value - this.mean[at]) / deviation;
    const gain = this.#priorCovariances(at);
    for (const earlier of this.#gains) {
      const share = earlier[at];
      for (let i = 0; i < gain.length; i++) gain[i] -= share * earlier[i];
    }
    for (let i = 0; i < gain.length; i++) {
      gain[i] /= deviation;
      this.mean[i] += gain[i] * surprise;
      this.variance[i] = Math.max(0, this.variance[i] - gain[i] ** 2);
    }
    this.#gains.push(gain);
  }

  /** Between point `at` and every point. */
  #priorCovariances(at: number): Float64Array {
    const own = this.#points[at], { length } = this.#settings;
    return Float64Array.from(this.#points, (other) => {
      let sum = 0;
      for (let i = 0; i < own.length; i++) sum += (own[i] - other[i]) ** 2;
      return Math.exp(-Math.sqrt(sum / own.length) / length);
    });
  }
}
