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
