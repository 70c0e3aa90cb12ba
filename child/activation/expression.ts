/**
 * An expression is a scalar function of the preactivation `x`, as a tree. Its text form is parsed by `parse.ts` and
 * printed by `print.ts`; `functions.ts` says what each named function computes.
 *
 * `x` is the preactivation and `b` is beta, a trainable parameter with one value a channel at each place it is used.
 */

/** Functions of one argument. Those after `relu` arise only as derivatives and cannot be written by a user. */
export type UnaryName =
  | "neg"
  | "abs"
  | "sqrt" // sqrt(max(x, 0))
  | "log"
  | "exp"
  | "sin"
  | "cos"
  | "sinh"
  | "cosh"
  | "tanh"
  | "asinh"
  | "atan"
  | "sinc" // sin(x) / x, 1 at 0
  | "sigmoid"
  | "softplus" // log(1 + exp(x))
  | "gauss" // exp(-x^2)
  | "erf"
  | "relu"
  | "sign" // derivative of abs: -1, 0 or 1
  | "step" // derivative of relu: 1 where x > 0, else 0
  | "dsqrt" // derivative of sqrt: 0.5 / sqrt(x) where x > 0, else 0
  | "dsinc"; // derivative of sinc: (cos(x) - sinc(x)) / x, 0 at 0

/** Functions of two arguments. `greater` arises only as a derivative: 1 where left > right, else 0. */
export type BinaryName = "add" | "sub" | "mul" | "div" | "max" | "min" | "greater";

export type Expression =
  | { readonly kind: "x" }
  | { readonly kind: "b" }
  | { readonly kind: "number"; readonly value: number }
  | { readonly kind: "unary"; readonly name: UnaryName; readonly argument: Expression }
  | { readonly kind: "binary"; readonly name: BinaryName; readonly left: Expression; readonly right: Expression }
  /** `exponent` is an integer, possibly negative. */
  | { readonly kind: "power"; readonly base: Expression; readonly exponent: number };

/** What a child is trained with: an expression, what the user called it, and where its beta starts. */
export interface Activation {
  /** What the user typed or the catalogue calls it, for display. */
  readonly name: string;
  readonly expression: Expression;
  /** Initial value of every beta; 1 unless the catalogue says otherwise (PReLU starts at 0.25). */
  readonly betaStart: number;
}
