/**
 * The optimisers' updates, all parameters at once: parameters, gradients and slots are one vector each, so that an
 * update is a dozen operations and not a dozen for each of 65 tensors.
 */
import type { Optimizer } from "../../network/optimizer.ts";
import type { Constants } from "./expression.ts";
import type { Session, Tensor } from "./session.ts";

export interface Update {
  readonly session: Session;
  readonly constant: Constants;
  readonly weights: Tensor;
  readonly gradient: Tensor;
  /** In the order of `SLOTS`. */
  readonly slots: readonly Tensor[];
  readonly learningRate: number;
  /** Updates so far, this one included. */
  readonly step: number;
}

export interface Updated {
  readonly weights: Tensor;
  readonly slots: readonly Tensor[];
}

type Rule<Kind extends Optimizer["kind"]> = (
  update: Update,
  optimizer: Extract<Optimizer, { kind: Kind }>,
  algebra: Algebra,
) => Updated;

/** Formulas as in `child/network/optimizer.ts`. New tensors belong to the session's scope. */
export function update(optimizer: Optimizer, state: Update): Updated {
  const rule = RULES[optimizer.kind] as Rule<Optimizer["kind"]>;
  return rule(state, optimizer, algebraOf(state));
}

const RULES: { readonly [Kind in Optimizer["kind"]]: Rule<Kind> } = {
  sgd({ weights, gradient, slots: [velocity] }, { momentum }, { add, scale, descend }) {
    const v = add(scale(momentum, velocity), gradient);
    return { weights: descend(weights, v), slots: [v] };
  },

  rmsprop({ weights, gradient, slots: [square, velocity] }, { decay, momentum, epsilon }, algebra) {
    const { add, scale, squared, over, root, descend } = algebra;
    const s = add(scale(decay, square), scale(1 - decay, squared(gradient)));
    const v = add(scale(momentum, velocity), over(gradient, root(s), epsilon));
    return { weights: descend(weights, v), slots: [s, v] };
  },

  adam({ weights, gradient, slots: [mean, square], step }, { beta1, beta2, epsilon }, algebra) {
    const { add, scale, squared, over, root, descend } = algebra;
    const m = add(scale(beta1, mean), scale(1 - beta1, gradient));
    const s = add(scale(beta2, square), scale(1 - beta2, squared(gradient)));
    const meanHat = scale(1 / (1 - beta1 ** step), m);
    const squareHat = scale(1 / (1 - beta2 ** step), s);
    return { weights: descend(weights, over(meanHat, root(squareHat), epsilon)), slots: [m, s] };
  },
};

interface Algebra {
  add(left: Tensor, right: Tensor): Tensor;
  scale(factor: number, tensor: Tensor): Tensor;
  squared(tensor: Tensor): Tensor;
  root(tensor: Tensor): Tensor;
  /** numerator / (denominator + epsilon) */
  over(numerator: Tensor, denominator: Tensor, epsilon: number): Tensor;
  /** weights - learning rate * direction */
  descend(weights: Tensor, direction: Tensor): Tensor;
}

/** Factors change from step to step, so they are not constants of the program. */
function algebraOf({ session, constant, learningRate }: Update): Algebra {
  const scale = (factor: number, tensor: Tensor) => session.run("Mul", [tensor, session.scalar(factor)]);
  return {
    scale,
    add: (left, right) => session.run("AddV2", [left, right]),
    squared: (tensor) => session.run("Square", [tensor]),
    root: (tensor) => session.run("Sqrt", [tensor]),
    over: (numerator, denominator, epsilon) =>
      session.run("RealDiv", [numerator, session.run("AddV2", [denominator, constant(epsilon)])]),
    descend: (weights, direction) => session.run("Sub", [weights, scale(learningRate, direction)]),
  };
}
