/**
 * The search space: which choices make an expression. A core unit, binary(unary(input 1), unary(input 2)), is five
 * predictions in this order: input 1, input 2, unary 1, unary 2, binary. An input is the preactivation x (token 0) or
 * the output of an earlier core unit (token k is unit k); the output of the last unit is the function.
 *
 * Inputs are chosen freely, so the spaces of 1, 2 and 3 core units have 6,250, 156,250,000 and 8,789,062,500,000
 * members. The paper draws two units as a chain, unit 2 taking unit 1 and x: those 39,062,500 are a quarter of the
 * space of two. Members are ways of choosing, not functions: many compute the same one
 * (`child/activation/fingerprint.ts`).
 */
import { type Expression, X } from "../child/activation/expression.ts";
import { PAPER_BINARY, PAPER_UNARY } from "../child/activation/paper_functions.ts";

export type Units = 1 | 2 | 3;

/** One prediction of the sequence. */
export interface Position {
  readonly kind: "input" | "unary" | "binary";
  /** For display: "unit 2 unary 1". */
  readonly name: string;
  /** What each token stands for, for display; token t means `choices[t]`. */
  readonly choices: readonly string[];
}

export const POSITIONS_PER_UNIT = 5;

/** The predictions that make an expression of that many core units, in order: five per unit. */
export function positions(units: Units): readonly Position[] {
  return Array.from({ length: units }, (_, before) => {
    const unit = `unit ${before + 1}`;
    const inputs = ["x", ...Array.from({ length: before }, (_, earlier) => `unit ${earlier + 1}`)];
    const unary = PAPER_UNARY.map((row) => row.name);
    return [
      { kind: "input", name: `${unit} input 1`, choices: inputs },
      { kind: "input", name: `${unit} input 2`, choices: inputs },
      { kind: "unary", name: `${unit} unary 1`, choices: unary },
      { kind: "unary", name: `${unit} unary 2`, choices: unary },
      { kind: "binary", name: `${unit} binary`, choices: PAPER_BINARY.map((row) => row.name) },
    ] satisfies Position[];
  }).flat();
}

export class SearchSpace {
  readonly positions: readonly Position[];

  /** Throws a RangeError unless `units`, the number of core units, is 1, 2 or 3. */
  constructor(readonly units: Units) {
    if (![1, 2, 3].includes(units)) {
      throw new RangeError(`Cannot make a search space as it has 1, 2 or 3 core units: ${units} were asked for`);
    }
    this.positions = positions(units);
  }

  /** Number of members; exact, as even that of three units is below 2^53. */
  get size(): number {
    return this.positions.reduce((product, { choices }) => product * choices.length, 1);
  }

  /** Throws a RangeError that names the first position if the tokens leave the space. */
  check(tokens: readonly number[]): void {
    if (tokens.length !== this.positions.length) {
      throw new RangeError(
        `Cannot read a candidate as ${this.units} core units take ${this.positions.length} tokens: it has ${tokens.length}`,
      );
    }
    this.positions.forEach(({ name, choices }, at) => {
      if (!Number.isInteger(tokens[at]) || tokens[at] < 0 || tokens[at] >= choices.length) {
        throw new RangeError(
          `Cannot read a candidate as the token of ${name} must be an integer from 0 to ${choices.length - 1}: ` +
            `it is ${tokens[at]}`,
        );
      }
    });
  }

  /** The tokens of member `index`, 0 to size - 1, in the order of tokens: the last position changes fastest. */
  tokensAt(index: number): readonly number[] {
    if (!Number.isSafeInteger(index) || index < 0 || index >= this.size) {
      throw new RangeError(`Cannot take a member of the space as they are numbered 0 to ${this.size - 1}: ${index}`);
    }
    let rest = index;
    return this.positions.toReversed().map(({ choices: { length } }) => {
      const token = rest % length;
      rest = (rest - token) / length;
      return token;
    }).reverse();
  }

  /** The expression that the tokens, one per position, stand for. Throws as `check` does. */
  expressionOf(tokens: readonly number[]): Expression {
    this.check(tokens);
    const inputs: Expression[] = [X];
    for (let at = 0; at < tokens.length; at += POSITIONS_PER_UNIT) {
      const [input1, input2, unary1, unary2, binary] = tokens.slice(at, at + POSITIONS_PER_UNIT);
      const left = PAPER_UNARY[unary1].build(inputs[input1]);
      const right = PAPER_UNARY[unary2].build(inputs[input2]);
      inputs.push(PAPER_BINARY[binary].build(left, right));
    }
    return inputs[inputs.length - 1];
  }
}
