/**
 * Gaussian process regression (Rasmussen & Williams 2006, chapter 2) over a fixed list of points, conditioned on one
 * observation after another. Where observations lie decides the variances and how much each moves every point; what was
 * observed there comes last, as a search standardises all its rewards anew whenever it has more of them.
 *
 * The prior has mean 0, variance 1 and the exponential kernel exp(-d / length), d being the root mean square of the
 * differences between two points' features: of the usual kernels the least smooth, and the least sensitive to its
 * length.
 */
export interface ProcessSettings {
  /** Distance at which the correlation falls to 1/e. */
  readonly length: number;
  /** Variance of an observation's error; that of the prior is 1. */
  readonly noise: number;
}

/** An observation: the point, and the gain, what a deviation of 1 in it does to every point. */
interface Observation {
  readonly at: number;
  readonly deviation: number;
  readonly gain: Float64Array;
}

export class GaussianProcess {
  /** Of the posterior, one per point. */
  readonly variance: Float64Array;
  readonly #observations: Observation[] = [];

  /**
   * Points are features of equal number. `kept` holds covariances of the same points from earlier processes, by the
   * index of a point, and receives those of this one: searches on one table share them.
   */
  constructor(
    readonly points: readonly Float32Array[],
    readonly settings: ProcessSettings,
    readonly kept: Map<number, Float32Array> = new Map(),
  ) {
    this.variance = new Float64Array(points.length).fill(1);
  }

  get observations(): number {
    return this.#observations.length;
  }

  /** Conditions on point `at` being observed. Costs points x (features + observations) multiply-adds. */
  observe(at: number): void {
    const deviation = Math.sqrt(this.variance[at] + this.settings.noise);
    const gain = Float64Array.from(this.#priorCovariances(at));
    for (const { gain: earlier } of this.#observations) {
      const share = earlier[at];
      for (let i = 0; i < gain.length; i++) gain[i] -= share * earlier[i];
    }
    for (let i = 0; i < gain.length; i++) {
      gain[i] /= deviation;
      this.variance[i] = Math.max(0, this.variance[i] - gain[i] ** 2);
    }
    this.#observations.push({ at, deviation, gain });
  }

  /** Means of the posterior, one per point, from the values observed, in the prior's deviations from its mean. */
  means(values: readonly number[]): Float64Array {
    const means = new Float64Array(this.points.length);
    this.#observations.forEach(({ at, deviation, gain }, index) => {
      const surprise = (values[index] - means[at]) / deviation;
      for (let i = 0; i < means.length; i++) means[i] += gain[i] * surprise;
    });
    return means;
  }

  /** Does `work`, and then forgets what was observed meanwhile, exactly. */
  async imagining<T>(work: () => Promise<T>): Promise<T> {
    const count = this.#observations.length, variance = this.variance.slice();
    try {
      return await work();
    } finally {
      this.#observations.length = count;
      this.variance.set(variance);
    }
  }

  /** Covariance between point `at` and every point. */
  #priorCovariances(at: number): Float32Array {
    let covariances = this.kept.get(at);
    if (!covariances) {
      const own = this.points[at], { length } = this.settings;
      covariances = Float32Array.from(this.points, (other) => {
        let sum = 0;
        for (let i = 0; i < own.length; i++) sum += (own[i] - other[i]) ** 2;
        return Math.exp(-Math.sqrt(sum / own.length) / length);
      });
      this.kept.set(at, covariances);
    }
    return covariances;
  }
}
