/**
 * The activation functions with a name: the baselines of Ramachandran, Zoph & Le 2017 (section 5), the eight functions
 * their search found (table 1), and other published ones. If the two sides of a kink are written with `where`,
 * the derivative there is PyTorch's.
 *
 * A name alone, or called on x, is its row, with its betaStart and initialisation. In a longer expression, names that
 * are one word (`gelu`, `swish`) mean the row's function of x, or of an argument as in `gelu(2 * x)`. So `swish-1` is
 * Swish-1, but `swish - 1` is Swish less 1.
 */
import { type Activation, type UnaryName, usesBeta } from "./expression.ts";
import { UNARY_FUNCTIONS } from "./functions.ts";
import { type Definitions, expressionOf, type Parsed, parseExpression, parseText } from "./parse.ts";
import { printExpression } from "./print.ts";
import type { Definition } from "./shorthands.ts";

export interface CatalogEntry {
  readonly name: string;
  /** Other names it is known by, in lower case. */
  readonly aliases: readonly string[];
  /** Names of a call's arguments after the first. */
  readonly parameters: readonly string[];
  /** The function of x and b, with default parameters. */
  readonly text: string;
  readonly betaStart: number;
  /** Gain of its own initialisation, if it has one: see `Activation`. */
  readonly kernelGain?: number;
  /** Who published it, and when. */
  readonly source: string;
  /** The row that is the same function under another name, if there is one. */
  readonly same?: string;
}

const PAPER = "Ramachandran, Zoph & Le 2017";

/** A row of the table; absent fields have the usual values. `text` may name the parameters, which have defaults. */
interface Row extends Pick<CatalogEntry, "name" | "text" | "source" | "kernelGain" | "same"> {
  readonly aliases?: readonly string[];
  readonly parameters?: Readonly<Record<string, string>>;
  readonly betaStart?: number;
}

const ROWS: readonly Row[] = [
  { name: "ReLU", text: "relu(x)", source: "Nair & Hinton 2010" },
  {
    name: "LReLU",
    aliases: ["leaky_relu", "leakyrelu"],
    parameters: { negative_slope: "0.01" },
    text: "where(x > 0, x, negative_slope * x)",
    source: "Maas, Hannun & Ng 2013",
  },
  {
    name: "PReLU",
    parameters: { weight: "b" },
    text: "where(x > 0, x, weight * x)",
    betaStart: 0.25,
    source: "He et al. 2015",
  },
  { name: "Softplus", parameters: { beta: "1" }, text: "softplus(beta * x) / beta", source: "Dugas et al. 2001" },
  {
    name: "ELU",
    parameters: { alpha: "1" },
    text: "where(x > 0, x, alpha * expm1(x))",
    source: "Clevert, Unterthiner & Hochreiter 2016, alpha 1",
  },
  {
    name: "SELU",
    text: "1.0507009873554805 * where(x > 0, x, 1.6732632423543772 * expm1(x))",
    kernelGain: 1,
    source: "Klambauer et al. 2017, with LeCun's initialisation",
  },
  {
    name: "GELU",
    text: "0.5 * x * (1 + erf(0.7071067811865476 * x))",
    source: "Hendrycks & Gimpel 2016: x times the normal distribution function",
  },
  {
    name: "Swish-1",
    aliases: ["swish1", "silu"],
    text: "x * sigmoid(x)",
    source: `${PAPER}; Elfwing, Uchibe & Doya 2017`,
  },
  {
    name: "Swish",
    parameters: { beta: "b" },
    text: "x * sigmoid(beta * x)",
    source: `${PAPER}, found by the search`,
  },
  { name: "identity", aliases: ["linear", "none"], text: "x", source: "no activation function: the control" },
  ...[
    "max(x, sigmoid(x))",
    "cos(x) - x",
    "min(x, sin(x))",
    "atan(x)^2 - x",
    "max(x, tanh(x))",
    "sinc(x) + x",
    "x * asinh(x)^2",
  ].map((text) => ({ name: text, text, source: `${PAPER}, found by the search` })),

  // Bounded
  { name: "sigmoid", text: "sigmoid(x)", source: "Verhulst 1845; in networks Rumelhart, Hinton & Williams 1986" },
  { name: "tanh", text: "tanh(x)", source: "LeCun, Bottou, Orr & Müller 1998" },
  {
    name: "HardTanh",
    aliases: ["hard_tanh"],
    parameters: { min_val: "-1", max_val: "1" },
    text: "where(x > min_val, where(x < max_val, x, max_val), min_val)",
    source: "Collobert 2004",
  },
  {
    name: "HardSigmoid",
    aliases: ["hard_sigmoid"],
    text: "where(x > -3, where(x < 3, x / 6 + 0.5, 1), 0)",
    source: "Courbariaux, Bengio & David 2015; with slope 1/6 Howard et al. 2019",
  },
  { name: "softsign", aliases: ["soft_sign"], text: "x / (1 + abs(x))", source: "Turian, Bergstra & Bengio 2009" },
  {
    name: "ISRU",
    parameters: { alpha: "1" },
    text: "x / sqrt(1 + alpha * x^2)",
    source: "Carlile et al. 2017, alpha 1",
  },
  {
    name: "SQNL",
    text: "where(x > 2, 1, where(x < -2, -1, x - x * abs(x) / 4))",
    source: "Wuraola & Patel 2018",
  },

  // Rectifiers and their kin
  { name: "ReLU6", text: "where(x < 6, relu(x), 6)", source: "Krizhevsky 2010" },
  { name: "SquaredReLU", aliases: ["squared_relu", "relu2"], text: "relu(x)^2", source: "So et al. 2021 (Primer)" },
  {
    name: "StarReLU",
    aliases: ["star_relu"],
    parameters: { scale: "0.8944", bias: "-0.4472" },
    text: "scale * relu(x)^2 + bias",
    source: "Yu et al. 2022 (MetaFormer baselines), scale and bias as they start",
  },
  {
    name: "CELU",
    parameters: { alpha: "1" },
    text: "where(x > 0, x, alpha * expm1(x / alpha))",
    source: "Barron 2017, alpha 1",
    same: "ELU",
  },
  {
    name: "ISRLU",
    parameters: { alpha: "1" },
    text: "where(x < 0, x / sqrt(1 + alpha * x^2), x)",
    source: "Carlile et al. 2017, alpha 1",
  },
  {
    name: "Hardshrink",
    aliases: ["hard_shrink"],
    parameters: { lambda: "0.5" },
    text: "where(abs(x) > lambda, x, 0)",
    source: "Donoho & Johnstone 1994, lambda 0.5",
  },
  {
    name: "Softshrink",
    aliases: ["soft_shrink"],
    parameters: { lambda: "0.5" },
    text: "where(x > lambda, x - lambda, where(x < -lambda, x + lambda, 0))",
    source: "Donoho & Johnstone 1994, lambda 0.5",
  },
  { name: "Tanhshrink", aliases: ["tanh_shrink"], text: "x - tanh(x)", source: "PyTorch" },
  {
    name: "Squareplus",
    parameters: { beta: "4" },
    // The second form is the first without its cancellation: their product with sqrt(…) - x is beta.
    text: "where(x > 0, 0.5 * (x + sqrt(x^2 + beta)), 0.5 * beta / (sqrt(x^2 + beta) - x))",
    source: "Barron 2021, beta 4",
  },
  { name: "BentIdentity", aliases: ["bent_identity"], text: "(sqrt(x^2 + 1) - 1) / 2 + x", source: "folklore" },

  // Gated: x times a gate
  {
    name: "HardSwish",
    aliases: ["hard_swish", "hard_silu", "hardsilu"],
    text: "where(x > -3, where(x < 3, x * (x + 3) / 6, x), 0)",
    source: "Howard et al. 2019 (MobileNetV3)",
  },
  {
    name: "QuickGELU",
    aliases: ["quick_gelu"],
    text: "x * sigmoid(1.702 * x)",
    source: "Hendrycks & Gimpel 2016; CLIP",
  },
  {
    name: "GELUTanh",
    aliases: ["gelu_tanh", "gelu_new"],
    text: "0.5 * x * (1 + tanh(0.7978845608028654 * (x + 0.044715 * x^3)))",
    source: "Hendrycks & Gimpel 2016: GELU's approximation",
  },
  { name: "Mish", text: "x * tanh(softplus(x))", source: "Misra 2019" },
  { name: "TanhExp", aliases: ["tanh_exp"], text: "x * tanh(exp(x))", source: "Liu & Di 2020" },
  { name: "TeLU", text: "x * tanh(exp(x))", source: "Fernandez & Mali 2024", same: "TanhExp" },
  { name: "Serf", text: "x * erf(softplus(x))", source: "Nag et al. 2021" },
  { name: "Logish", text: "x * log1p(sigmoid(x))", source: "Zhu et al. 2021" },
  { name: "Smish", text: "x * tanh(log1p(sigmoid(x)))", source: "Wang, Ren & Wang 2022" },
  { name: "Phish", text: "x * tanh(gelu(x))", source: "Naveen 2022" },
  { name: "GoLU", text: "x * exp(-exp(-x))", source: "Das et al. 2025" },
  { name: "LiSHT", text: "x * tanh(x)", source: "Roy et al. 2019" },
  { name: "ELiSH", text: "where(x < 0, expm1(x), x) * sigmoid(x)", source: "Basirat & Roth 2018" },
  {
    name: "HardELiSH",
    aliases: ["hard_elish"],
    text: "where(x < 0, expm1(x), x) * clip((x + 1) / 2, 0, 1)",
    source: "Basirat & Roth 2018",
  },
  {
    name: "LogSigmoid",
    aliases: ["log_sigmoid"],
    text: "-softplus(-x)",
    source: "PyTorch",
  },

  // Periodic
  {
    name: "Snake",
    parameters: { alpha: "b" },
    text: "x + sin(alpha * x)^2 / alpha",
    source: "Ziyin, Hartwig & Ueda 2020, alpha trained from 1",
  },
  { name: "GELUSine", aliases: ["gelu_sine"], text: "gelu(x) + 0.1 * sin(x)", source: "Vitvitskyi et al. 2026" },
];

/** What can be called, or occur in a longer expression: every row by its names that are words. */
const DEFINITIONS: Definitions = new Map(
  ROWS.flatMap((row) => {
    const names = [row.name.toLowerCase(), ...row.aliases ?? []];
    const definition: Definition = { ...row, aliases: row.aliases ?? [] };
    return names.filter((name) => /^\w+$/.test(name)).map((name) => [name, definition] as const);
  }),
);

export const CATALOG: readonly CatalogEntry[] = ROWS.map(({ aliases = [], parameters = {}, betaStart = 1, ...row }) => {
  const text = printExpression(expressionOf({ ...row, aliases, parameters }, DEFINITIONS));
  return { ...row, aliases, parameters: Object.keys(parameters), text, betaStart };
});

/** Entries by every name in lower case. */
const ENTRIES: ReadonlyMap<string, CatalogEntry> = new Map(
  CATALOG.flatMap((entry) => [entry.name.toLowerCase(), ...entry.aliases].map((name) => [name, entry] as const)),
);

/**
 * The activation a user means by a catalogue name, in any case, or by an expression. Throws an ExpressionSyntaxError
 * if it is neither; it names the column, and the nearest known names where one is unknown.
 *
 * An expression that names rows of the catalogue keeps their initialisation: beta starts at the value of the rows that
 * have one, and at 1 if they differ or the text has its own b; the kernels' initialisation is that of the rows that
 * have one, and the network's own if they differ.
 */
export function activationFrom(text: string): Activation {
  const entry = ENTRIES.get(text.trim().toLowerCase());
  if (entry) {
    const { name, text, betaStart, kernelGain } = entry;
    return { name, expression: parseExpression(text), betaStart, ...gain(kernelGain) };
  }
  const name = text.trim();
  const isPrimitive = Object.hasOwn(UNARY_FUNCTIONS, name) && UNARY_FUNCTIONS[name as UnaryName].written === "call";
  const parsed = parseText(isPrimitive ? `${name}(x)` : text, DEFINITIONS);
  return { name, expression: parsed.expression, ...startOf(parsed) };
}

function startOf({ named, writesBeta }: Parsed): Pick<Activation, "betaStart" | "kernelGain"> {
  // The parser also reports shorthands, which are not rows.
  const rows = named.flatMap(({ definition: { name }, hasParameters }) => {
    const entry = ENTRIES.get(name.toLowerCase());
    return entry ? [{ ...entry, hasParameters }] : [];
  });
  const starts = rows.filter(({ text, hasParameters }) => !hasParameters && usesBeta(parseExpression(text)))
    .map(({ betaStart }) => betaStart);
  const gains = rows.flatMap(({ kernelGain }) => kernelGain === undefined ? [] : [kernelGain]);
  return { betaStart: common([...starts, ...(writesBeta ? [1] : [])]) ?? 1, ...gain(common(gains)) };
}

/** The value that all share; undefined if they differ or there is none. */
function common(values: readonly number[]): number | undefined {
  return new Set(values).size === 1 ? values[0] : undefined;
}

function gain(kernelGain: number | undefined): Pick<Activation, "kernelGain"> {
  return kernelGain === undefined ? {} : { kernelGain };
}
