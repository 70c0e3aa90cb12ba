/** Charts are judged by what they draw: where points land, what is clipped, thinned and escaped. */
import { assert, assertAlmostEquals, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { drawChart, layoutChart, linePath } from "../../../web/plot/chart.ts";
import { formatTick, linearScale, logScale, ticks } from "../../../web/plot/scale.ts";
import { toText } from "../../../web/plot/svg.ts";

const axes = { x: { label: "step" }, y: { label: "loss" } };

describe("scales", () => {
  it("map both ends of the domain to both ends of the range and back", () => {
    for (const scale of [linearScale([-2, 6], [10, 90]), logScale([0.01, 100], [10, 90])]) {
      assertAlmostEquals(scale.at(scale.domain[0]), 10, 1e-9);
      assertAlmostEquals(scale.at(scale.domain[1]), 90, 1e-9);
      assertAlmostEquals(scale.invert(scale.at(3)), 3, 1e-9);
    }
  });

  it("name round values only", () => {
    assertEquals(ticks(linearScale([0, 1], [0, 100]), 5).map((value) => formatTick(value, 0.2)), [
      "0",
      "0.2",
      "0.4",
      "0.6",
      "0.8",
      "1.0",
    ]);
    assertEquals(ticks(logScale([0.001, 10], [0, 100]), 5), [0.001, 0.01, 0.1, 1, 10]);
    assertEquals(formatTick(20000, 5000), "20k");
    assertEquals(formatTick(-3e-7, 1e-7), "\u22123e\u22127");
    assertEquals([3.4e-5, 3.5e-5].map((value) => formatTick(value, 1e-6)), ["3.4e\u22125", "3.5e\u22125"]);
  });

  it("refuse a log scale through zero", () => {
    assertThrows(() => logScale([0, 1], [0, 1]), RangeError, "over 0");
  });
});

describe("charts", () => {
  it("draw a line through the pixels of its points", () => {
    const spec = {
      width: 300,
      height: 200,
      ...axes,
      series: [{ label: "a", kind: "line" as const, x: [0, 1], y: [0, 1] }],
    };
    const { picture, x, y } = layoutChart(spec);
    const d = /M([\d.]+) ([\d.]+)L([\d.]+) ([\d.]+)"/.exec(toText(picture))!.slice(1).map(Number);
    for (const [index, expected] of [x.at(0), y.at(0), x.at(1), y.at(1)].entries()) {
      assertAlmostEquals(d[index], expected, 0.3);
    }
  });

  it("count in whole numbers where asked to", () => {
    const spec = { width: 600, height: 200, x: { label: "trial", whole: true }, y: { label: "loss" } };
    const { picture } = layoutChart({ ...spec, series: [{ label: "a", kind: "line", x: [0, 2], y: [0, 1] }] });
    const shown = toText(picture).matchAll(/text-anchor="(?:middle|end)" y="[\d.]+">([\d.]+)</g);
    assertEquals([...shown].map(([, text]) => text), ["0", "1", "2"]);
  });

  it("show a constant as one value, not what arithmetic rounds off", () => {
    for (const value of [0.3, 1 / 3, 1e6 / 3, -0.1, 0]) {
      const y = [value, value * (1 + 2 ** -52), value + value * 1e-9];
      const spec = {
        ...{ width: 400, height: 200, x: { label: "x" }, y: { label: "y" } },
        series: [{ label: "a", kind: "line" as const, x: [0, 1, 2], y }],
      };
      const { y: scale } = layoutChart(spec);
      assert(scale.domain[1] - scale.domain[0] > 0.1 * Math.abs(value), `${scale.domain}`);
      const labels = [...drawChart(spec).matchAll(/text-anchor="end">([^<]*)</g)].map(([, text]) => text);
      assertEquals(new Set(labels).size, labels.length, `${labels}`);
      assert(labels.every((text) => text.length <= 8), `${labels}`);
    }
  });

  it("break a line at values that are not finite", () => {
    const scale = linearScale([0, 4], [0, 40]);
    const path = linePath([0, 1, 2, 3, 4], [0, 1, NaN, 3, Infinity], scale, linearScale([0, 4], [40, 0]));
    assertEquals(path, "M0 40L10 30M30 10");
  });

  it("keep every spike of a long series at a few points a pixel", () => {
    const xs = Array.from({ length: 100_000 }, (_, index) => index);
    const ys = xs.map((value) => value === 54_321 ? 100 : 0);
    const path = linePath(xs, ys, linearScale([0, 1e5], [0, 400]), linearScale([0, 100], [100, 0]));
    assert(path.length < 30_000, `${path.length} characters`);
    assertStringIncludes(path, " 0L");
  });

  it("escape text that came from users", () => {
    const svg = drawChart({
      width: 200,
      height: 100,
      title: `<script>"&'`,
      ...axes,
      series: [{ label: "</text><b>", kind: "dots", x: [1], y: [1] }],
      legend: true,
    });
    assert(!svg.includes("<script>") && !svg.includes("<b>"));
    assertStringIncludes(svg, "&lt;script&gt;&quot;&amp;&#39;");
  });

  it("stand alone as a file with both themes and need no inline style attribute", () => {
    const svg = drawChart({ width: 200, height: 100, ...axes, series: [] });
    assertStringIncludes(svg, 'xmlns="http://www.w3.org/2000/svg"');
    assertStringIncludes(svg, "prefers-color-scheme:dark");
    assert(!/ style=/.test(svg));
  });
});
