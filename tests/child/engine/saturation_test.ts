import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { activationFrom } from "../../../child/activation/catalog.ts";
import { type Elementwise, ENGINES } from "./elementwise.ts";

/** What each engine computes, in float32 or float64, is judged to so many parts. */
const RELATIVE_ERROR = 1e-6;

interface Case {
  readonly text: string;
  readonly x: number;
  readonly value?: number;
  readonly byX?: number;
}

/** True values, of bounded functions that have saturated and of what stands beside them. */
const SATURATED: readonly Case[] = [
  ...[10, 20, 89, 1e4, 1e20, 3.4028234663852886e38].flatMap((x): Case[] => [
    { text: "x * tanh(x)", x, value: x, byX: 1 },
    { text: "x * tanh(x)", x: -x, value: x, byX: -1 },
    { text: "x * erf(x)", x, value: x, byX: 1 },
    { text: "x * tanh(softplus(x))", x, value: x, byX: 1 },
  ]),
  ...[5, 10, 15, 20, 88.8, 89, 1e4, 1e20].map((x): Case => ({ text: "x * tanh(exp(x))", x, value: x, byX: 1 })),
  ...[88.8, 100, 1e4, 1e20].flatMap((x): Case[] => [
    { text: "x * sigmoid(exp(x))", x, value: x, byX: 1 },
    { text: "x * erf(exp(x))", x, value: x, byX: 1 },
    { text: "x * exp(-exp(-x))", x: -x, value: 0, byX: 0 },
    { text: "x * atan(exp(x))", x, value: x * Math.PI / 2, byX: Math.PI / 2 },
    { text: "tanh(sinh(x)) + x", x, value: x + 1, byX: 1 },
    { text: "gauss(cosh(x))", x, value: 0, byX: 0 },
    { text: "exp(x) * gauss(x)", x, value: 0, byX: 0 },
    { text: "x^3 * exp(-x^2)", x, value: 0, byX: 0 },
    { text: "relu(-x) * exp(x)", x, value: 0, byX: 0 },
  ]),
  ...[100, 1e4, 1e20].flatMap((x): Case[] => [
    { text: "x / cosh(x)", x, value: 0, byX: 0 },
    { text: "x / (1 + exp(x))", x, value: 0, byX: 0 },
    { text: "x * exp(x)", x: -x, value: 0, byX: 0 },
  ]),
  { text: "x^2 * sigmoid(exp(exp(x) * sinc(x)))", x: 7, value: 49, byX: 14 },
  { text: "asinh(exp(x))", x: 45, value: 45.693147180559945, byX: 1 },
  { text: "asinh(x)", x: 3.4028234663852886e38, value: 89.41598629223294 },
];

function assertClose(found: number, expected: number, message: string): void {
  // What is below float32's normal numbers may be 0.
  const bound = Math.max(RELATIVE_ERROR * Math.abs(expected), 2 ** -126);
  assert(Math.abs(found - expected) <= bound, `${message} is ${found}, not ${expected}`);
}

for (const { name, open } of ENGINES) {
  const compute = await open();
  describe(`saturated functions on ${name}`, { skip: typeof compute === "string" }, () => {
    if (typeof compute === "string") return;
    const at = (text: string, x: number, b = 1): Promise<Elementwise> =>
      compute(activationFrom(text).expression, Float32Array.of(x), b);

    it("leave what they multiply as it is, and are 0 beside what overflows", async () => {
      for (const { text, x, value, byX } of SATURATED) {
        const found = await at(text, x), place = `${text} at ${x}`;
        if (value !== undefined) assertClose(found.value[0], value, place);
        if (byX !== undefined) assertClose(found.byX[0], byX, `the derivative of ${place}`);
      }
    });

    it("have a derivative by beta that is 0", async () => {
      for (const x of [-1e20, -1e4, 1e4, 1e20, 3.4028234663852886e38]) {
        assertEquals(Math.abs((await at("x * sigmoid(b * x)", x)).byB![0]), 0);
      }
    });

    it("give NaN for NaN", async () => {
      for (const text of ["x * tanh(exp(x))", "exp(x) * gauss(x)", "x * sigmoid(b * x)", "atan(x)", "asinh(x)"]) {
        const { value, byX } = await at(text, NaN);
        assert(Number.isNaN(value[0]), `${text} is ${value[0]}`);
        assert(Number.isNaN(byX[0]), `the derivative of ${text} is ${byX[0]}`);
      }
    });
  });
}
