/**
 * The text form of an expression: `x`, `b`, numbers, `+ - * /` (to the left), unary minus, `^` with a constant integer
 * (tighter than unary minus: -x^2 is -(x^2); negative ones as in x^-2), parentheses, and calls of the functions of
 * `functions.ts`. Names are read in any case.
 *
 *     sum     = product { ("+" | "-") product }
 *     product = signed { ("*" | "/") signed }
 *     signed  = "-" signed | power
 *     power   = atom [ "^" integer ]
 *     atom    = number | "x" | "b" | function "(" sum { "," sum } ")" | name [ "(" sum ")" ] | "(" sum ")"
 *
 * A minus directly before a number belongs to it, unless a power follows (-2^2 is -(2^2)). A `name` is one the caller
 * gave, such as those of the catalogue: alone it means its function of x, called that function of its argument. Text
 * may come from anywhere, so its length, nesting and resulting size are bounded, well above what a search proposes.
 */
import type { BinaryName, Expression, UnaryName } from "./expression.ts";
import { B, binary, children, number, power, unary, X } from "./expression.ts";
import { BINARY_FUNCTIONS, UNARY_FUNCTIONS } from "./functions.ts";

/** Characters; three core units of the search space need less than half. */
export const MAX_LENGTH = 1000;
/** Parentheses, calls and minuses within each other; keeps every later recursion far from the end of the stack. */
export const MAX_NESTING = 64;
/** Largest power either way; engines multiply it out. */
export const MAX_EXPONENT = 64;
/** Nodes that calls of the caller's names may make together: gelu(gelu(gelu(...))) doubles with each. */
const MAX_NODES = 2000;

/** Text that is not an expression. The message names the column and what was expected. */
export class ExpressionSyntaxError extends SyntaxError {
  override readonly name = "ExpressionSyntaxError";
  /** 1-based; the column after the last where the text ended too early. */
  readonly column: number;

  constructor(text: string, column: number, problem: string) {
    super(`Cannot read ${quote(text)} as a function: at column ${column}, ${problem}`);
    this.column = column;
  }
}

/** Names that mean an expression, in lower case. */
export type NamedExpressions = ReadonlyMap<string, Expression>;

/** Throws an ExpressionSyntaxError where the text is not an expression of the grammar above. */
export function parseExpression(text: string, names: NamedExpressions = new Map()): Expression {
  return new Parser(text, names).parse();
}

/** A function that users can call, by its name in lower case. */
type Callable =
  | { readonly args: 1; readonly build: (argument: Expression) => Expression }
  | { readonly args: 2; readonly build: (left: Expression, right: Expression) => Expression };

const CALLABLES: ReadonlyMap<string, Callable> = new Map<string, Callable>([
  ...callableNames(UNARY_FUNCTIONS).map((name): [string, Callable] => [
    name,
    { args: 1, build: (argument) => unary(name as UnaryName, argument) },
  ]),
  ...callableNames(BINARY_FUNCTIONS).map((name): [string, Callable] => [
    name,
    { args: 2, build: (left, right) => binary(name as BinaryName, left, right) },
  ]),
]);

function callableNames(table: Readonly<Record<string, { readonly written: string }>>): string[] {
  return Object.keys(table).filter((name) => table[name].written === "call");
}

interface Token {
  /** `symbol` tokens are their own text; `end` stands after the last character. */
  readonly kind: "number" | "name" | "symbol" | "end";
  readonly text: string;
  readonly column: number;
}

const TOKEN = /\s*(?:((?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)|([a-z_][a-z_0-9]*)|([-+*/^(),]))/iy;
const ATOM = 'a number, x, b, a function or "("';

class Parser {
  private readonly tokens: readonly Token[];
  private position = 0;
  private nesting = 0;
  private grown = 0;

  constructor(private readonly text: string, private readonly names: NamedExpressions) {
    if (text.length > MAX_LENGTH) {
      this.fail(MAX_LENGTH + 1, `it is longer than ${MAX_LENGTH} characters: it has ${text.length}`);
    }
    this.tokens = this.split();
  }

  parse(): Expression {
    const expression = this.sum();
    if (this.next.kind !== "end") this.expected('an operator or the end, as in "x * 2"');
    return expression;
  }

  private sum(): Expression {
    let left = this.product();
    for (;;) {
      if (this.takes("+")) left = binary("add", left, this.product());
      else if (this.takes("-")) left = binary("sub", left, this.product());
      else return left;
    }
  }

  private product(): Expression {
    let left = this.signed();
    for (;;) {
      if (this.takes("*")) left = binary("mul", left, this.signed());
      else if (this.takes("/")) left = binary("div", left, this.signed());
      else return left;
    }
  }

  private signed(): Expression {
    if (!this.takes("-")) return this.power();
    const literal = this.next.kind === "number" && this.tokens[this.position + 1].text !== "^";
    if (literal) return number(-this.number());
    return unary("neg", this.nested(() => this.signed()));
  }

  private power(): Expression {
    const base = this.atom();
    if (!this.takes("^")) return base;
    const exponent = this.exponent();
    if (this.at("^")) this.expected('an operator or the end; write "(x^2)^3" for a power of a power');
    return power(base, exponent);
  }

  private exponent(): number {
    const parenthesis = this.takes("(");
    const negative = this.takes("-");
    const { column, kind, text } = this.next;
    if (kind !== "number") this.expected("an integer as the exponent");
    const value = this.number();
    if (!Number.isInteger(value) || value > MAX_EXPONENT) {
      this.fail(
        column,
        `expected an integer from -${MAX_EXPONENT} to ${MAX_EXPONENT} as the exponent, found ${quote(text)}`,
      );
    }
    if (parenthesis) this.take(")");
    return negative && value !== 0 ? -value : value;
  }

  private atom(): Expression {
    const { kind } = this.next;
    if (kind === "number") return number(this.number());
    if (kind === "name") return this.named();
    if (!this.at("(")) this.expected(ATOM);
    return this.parenthesised();
  }

  private parenthesised(): Expression {
    this.take("(");
    const inner = this.nested(() => this.sum());
    this.take(")");
    return inner;
  }

  private named(): Expression {
    const token = this.advance();
    const name = token.text.toLowerCase();
    if (name === "x") return X;
    if (name === "b") return B;
    const meaning = this.names.get(name);
    const callable = CALLABLES.get(name);
    if (callable && (this.at("(") || !meaning)) return this.call(token.text, callable);
    if (meaning) return this.at("(") ? this.applied(meaning, token) : meaning;
    return this.fail(token.column, this.unknownName(token.text));
  }

  private call(name: string, callable: Callable): Expression {
    if (!this.at("(")) this.expected(`"(" after ${name}, as in ${name}(x${callable.args === 2 ? ", 0" : ""})`);
    this.take("(");
    const first = this.nested(() => this.sum());
    if (callable.args === 1) {
      if (this.at(",")) this.expected(`")", as ${name} has one argument`);
      this.take(")");
      return callable.build(first);
    }
    if (this.at(")")) this.expected(`"," and a second argument of ${name}`);
    this.take(",");
    const second = this.nested(() => this.sum());
    this.take(")");
    return callable.build(first, second);
  }

  /** The named function of an argument in place of x. */
  private applied(meaning: Expression, name: Token): Expression {
    const result = substitute(meaning, this.parenthesised());
    this.grown += countNodes(result);
    if (this.grown > MAX_NODES) this.fail(name.column, `the function grows beyond ${MAX_NODES} operations`);
    return result;
  }

  private number(): number {
    const token = this.advance();
    const value = Number(token.text);
    if (!Number.isFinite(value)) {
      this.fail(token.column, `expected a number below 1.8e308, found ${quote(token.text)}`);
    }
    return value;
  }

  private nested(read: () => Expression): Expression {
    if (++this.nesting > MAX_NESTING) {
      this.fail(this.next.column, `it is nested more than ${MAX_NESTING} deep`);
    }
    const expression = read();
    this.nesting--;
    return expression;
  }

  private get next(): Token {
    return this.tokens[this.position];
  }

  private advance(): Token {
    return this.tokens[this.position++];
  }

  private at(symbol: string): boolean {
    return this.next.text === symbol;
  }

  private takes(symbol: string): boolean {
    if (!this.at(symbol)) return false;
    this.position++;
    return true;
  }

  private take(symbol: string): void {
    if (!this.takes(symbol)) this.expected(`"${symbol}"`);
  }

  private split(): Token[] {
    const tokens: Token[] = [];
    const end = this.text.trimEnd().length;
    TOKEN.lastIndex = 0;
    while (TOKEN.lastIndex < end) {
      const from = TOKEN.lastIndex;
      const match = TOKEN.exec(this.text);
      if (!match) this.unknownCharacter(from);
      const [, digits, name, symbol] = match;
      const text = digits ?? name ?? symbol;
      const kind = digits ? "number" : name ? "name" : "symbol";
      tokens.push({ kind, text, column: TOKEN.lastIndex - text.length + 1 });
    }
    return [...tokens, { kind: "end", text: "", column: this.text.length + 1 }];
  }

  private unknownCharacter(from: number): never {
    const column = from + this.text.slice(from).search(/\S/) + 1;
    const character = String.fromCodePoint(this.text.codePointAt(column - 1)!);
    this.fail(column, `expected ${ATOM} or an operator, found ${JSON.stringify(character)}`);
  }

  private unknownName(name: string): string {
    const known = [...new Set([...CALLABLES.keys(), ...this.names.keys()])];
    const near = nearNames(name.toLowerCase(), known);
    const hint = near.length > 0 ? `did you mean ${near.join(" or ")}?` : `known are x, b, ${known.sort().join(", ")}`;
    return `the name ${quote(name)} is unknown; ${hint}`;
  }

  private expected(what: string): never {
    const { kind, text, column } = this.next;
    this.fail(column, `expected ${what}, found ${kind === "end" ? "the end" : quote(text)}`);
  }

  private fail(column: number, problem: string): never {
    throw new ExpressionSyntaxError(this.text, column, problem);
  }
}

/** The expression with `argument` in place of x. */
function substitute(e: Expression, argument: Expression): Expression {
  const within = (part: Expression) => substitute(part, argument);
  switch (e.kind) {
    case "x":
      return argument;
    case "b":
    case "number":
      return e;
    case "unary":
      return unary(e.name, within(e.argument));
    case "binary":
      return binary(e.name, within(e.left), within(e.right));
    case "power":
      return power(within(e.base), e.exponent);
    case "select":
      throw new TypeError("Cannot apply a derivative as a named function: only what can be written is one");
  }
}

function countNodes(e: Expression): number {
  return children(e).reduce((sum, child) => sum + countNodes(child), 1);
}

/** Those of the known names that one or two slips of the hand from the name make, nearest first. */
function nearNames(name: string, known: readonly string[]): string[] {
  const limit = name.length <= 4 ? 1 : 2;
  return known.map((candidate) => ({ candidate, slips: editDistance(name, candidate) }))
    .filter(({ slips }) => slips <= limit)
    .sort((a, b) => a.slips - b.slips || (a.candidate < b.candidate ? -1 : 1))
    .slice(0, 3)
    .map(({ candidate }) => candidate);
}

/** Insertions, deletions, replacements and swaps of neighbours from one word to the other (Damerau 1964). */
function editDistance(from: string, to: string): number {
  const distance = Array.from({ length: from.length + 1 }, (_, i) => [i, ...Array<number>(to.length).fill(i)]);
  distance[0] = Array.from({ length: to.length + 1 }, (_, j) => j);
  for (let i = 1; i <= from.length; i++) {
    for (let j = 1; j <= to.length; j++) {
      const replaced = distance[i - 1][j - 1] + (from[i - 1] === to[j - 1] ? 0 : 1);
      const isSwap = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1];
      const swapped = isSwap ? distance[i - 2][j - 2] + 1 : Infinity;
      distance[i][j] = Math.min(replaced, swapped, distance[i - 1][j] + 1, distance[i][j - 1] + 1);
    }
  }
  return distance[from.length][to.length];
}

function quote(text: string): string {
  const short = text.length > 60 ? `${text.slice(0, 57)}...` : text;
  return JSON.stringify(short);
}
