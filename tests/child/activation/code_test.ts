/**
 * The code of other frameworks computes what the reference engine does: value and derivatives, where Python has the
 * framework; elsewhere those tests are skipped with the reason.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { activationFrom, CATALOG } from "../../../child/activation/catalog.ts";
import { CODE_TARGETS, codeOf, type CodeTarget } from "../../../child/activation/code.ts";
import { unary, type UnaryName, usesBeta, X } from "../../../child/activation/expression.ts";
import { UNARY_FUNCTIONS } from "../../../child/activation/functions.ts";
import { FUNCTION_NAMES } from "../../../child/activation/parse.ts";
import { simplify } from "../../../child/activation/simplify.ts";
import { openReference } from "../../../child/engine/reference/engine.ts";
import { python3 } from "../python3.ts";

/** Beside the catalogue: every function, choices whose other side overflows, beta alone, constants. */
const MORE = [
  ...FUNCTION_NAMES.filter((name) => !["max", "min", "clip", "threshold", "where", "pow"].includes(name))
    .map((name) => `${name}(x)`),
  ...[
    "sinc(b * x)",
    "max(x, b)",
    "min(max(x, -1), b)",
    "x^-2",
    "x^0.3 + x^1.5",
    "b",
    "3",
    "b * x + (1 - b) * asinh(x)",
  ],
  ...["where(x <= 30, exp(x), x)", "where(x > 1, log(x), b * x)", "exp(-b * (x - sin(x))^2)", "1e-5 / (x + 0.125)"],
];
const TEXTS = [...CATALOG.map(({ name }) => name), ...MORE];

/** No kinks, and none at which log and their like are not finite. Some so large that exp overflows. */
const POINTS = [0.11, 0.7, 1.3, 2.9, 4.4, 7.7, 40.5, 900.25];
const NEGATIVE = [-0.11, -0.7, -1.3, -2.9, -4.4, -7.7, -40.5, -900.25];

/** Keras computes maximum and minimum in float32. */
const TOLERANCE = { numpy: 1e-11, pytorch: 1e-11, jax: 1e-11, keras: 1e-6 } as const;

/** Far out their frameworks multiply a derivative that is 0 by one that overflowed, where the engines say 0. */
const SPOILT_FAR_OUT: ReadonlySet<string> = new Set(["TanhExp", "TeLU", "GoLU", "sech(x)"]);

/** Reads a list of [code, b] and points, writes values and derivatives. */
const PYTHON: Readonly<Record<Exclude<CodeTarget, "latex">, string>> = {
  numpy: `
import json, sys, numpy
numpy.seterr(all="ignore")
def run(code, b, x):
    scope = {}; exec(code, scope)
    return [scope["activation"](numpy.array(x)).tolist(), None, None]
`,
  pytorch: `
import json, sys, torch
torch.set_default_dtype(torch.float64)
def run(code, b, x):
    scope = {}; exec(code, scope)
    module = scope["Activation"](len(x)) if b else scope["Activation"]()
    point = torch.tensor([x], requires_grad=True)
    y = module(point)
    if y.requires_grad: y.sum().backward()
    flat = lambda grad: [0.0] * len(x) if grad is None else grad.flatten().tolist()
    return [y.flatten().tolist(), flat(point.grad), flat(module.beta.grad) if b else None]
`,
  jax: `
import json, sys, jax, numpy
jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp
def run(code, b, x):
    scope = {}; exec(code, scope)
    f = scope["activation"]
    args = [scope["init"]()[0]] if b else []
    at = lambda g: jax.vmap(lambda one: g(one, *args))(jnp.array(x)).tolist()
    return [at(f), at(jax.grad(f)), at(jax.grad(f, argnums=1)) if b else None]
`,
  keras: `
import json, os, sys
os.environ["KERAS_BACKEND"] = "torch"
import torch, keras
keras.config.set_floatx("float64")
def run(code, b, x):
    scope = {}; exec(code, scope)
    layer = scope["Activation"]()
    point = torch.tensor([[one] for one in x], dtype=torch.float64, requires_grad=True)
    y = layer(point)
    if y.requires_grad: y.sum().backward()
    grad = torch.zeros(len(x)) if point.grad is None else point.grad
    return [y.flatten().tolist(), grad.flatten().tolist(), None]
`,
};

const MAIN = `
cases, points, negative = json.load(sys.stdin)
words = lambda v: v if v is None or abs(v) < float("inf") else str(v)
out = []
for code, b in cases:
    found = run(code, b, points + negative)
    out.append([None if part is None else [words(v) for v in part] for part in found])
print(json.dumps(out))
`;

const activations = TEXTS.map((text) => activationFrom(text));

describe("codeOf", () => {
  for (const [target, script] of Object.entries(PYTHON) as [Exclude<CodeTarget, "latex">, string][]) {
    const modules = /^import (.+)$/gm[Symbol.match](script)!.join("\n");
    it(`writes for ${target} what the reference engine computes, with its derivatives`, async () => {
      const found = await python3(
        `${target === "keras" ? 'import os; os.environ["KERAS_BACKEND"] = "torch"\n' : ""}${modules}`,
      );
      if (!found.ok) {
        console.log(`not compared: python3 has no ${target} here (${found.error.trim().split("\n").at(-1)})`);
        return;
      }
      // JAX and Keras compile each for some tenths of a second: every third will do.
      const compared = activations.filter((_, i) => target === "numpy" || target === "pytorch" || i % 3 === 0);
      const names = TEXTS.filter((_, i) => compared.includes(activations[i]));
      const cases = compared.map((activation) => [
        codeOf(activation, target),
        usesBeta(simplify(activation.expression)),
      ]);
      const { ok, out, error } = await python3(script + MAIN, { input: JSON.stringify([cases, POINTS, NEGATIVE]) });
      assert(ok, error);
      const results = JSON.parse(out) as (readonly ((number | string)[] | null)[])[];
      const engine = openReference();
      const wrong: string[] = [];
      for (const [i, [value, byX, byB]] of results.entries()) {
        const probe = await engine.probe(compared[i], [...POINTS, ...NEGATIVE], compared[i].betaStart);
        for (
          const [what, expected, actual] of [
            ["value", probe.value, value],
            ["derivative", probe.derivative, byX],
            ["derivative by beta", probe.betaDerivative, byB],
          ] as const
        ) {
          actual?.forEach((given, at) => {
            const right = expected[at];
            if (!Number.isFinite(right)) return; // what overflowed is told in other ways
            if (what !== "value" && SPOILT_FAR_OUT.has(names[i]) && given === "nan") return;
            const isClose = Math.abs(Number(given) - right) <= TOLERANCE[target] * Math.max(1e-3, Math.abs(right));
            if (!isClose) {
              wrong.push(`${names[i]}: ${what} at ${[...POINTS, ...NEGATIVE][at]} is ${given}, not ${right}`);
            }
          });
        }
      }
      assertEquals(wrong, []);
    });
  }

  it("writes every function for every target, and defines every helper that it calls", () => {
    for (const target of CODE_TARGETS.filter((target) => target !== "latex")) {
      for (const name of Object.keys(UNARY_FUNCTIONS) as UnaryName[]) {
        const code = codeOf({ name, expression: unary(name, X), betaStart: 1 }, target);
        for (const [, helper] of code.matchAll(/(?<![.\w])(_[a-z]\w*)\(/g)) {
          assert(new RegExp(`^(def ${helper}\\(|${helper} = )`, "m").test(code), `${name} for ${target}: ${code}`);
        }
      }
    }
  });

  it("makes beta trainable where the function has one, and nowhere else", () => {
    const swish = (target: CodeTarget) => codeOf(activationFrom("prelu"), target);
    assertStringIncludes(swish("pytorch"), "self.beta = nn.Parameter(torch.full((channels,), 0.25))");
    assertStringIncludes(swish("jax"), "return jnp.full((channels,), 0.25)");
    assertStringIncludes(swish("keras"), "initializer=keras.initializers.Constant(0.25)");
    assertStringIncludes(swish("numpy"), "def activation(x, b=0.25):");
    for (const target of CODE_TARGETS) assert(!codeOf(activationFrom("gelu"), target).includes("beta"), target);
  });

  it("writes one formula for latex", () => {
    assertEquals(codeOf(activationFrom("swish"), "latex"), String.raw`f(x) = x \cdot \sigma\left(\beta \cdot x\right)`);
  });
});
