/**
 * The activation functions with a name: the baselines of Ramachandran, Zoph & Le 2017 (section 5) and the eight
 * functions their search found (table 1). ELU, SELU and their like are written so that no branch overflows.
 *
 * A name alone is its row, with its betaStart and initialisation. In a longer expression, names that are one word (`gelu`, `swish`) mean
 * the row's expression of x, or of an argument as in `gelu(2 * x)`, and beta starts at 1. So `swish-1` is Swish-1, but
 * `swish - 1` is Swish less 1.
 */
import type { Activation, Expression } from "./expression.ts";
import { parseExpression } from "./parse.ts";

export interface CatalogEntry {
  readonly name: string;
  /** Other names it is known by, in lower case. */
  readonly aliases: readonly string[];
  readonly text: string;
  readonly betaStart: number;
  /** Of its own initialisation, where it has one: see `Activation`. */
  readonly kernelGain?: number;
  /** Where it comes from. */
  readonly source: string;
}

const PAPER = "Ramachandran, Zoph & Le 2017";

export const CATALOG: readonly CatalogEntry[] = [
  {
    name: "ReLU",
    aliases: [],
    text: "relu(x)",
    betaStart: 1,
    source: "Nair & Hinton 2010",
  },
  {
    name: "LReLU",
    aliases: ["leaky_relu", "leakyrelu"],
    text: "max(x, 0.01 * x)",
    betaStart: 1,
    source: "Maas, Hannun & Ng 2013",
  },
  {
    name: "PReLU",
    aliases: [],
    text: "max(x, 0) + b * min(x, 0)",
    betaStart: 0.25,
    source: "He et al. 2015",
  },
  {
    name: "Softplus",
    aliases: [],
    text: "softplus(x)",
    betaStart: 1,
    source: "Dugas et al. 2001",
  },
  {
    name: "ELU",
    aliases: [],
    text: "max(x, 0) + exp(min(x, 0)) - 1",
    betaStart: 1,
    source: "Clevert, Unterthiner & Hochreiter 2016, alpha 1",
  },
  {
    name: "SELU",
    aliases: [],
    text: "1.0507009873554805 * (max(x, 0) + 1.6732632423543772 * (exp(min(x, 0)) - 1))",
    betaStart: 1,
    kernelGain: 1,
    source: "Klambauer et al. 2017, with LeCun's initialisation",
  },
  {
    name: "GELU",
    aliases: [],
    text: "0.5 * x * (1 + erf(0.7071067811865476 * x))",
    betaStart: 1,
    source: "Hendrycks & Gimpel 2016: x times the normal distribution function",
  },
  {
    name: "Swish-1",
    aliases: ["swish1", "silu"],
    text: "x * sigmoid(x)",
    betaStart: 1,
    source: `${PAPER}; Elfwing, Uchibe & Doya 2017`,
  },
  {
    name: "Swish",
    aliases: [],
    text: "x * sigmoid(b * x)",
    betaStart: 1,
    source: `${PAPER}, found by the search`,
  },
  {
    name: "identity",
    aliases: ["linear", "none"],
    text: "x",
    betaStart: 1,
    source: "no activation function: the control",
  },
  ...[
    "max(x, sigmoid(x))",
    "cos(x) - x",
    "min(x, sin(x))",
    "atan(x)^2 - x",
    "max(x, tanh(x))",
    "sinc(x) + x",
    "x * asinh(x)^2",
  ].map((text) => ({ name: text, aliases: [], text, betaStart: 1, source: `${PAPER}, found by the search` })),
];

/** Entries by every name in lower case. */
const ENTRIES: ReadonlyMap<string, CatalogEntry> = new Map(
  CATALOG.flatMap((entry) => [entry.name.toLowerCase(), ...entry.aliases].map((name) => [name, entry] as const)),
);

/** What can stand in a longer expression. */
const EXPRESSIONS: ReadonlyMap<string, Expression> = new Map(
  [...ENTRIES].filter(([name]) => /^\w+$/.test(name)).map(([name, entry]) => [name, parseExpression(entry.text)]),
);

/**
 * The activation a user means by a catalogue name, in any case, or by an expression. Throws an ExpressionSyntaxError
 * where it is neither; it names the column, and the nearest known names where one is unknown.
 */
export function activationFrom(text: string): Activation {
  const entry = ENTRIES.get(text.trim().toLowerCase());
  if (entry) {
    const { name, text, betaStart, kernelGain } = entry;
    return { name, expression: parseExpression(text), betaStart, ...kernelGain !== undefined && { kernelGain } };
  }
  return { name: text.trim(), expression: parseExpression(text, EXPRESSIONS), betaStart: 1 };
}
