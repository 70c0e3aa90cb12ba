/** Seeded random expressions for the property tests: of the text form, and of the search space; and mirror images. */
import type { Random } from "../../../datasets/random.ts";
import type { Expression, UnaryName } from "../../../child/activation/expression.ts";
import { B, binary, number, power, select, unary, X } from "../../../child/activation/expression.ts";
import { BINARY_FUNCTIONS, UNARY_FUNCTIONS } from "../../../child/activation/functions.ts";
import { PAPER_BINARY, PAPER_UNARY } from "../../../child/activation/paper_functions.ts";

const NUMBERS: readonly number[] = [
  0,
  -0,
  1,
  -1,
  2,
  0.5,
  -2.5,
  1e-5,
  1 / 3,
  -1 / 7,
  1e21,
  1.7976931348623157e308,
  5e-324,
  123456789.125,
];

function pick<T>(random: Random, choices: readonly T[]): T {
  return choices[random.nextUint32() % choices.length];
}

/** Every name that users can write, by call or operator. */
export const WRITTEN_UNARY = namesWritten(UNARY_FUNCTIONS);
const WRITTEN_BINARY = namesWritten(BINARY_FUNCTIONS);

function namesWritten<Name extends string>(table: Readonly<Record<Name, { readonly written: string }>>): Name[] {
  return (Object.keys(table) as Name[]).filter((name) => table[name].written !== "derivative");
}

/** Without sign, which tells the sign of a zero that simplification may lose: sign(1 / -0). */
const CONTINUOUS_UNARY = WRITTEN_UNARY.filter((name) => name !== "sign");

/**
 * A tree of the surface language, at most `depth` operations high; with `choices`, some are `where` and sign, which
 * jump.
 */
export function randomTree(random: Random, depth: number, numbers = NUMBERS, choices = false): Expression {
  const kind = depth === 0 ? random.nextUint32() % 3 : random.nextUint32() % (choices ? 11 : 10);
  const below = () => randomTree(random, depth - 1, numbers, choices);
  if (kind === 0) return B;
  if (kind === 1) return number(pick(random, numbers));
  if (kind === 2) return X;
  if (kind === 3) return power(below(), pick(random, [-64, -3, -2, -1, 0, 1, 2, 3, 5, 64]));
  if (kind === 10) return select(below(), below(), below(), below(), pick(random, [">", ">=", "==", ">"] as const));
  return kind <= 6
    ? unary(pick(random, choices ? WRITTEN_UNARY : CONTINUOUS_UNARY), below())
    : binary(pick(random, WRITTEN_BINARY), below(), below());
}

/** The one-core-unit space: binary(unary(x), unary(x)). */
export function oneUnitSpace(): Expression[] {
  return PAPER_BINARY.flatMap((outer) =>
    PAPER_UNARY.flatMap((left) => PAPER_UNARY.map((right) => outer.build(left.build(X), right.build(X))))
  );
}

/** A random member of the two-core-unit space of the paper's figure 1, b2(u3(b1(u1(x), u2(x))), u4(x)). */
export function randomTwoUnits(random: Random): Expression {
  const inner = pick(random, PAPER_BINARY).build(
    pick(random, PAPER_UNARY).build(X),
    pick(random, PAPER_UNARY).build(X),
  );
  return pick(random, PAPER_BINARY).build(pick(random, PAPER_UNARY).build(inner), pick(random, PAPER_UNARY).build(X));
}

/**
 * The same function written differently: operands of commutative operations swapped, differences as sums with a
 * negation, x as -(-x) or x * 1, squares as products.
 */
export function rewritten(random: Random, e: Expression): Expression {
  const within = (part: Expression) => rewritten(random, part);
  switch (e.kind) {
    case "x":
    case "b":
      return pick(random, [e, unary("neg", unary("neg", e)), binary("mul", e, number(1)), binary("add", number(0), e)]);
    case "unary":
      return unary(e.name, within(e.argument));
    case "power":
      return e.exponent === 2 ? binary("mul", within(e.base), within(e.base)) : power(within(e.base), e.exponent);
    case "binary": {
      const left = within(e.left);
      const right = within(e.right);
      if (e.name === "sub") return binary("add", unary("neg", right), left);
      return e.name === "div" ? binary("div", left, right) : binary(e.name, right, left);
    }
    default:
      return e;
  }
}

/** Whether the unary function is one that only calls can write. */
export function isCall(name: UnaryName): boolean {
  return UNARY_FUNCTIONS[name].written === "call";
}

/** The text of -f(-x), for the text of f(x). */
export function mirrorImage(text: string): string {
  return `-(${text.replaceAll(/\bx\b/g, "(-x)")})`;
}
