/**
 * The text form of an expression, as people type it: `x`, `b` (or `beta`), numbers, `pi`, `e`, `+ - * /` (to the left),
 * powers with a constant exponent (tighter than a minus: -x^2 is -(x^2)), and calls. Names are read in any case.
 *
 *     sum     = product { ("+" | "-") product }
 *     product = signed { ("*" | "/") signed }
 *     signed  = ("-" | "+") signed | power
 *     power   = atom [ ("^" | "**") constant ] | "e" ("^" | "**") signed
 *     atom    = number | "x" | "b" | "pi" | "e" | call | name | "(" sum ")" | "|" sum "|" | "√" atom
 *     call    = function "(" sum { "," [ parameter "=" ] sum } ")"
 *             | "where" "(" sum (">" | "<" | ">=" | "<=" | "==" | "!=") sum "," sum "," sum ")"
 *
 * The signs − × · ÷ ² ³ ⁻¹ π β σ ≥ ≤ ≠ and √ have their usual meaning. A minus directly before a number belongs to it,
 * unless a power follows (-2^2 is -(2^2)). A `name` is one the caller gave, such as those of the catalogue: alone it
 * means its function of x, called that function of its argument. A non-integer power treats a negative base as 0, like
 * sqrt: x^0.5 is sqrt(x). Text is untrusted, so its length, nesting and resulting size are bounded, well above what a
 * search proposes.
 *
 * Over 400 lines, as tokens, grammar and limits are read side by side with the grammar above.
 */
import { compileToClosure } from "./evaluate.ts";
import type { BinaryName, Comparison, Expression, UnaryName } from "./expression.ts";
import { B, binary, bottomUp, children, number, power, select, unary, X } from "./expression.ts";
import { BINARY_FUNCTIONS, UNARY_FUNCTIONS } from "./functions.ts";
import { nearestNames } from "./nearest_names.ts";
import { type Definition, SHORTHANDS } from "./shorthands.ts";

/** Characters: ten per operation. */
export const MAX_LENGTH = 20_000;
/**
 * Functions, operators and powers of the whole expression, defined functions written out (gelu(gelu(gelu(...))) doubles
 * with each). Three core units of the search space have 40 at most. It bounds derivation and compilation to about two
 * seconds.
 */
export const MAX_OPERATIONS = 2_000;
/** Parentheses, calls and minuses within each other; keeps every later recursion far from a stack overflow. */
export const MAX_NESTING = 64;
/** Largest exponent in absolute value; engines expand it into products. */
export const MAX_EXPONENT = 64;

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

/** Functions that the caller adds to the language, by all their names in lower case. */
export type Definitions = ReadonlyMap<string, Definition>;

/** An expression, and facts about the text that the tree does not show. */
export interface Parsed {
  readonly expression: Expression;
  /** The caller's functions that the text names, and whether each was given arguments beyond the first. */
  readonly named: readonly { readonly definition: Definition; readonly hasParameters: boolean }[];
  /** Whether the text itself has a b. */
  readonly writesBeta: boolean;
}

/** Throws an ExpressionSyntaxError if the text is not an expression of the grammar above. */
export function parseExpression(text: string, definitions: Definitions = new Map()): Expression {
  return parseText(text, definitions).expression;
}

/** As `parseExpression`, with the names that the text used. */
export function parseText(text: string, definitions: Definitions = new Map()): Parsed {
  return new Parser(text, definitions).parseWhole();
}

/** A definition's function of x, with default parameters. Throws if one has no default. */
export function expressionOf(definition: Definition, definitions: Definitions = new Map()): Expression {
  return new Parser(definition.name, new Map([...definitions, [definition.name.toLowerCase(), definition]]))
    .defined(definition, [X], 1);
}

type Primitive =
  | { readonly args: 1; readonly name: UnaryName }
  | { readonly args: 2; readonly name: BinaryName };

const PRIMITIVES: ReadonlyMap<string, Primitive> = new Map([
  ...primitiveNames<UnaryName>(UNARY_FUNCTIONS).map(([name, of]): [string, Primitive] => [name, { args: 1, name: of }]),
  ...primitiveNames<BinaryName>(BINARY_FUNCTIONS).map(([name, of]): [string, Primitive] => [
    name,
    { args: 2, name: of },
  ]),
]);

function primitiveNames<Name extends string>(
  table: Readonly<Record<Name, { readonly written: string; readonly aliases?: readonly string[] }>>,
): [string, Name][] {
  return (Object.keys(table) as Name[]).filter((name) => table[name].written !== "operator")
    .flatMap((name) => [name, ...table[name].aliases ?? []].map((other): [string, Name] => [other, name]));
}

const SHORTHANDS_BY_NAME: ReadonlyMap<string, Definition> = new Map(
  SHORTHANDS.flatMap((row) => [row.name, ...row.aliases].map((name) => [name, row] as const)),
);

/** Euler's number, as the base of exp where a power follows. */
const EULER = number(Math.E);
const PI = number(Math.PI);

const CONSTANTS: Readonly<Record<string, Expression>> = { x: X, b: B, beta: B, "β": B, pi: PI, "π": PI, e: EULER };

/** How a comparison maps to one of the tree's three. `swaps` its sides, or its branches. */
const COMPARISONS: Readonly<Record<string, { readonly as: Comparison; readonly swaps?: "sides" | "results" }>> = {
  ">": { as: ">" },
  "<": { as: ">", swaps: "sides" },
  ">=": { as: ">=" },
  "<=": { as: ">=", swaps: "sides" },
  "==": { as: "==" },
  "!=": { as: "==", swaps: "results" },
};

interface Token {
  /** `symbol` tokens are their own text; `exponent` tokens are superscripts; `end` follows the last character. */
  readonly kind: "number" | "name" | "symbol" | "exponent" | "end";
  readonly text: string;
  readonly column: number;
}

const NUMBER = String.raw`((?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)`;
const NAME = String.raw`([\p{L}_][\p{L}_0-9]*)`;
const SUPERSCRIPT = "([⁺⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+)";
const SYMBOL = String.raw`(\*\*|[<>=!]=|[-+*/^(),<>=|−–×·⋅∙∗÷∕≥≤≠√])`;
const TOKEN = new RegExp(String.raw`\s*(?:${NUMBER}|${NAME}|${SUPERSCRIPT}|${SYMBOL})`, "iuy");

/** Typeset signs and their ASCII forms. */
const KEYBOARD: Readonly<Record<string, string>> = {
  ...{ "**": "^", "−": "-", "–": "-", "×": "*", "·": "*", "⋅": "*", "∙": "*", "∗": "*", "÷": "/", "∕": "/" },
  ...{ "≥": ">=", "≤": "<=", "≠": "!=" },
};
const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻";

const ATOM = 'a number, x, b, a function or "("';

/** Names in a definition's text besides the language: its x and its parameters. */
type Bindings = ReadonlyMap<string, Expression>;

class Parser {
  private readonly tokens: readonly Token[];
  private readonly named: Parsed["named"][number][] = [];
  private writesBeta = false;
  private position = 0;
  private nesting = 0;

  constructor(
    private readonly text: string,
    private readonly definitions: Definitions,
    private readonly bindings: Bindings = new Map(),
  ) {
    if (text.length > MAX_LENGTH) {
      this.fail(MAX_LENGTH + 1, `it is longer than ${MAX_LENGTH} characters: it has ${text.length}`);
    }
    this.tokens = this.split();
  }

  /** As `parse`, with at most MAX_OPERATIONS. */
  parseWhole(): Parsed {
    const parsed = this.parse();
    this.checkSize(parsed.expression, this.next.column);
    return parsed;
  }

  parse(): Parsed {
    const expression = this.sum();
    if (this.next.kind !== "end") this.expected('an operator or the end, as in "x * 2"');
    return { expression, named: this.named, writesBeta: this.writesBeta };
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
      if (this.takes("*")) left = this.times(left, this.signed());
      else if (this.takes("/")) left = this.over(left, this.signed());
      else return left;
    }
  }

  /** A parameter that is 1 leaves no factor behind: elu(x) has no `1 *`. */
  private times(left: Expression, right: Expression): Expression {
    if (this.isUnitParameter(left)) return right;
    return this.isUnitParameter(right) ? left : binary("mul", left, right);
  }

  private over(left: Expression, right: Expression): Expression {
    return this.isUnitParameter(right) ? left : binary("div", left, right);
  }

  private isUnitParameter(e: Expression): boolean {
    return e.kind === "number" && e.value === 1 && [...this.bindings.values()].includes(e);
  }

  private signed(): Expression {
    if (this.takes("+")) return this.nested(() => this.signed());
    if (!this.takes("-")) return this.power();
    const after = this.tokens[this.position + 1];
    const literal = this.next.kind === "number" && after.text !== "^" && after.kind !== "exponent";
    if (literal) return number(-this.number());
    const negated = this.nested(() => this.signed());
    const isParameter = negated.kind === "number" && [...this.bindings.values()].includes(negated);
    return isParameter ? number(-negated.value) : unary("neg", negated);
  }

  private power(): Expression {
    const base = this.atom();
    if (!this.at("^") && this.next.kind !== "exponent") return base;
    const raised = this.raised(base);
    if (this.at("^") || this.next.kind === "exponent") {
      this.expected('an operator or the end; write "(x^2)^3" for a power of a power');
    }
    return raised;
  }

  private raised(base: Expression): Expression {
    const { column, kind, text } = this.advance();
    if (kind === "exponent") {
      const digits = [...text].map((sign) => "0123456789+-"[SUPERSCRIPTS.indexOf(sign)]).join("");
      return this.toPower(base, number(Number(digits)), column, text);
    }
    if (base === EULER) return unary("exp", this.nested(() => this.signed()));
    const start = this.next;
    const exponent = this.nested(() => this.exponent());
    return this.toPower(base, exponent, start.column, this.written(start));
  }

  /** A signed atom, so that x^-2 and x^(1/2) are complete and x^2^3 is recognised. */
  private exponent(): Expression {
    if (this.takes("+")) return this.exponent();
    return this.takes("-") ? unary("neg", this.nested(() => this.exponent())) : this.atom();
  }

  /** `base` to the power of a constant; `column` and `written` are the exponent's, for error messages. */
  private toPower(base: Expression, exponent: Expression, column: number, written: string): Expression {
    if (base === EULER) return unary("exp", exponent);
    if (!isConstant(exponent)) {
      const way = isConstant(base) ? "exp(x * log(2)) for 2^x" : "exp(b * log(x)) for x^b";
      this.fail(
        column,
        `expected a constant as the exponent, as in x^2, x^0.5 or x^(1/3), found ${quote(written)}; write ${way}`,
      );
    }
    const value = compileToClosure(exponent)(0, 0) + 0; // no -0
    if (!(Math.abs(value) <= MAX_EXPONENT)) {
      this.fail(
        column,
        `expected a number from -${MAX_EXPONENT} to ${MAX_EXPONENT} as the exponent, found ${quote(written)}`,
      );
    }
    const result = toConstantPower(base, value);
    if (!Number.isInteger(value)) this.checkSize(result, column);
    return result;
  }

  private atom(): Expression {
    const { kind } = this.next;
    if (kind === "number") return number(this.number());
    if (kind === "name") return this.name();
    if (this.takes("|")) {
      const inner = this.nested(() => this.sum());
      this.take("|");
      return unary("abs", inner);
    }
    if (this.takes("√")) return unary("sqrt", this.nested(() => this.atom()));
    if (!this.at("(")) this.expected(ATOM);
    return this.parenthesised();
  }

  private parenthesised(): Expression {
    this.take("(");
    const inner = this.nested(() => this.sum());
    this.take(")");
    return inner;
  }

  private name(): Expression {
    const token = this.advance();
    const name = token.text.toLowerCase();
    const bound = this.bindings.get(name);
    if (bound) return bound;
    if (Object.hasOwn(CONSTANTS, name)) {
      this.writesBeta ||= CONSTANTS[name] === B;
      return CONSTANTS[name];
    }
    if (name === "where") return this.where(token.text);
    if (name === "pow" || name === "power") return this.pow(token.text);
    const primitive = PRIMITIVES.get(name);
    const definition = this.definitions.get(name) ?? SHORTHANDS_BY_NAME.get(name);
    if (!primitive && !definition) this.fail(token.column, this.unknownName(token.text));
    if (!this.at("(")) return this.alone(token, definition ?? null);
    if (primitive?.args === 2) return this.folded(token.text, primitive.name);
    return this.called(token, primitive?.name ?? null, definition ?? null);
  }

  /** A name without parentheses: applied to x, if the caller's table has it. */
  private alone(token: Token, definition: Definition | null): Expression {
    const isCallers = definition !== null && this.definitions.get(token.text.toLowerCase()) === definition;
    if (!isCallers) {
      this.expected(`"(" after ${token.text}, as in ${signature(token.text, definition)}`);
    }
    const [here, next] = [this.next, this.tokens[this.position + 1]];
    const end = token.column + token.text.length;
    if ((here.text === "-" || here.text === "+") && here.column > end && next?.column === here.column + 1) {
      const one = `${token.text}(${here.text}${next.text})`;
      this.fail(here.column, `write ${one} or ${token.text} ${here.text} ${next.text}, as this could mean either`);
    }
    return this.applied(definition, [X], token);
  }

  /** max and min of two or more. */
  private folded(name: string, of: BinaryName): Expression {
    this.take("(");
    let result = this.nested(() => this.sum());
    if (!this.at(",")) this.expected(`"," and a second argument of ${name}`);
    while (this.takes(",")) result = binary(of, result, this.nested(() => this.sum()));
    this.take(")");
    return result;
  }

  /** A function of one argument, or a definition with its parameters. */
  private called(token: Token, primitive: UnaryName | null, definition: Definition | null): Expression {
    this.take("(");
    const args = this.arguments(token.text, definition);
    if (primitive !== null && args.length === 1) return unary(primitive, args[0]);
    return this.applied(definition!, args, token);
  }

  /** Arguments up to the closing parenthesis, in the order of the definition's parameters. */
  private arguments(name: string, definition: Definition | null): Expression[] {
    const args: Expression[] = [this.nested(() => this.sum())];
    const parameters = Object.entries(definition?.parameters ?? {});
    const as = `as ${name} has ${
      parameters.length === 0 ? "one argument" : `no more arguments than ${signature(name, definition)}`
    }`;
    for (let given = 1; this.at(","); given++) {
      if (given > parameters.length) this.expected(`")", ${as}`);
      this.take(",");
      const place = this.parameterPlace(name, parameters.map(([parameter]) => parameter), given);
      args[place] = this.nested(() => this.sum());
    }
    const missing = parameters.findIndex(([, text], i) => text === null && args[i + 1] === undefined);
    if (missing >= 0) this.expected(`"," and ${parameters[missing][0]}, as in ${signature(name, definition)}`);
    this.take(")");
    return args;
  }

  /** Where the next argument belongs: the next place, or that of the name before its "=". */
  private parameterPlace(name: string, parameters: readonly string[], place: number): number {
    if (this.next.kind !== "name" || this.tokens[this.position + 1].text !== "=") return place;
    const named = parameters.indexOf(this.next.text.toLowerCase());
    if (named < 0) this.expected(`${parameters.join(" or ")} as the name of a parameter of ${name}`);
    this.position += 2;
    return named + 1;
  }

  private applied(definition: Definition, args: readonly Expression[], token: Token): Expression {
    this.named.push({ definition, hasParameters: args.length > 1 });
    return this.defined(definition, args, token.column);
  }

  /** The definition's text with the arguments in place of x and its parameters. */
  defined(definition: Definition, args: readonly Expression[], column: number): Expression {
    const parameters = Object.entries(definition.parameters ?? {}).map(([name, text], i): [string, Expression] => {
      if (args[i + 1] === undefined && text === null) {
        throw new TypeError(`Cannot take ${definition.name} as a function of x: it needs ${name}`);
      }
      return [name, args[i + 1] ?? parseExpression(text!)];
    });
    const bindings = new Map([["x", args[0]], ...parameters]);
    const { expression } = new Parser(definition.text, this.definitions, bindings).parse();
    this.checkSize(expression, column);
    return expression;
  }

  private checkSize(expression: Expression, column: number): void {
    const operations = countOperations(expression);
    if (operations <= MAX_OPERATIONS) return;
    this.fail(column, `the function has more than ${MAX_OPERATIONS} operations: it has ${operations}`);
  }

  private where(name: string): Expression {
    const example = `as in ${name}(x > 0, x, 0)`;
    if (!this.takes("(")) this.expected(`"(" after ${name}, ${example}`);
    const part = () => this.nested(() => this.sum());
    const left = part();
    const comparison = COMPARISONS[this.next.text];
    if (!comparison) this.expected(`one of ${Object.keys(COMPARISONS).join(" ")}, ${example}`);
    this.advance();
    const right = part();
    if (COMPARISONS[this.next.text]) {
      this.expected(`"," as ${name} has one comparison; nest another ${name} for a second`);
    }
    if (!this.takes(",")) this.expected(`"," and the value where the comparison holds, ${example}`);
    const then = part();
    if (!this.takes(",")) this.expected(`"," and the value elsewhere, ${example}`);
    const otherwise = part();
    this.take(")");
    const [a, b] = comparison.swaps === "sides" ? [right, left] : [left, right];
    return comparison.swaps === "results"
      ? select(a, b, otherwise, then, comparison.as)
      : select(a, b, then, otherwise, comparison.as);
  }

  private pow(name: string): Expression {
    if (!this.takes("(")) this.expected(`"(" after ${name}, as in ${name}(x, 2)`);
    const base = this.nested(() => this.sum());
    if (!this.takes(",")) this.expected(`"," and the exponent, as in ${name}(x, 2)`);
    const start = this.next;
    const exponent = this.nested(() => this.sum());
    const result = this.toPower(base, exponent, start.column, this.written(start));
    this.take(")");
    return result;
  }

  private number(): number {
    const token = this.advance();
    const value = Number(token.text);
    if (!Number.isFinite(value)) {
      this.fail(token.column, `expected a number below 1.8e308, found ${quote(token.text)}`);
    }
    if (value === 0 && /[1-9]/.test(token.text.replace(/e.*/i, ""))) {
      this.fail(token.column, `expected 0 or a number above 4.9e-324, found ${quote(token.text)}`);
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
    return this.next.kind === "symbol" && this.next.text === symbol;
  }

  private takes(symbol: string): boolean {
    if (!this.at(symbol)) return false;
    this.position++;
    return true;
  }

  private take(symbol: string): void {
    if (!this.takes(symbol)) this.expected(`"${symbol}"`);
  }

  /** The text from a token to the next. */
  private written(from: Token): string {
    return this.text.slice(from.column - 1, this.next.column - 1).trim();
  }

  private split(): Token[] {
    const tokens: Token[] = [];
    const end = this.text.trimEnd().length;
    TOKEN.lastIndex = 0;
    while (TOKEN.lastIndex < end) {
      const from = TOKEN.lastIndex;
      const match = TOKEN.exec(this.text);
      if (!match) this.unknownCharacter(from);
      const [, digits, name, superscript, symbol] = match;
      const text = digits ?? name ?? superscript ?? symbol;
      const kind = digits ? "number" : name ? "name" : superscript ? "exponent" : "symbol";
      tokens.push({ kind, text: KEYBOARD[text] ?? text, column: TOKEN.lastIndex - text.length + 1 });
    }
    return [...tokens, { kind: "end", text: "", column: this.text.length + 1 }];
  }

  private unknownCharacter(from: number): never {
    const column = from + this.text.slice(from).search(/\S/) + 1;
    const character = String.fromCodePoint(this.text.codePointAt(column - 1)!);
    this.fail(column, `expected ${ATOM} or an operator, found ${JSON.stringify(character)}`);
  }

  private unknownName(name: string): string {
    const near = nearestNames(name.toLowerCase(), [...LANGUAGE_NAMES, ...this.definitions.keys()]);
    return `the name ${quote(name)} is unknown; did you mean ${near.slice(0, -1).join(", ")} or ${near.at(-1)}?`;
  }

  private expected(what: string): never {
    const { kind, text, column } = this.next;
    const stray = kind === "symbol" && text in COMPARISONS && !what.startsWith('","');
    const hint = stray ? "; a comparison stands only in where, as in where(x > 0, x, 0)" : "";
    this.fail(column, `expected ${what}, found ${kind === "end" ? "the end" : quote(text)}${hint}`);
  }

  private fail(column: number, problem: string): never {
    throw new ExpressionSyntaxError(this.text, column, problem);
  }
}

/** Every name of the language itself that a list may show. */
const LANGUAGE_NAMES: readonly string[] = [
  ...["x", "b", "beta", "pi", "e", "where", "pow"],
  ...[...PRIMITIVES].filter(([, { args, name }]) =>
    (args === 1 ? UNARY_FUNCTIONS[name] : BINARY_FUNCTIONS[name]).written === "call"
  ).map(([name]) => name),
  ...SHORTHANDS_BY_NAME.keys(),
].filter((name) => /^\w+$/.test(name));

/** The functions that users can call, by their first names: what help, dashboard and documents list. */
export const FUNCTION_NAMES: readonly string[] = [
  ...(Object.keys(UNARY_FUNCTIONS) as UnaryName[]).filter((name) => UNARY_FUNCTIONS[name].written === "call"),
  ...(Object.keys(BINARY_FUNCTIONS) as BinaryName[]).filter((name) => BINARY_FUNCTIONS[name].written === "call"),
  ...SHORTHANDS.map(({ name }) => name),
  ...["where", "pow"],
];

/** How a function is called: "elu(x, alpha)". */
export function signature(name: string, definition: Definition | null): string {
  const primitive = PRIMITIVES.get(name.toLowerCase());
  if (primitive?.args === 2) return `${name}(x, 0)`;
  return `${name}(${["x", ...Object.keys(definition?.parameters ?? {})].join(", ")})`;
}

/**
 * base^exponent for a constant exponent; a non-integer one treats a negative base as 0. Thirds are powers of the cube
 * root; halves, quarters and eighths are powers of square roots. The others are the nearest eighth's power times
 * exp(rest * log(base)), |rest| <= 1/16: exp makes a relative error of what is an absolute one of its argument, which
 * so stays below 6 in all of float32.
 */
function toConstantPower(base: Expression, exponent: number): Expression {
  if (Number.isInteger(exponent)) return power(base, exponent);
  if (exponent < 0) return binary("div", number(1), toConstantPower(base, -exponent));
  const thirds = exponent * 3;
  if (Number.isInteger(thirds) && thirds <= 8) {
    const root = unary("cbrt", unary("relu", base));
    return thirds === 1 ? root : power(root, thirds);
  }
  const eighths = Math.round(exponent * 8);
  const rest = exponent - eighths / 8;
  if (rest === 0 && oddPartOf(eighths) <= 8) return rootPower(base, eighths);
  const factors = [
    ...(eighths >= 8 ? [power(base, Math.floor(eighths / 8))] : []),
    ...(eighths % 8 > 0 ? [rootPower(base, eighths % 8)] : []),
    ...(rest === 0 ? [] : [unary("exp", binary("mul", number(rest), unary("log", base)))]),
  ];
  return select(base, number(0), factors.reduce((left, right) => binary("mul", left, right)), number(0));
}

/** base^(eighths / 8) by square roots. */
function rootPower(base: Expression, eighths: number): Expression {
  const odd = oddPartOf(eighths);
  let root = base;
  for (let parts = 8 * odd / eighths; parts > 1; parts /= 2) root = unary("sqrt", root);
  return odd === 1 ? root : power(root, odd);
}

function oddPartOf(whole: number): number {
  return whole % 2 === 0 && whole !== 0 ? oddPartOf(whole / 2) : whole;
}

function isConstant(e: Expression): boolean {
  return e.kind !== "x" && e.kind !== "b" && children(e).every(isConstant);
}

/** Functions, operators and powers, shared ones at each occurrence. */
function countOperations(e: Expression): number {
  const counted = new Map<Expression, number>();
  return bottomUp(e, counted, (part) => {
    const parts = children(part);
    return parts.length === 0 ? 0 : parts.reduce((sum, inner) => sum + counted.get(inner)!, 1);
  });
}

function quote(text: string): string {
  const short = text.length > 60 ? `${text.slice(0, 57)}...` : text;
  return JSON.stringify(short);
}
