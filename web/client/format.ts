/** Numbers and times as the dashboard writes them: short, with units, of steady width. */
import { trainingsJudged, type TrialRow } from "../../controller/trial.ts";

/** 0.6123 -> "61.23 %"; an en dash where there is none. */
export function percent(value: number | null, decimals = 2): string {
  return value === null ? "\u2013" : `${(value * 100).toFixed(decimals)}\u202f%`;
}

/** 0.0042 -> "0.42": a difference or spread of accuracies. */
export function points(share: number): string {
  return (share * 100).toFixed(2);
}

export function signedPoints(difference: number): string {
  return `${difference < 0 ? "\u2212" : "+"}${points(Math.abs(difference))} points`;
}

/** "mean 72.31 ± 0.42, n = 3": a mean with its sample standard deviation in percent; one child has none. */
export function spread({ mean, deviation, n }: { mean: number; deviation: number | null; n: number }): string {
  return deviation === null
    ? `n = ${n}`
    : `mean ${(mean * 100).toFixed(2)} ± ${(deviation * 100).toFixed(2)}, n = ${n}`;
}

/** "72.31 % ± 0.42, n = 3": a trial's score with its standard deviation and the children it rests on, if they are known. */
export function worth(trial: Pick<TrialRow, "score" | "deviation" | "trainings">): string {
  const n = trainingsJudged(trial);
  return [
    `${percent(trial.score)}${trial.deviation === null ? "" : ` ± ${points(trial.deviation)}`}`,
    ...n === 0 ? [] : [`n = ${n}`],
  ].join(", ");
}

export function decimal(value: number | null, decimals = 3): string {
  if (value === null || !Number.isFinite(value)) return "\u2013";
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e5 || size < 10 ** -decimals)) return minus(value.toExponential(1).replace("e+", "e"));
  return minus(value.toFixed(decimals));
}

export function count(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+(?!\d))/g, "\u202f");
}

/** 1_610_612_736 -> "1.5 GiB". */
export function bytes(value: number): string {
  return value < 2 ** 30 ? `${Math.round(value / 2 ** 20)}\u202fMiB` : `${(value / 2 ** 30).toFixed(1)}\u202fGiB`;
}

/** 83_000 -> "1 min 23 s"; two units, never more. */
export function duration(ms: number | null): string {
  if (ms === null || !Number.isFinite(ms)) return "\u2013";
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (ms < 9950) return `${(Math.max(0, ms) / 1000).toFixed(1)} s`;
  const parts: [number, string][] = [
    [Math.floor(seconds / 86400), "d"],
    [Math.floor(seconds / 3600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "min"],
    [seconds % 60, "s"],
  ];
  const first = parts.findIndex(([value]) => value > 0);
  return parts.slice(first, first + 2).filter(([value], index) => index === 0 || value > 0)
    .map(([value, unit]) => `${value}\u202f${unit}`).join(" ");
}

/** Local date and time to the minute. */
export function dateTime(at: number): string {
  const date = new Date(at);
  const two = (value: number) => String(value).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${clock(at)}`;
}

export function clock(at: number, seconds = false): string {
  const date = new Date(at);
  const two = (value: number) => String(value).padStart(2, "0");
  return `${two(date.getHours())}:${two(date.getMinutes())}${seconds ? `:${two(date.getSeconds())}` : ""}`;
}

function minus(text: string): string {
  return text.replaceAll("-", "\u2212");
}
