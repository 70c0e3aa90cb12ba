/**
 * An expression as code for other frameworks, to paste: the simplified function, with beta as a trainable parameter
 * where it has one. Functions that a framework lacks, or whose gradient it gets wrong, are included as helpers.
 *
 * Automatic differentiation multiplies the branch that a `where` did not choose by 0, and 0 times an overflow is NaN.
 * So an operand of a choice that could overflow is computed from x only where it is chosen, and from a harmless number
 * elsewhere.
 */
import { Binding } from "./binding.ts";
import { compileToClosure } from "./evaluate.ts";
import { derive } from "./derive.ts";
import {
  type Activation,
  type BinaryName,
  children,
  type Expression,
  mapChildren,
  number,
  select,
  type UnaryName,
  usesBeta,
  X,
} from "./expression.ts";
import { UNARY_FUNCTIONS } from "./functions.ts";
import { printExpression } from "./print.ts";
import { simplify } from "./simplify.ts";
import { typesetLatex } from "./typeset.ts";

export const CODE_TARGETS = ["pytorch", "jax", "keras", "numpy", "latex"] as const;
export type CodeTarget = typeof CODE_TARGETS[number];

/** Lines to paste into a separate file, or one formula for LaTeX. */
export function codeOf(activation: Activation, target: CodeTarget): string {
  const expression = simplify(activation.expression);
  return target === "latex" ? `f(x) = ${typesetLatex(expression)}` : pythonOf(activation, expression, DIALECTS[target]);
}

interface Dialect {
  readonly imports: string;
  /** Those that it has, or that `helpers` defines; the others are written by their definitions in `functions.ts`. */
  readonly functions: Readonly<Partial<Record<UnaryName, string>>>;
  readonly max: string;
  readonly min: string;
  readonly where: string;
  /** The module that has them, and `zeros_like`. */
  readonly module: string;
  /** Whether max and min refuse plain numbers. */
  readonly takesTensorsOnly?: true;
  /** Whether it differentiates, so that choices need guarding. */
  readonly differentiates: boolean;
  /** Definitions of what `functions` names with an underscore. */
  readonly helpers: Readonly<Record<string, string>>;
  /** The function or layer around the formula. */
  wrap(formula: string, about: { readonly text: string; readonly hasBeta: boolean; readonly beta: string }): string;
}

function pythonOf({ betaStart }: Activation, expression: Expression, dialect: Dialect): string {
  const hasBeta = usesBeta(expression);
  const formula = write(dialect.differentiates ? guarded(expression, betaStart) : expression, dialect).text;
  const shaped = usesX(expression) ? formula : `${dialect.module}.zeros_like(x) + ${parenthesised(formula)}`;
  const body = dialect.wrap(shaped, {
    text: printExpression(expression),
    hasBeta,
    beta: pythonNumber(betaStart),
  });
  return [dialect.imports, ...neededHelpers(body, { ...dialect.helpers, ...definedHelpers(dialect) }), body].join(
    "\n\n\n",
  );
}

/** A helper for each function that the framework lacks and others define. */
function definedHelpers(dialect: Dialect): Record<string, string> {
  return Object.fromEntries(
    Object.entries(UNARY_FUNCTIONS).flatMap(([name, { definition }]) => {
      if (!definition || Object.hasOwn(dialect.functions, name)) return [];
      const e = dialect.differentiates ? guarded(definition(X), 1) : definition(X);
      return [[`_${name}`, `def _${name}(x):\n    return ${write(e, dialect).text}`]];
    }),
  );
}

/** Definitions of helpers named in the code, and of those that they call, in the order of their table. */
function neededHelpers(code: string, helpers: Readonly<Record<string, string>>): string[] {
  const names = Object.keys(helpers);
  const needed = new Set<string>();
  const visit = (text: string) => {
    for (const name of names.filter((name) => text.includes(`${name}(`) && !needed.has(name))) {
      needed.add(name);
      visit(helpers[name]);
    }
  };
  visit(code);
  return names.filter((name) => needed.has(name)).map((name) => helpers[name]);
}

const usesX = (e: Expression): boolean => e.kind === "x" || children(e).some(usesX);

// Python's operators have the same precedence as the text form's, ** as ^

interface Written {
  readonly text: string;
  readonly binding: Binding;
}

const OPERATORS: Readonly<Partial<Record<BinaryName, readonly [string, Binding]>>> = {
  add: [" + ", Binding.Sum],
  sub: [" - ", Binding.Sum],
  mul: [" * ", Binding.Product],
  div: [" / ", Binding.Product],
};

function write(e: Expression, dialect: Dialect): Written {
  const within = (part: Expression, least: Binding) => {
    const { text, binding } = write(part, dialect);
    return binding < least ? parenthesised(text) : text;
  };
  const call = (name: string, ...args: string[]) => ({ text: `${name}(${args.join(", ")})`, binding: Binding.Atom });
  const text = (part: Expression) => write(part, dialect).text;
  const operand = (part: Expression) =>
    part.kind === "number" && dialect.takesTensorsOnly ? `${dialect.module}.full_like(x, ${text(part)})` : text(part);
  switch (e.kind) {
    case "x":
    case "b":
      return { text: e.kind, binding: Binding.Atom };
    case "number":
      return { text: pythonNumber(e.value), binding: e.value < 0 ? Binding.Negation : Binding.Atom };
    case "unary":
      if (e.name === "neg") return { text: `-${within(e.argument, Binding.Power)}`, binding: Binding.Negation };
      return call(dialect.functions[e.name] ?? helperOf(e.name, dialect), text(e.argument));
    case "binary": {
      const operator = OPERATORS[e.name];
      if (!operator) return call(e.name === "max" ? dialect.max : dialect.min, ...[e.left, e.right].map(operand));
      const [sign, binding] = operator;
      return { text: within(e.left, binding) + sign + within(e.right, binding + 1), binding };
    }
    case "power":
      return { text: `${within(e.base, Binding.Atom)} ** ${e.exponent}`, binding: Binding.Power };
    case "select": {
      const question = `${text(e.left)} ${e.comparison} ${text(e.right)}`;
      return call(dialect.where, question, text(e.then), text(e.otherwise));
    }
  }
}

/** The name of the helper that is written by the function's definition. */
function helperOf(name: UnaryName, { module }: Dialect): string {
  if (UNARY_FUNCTIONS[name].definition) return `_${name}`;
  throw new TypeError(
    `Cannot write ${name} for ${module}: give its row in functions.ts a definition, or code.ts a name`,
  );
}

function parenthesised(text: string): string {
  return `(${text})`;
}

/** With a decimal point, so that it is a float everywhere. */
function pythonNumber(value: number): string {
  const text = Object.is(value, -0) ? "-0" : String(value);
  return /[.e]/.test(text) ? text : `${text}.0`;
}

// Choices

/** Candidates for the harmless number: the first at which the operand and its derivatives are finite is used. */
const HARMLESS = [0, 1, -1, 0.5, -0.5, 2, -2];

/** The same function, with operands of choices that are finite even where they are not chosen. */
function guarded(e: Expression, b: number): Expression {
  const within = (part: Expression) => guarded(part, b);
  if (e.kind !== "select") return mapChildren(e, within);
  const only = (part: Expression, chosen: boolean) => {
    const harmless = mayOverflow(part) ? HARMLESS.find((x) => isFiniteAt(part, x, b)) : undefined;
    if (harmless === undefined) return within(part);
    const sides = chosen ? [X, number(harmless)] : [number(harmless), X];
    return replaceX(within(part), select(e.left, e.right, sides[0], sides[1], e.comparison));
  };
  return select(e.left, e.right, only(e.then, true), only(e.otherwise, false), e.comparison);
}

/** Whether it contains more than sums and multiples of x and of bounded functions. */
function mayOverflow(e: Expression): boolean {
  const isTame = e.kind === "unary"
    ? UNARY_FUNCTIONS[e.name].growth !== undefined && e.name !== "sqrt"
    : e.kind === "binary"
    ? e.name !== "div" && !(e.name === "mul" && usesX(e.left) && usesX(e.right))
    : e.kind !== "power";
  return usesX(e) && (!isTame || children(e).some(mayOverflow));
}

function isFiniteAt(e: Expression, x: number, b: number): boolean {
  return [e, derive(e, "x"), derive(e, "b")].every((part) => Number.isFinite(compileToClosure(part)(x, b)));
}

function replaceX(e: Expression, by: Expression): Expression {
  return e.kind === "x" ? by : mapChildren(e, (part) => replaceX(part, by));
}

// The frameworks

/** Names common to most frameworks, after the prefix of the module; with an underscore they are helpers. */
function common(prefix: string): Partial<Record<UnaryName, string>> {
  const own = (name: string) => `${prefix}.${name}`;
  return {
    neg: "-", // an operator
    ...{ abs: own("abs"), log: own("log"), log1p: own("log1p"), exp: own("exp"), expm1: own("expm1") },
    ...{ sin: own("sin"), cos: own("cos"), sinh: own("sinh"), cosh: own("cosh"), tanh: own("tanh") },
    ...{ asinh: own("arcsinh"), acosh: own("arccosh"), atanh: own("arctanh"), sign: own("sign") },
    ...{ asin: own("arcsin"), acos: own("arccos"), atan: own("arctan"), cbrt: "_cbrt" },
    ...{ sqrt: "_sqrt", sinc: "_sinc", sigmoid: "_sigmoid", softplus: "_softplus", relu: "_relu" },
    ...{ erf: "_erf", erfc: "_erfc", dsinc: "_dsinc", hypot1: "_hypot1" },
  };
}

function helpers(prefix: string, own: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const define = (name: string, ...lines: string[]) =>
    `def _${name}(u):\n${lines.map((line) => `    ${line}`).join("\n")}`;
  return {
    _sqrt: define(
      "sqrt",
      '"""0 with derivative 0 for u <= 0."""',
      "positive = u > 0",
      `return ${prefix}.where(positive, ${prefix}.sqrt(${prefix}.where(positive, u, 1.0)), 0.0)`,
    ),
    _cbrt: define(
      "cbrt",
      '"""With derivative 0 at 0."""',
      `safe = ${prefix}.where(u == 0, 1.0, abs(u))`,
      `return ${prefix}.where(u == 0, 0.0, ${prefix}.sign(u) * safe ** (1.0 / 3.0))`,
    ),
    _sinc: define(
      "sinc",
      '"""sin(u) / u, and its limits at 0 and infinity."""',
      "near = abs(u) < 1e-4",
      "safe = " + `${prefix}.where(near | (abs(u) > 3e38), 1.0, u)`,
      `value = ${prefix}.where(near, 1.0 - u * u / 6.0, ${prefix}.sin(safe) / safe)`,
      `return ${prefix}.where(abs(u) > 3e38, 0.0, value)`,
    ),
    _dsinc: define(
      "dsinc",
      '"""The derivative of sinc, by its series near 0, where the quotient cancels."""',
      "near = abs(u) < 0.5",
      "far = abs(u) > 3e38",
      `s = ${prefix}.where(near, u * u, 0.0)`,
      "series = -1 / 3 + s * (1 / 30 + s * (-1 / 840 + s * (1 / 45360 + s * (-1 / 3991680 + s / 518918400))))",
      `safe = ${prefix}.where(near | far, 1.0, u)`,
      `quotient = (${prefix}.cos(safe) - ${prefix}.sin(safe) / safe) / safe`,
      `return ${prefix}.where(far, 0.0, ${prefix}.where(near, ${prefix}.where(near, u, 0.0) * series, quotient))`,
    ),
    _hypot1: define(
      "hypot1",
      '"""sqrt(1 + u^2), whose square does not overflow."""',
      "size = abs(u)",
      `larger = ${prefix}.where(size > 1.0, size, 1.0)`,
      `ratio = ${prefix}.where(size > 1.0, 1.0 / larger, size)`,
      `return larger * ${prefix}.sqrt(1.0 + ratio * ratio)`,
    ),
    ...own,
  };
}

const DIALECTS: Readonly<Record<Exclude<CodeTarget, "latex">, Dialect>> = {
  pytorch: {
    imports: "import torch\nfrom torch import nn",
    functions: {
      ...common("torch"),
      sigmoid: "torch.sigmoid",
      erf: "torch.erf",
      erfc: "torch.erfc",
      relu: "torch.relu",
    },
    ...{
      max: "torch.maximum",
      min: "torch.minimum",
      where: "torch.where",
      module: "torch",
      takesTensorsOnly: true,
      differentiates: true,
    },
    helpers: helpers("torch", {
      _sigmoid: "_sigmoid = torch.sigmoid",
      // PyTorch's own is the identity from 20 on, where float64 still tells them apart.
      _softplus: "def _softplus(u):\n    return nn.functional.softplus(u, threshold=40.0)",
    }),
    wrap: (formula, { text, hasBeta, beta }) =>
      [
        "class Activation(nn.Module):",
        `    """${text}"""`,
        ...hasBeta
          ? [
            "",
            "    def __init__(self, channels: int = 1):",
            "        super().__init__()",
            `        self.beta = nn.Parameter(torch.full((channels,), ${beta}))`,
          ]
          : [],
        "",
        "    def forward(self, x: torch.Tensor) -> torch.Tensor:",
        ...hasBeta
          ? ["        b = self.beta.reshape(-1, *[1] * (x.dim() - 2))  # channels are the second dimension"]
          : [],
        `        return ${formula}`,
      ].join("\n"),
  },
  jax: {
    imports: "import jax\nimport jax.numpy as jnp",
    functions: {
      ...common("jnp"),
      sigmoid: "jax.nn.sigmoid",
      softplus: "jax.nn.softplus",
      erf: "jax.scipy.special.erf",
      erfc: "jax.scipy.special.erfc",
      relu: "jax.nn.relu",
    },
    ...{ max: "jnp.maximum", min: "jnp.minimum", where: "jnp.where", module: "jnp", differentiates: true },
    helpers: helpers("jnp", { _sigmoid: "_sigmoid = jax.nn.sigmoid" }),
    wrap: (formula, { text, hasBeta, beta }) =>
      [
        ...hasBeta
          ? [
            "def init(channels: int = 1):",
            '    """Where beta starts: one value per channel, trained with the other parameters."""',
            `    return jnp.full((channels,), ${beta})`,
            "",
            "",
            "def activation(x, b):",
            `    """${text}; channels are the last axis"""`,
          ]
          : ["def activation(x):", `    """${text}"""`],
        `    return ${formula}`,
      ].join("\n"),
  },
  keras: {
    imports: "import keras\nfrom keras import ops",
    functions: {
      ...common("ops"),
      sigmoid: "ops.sigmoid",
      softplus: "ops.softplus",
      erf: "ops.erf",
      relu: "ops.relu",
    },
    ...{ max: "ops.maximum", min: "ops.minimum", where: "ops.where", module: "ops", differentiates: true },
    helpers: helpers("ops", {
      _sigmoid: "_sigmoid = ops.sigmoid",
      _erfc: [
        "def _erfc(u):",
        '    """Where 1 - erf(u) cancels: Numerical Recipes, 2nd ed., section 6.2, within 1.2e-7 of the value."""',
        "    size = ops.where(u > 0.5, u, 0.5)",
        "    t = 1.0 / (1.0 + 0.5 * size)",
        "    p = -1.13520398 + t * (1.48851587 + t * (-0.82215223 + t * 0.17087277))",
        "    p = 0.37409196 + t * (0.09678418 + t * (-0.18628806 + t * (0.27886807 + t * p)))",
        "    p = -1.26551223 + t * (1.00002368 + t * p)",
        "    return ops.where(u > 0.5, t * ops.exp(p - size * size), 1.0 - ops.erf(u))",
      ].join("\n"),
    }),
    wrap: (formula, { text, hasBeta, beta }) =>
      [
        "@keras.saving.register_keras_serializable()",
        "class Activation(keras.layers.Layer):",
        `    """${text}"""`,
        ...hasBeta
          ? [
            "",
            "    def build(self, input_shape):",
            "        # one value per channel; channels are the last axis",
            "        self.beta = self.add_weight(",
            `            shape=(input_shape[-1],), initializer=keras.initializers.Constant(${beta}), name="beta"`,
            "        )",
          ]
          : [],
        "",
        "    def call(self, x):",
        ...hasBeta ? ["        b = ops.convert_to_tensor(self.beta)"] : [],
        `        return ${formula}`,
      ].join("\n"),
  },
  numpy: {
    imports: "import math\n\nimport numpy as np",
    functions: common("np"),
    ...{ max: "np.maximum", min: "np.minimum", where: "np.where", module: "np", differentiates: false },
    helpers: helpers("np", {
      _sigmoid: [
        "def _sigmoid(u):",
        "    small = np.exp(-np.abs(u))  # never overflows",
        "    return np.where(u < 0, small, 1.0) / (1.0 + small)",
      ].join("\n"),
      _softplus: "def _softplus(u):\n    return np.maximum(u, 0.0) + np.log1p(np.exp(-np.abs(u)))",
      _relu: "def _relu(u):\n    return np.maximum(u, 0.0)",
      _erfc: "_erfc = np.vectorize(math.erfc, otypes=[float])",
      _erf: "_erf = np.vectorize(math.erf, otypes=[float])",
    }),
    wrap: (formula, { text, hasBeta, beta }) =>
      [
        `def activation(x${hasBeta ? `, b=${beta}` : ""}):`,
        `    """${text}${hasBeta ? "; b is one value, or one per channel of the last axis" : ""}"""`,
        "    x = np.asarray(x, dtype=float)",
        `    return ${formula}`,
      ].join("\n"),
  },
};
