/** Ratios of rates that were measured in pairs. */
import { halfWidth95, meanOf, varianceOf } from "../../controller/comparison/statistics.ts";

/** The geometric mean of after / before: "1.012 (95 % interval 0.998 to 1.026, n = 24, 0.95 to 1.06)" */
export function ratioOf(pairs: readonly { readonly before: number; readonly after: number }[]): string {
  const logs = pairs.map(({ before, after }) => Math.log(after / before)), n = logs.length;
  if (n === 0) return "not measured";
  const mean = meanOf(logs), number = (log: number) => Math.exp(log).toFixed(3);
  if (n === 1) return `${number(mean)} (n = 1)`;
  const half = halfWidth95(Math.sqrt(varianceOf(logs) / n), n);
  return `${number(mean)} (95 % interval ${number(mean - half)} to ${number(mean + half)}, n = ${n}, ` +
    `single pairs ${number(Math.min(...logs))} to ${number(Math.max(...logs))})`;
}
