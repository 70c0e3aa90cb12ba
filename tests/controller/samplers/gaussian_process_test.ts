/** The process against the textbook's formulas, solved in full by elimination. */
import { assertAlmostEquals, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { GaussianProcess } from "../../../controller/samplers/gaussian_process.ts";
import { Random } from "../../../datasets/random.ts";

/** Solution of A x = b by Gauss-Jordan elimination with pivots. */
function solve(matrix: readonly (readonly number[])[], right: readonly number[]): number[] {
  const rows = matrix.map((row, i) => [...row, right[i]]);
  rows.forEach((_, column) => {
    const pivot = rows.findIndex((row, i) =>
      i >= column && Math.abs(row[column]) === Math.max(...rows.slice(column).map((other) => Math.abs(other[column])))
    );
    [rows[column], rows[pivot]] = [rows[pivot], rows[column]];
    rows[column] = rows[column].map((value) => value / rows[column][column]);
    rows.forEach((row, i) => {
      if (i !== column) rows[i] = row.map((value, at) => value - row[column] * rows[column][at]);
    });
  });
  return rows.map((row) => row[right.length]);
}

describe("Gaussian process", () => {
  it("has the posterior of equations 2.23 and 2.24 of Rasmussen & Williams at every point", () => {
    const random = new Random(1), settings = { length: 1.3, noise: 0.05 };
    const points = Array.from({ length: 12 }, () => Float32Array.from({ length: 4 }, () => random.normal()));
    const observed = [3, 7, 0, 11, 3], values = [0.5, -1, 2, 0.25, 0.75]; // point 3 twice
    const process = new GaussianProcess(points, settings);
    observed.forEach((at) => process.observe(at));

    const means = process.means(values);

    const kernel = (a: number, b: number) => {
      const squares = points[a].reduce((sum, value, i) => sum + (value - points[b][i]) ** 2, 0);
      return Math.exp(-Math.sqrt(squares / 4) / settings.length);
    };
    const matrix = observed.map((a, i) => observed.map((b, j) => kernel(a, b) + (i === j ? settings.noise : 0)));
    points.forEach((_, point) => {
      const row = observed.map((at) => kernel(point, at));
      const dot = (other: readonly number[]) => row.reduce((sum, value, i) => sum + value * other[i], 0);
      assertAlmostEquals(means[point], dot(solve(matrix, values)), 1e-6);
      assertAlmostEquals(process.variance[point], 1 - dot(solve(matrix, row)), 1e-6);
    });
  });

  it("forgets what it imagined, to the bit", async () => {
    const points = Array.from({ length: 5 }, (_, at) => Float32Array.from([at, at * at]));
    const process = new GaussianProcess(points, { length: 2, noise: 0.1 });
    process.observe(1);
    const variance = process.variance.slice();
    await process.imagining(() => {
      process.observe(3);
      process.observe(4);
      return Promise.resolve();
    });
    assertEquals([process.variance, process.observations], [variance, 1]);
  });
});
