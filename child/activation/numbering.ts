/**
 * Numbers for subexpressions, equal for equal trees: keys like printed text, but short. A derivative's text
 * grows with the square of the function's; a number is derived from the numbers of the parts.
 */
import { bottomUp, type Expression } from "./expression.ts";

export class Numbering {
  readonly #byNode = new Map<Expression, number>();
  readonly #byStructure = new Map<string, number>();

  /** The number of the tree: the same as that of every equal tree, and of no other. */
  of(e: Expression): number {
    return this.#byNode.get(e) ??
      bottomUp(e, this.#byNode, (part) => this.#numberOf(this.#structure(part)));
  }

  #numberOf(structure: string): number {
    let number = this.#byStructure.get(structure);
    if (number === undefined) this.#byStructure.set(structure, number = this.#byStructure.size);
    return number;
  }

  #structure(e: Expression): string {
    switch (e.kind) {
      case "x":
      case "b":
        return e.kind;
      case "number":
        return Object.is(e.value, -0) ? "-0" : `${e.value}`;
      case "unary":
        return `${e.name} ${this.of(e.argument)}`;
      case "binary":
        return `${e.name} ${this.of(e.left)} ${this.of(e.right)}`;
      case "power":
        return `^${e.exponent} ${this.of(e.base)}`;
      case "select":
        return `${e.comparison} ${[e.left, e.right, e.then, e.otherwise].map((part) => this.of(part)).join(" ")}`;
    }
  }
}
