/**
 * Every function of the expression language as ONNX operators, computed by onnxruntime where Python has it, against the
 * float64 values: over the range of float32, in the tails and at infinity.
 */
import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { activationFrom, CATALOG } from "../../../../child/activation/catalog.ts";
import { compileToClosure } from "../../../../child/activation/evaluate.ts";
import {
  B,
  binary,
  type Expression,
  number,
  power,
  select,
  unary,
  type UnaryName,
  usesBeta,
  X,
} from "../../../../child/activation/expression.ts";
import { BINARY_FUNCTIONS, UNARY_FUNCTIONS } from "../../../../child/activation/functions.ts";
import { simplify } from "../../../../child/activation/simplify.ts";
import { OnnxBuilder } from "../../../../child/model/export/onnx_builder.ts";
import { encodeOnnx, FLOAT, IR_VERSION, OPSET } from "../../../../child/model/export/onnx_format.ts";
import { writeFunction } from "../../../../child/model/export/onnx_function.ts";
import { lacksPython, python3 } from "../../python3.ts";

const BETA = 0.75;

/** A model of one function of float32 values x. */
function modelOf(e: Expression): Uint8Array {
  const builder = new OnnxBuilder();
  builder.enter("f");
  const b = usesBeta(e) ? builder.tensor("beta", [1], Float32Array.of(BETA)) : null;
  builder.rename(builder.op("Identity", [writeFunction(e, "x", b, builder)]), "y");
  const value = (name: string) => ({
    name,
    type: { tensorType: { elemType: FLOAT, shape: { dim: [{ dimParam: "n" }] } } } as const,
  });
  return encodeOnnx({
    irVersion: IR_VERSION,
    producerName: "test",
    docString: "",
    graph: {
      name: "f",
      node: builder.nodes,
      initializer: builder.initializers,
      input: [value("x")],
      output: [value("y")],
    },
    opsetImport: [{ domain: "", version: OPSET }],
    metadataProps: [],
  });
}

/** From subnormal to the largest float32, both signs, denser where functions bend. */
const POINTS = [0, Infinity, 1e-42, 1e-30, 1e-9, 1e-5, 1e30, 3e38, ...Array.from({ length: 1200 }, (_, i) => i / 100)]
  .flatMap((x) => x === 0 ? [0] : [x, -x])
  .concat(
    [15.5, 17.9, 18.1, 20, 25, 27.5, 40, 60, 80, 88, 89.5, 90, 100, 103.9, 110, 1000, 1e6].flatMap((x) => [x, -x]),
  )
  .map(Math.fround);

const CASES: readonly (readonly [name: string, e: Expression])[] = [
  ...Object.keys(UNARY_FUNCTIONS).map((name) => [name, unary(name as UnaryName, X)] as const),
  ...Object.keys(BINARY_FUNCTIONS).map((name) => [name, binary(name as "add", X, B)] as const),
  ...[-3, -2, -1, 0, 1, 2, 3, 7].map((exponent) => [`x^${exponent}`, power(X, exponent)] as const),
  ...([">", ">=", "=="] as const).map((sign) =>
    [`where ${sign}`, select(X, number(1), X, unary("exp", unary("neg", X)), sign)] as const
  ),
  ["b", B],
  ["constant", number(2.5)],
  ...CATALOG.map(({ name }) => [name, simplify(activationFrom(name).expression)] as const),
];

/** Of the value: far out exp multiplies the rounding error of its argument, which is below 104. */
const TOLERANCE = 1e-5;

describe("writeFunction", () => {
  it("writes every function", () => {
    // It throws where a function has neither a formula nor a definition.
    for (const [name, e] of CASES) assert(modelOf(e).length > 0, name);
  });

  it("computes every function as it is, in the tails too", async () => {
    if (await lacksPython(["numpy", "onnx", "onnxruntime"]) !== null) return;
    const input = JSON.stringify([
      CASES.map(([, e]) => modelOf(e).toBase64()),
      POINTS.map((x) => Number.isFinite(x) ? x : `${x}`),
    ]);
    const { ok, out, error } = await python3(
      `
import base64, json, sys, numpy, onnx, onnxruntime
numpy.seterr(all="ignore")
models, points = json.load(sys.stdin)
x = numpy.array([float(p) for p in points], dtype="float32")
out = []
for text in models:
    model = base64.b64decode(text)
    onnx.checker.check_model(onnx.load_from_string(model), full_check=True)
    y = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"]).run(None, {"x": x})[0]
    out.append([float(v) if numpy.isfinite(v) else str(v) for v in y])
print(json.dumps(out))
`,
      { input },
    );
    assert(ok, error);
    const results = JSON.parse(out) as (number | string)[][];
    const wrong: string[] = [];
    for (const [index, [name, e]] of CASES.entries()) {
      const f = compileToClosure(e);
      POINTS.forEach((x, at) => {
        const given = Number(`${results[index][at]}`.replace("inf", "Infinity").replace("nan", "NaN"));
        const right = f(x, BETA), rounded = Math.fround(right);
        if (Number.isNaN(right) || Object.is(given, rounded)) return;
        if (Math.abs(right) > 1e18 && given === Math.sign(right) * Infinity) return; // a part of it overflowed
        // Differences of numbers about 1 have the rounding errors of these; tails have none.
        const rounding = Math.abs(right) > 1e-7 ? 1e-7 : 1e-29;
        if (!(Math.abs(given - right) <= TOLERANCE * Math.abs(right) + rounding)) {
          wrong.push(`${name}(${x}) is ${given}, not ${right}`);
        }
      });
    }
    const first = new Map(wrong.map((line) => [line.split("(")[0], line]));
    assertEquals([...first.values()], [], `${wrong.length} values`);
  });
});
