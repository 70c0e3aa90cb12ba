/** What the form of an expression shows about its sign. */
import { type BinaryName, remembered } from "./expression.ts";
import { UNARY_FUNCTIONS } from "./functions.ts";

/** Whether no x makes it negative, nor -0, as far as its form shows. */
export const isNeverNegative = remembered((e): boolean => {
  switch (e.kind) {
    case "number":
      return e.value > 0 || Object.is(e.value, 0);
    case "unary":
      return UNARY_FUNCTIONS[e.name].neverNegative ?? false;
    case "power":
      return e.exponent % 2 === 0 || isNeverNegative(e.base);
    case "binary":
      return NEVER_NEGATIVE_IF[e.name](isNeverNegative(e.left), isNeverNegative(e.right));
    default:
      return false;
  }
});

const NEVER_NEGATIVE_IF: Readonly<Record<BinaryName, (left: boolean, right: boolean) => boolean>> = {
  add: (left, right) => left && right,
  sub: () => false,
  mul: (left, right) => left && right,
  div: (left, right) => left && right,
  max: (left, right) => left || right,
  min: (left, right) => left && right,
};
