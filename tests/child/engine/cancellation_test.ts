/**
 * Published and naive forms that cancel or overflow as they are written, on every engine: simplification rescues them.
 */
import { assert } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { activationFrom } from "../../../child/activation/catalog.ts";
import { ENGINES } from "./elementwise.ts";

interface Case {
  readonly text: string;
  readonly x: number;
  readonly value: number;
  readonly byX: number;
}

const GELU = "0.5 * x * (1 + erf(0.7071067811865476 * x))";

/** True values, by mpmath with 50 digits. */
const CASES: readonly Case[] = [
  { text: "max(x, 0) + exp(min(x, 0)) - 1", x: 2 ** -27, value: 2 ** -27, byX: 1 },
  { text: "max(x, 0) + exp(min(x, 0)) - 1", x: -(2 ** -27), value: -(2 ** -27), byX: 1 },
  { text: "elu", x: -(2 ** -27), value: -(2 ** -27), byX: 1 },
  { text: "max(x, 0) + min(0, 2 * (exp(x / 2) - 1))", x: 2 ** -27, value: 2 ** -27, byX: 1 },
  { text: "x * log(1 + sigmoid(x))", x: -15, value: -4.5885327020632204e-6, byX: -4.282628416462509e-6 },
  { text: "x * tanh(log(1 + sigmoid(x)))", x: -30, value: -2.8072868906516584e-12, byX: -2.7137106609628756e-12 },
  { text: GELU, x: -5, value: -1.4332578593959695e-6, byX: -7.146946001792295e-6 },
  { text: "log(cosh(x))", x: 100, value: 99.30685281944005, byX: 1 },
  { text: "log(cosh(x))", x: -1e4, value: 9999.306852819440, byX: -1 },
  { text: "log(1 + exp(x))", x: -20, value: 2.061153620314381e-9, byX: 2.0611536181902036e-9 },
  { text: "log(1 + exp(x))", x: 100, value: 100, byX: 1 },
  { text: "1 - sigmoid(x)", x: 30, value: 9.357622968839299e-14, byX: -9.357622968838424e-14 },
  { text: "sqrt(1 + x^2)", x: 1e20, value: 1e20, byX: 1 },
  { text: "x / sqrt(1 + x^2)", x: 1e20, value: 1, byX: 0 },
  { text: "log(x + sqrt(x^2 + 1))", x: -1e10, value: -23.7189981105004, byX: 1e-10 },
];

for (const { name, open } of ENGINES) {
  const compute = await open();
  describe(`forms that cancel on ${name}`, { skip: typeof compute === "string" }, () => {
    if (typeof compute === "string") return;
    it("have their value and derivative to 2e-6 of their size", async () => {
      for (const { text, x, value, byX } of CASES) {
        const found = await compute(activationFrom(text).expression, Float32Array.of(x), 1);
        for (
          const [what, computed, exact] of [["value", found.value[0], value], ["slope", found.byX[0], byX]] as const
        ) {
          const message = `the ${what} of ${text} at ${x} is ${computed}, not ${exact}`;
          assert(Math.abs(computed - exact) <= 2e-6 * Math.abs(exact), message);
        }
      }
    });

    it("are exactly 0 where GELU has ended, with its sign", async () => {
      for (const text of ["gelu", "gelu_tanh", GELU]) {
        const { value } = await compute(activationFrom(text).expression, Float32Array.of(-100, -1e20), 1);
        value.forEach((value) => assert(Object.is(value, -0) || (value < 0 && value > -1e-300), `${text}: ${value}`));
      }
    });
  });
}
