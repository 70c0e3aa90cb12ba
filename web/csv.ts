/** Trials as CSV (RFC 4180), readable by spreadsheets and by `pandas.read_csv`. */
import { TRIAL_COLUMNS, type TrialRow } from "./protocol.ts";

/** `score` rather than `score`, as on the command line. */
export function columnName(column: string): string {
  return column.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

export function trialsCsv(trials: readonly TrialRow[]): string {
  const rows = trials.map((trial) => TRIAL_COLUMNS.map((column) => csvField(trial[column])).join(","));
  return [TRIAL_COLUMNS.map(columnName).join(","), ...rows].join("\r\n") + "\r\n";
}

function csvField(value: unknown): string {
  if (value === null) return "";
  if (typeof value === "number") return String(value);
  const text = Array.isArray(value) ? value.join(" ") : String(value);
  // A spreadsheet runs text that begins like a formula: `-x` and `+x` are kept from it by a leading apostrophe.
  const harmless = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}
