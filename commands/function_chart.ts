/** The plot of a function and its derivative, as an SVG file. */
import { derive } from "../child/activation/derive.ts";
import { compileToClosure } from "../child/activation/evaluate.ts";
import { type Activation, usesBeta } from "../child/activation/expression.ts";
import { simplify } from "../child/activation/simplify.ts";
import { typesetText } from "../child/activation/typeset.ts";
import { drawChart } from "../web/plot/chart.ts";
import { functionDomain } from "../web/plot/scale.ts";

/** Range of preactivations after batch norm: nearly all lie within four standard deviations. */
const REACH = 5;
const POINTS = 501;

/** f and f' from -5 to 5 at that beta. */
export function functionChart({ expression, name }: Activation, b: number): string {
  const simplified = simplify(expression);
  const [value, slope] = [simplified, derive(simplified, "x")].map(compileToClosure);
  const x = Float64Array.from({ length: POINTS }, (_, i) => -REACH + 2 * REACH * i / (POINTS - 1));
  const [f, df] = [value, slope].map((curve) => x.map((at) => curve(at, b)));
  const beta = usesBeta(simplified) ? `, β = ${b}` : "";
  return drawChart({
    width: 720,
    height: 420,
    title: `${name === typesetText(expression) ? name : `${name}: ${typesetText(expression)}`}${beta}`,
    x: { label: "x", domain: [-REACH, REACH] },
    y: { label: "value", domain: functionDomain([f, df]) },
    series: [
      { label: "f", kind: "line", x, y: f },
      { label: "f′", kind: "line", x, y: df, dashed: true },
    ],
    rules: [{ axis: "x", value: 0, label: "" }, { axis: "y", value: 0, label: "" }],
  });
}
