/**
 * Functions that the primitives of `functions.ts` express as exactly as a kernel of their own would: a row is all that
 * is needed. The parser replaces a call by its row's text with the arguments substituted, so nothing after it knows
 * them.
 */

/** A function given by its text in `x`, its further parameters and other functions. */
export interface Definition {
  readonly name: string;
  /** Aliases, in lower case. */
  readonly aliases: readonly string[];
  /** Arguments after x in order, each with its default text, or null if it is required. */
  readonly parameters?: Readonly<Record<string, string | null>>;
  readonly text: string;
}

export interface Shorthand extends Definition {
  /** What it is, for people. */
  readonly domain: string;
}

export const SHORTHANDS: readonly Shorthand[] = [
  { name: "square", aliases: [], text: "x^2", domain: "all x" },
  { name: "rsqrt", aliases: [], text: "1 / sqrt(x)", domain: "1 / sqrt(x): inf for x <= 0" },
  { name: "log2", aliases: [], text: "1.4426950408889634 * log(x)", domain: "x > 0, as log" },
  { name: "log10", aliases: [], text: "0.4342944819032518 * log(x)", domain: "x > 0, as log" },
  { name: "tan", aliases: [], text: "sin(x) / cos(x)", domain: "finite x; NaN at inf" },
  { name: "sech", aliases: [], text: "1 / cosh(x)", domain: "all x; 0 at -inf and inf" },
  { name: "step", aliases: ["heaviside"], text: "where(x > 0, 1, 0)", domain: "0, and 1 for x > 0; derivative 0" },
  {
    name: "clip",
    aliases: ["clamp"],
    parameters: { lo: null, hi: null },
    text: "min(max(x, lo), hi)",
    domain: "x between lo and hi",
  },
  {
    name: "threshold",
    aliases: [],
    parameters: { threshold: null, value: null },
    text: "where(x > threshold, x, value)",
    domain: "x above the threshold, else the value",
  },
];
