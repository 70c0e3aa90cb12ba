/** An expression typeset for reading: on one line with mathematical signs, and as LaTeX. */
import { Binding } from "./binding.ts";
import type { BinaryName, Comparison, Expression, UnaryName } from "./expression.ts";
import { UNARY_FUNCTIONS } from "./functions.ts";
import { printExpression } from "./print.ts";

const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";
const SIGNS: Readonly<Record<string, string>> = { "*": "·", "-": "−", "b": "β", ">=": "≥", "<=": "≤", "==": "=" };
const TOKEN = /\^-?\d+|\d+\.?\d*(?:e[+-]?\d+)?|\w+|[<>=]=|\S|\s+/g;

/** One line that parses to the same function: `x · σ(β · x)` for `x * sigmoid(b * x)`. */
export function typesetText(expression: Expression): string {
  const closers: string[] = [];
  let bar = false;
  return printExpression(expression).match(TOKEN)!.map((token) => {
    if (token === "abs") return bar = true, "";
    if (token === "(") {
      closers.push(bar ? "|" : ")");
      bar = false;
      return closers.at(-1) === "|" ? "|" : "(";
    }
    if (token === ")") return closers.pop()!;
    if (token.startsWith("^")) {
      return [...token.slice(1)].map((c) => c === "-" ? "⁻" : SUPERSCRIPTS[Number(c)]).join("");
    }
    if (token === "==") return "==";
    if (Object.hasOwn(UNARY_FUNCTIONS, token)) return UNARY_FUNCTIONS[token as UnaryName].typeset ?? token;
    return SIGNS[token] ?? token;
  }).join("");
}

interface Set {
  readonly text: string;
  readonly binding: Binding;
}

/** The expression as LaTeX for math mode, with amsmath's `cases` for a choice. */
export function typesetLatex(expression: Expression): string {
  return set(expression).text;
}

function set(e: Expression): Set {
  switch (e.kind) {
    case "x":
      return atom("x");
    case "b":
      return atom(String.raw`\beta`);
    case "number":
      return setNumber(e.value);
    case "unary":
      return UNARY[e.name]?.(e.argument) ?? atom(`${operator(e.name)}${parentheses(set(e.argument).text)}`);
    case "binary":
      return BINARY[e.name](e.left, e.right);
    case "power":
      return { text: `${within(e.base, Binding.Atom)}^{${e.exponent}}`, binding: Binding.Power };
    case "select":
      return atom(cases(e));
  }
}

function atom(text: string): Set {
  return { text, binding: Binding.Atom };
}

function setNumber(value: number): Set {
  const [digits, exponent] = String(Math.abs(value)).split("e");
  const size = exponent === undefined ? digits : String.raw`${digits} \cdot 10^{${Number(exponent)}}`;
  const binding = exponent === undefined ? Binding.Atom : Binding.Product;
  return value < 0 ? { text: `-${size}`, binding: Binding.Negation } : { text: size, binding };
}

/** Names that LaTeX has a command for. */
const COMMANDS: ReadonlySet<string> = new Set([
  "sin",
  "cos",
  "sinh",
  "cosh",
  "tanh",
  "arcsin",
  "arccos",
  "arctan",
  "ln",
]);

function operator(name: UnaryName): string {
  const shown = UNARY_FUNCTIONS[name].typeset ?? name;
  return COMMANDS.has(shown) ? `\\${shown}` : String.raw`\operatorname{${shown}}`;
}

const UNARY: Readonly<Partial<Record<UnaryName, (u: Expression) => Set>>> = {
  neg: (u) => ({ text: `-${within(u, Binding.Power)}`, binding: Binding.Negation }),
  abs: (u) => atom(String.raw`\left|${set(u).text}\right|`),
  sqrt: (u) => atom(String.raw`\sqrt{${set(u).text}}`),
  exp: (u) => ({ text: `e^{${set(u).text}}`, binding: Binding.Power }),
  expm1: (u) => ({ text: `e^{${set(u).text}} - 1`, binding: Binding.Sum }),
  log1p: (u) => atom(String.raw`\ln${parentheses(`1 + ${within(u, Binding.Product)}`)}`),
  gauss: (u) => ({ text: `e^{-${within(u, Binding.Atom)}^{2}}`, binding: Binding.Power }),
  sigmoid: (u) => atom(String.raw`\sigma${parentheses(set(u).text)}`),
};

const BINARY: Readonly<Record<BinaryName, (left: Expression, right: Expression) => Set>> = {
  add: (l, r) => ({ text: `${within(l, Binding.Sum)} + ${within(r, Binding.Product)}`, binding: Binding.Sum }),
  sub: (l, r) => ({ text: `${within(l, Binding.Sum)} - ${within(r, Binding.Product)}`, binding: Binding.Sum }),
  mul: (l, r) => ({
    text: String.raw`${within(l, Binding.Product)} \cdot ${within(r, Binding.Power)}`,
    binding: Binding.Product,
  }),
  div: (l, r) => atom(String.raw`\frac{${set(l).text}}{${set(r).text}}`),
  max: (l, r) => atom(String.raw`\max${parentheses(`${set(l).text}, ${set(r).text}`)}`),
  min: (l, r) => atom(String.raw`\min${parentheses(`${set(l).text}, ${set(r).text}`)}`),
};

const COMPARISONS: Readonly<Record<Comparison, string>> = { ">": ">", ">=": String.raw`\ge`, "==": "=" };

function cases({ comparison, left, right, then, otherwise }: Extract<Expression, { kind: "select" }>): string {
  const question = `${set(left).text} ${COMPARISONS[comparison]} ${set(right).text}`;
  const rows = [`${set(then).text} & ${question}`, String.raw`${set(otherwise).text} & \text{otherwise}`];
  return String.raw`\begin{cases} ${rows.join(String.raw` \\ `)} \end{cases}`;
}

function within(e: Expression, least: Binding): string {
  const { text, binding } = set(e);
  return binding < least ? parentheses(text) : text;
}

function parentheses(text: string): string {
  return String.raw`\left(${text}\right)`;
}
