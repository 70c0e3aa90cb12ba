/** `deno task function` as its users call it: what it says, its last line with --json, what it refuses. */
import { assert, assertAlmostEquals, assertEquals, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { Io } from "../../commands/command.ts";
import { FUNCTION_NAMES } from "../../child/activation/parse.ts";
import { main } from "../../main.ts";

async function run(...args: string[]): Promise<{ code: number; out: string[]; err: string[] }> {
  const [out, err]: [string[], string[]] = [[], []];
  const io: Io = {
    out: (line) => out.push(...line.split("\n")),
    err: (line) => err.push(line),
    live: () => {},
    terminal: false,
    columns: () => 80,
    signal: new AbortController().signal,
  };
  return { code: await main(["function", ...args], io), out, err };
}

const last = (out: string[]) => JSON.parse(out.at(-1)!);

describe("deno task function", () => {
  it("ends with exact values of the reference, what is not finite as words", async () => {
    const { code, out } = await run("x * sigmoid(b*x)", "--at", "-1,0,2.5,-inf,nan", "--json");
    const { value, derivative, beta_derivative, ...rest } = last(out);
    assertEquals([code, rest], [0, {
      event: "finished",
      expression: "x * sigmoid(b * x)",
      simplified: "x * sigmoid(b * x)",
      engine: "reference",
      at: [-1, 0, 2.5, "-inf", "nan"],
    }]);
    const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
    [-1, 0, 2.5].forEach((x, i) => {
      const slope = sigmoid(x) * (1 - sigmoid(x));
      assertAlmostEquals(value[i], x * sigmoid(x), 1e-15);
      assertAlmostEquals(derivative[i], sigmoid(x) + x * slope, 1e-15);
      assertAlmostEquals(beta_derivative[i], x * x * slope, 1e-15);
    });
    assertEquals([value[4], derivative[4]], ["nan", "nan"]);
  });

  it("has the derivative of TanhExp in the kernels of wasm", async () => {
    const { out } = await run("x*tanh(exp(x))", "--at", "5,10,15,20,89", "--engine", "wasm", "--json");
    const { engine, value, derivative, beta_derivative } = last(out);
    assertEquals([engine, value, beta_derivative], ["wasm", [5, 10, 15, 20, 89], [0, 0, 0, 0, 0]]);
    for (const slope of derivative) assertAlmostEquals(slope, 1, 1e-6);
  });

  it("takes what begins with a minus, and beta from the name or --b", async () => {
    const at = async (...args: string[]) => last((await run(...args, "--at", "-2", "--json")).out).value[0];
    assertEquals(await at("-x"), 2);
    assertEquals(await at("-x^2"), -4);
    assertEquals(await at("prelu"), -0.5);
    assertEquals(await at("prelu(x) - x", "--engine", "wasm"), 1.5);
    assertEquals(await at("b * x", "--b", "-3"), 6);
    assertEquals(last((await run("x", "--at", "pi/2, 1e3 ,+inf", "--json")).out).at, [Math.PI / 2, 1000, "inf"]);
  });

  it("says what is known of a function", async () => {
    const { code, out, err } = await run("silu");
    const text = out.join("\n");
    const facts = [
      /^f\(x\) +x · σ\(x\)$/m,
      /^at 0 +value 0, slope 0\.5$/m,
      /^x → −∞ +0$/m,
      /^x → ∞ +∞$/m,
      /^values +bounded below by −0\.278465 only$/m,
      /^monotone +no$/m,
      /inflection at −2\.39936, minimum at −1\.27846, inflection at 2\.39936/,
      /^equal to +Swish-1$/m,
      /^cost +2 operations/m,
      /numerically, in float64: no proof/,
    ];
    assertEquals([code, err], [0, []]);
    for (const fact of facts) assert(fact.test(text), `${fact} in ${text}`);
    assertStringIncludes((await run("x*tanh(exp(x))")).out.join("\n"), "TanhExp, TeLU");
    assertStringIncludes((await run("prelu(x)")).out.join("\n"), "0.25 below, where it starts");
    assertStringIncludes((await run("selu(x)")).out.join("\n"), "start with variance 1 / fan in");
  });

  it("lists every name without an expression", async () => {
    const { code, out } = await run();
    assertEquals(code, 0);
    for (const name of [...FUNCTION_NAMES, "GoLU"]) assert(out.some((line) => line.startsWith(`| \`${name}`)), name);
  });

  it("refuses as bad usage what is no function, point or target, and says what to do", async () => {
    const cases = [
      [["x * zebra"], "did you mean"],
      [["x^b"], "expected a constant as the exponent"],
      [["x", "--at", "1,two"], '--at takes numbers separated by commas, such as "-1,0,2.5,inf": "two" is not a number'],
      [["x", "--at", ""], "--at needs a value"],
      [["x", "--as", "torch"], "--as takes one of pytorch, jax, keras, numpy, latex"],
      [["--at", "1"], "function needs EXPRESSION"],
    ] as const;
    for (const [args, message] of cases) {
      const { code, out, err } = await run(...args);
      assertEquals([code, out, err.length], [2, [], 1], args.join(" "));
      assertStringIncludes(err[0], message);
    }
  });

  it("writes the plot of the function and its derivative", async () => {
    const file = `.tmp/function-${crypto.randomUUID()}.svg`;
    try {
      assertEquals((await run("swish", "--svg", file)).code, 0);
      const svg = await Deno.readTextFile(file);
      assert(svg.startsWith("<svg ") && svg.includes("x · σ(β · x)") && svg.includes("f′"), svg.slice(0, 300));
    } finally {
      await Deno.remove(file);
    }
    const { code, err } = await run("swish", "--svg", "no/such/folder/plot.svg");
    assertEquals(code, 1);
    assertStringIncludes(err[0], "Cannot write the plot to no/such/folder/plot.svg");
  });
});
