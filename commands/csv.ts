/** Rows as CSV (RFC 4180), readable by spreadsheets and by `pandas.read_csv`. */

/** A line of the columns' names and one a row. Every row has the keys of the first. */
export function csv(rows: readonly Record<string, unknown>[]): string[] {
  if (rows.length === 0) return [];
  const columns = Object.keys(rows[0]);
  return [columns.join(","), ...rows.map((row) => columns.map((column) => field(row[column])).join(","))];
}

/** RFC 4180; a leading sign that spreadsheets take for a formula is guarded by a quote mark. */
function field(value: unknown): string {
  if (value === null || value === undefined) return "";
  const text = typeof value === "string" && /^[=+\-@]/.test(value) ? `'${value}` : String(value);
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
