/** The derivative at a kink, on every engine: the convention of child/activation/functions.ts. */
import { assert } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { activationFrom } from "../../../child/activation/catalog.ts";
import { ENGINES } from "./elementwise.ts";

interface Kink {
  readonly text: string;
  readonly x: number;
  readonly byX: number;
  readonly byB?: number;
}

/** As PyTorch 2 has them: named functions have the derivative that was published, that of one side. */
const PUBLISHED: readonly Kink[] = [
  { text: "relu", x: 0, byX: 0 },
  { text: "leaky_relu", x: 0, byX: 0.01 },
  { text: "prelu", x: 0, byX: 0.25, byB: 0 },
  { text: "elu", x: 0, byX: 1 },
  { text: "selu", x: 0, byX: 1.7580993408473766 },
  { text: "celu", x: 0, byX: 1 },
  { text: "elu(x, 0.5)", x: 0, byX: 0.5 },
  { text: "relu6", x: 0, byX: 0 },
  { text: "relu6", x: 6, byX: 0 },
  { text: "hardtanh", x: -1, byX: 0 },
  { text: "hardtanh", x: 1, byX: 0 },
  { text: "hardsigmoid", x: -3, byX: 0 },
  { text: "hardsigmoid", x: 3, byX: 0 },
  { text: "abs(x)", x: 0, byX: 0 },
];

/** The same functions by max and min: rectifiers have the left side, as published. */
const RECTIFIERS: readonly Kink[] = [
  { text: "max(x, 0)", x: 0, byX: 0 },
  { text: "max(0, x)", x: 0, byX: 0 },
  { text: "min(x, 0)", x: 0, byX: 1 },
  { text: "max(x, 0) + b * min(x, 0)", x: 0, byX: 0.25, byB: 0 },
  { text: "max(x, 0) + exp(min(x, 0)) - 1", x: 0, byX: 1 },
  {
    text: "1.0507009873554805 * (max(x, 0) + 1.6732632423543772 * (exp(min(x, 0)) - 1))",
    x: 0,
    byX: 1.7580993408473766,
  },
  { text: "max(x, 0) + min(0, exp(x) - 1)", x: 0, byX: 1 },
  { text: "max(x, 0) + min(0, 2 * (exp(x / 2) - 1))", x: 0, byX: 1 },
];

/** Other equals take the mean of the sides. */
const MEANS: readonly Kink[] = [
  { text: "max(x, 0.5 * x)", x: 0, byX: 0.75 },
  { text: "min(x, 0.5 * x)", x: 0, byX: 0.75 },
  { text: "max(x, -x)", x: 0, byX: 0 },
  { text: "max(x, 2)", x: 2, byX: 0.5 },
  { text: "min(6, 3 * x)", x: 2, byX: 1.5 },
  { text: "max(3 * x, 2 * x + 1)", x: 1, byX: 2.5 },
  { text: "max(x^2, x)", x: 1, byX: 1.5 },
  { text: "max(b * x, x)", x: 0, byX: 0.625, byB: 0 },
  { text: "max(b, x)", x: 0.25, byX: 0.5, byB: 0.5 },
];

/** PReLU's first beta. */
const BETA = 0.25;
/** Of float32, and at a kink the two sides are exact. */
const RELATIVE_ERROR = 1e-6;

for (const { name, open } of ENGINES) {
  const compute = await open();
  describe(`derivatives at kinks on ${name}`, { skip: typeof compute === "string" }, () => {
    if (typeof compute === "string") return;
    const kinds = {
      "are the published ones of named functions": PUBLISHED,
      "are the left ones of rectifiers": RECTIFIERS,
    };
    for (const [kind, kinks] of Object.entries({ ...kinds, "are the mean of the sides of other equals": MEANS })) {
      it(kind, async () => {
        for (const { text, x, byX, byB = 0 } of kinks) {
          const found = await compute(activationFrom(text).expression, Float32Array.of(x), BETA);
          for (const [by, value, expected] of [["x", found.byX[0], byX], ["b", found.byB?.[0] ?? byB, byB]] as const) {
            const message = `the derivative by ${by} of ${text} at ${x} is ${value}, not ${expected}`;
            assert(Math.abs(value - expected) <= RELATIVE_ERROR * Math.abs(expected), message);
          }
        }
      });
    }
  });
}
