/**
 * Optimisers and learning-rate schedules as data. Engines compile the update; the trainer asks `learningRate` for every
 * step. Weight decay is added to the gradient (L2) of convolution and dense kernels only.
 */

export type Optimizer =
  /** v = momentum v + g; w -= lr v. */
  | { readonly kind: "sgd"; readonly momentum: number; readonly weightDecay: number }
  /** s = decay s + (1 - decay) g^2; v = momentum v + g / (sqrt(s) + epsilon); w -= lr v. */
  | {
    readonly kind: "rmsprop";
    readonly decay: number;
    readonly momentum: number;
    readonly epsilon: number;
    readonly weightDecay: number;
  }
  /** Kingma & Ba 2015 with bias correction: w -= lr mHat / (sqrt(vHat) + epsilon). */
  | {
    readonly kind: "adam";
    readonly beta1: number;
    readonly beta2: number;
    readonly epsilon: number;
    readonly weightDecay: number;
  };

/**
 * The tensors that an optimiser keeps beside each parameter, of its shape, starting at 0; in the order they are saved.
 */
export const SLOTS: { readonly [Kind in Optimizer["kind"]]: readonly string[] } = {
  sgd: ["velocity"],
  rmsprop: ["square", "velocity"],
  adam: ["mean", "square"],
};

/** Whether the update depends on the number of updates (Adam's bias correction); saved as the slot `step`. */
export const COUNTS_STEPS: { readonly [Kind in Optimizer["kind"]]: boolean } = {
  sgd: false,
  rmsprop: false,
  adam: true,
};

/** SGD of He et al. 2015, §4.2: momentum 0.9, weight decay 1e-4, for a learning rate of 0.1. */
export const DEFAULT_OPTIMIZER: Optimizer = { kind: "sgd", momentum: 0.9, weightDecay: 1e-4 };

/** Each optimiser as published, with its learning rate and the same weight decay. */
export const OPTIMIZERS: {
  readonly [Kind in Optimizer["kind"]]: { readonly optimizer: Optimizer; readonly learningRate: number };
} = {
  sgd: { optimizer: DEFAULT_OPTIMIZER, learningRate: 0.1 },
  /** Tieleman & Hinton 2012, lecture 6.5: decay 0.9, learning rate 0.001, no momentum. */
  rmsprop: {
    optimizer: { kind: "rmsprop", decay: 0.9, momentum: 0, epsilon: 1e-8, weightDecay: 1e-4 },
    learningRate: 0.001,
  },
  /** The defaults of Kingma & Ba 2015, algorithm 1. */
  adam: {
    optimizer: { kind: "adam", beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 1e-4 },
    learningRate: 0.001,
  },
};

/**
 * - `constant`: the base rate.
 * - `step`: divided by 10 at 50 % and again at 75 % of the steps, as He et al. 2015, §4.2 (32k and 48k of 64k).
 * - `cosine`: base (1 + cos(pi step / steps)) / 2, from the base to 0 (Loshchilov & Hutter 2017, without restarts).
 * - `warm-cosine`: rises in equal parts to the base over the first tenth of the steps (as Goyal et al. 2017, §2.2, over
 *   5 of 90 epochs), then falls along the cosine.
 */
export type Schedule = "cosine" | "step" | "constant" | "warm-cosine";

const cosine = (progress: number) => (1 + Math.cos(Math.PI * progress)) / 2;

/** Of the base rate, at a step of so many. */
const FACTORS: { readonly [Kind in Schedule]: (step: number, steps: number) => number } = {
  cosine: (step, steps) => cosine(step / steps),
  step: (step, steps) => step < 0.5 * steps ? 1 : step < 0.75 * steps ? 0.1 : 0.01,
  constant: () => 1,
  "warm-cosine": (step, steps) => {
    const warm = Math.ceil(steps / 10);
    return step < warm ? (step + 1) / warm : cosine((step - warm) / (steps - warm));
  },
};

export const SCHEDULES = Object.keys(FACTORS) as readonly Schedule[];

/** Learning rate of step `step`, counted from 0, of `steps`. */
export function learningRate(schedule: Schedule, base: number, step: number, steps: number): number {
  return base * FACTORS[schedule](step, steps);
}
