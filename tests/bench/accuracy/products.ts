/**
 * Writes `tests/child/engine/true_values.json`: every function of one argument alone, times x, x^3 and exp(x), and of
 * exp(x), with derivatives, at points where they saturate or overflow, in arithmetic of many digits. From the project's
 * root:
 *
 *     deno run --allow-read --allow-write --allow-run tests/bench/accuracy/products.ts PYTHON
 */
import { UNARY_FUNCTIONS } from "../../../child/activation/functions.ts";
import { parseExpression } from "../../../child/activation/parse.ts";
import { askOracle } from "./oracle.ts";

const FILE = "tests/child/engine/true_values.json";
const SIZES = [0, 1e-8, 1e-3, 1, 2.2, 5, 8, 9, 10, 17, 20, 50, 88.7, 89, 100, 1e4, 1e20, 3.4028234663852886e38];
const POINTS = Float32Array.from([...SIZES.slice(1).map((x) => -x).reverse(), ...SIZES]);

const functions = Object.entries(UNARY_FUNCTIONS).filter(([, { written }]) => written === "call").map(([name]) => name);
const texts = functions.flatMap((f) => [`${f}(x)`, `x * ${f}(x)`, `x^3 * ${f}(x)`, `exp(x) * ${f}(x)`, `${f}(exp(x))`]);
const truths = await askOracle(Deno.args[0], texts.map((text) => parseExpression(text)), POINTS, 1);

/** To nine digits, which tell float32 numbers apart. */
const written = (values: Float64Array) =>
  JSON.stringify([...values].map((v) => Number.isFinite(v) ? Number(v.toPrecision(9)) : String(v)));
const rows = texts.map((text, i) =>
  `${JSON.stringify(text)}: {"value": ${written(truths[i].value)}, "byX": ${written(truths[i].byX)}}`
);
await Deno.writeTextFile(FILE, `{"points": ${JSON.stringify([...POINTS])},\n"functions": {\n${rows.join(",\n")}\n}}\n`);
