/**
 * The text form of an expression, with as few parentheses as possible: `parseExpression(printExpression(e))`
 * is structurally `e` for every expression, those of derivatives too. It is also the canonical key of a tree: different
 * trees print differently.
 */
import { Binding } from "./binding.ts";
import { type BinaryName, bottomUp, type Expression } from "./expression.ts";

interface Printed {
  readonly text: string;
  readonly binding: Binding;
}

const OPERATORS: Readonly<Partial<Record<BinaryName, { readonly sign: string; readonly binding: Binding }>>> = {
  add: { sign: " + ", binding: Binding.Sum },
  sub: { sign: " - ", binding: Binding.Sum },
  mul: { sign: " * ", binding: Binding.Product },
  div: { sign: " / ", binding: Binding.Product },
};

/** Trees are immutable and derivatives share subtrees, so printing each occurrence anew would take quadratic time. */
const memo = new WeakMap<Expression, Printed>();

/** The shortest text that parses to the expression; numbers as their shortest exact decimal. */
export function printExpression(expression: Expression): string {
  return print(expression).text;
}

/** Its length, without building a text whose length is quadratic in the tree's. */
export function printedLength(expression: Expression): number {
  return print(expression).text.length;
}

function print(e: Expression): Printed {
  return memo.get(e) ?? bottomUp(e, memo, printNode);
}

function printNode(e: Expression): Printed {
  switch (e.kind) {
    case "x":
    case "b":
      return { text: e.kind, binding: Binding.Atom };
    case "number":
      return printNumber(e.value);
    case "unary":
      return e.name === "neg" ? printNegation(e.argument) : printCall(e.name, [e.argument]);
    case "binary":
      return printBinary(e.name, e.left, e.right);
    case "power":
      return { text: `${within(e.base, Binding.Atom)}^${e.exponent}`, binding: Binding.Power };
    case "select":
      return printChoice(e);
  }
}

function printNumber(value: number): Printed {
  const negative = value < 0 || Object.is(value, -0);
  return { text: Object.is(value, -0) ? "-0" : `${value}`, binding: negative ? Binding.Negation : Binding.Atom };
}

/** A minus before a number belongs to the number, so the negation of a number keeps its parentheses. */
function printNegation(argument: Expression): Printed {
  const inner = argument.kind === "number" ? `(${print(argument).text})` : within(argument, Binding.Negation);
  return { text: `-${inner}`, binding: Binding.Negation };
}

/** Operators associate to the left: the right operand of one needs parentheses around its own level. */
function printBinary(name: BinaryName, left: Expression, right: Expression): Printed {
  const operator = OPERATORS[name];
  if (!operator) return printCall(name, [left, right]);
  const { sign, binding } = operator;
  return { text: within(left, binding) + sign + within(right, binding + 1), binding };
}

/** A constant stands on the right of its comparison, as people write it: `where(x < 0, …)` for 0 > x. */
function printChoice({ comparison, left, right, then, otherwise }: Extract<Expression, { kind: "select" }>): Printed {
  const [a, b] = [printExpression(left), printExpression(right)];
  const swaps = left.kind === "number" && right.kind !== "number" && comparison !== "==";
  const question = swaps ? `${b} ${comparison.replace(">", "<")} ${a}` : `${a} ${comparison} ${b}`;
  const text = `where(${question}, ${printExpression(then)}, ${printExpression(otherwise)})`;
  return { text, binding: Binding.Atom };
}

function printCall(name: string, args: readonly Expression[]): Printed {
  // Not `join`, which copies its texts: V8 keeps a concatenation as its two halves until it is read.
  const list = args.map(printExpression).reduce((before, text) => before + ", " + text);
  return { text: name + "(" + list + ")", binding: Binding.Atom };
}

function within(e: Expression, least: Binding): string {
  const { text, binding } = print(e);
  return binding < least ? `(${text})` : text;
}
