import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { compileToClosure, evaluate } from "../../../child/activation/evaluate.ts";
import {
  B,
  binary,
  children,
  type Expression,
  number,
  select,
  unary,
  type UnaryName,
  X,
} from "../../../child/activation/expression.ts";
import { UNARY_FUNCTIONS } from "../../../child/activation/functions.ts";
import { parseExpression } from "../../../child/activation/parse.ts";

const POINTS = [-30, -5.25, -1.5, -0.9, -0.3, -0.001, -1e-9, 0, 1e-9, 0.001, 0.3, 0.84, 0.9, 1.5, 2.75, 3.5, 5.25, 30];

/** Values at POINTS to the nearest float64, computed by mpmath 1.3 with 60 digits from the functions' definitions. */
// deno-fmt-ignore
const VALUES: Readonly<Partial<Record<UnaryName, readonly number[]>>> = {
  abs: [
    30, 5.25, 1.5, 0.9, 0.3, 0.001, 1e-09, 0, 1e-09, 0.001, 0.3, 0.84, 0.9, 1.5, 2.75, 3.5, 5.25, 30,
  ],
  sqrt: [
    0, 0, 0, 0, 0, 0, 0, 0, 3.1622776601683795e-05, 0.03162277660168379, 0.5477225575051661, 0.916515138991168,
    0.9486832980505138, 1.224744871391589, 1.6583123951777, 1.8708286933869707, 2.29128784747792,
    5.477225575051661,
  ],
  hypot1: [
    30.01666203960727, 5.344389581607987, 1.8027756377319946, 1.3453624047073711, 1.044030650891055,
    1.000000499999875, 1, 1, 1, 1.000000499999875, 1.044030650891055, 1.3059862173851606, 1.3453624047073711,
    1.8027756377319946, 2.9261749776799064, 3.640054944640259, 5.344389581607987, 30.01666203960727,
  ],
  log: [
    NaN, NaN, NaN, NaN, NaN, NaN, NaN, -Infinity, -20.72326583694641, -6.907755278982137, -1.2039728043259361,
    -0.1743533871447778, -0.10536051565782628, 0.4054651081081644, 1.0116009116784799, 1.252762968495368,
    1.6582280766035324, 3.4011973816621555,
  ],
  exp: [
    9.357622968840175e-14, 0.005247518399181385, 0.22313016014842982, 0.4065696597405991, 0.7408182206817179,
    0.999000499833375, 0.999999999, 1, 1.000000001, 1.0010005001667084, 1.3498588075760032, 2.3163669767810915,
    2.45960311115695, 4.4816890703380645, 15.642631884188171, 33.11545195869231, 190.56626845863,
    10686474581524.463,
  ],
  log1p: [
    NaN, NaN, NaN, -2.302585092994046, -0.35667494393873234, -0.0010005003335835335, -1.0000000005000001e-09, 0,
    9.999999995e-10, 0.0009995003330835331, 0.26236426446749106, 0.6097655716208943, 0.6418538861723948,
    0.9162907318741551, 1.3217558399823195, 1.5040773967762742, 1.8325814637483102, 3.4339872044851463,
  ],
  expm1: [
    -0.9999999999999064, -0.9947524816008186, -0.7768698398515702, -0.5934303402594009, -0.2591817793182821,
    -0.0009995001666250085, -9.999999995e-10, 0, 1.0000000005000001e-09, 0.0010005001667083417,
    0.3498588075760031, 1.3163669767810917, 1.4596031111569496, 3.481689070338065, 14.642631884188171,
    32.11545195869231, 189.56626845863, 10686474581523.463,
  ],
  sin: [
    0.9880316240928618, 0.858934493426592, -0.9974949866040544, -0.7833269096274834, -0.29552020666133955,
    -0.0009999998333333417, -1e-09, 0, 1e-09, 0.0009999998333333417, 0.29552020666133955, 0.7446431199708593,
    0.7833269096274834, 0.9974949866040544, 0.38166099205233167, -0.35078322768961984, -0.858934493426592,
    -0.9880316240928618,
  ],
  cos: [
    0.15425144988758405, 0.5120854772418407, 0.0707372016677029, 0.6216099682706644, 0.955336489125606,
    0.9999995000000417, 1, 1, 1, 0.9999995000000417, 0.955336489125606, 0.6674628258413081, 0.6216099682706644,
    0.0707372016677029, -0.9243023786324636, -0.9364566872907963, 0.5120854772418407, 0.15425144988758405,
  ],
  sinh: [
    -5343237290762.231, -95.2805104701154, -2.1292794550948173, -1.0265167257081753, -0.3045202934471426,
    -0.001000000166666675, -1e-09, 0, 1e-09, 0.001000000166666675, 0.3045202934471426, 0.942328226676006,
    1.0265167257081753, 2.1292794550948173, 7.789352011490732, 16.542627287634996, 95.2805104701154,
    5343237290762.231,
  ],
  cosh: [
    5343237290762.231, 95.28575798851459, 2.352409615243247, 1.4330863854487743, 1.0453385141288605,
    1.0000005000000416, 1, 1, 1, 1.0000005000000416, 1.0453385141288605, 1.3740387501050857, 1.4330863854487743,
    2.352409615243247, 7.853279872697439, 16.572824671057315, 95.28575798851459, 5343237290762.231,
  ],
  tanh: [
    -1, -0.9999449286177708, -0.9051482536448664, -0.7162978701990245, -0.2913126124515909, -0.0009999996666668,
    -1e-09, 0, 1e-09, 0.0009999996666668, 0.2913126124515909, 0.6858090622290945, 0.7162978701990245,
    0.9051482536448664, 0.9918597245682077, 0.9981778976111987, 0.9999449286177708, 1,
  ],
  asinh: [
    -4.09462222433053, -2.360324576243438, -1.1947632172871092, -0.8088669356527824, -0.29567304756342244,
    -0.0009999998333334083, -1e-09, 0, 1e-09, 0.0009999998333334083, 0.29567304756342244, 0.7635992217205763,
    0.8088669356527824, 1.1947632172871092, 1.7362775864618003, 1.9657204716496515, 2.360324576243438,
    4.09462222433053,
  ],
  atan: [
    -1.5374753309166493, -1.382574821490126, -0.982793723247329, -0.7328151017865066, -0.2914567944778671,
    -0.0009999996666668668, -1e-09, 0, 1e-09, 0.0009999996666668668, 0.2914567944778671, 0.6986598247214632,
    0.7328151017865066, 0.982793723247329, 1.2220253232109897, 1.2924966677897853, 1.382574821490126,
    1.5374753309166493,
  ],
  sinc: [
    -0.03293438746976206, -0.16360657017649372, 0.6649966577360363, 0.870363232919426, 0.9850673555377986,
    0.9999998333333416, 1, 1, 1, 0.9999998333333416, 0.9850673555377986, 0.8864799047272135, 0.870363232919426,
    0.6649966577360363, 0.138785815291757, -0.10022377933989139, -0.16360657017649372, -0.03293438746976206,
  ],
  sigmoid: [
    9.357622968839299e-14, 0.005220125693558397, 0.18242552380635635, 0.28905049737499605, 0.425557483188341,
    0.4997500000208333, 0.49999999975, 0.5, 0.50000000025, 0.5002499999791666, 0.574442516811659,
    0.6984652160025387, 0.710949502625004, 0.8175744761936437, 0.9399133498259924, 0.9706877692486436,
    0.9947798743064417, 0.9999999999999064,
  ],
  softplus: [
    9.357622968839737e-14, 0.005233798151743032, 0.2014132779827524, 0.3411538747320878, 0.5543552444685271,
    0.6926473055599401, 0.6931471800599454, 0.6931471805599453, 0.6931471810599453, 0.6936473055599401,
    0.8543552444685271, 1.1988698996603233, 1.2411538747320878, 1.7014132779827524, 2.8119675890031988,
    3.5297504182726205, 5.255233798151743, 30.000000000000092,
  ],
  gauss: [
    0, 1.0709232382508077e-12, 0.10539922456186433, 0.4448580662229411, 0.9139311852712282, 0.9999990000005, 1, 1,
    1, 0.9999990000005, 0.9139311852712282, 0.49381219803334614, 0.4448580662229411, 0.10539922456186433,
    0.0005195746821548384, 4.785117392129009e-06, 1.0709232382508077e-12, 0,
  ],
  erf: [
    -1, -0.9999999999998869, -0.9661051464753108, -0.7969082124228322, -0.3286267594591274,
    -0.0011283787909692365, -1.1283791670955127e-09, 0, 1.1283791670955127e-09, 0.0011283787909692365,
    0.3286267594591274, 0.7651427114549945, 0.7969082124228322, 0.9661051464753108, 0.9998993780778803,
    0.9999992569016276, 0.9999999999998869, 1,
  ],
  erfc: [
    2, 1.999999999999887, 1.9661051464753108, 1.7969082124228322, 1.3286267594591274, 1.0011283787909693,
    1.0000000011283792, 1, 0.9999999988716208, 0.9988716212090307, 0.6713732405408726, 0.23485728854500548,
    0.20309178757716786, 0.033894853524689274, 0.00010062192211963683, 7.430983723414128e-07,
    1.1310313266887154e-13, 0,
  ],
  relu: [
    0, 0, 0, 0, 0, 0, 0, 0, 1e-09, 0.001, 0.3, 0.84, 0.9, 1.5, 2.75, 3.5, 5.25, 30,
  ],
  dsinc: [
    -0.006239527911911537, -0.1287032471273018, 0.39617297071222224, 0.2763925162764017, 0.09910288804064188,
    0.0003333333000000012, 3.3333333333333337e-10, 0, -3.3333333333333337e-10, -0.0003333333000000012,
    -0.09910288804064188, -0.2607346177213159, -0.2763925162764017, -0.39617297071222224, -0.3865775250633529,
    -0.23892368798597285, 0.1287032471273018, 0.006239527911911537,
  ],
};

/** At -inf, -1e30, 1e30 and inf. */
const LIMITS: Readonly<Partial<Record<UnaryName, readonly number[]>>> = {
  abs: [Infinity, 1e30, 1e30, Infinity],
  sqrt: [0, 0, 1e15, Infinity],
  exp: [0, 0, Infinity, Infinity],
  hypot1: [Infinity, 1e30, 1e30, Infinity],
  expm1: [-1, -1, Infinity, Infinity],
  sinh: [-Infinity, -Infinity, Infinity, Infinity],
  cosh: [Infinity, Infinity, Infinity, Infinity],
  tanh: [-1, -1, 1, 1],
  asinh: [-Infinity, -Math.log(2e30), Math.log(2e30), Infinity],
  atan: [-Math.PI / 2, -Math.PI / 2, Math.PI / 2, Math.PI / 2],
  sigmoid: [0, 0, 1, 1],
  softplus: [0, 0, 1e30, Infinity],
  gauss: [0, 0, 0, 0],
  erf: [-1, -1, 1, 1],
  erfc: [2, 2, 0, 0],
  relu: [0, 0, 1e30, Infinity],
};

const RELATIVE_ERROR = 6e-16;

function assertClose(actual: number, expected: number, message: string): void {
  assertAlmostEquals(actual, expected, Math.abs(expected) * RELATIVE_ERROR, message);
}

describe("UNARY_FUNCTIONS", () => {
  it("have values within 3 ulp of the true ones", () => {
    for (const [name, values] of Object.entries(VALUES)) {
      const { value } = UNARY_FUNCTIONS[name as UnaryName];
      POINTS.forEach((x, i) => {
        // The rounding of x^2 alone moves exp(-x^2) by x^2 ulp; 1e-300 stands for what underflows.
        const tolerance = values[i] * RELATIVE_ERROR * (name === "gauss" ? 1 + x * x : 1);
        assertAlmostEquals(value(x), values[i], Math.abs(tolerance) || 1e-300, `${name}(${x})`);
      });
    }
  });

  it("have the right limits", () => {
    for (const [name, limits] of Object.entries(LIMITS)) {
      const { value } = UNARY_FUNCTIONS[name as UnaryName];
      [-Infinity, -1e30, 1e30, Infinity].forEach((x, i) => assertClose(value(x), limits[i], `${name}(${x})`));
    }
    for (const x of [-Infinity, Infinity]) {
      assertEquals(UNARY_FUNCTIONS.sinc.value(x), 0);
      assertEquals(UNARY_FUNCTIONS.dsinc.value(x), 0);
    }
    assertEquals([-Infinity, -0.1, 0, 0.1].map(UNARY_FUNCTIONS.sign.value), [-1, -1, 0, 1]);
  });

  it("hand NaN on", () => {
    for (const [name, { value }] of Object.entries(UNARY_FUNCTIONS)) assert(Number.isNaN(value(NaN)), name);
  });

  it("are as exact between the intervals of erf, and on both sides of 1 in dsinc", () => {
    for (const edge of [0.84375, 1.25, 1 / 0.35, 6]) {
      const [below, above] = [edge * (1 - 2e-16), edge * (1 + 2e-16)];
      assertClose(UNARY_FUNCTIONS.erf.value(below), UNARY_FUNCTIONS.erf.value(above), `erf(${edge})`);
    }
    assertAlmostEquals(UNARY_FUNCTIONS.dsinc.value(1 - 1e-16), UNARY_FUNCTIONS.dsinc.value(1), 4e-16);
  });

  it("are all read by their names, in any case, and by their aliases", () => {
    for (const [name, { written, aliases = [] }] of Object.entries(UNARY_FUNCTIONS)) {
      if (written === "operator") continue;
      for (const other of [name, name.toUpperCase(), ...aliases]) {
        assertEquals(parseExpression(`${other}(x)`), unary(name as UnaryName, X));
      }
    }
    for (const name of ["max", "min"] as const) assertEquals(parseExpression(`${name}(x, b)`), binary(name, X, B));
  });

  it("have a parity, a sign and growth that are true", () => {
    const points = [0, 1e-3, 0.3, 0.9, 1.7, 4, 30, 1e4];
    for (const [name, { value, parity, neverNegative, growth, undoes }] of Object.entries(UNARY_FUNCTIONS)) {
      for (const x of points) {
        const [up, down] = [value(x), value(-x)];
        if (parity === "even") assertEquals(down, up, name);
        if (parity === "odd") assertEquals(down + 0, -up + 0, name);
        if (neverNegative) assert(!(up < 0) && !(down < 0), name);
        if (growth === "bounded") assert(!(Math.abs(up) > 3) && !(Math.abs(down) > 4), name);
        if (growth === "slow") assert(Math.abs(up) <= x + 1 && !(Math.abs(down) > x + 1), name);
        if (undoes && x < 5) assertAlmostEquals(value(UNARY_FUNCTIONS[undoes].value(x + 0.1)), x + 0.1, 1e-12, name);
      }
    }
  });
});

describe("definitions by other functions", () => {
  const defined = Object.entries(UNARY_FUNCTIONS).flatMap(([name, { value, definition }]) =>
    definition ? [{ name, value, defined: compileToClosure(definition(X)) }] : []
  );

  it("compute what the functions do, also far out", () => {
    for (const { name, value, defined: f } of defined) {
      for (const x of [...POINTS, -1e4, -100, 100, 1e4, -1e30, 1e30, -Infinity, Infinity]) {
        assertAlmostEquals(f(x, 1), value(x), 1e-12 * Math.max(1, Math.abs(value(x))), `${name}(${x})`);
      }
    }
    assert(defined.length >= 5);
  });

  it("do not go round in circles", () => {
    const uses = (e: Expression): UnaryName[] => [
      ...e.kind === "unary" ? [e.name] : [],
      ...children(e).flatMap(uses),
    ];
    const expand = (name: UnaryName, above: readonly string[]): string[] => {
      if (above.includes(name)) return [[...above, name].join(" is defined by ")];
      const { definition } = UNARY_FUNCTIONS[name];
      return definition ? uses(definition(X)).flatMap((part) => expand(part, [...above, name])) : [];
    };
    assertEquals(defined.flatMap(({ name }) => expand(name as UnaryName, [])), []);
  });
});

describe("evaluate", () => {
  it("computes every kind of node", () => {
    const x = -0.7;
    const b = 1.9;
    assertEquals(evaluate(parseExpression("max(x, b) - min(x, b) * x^-2 / (b + 3)"), x, b), b - x * x ** -2 / (b + 3));
    assertEquals(evaluate(parseExpression("-abs(x)"), x, b), -0.7);
  });

  it("hands NaN on through max and min", () => {
    for (const text of ["max(x, 0)", "min(x, 0)", "max(0, x)"]) {
      assert(Number.isNaN(evaluate(parseExpression(text), NaN, 1)));
    }
  });

  it("does not let what select passes over spoil what it chooses", () => {
    const choice = compileToClosure(select(X, number(0), parseExpression("log(x - x)"), B));
    assertEquals(choice(-1, 0.5), 0.5);
    assertEquals(choice(0, 0.5), 0.5);
    assertEquals(choice(1, 0.5), -Infinity);
  });
});
