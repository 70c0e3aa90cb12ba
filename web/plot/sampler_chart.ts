/** The chart of a comparison of samplers, for its file and the dashboard: the best truth so far, with its quartiles. */
import type { Band } from "../../controller/comparison/sampler_summary.ts";
import type { ChartSpec, Series } from "./chart.ts";

export interface ComparedCurves {
  readonly bands: readonly Band[];
  readonly seeds: number;
  readonly synthetic: boolean;
  /** Accuracies in [0, 1]: where the best hundredth begins, and the better of ReLU and Swish, if it is known. */
  readonly top1: number;
  readonly toBeat: number | null;
}

/** Best truth so far of each sampler, its quartiles dashed. */
export function samplerChart(
  { bands, seeds, synthetic, top1, toBeat }: ComparedCurves,
): Omit<ChartSpec, "width" | "height"> {
  return {
    title: `Best function so far, true accuracy, ${seeds} searches${synthetic ? " (SYNTHETIC)" : ""}`,
    x: { label: "trainings", kind: "log" },
    y: { label: "accuracy (%)" },
    series: bands.flatMap(({ sampler, low, middle, high }, colour): Series[] => {
      const x = middle.map((_, at) => at + 1), y = (values: readonly number[]) => values.map((value) => 100 * value);
      return [
        { label: sampler, kind: "step", x, y: y(middle), colour },
        { label: `${sampler}, quartiles`, kind: "step", x, y: y(low), colour, dashed: true },
        { label: `${sampler}, quartiles`, kind: "step", x, y: y(high), colour, dashed: true },
      ];
    }),
    rules: [
      { axis: "y", value: 100 * top1, label: "top 1 %" },
      ...(toBeat === null ? [] : [{ axis: "y" as const, value: 100 * toBeat, label: "ReLU, Swish" }]),
    ],
  };
}
