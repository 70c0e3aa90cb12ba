/**
 * Rows as CSV (RFC 4180), the project's only CSV writer: `pandas.read_csv` and `--act` read its output back unchanged.
 * Spreadsheets run text that begins like a formula, and `-x * sigmoid(x)` does: for them it is guarded by an
 * apostrophe, which no other reader removes.
 */

export interface CsvOptions {
  /** Guards text that a spreadsheet would run. */
  readonly forSpreadsheet?: boolean;
}

type Rows = readonly Readonly<Record<string, unknown>>[];

/** Lines without line ends: the names of the columns, then one per row. */
export function csvLines(columns: readonly string[], rows: Rows, options: CsvOptions = {}): string[] {
  const line = (values: readonly unknown[]) => values.map((value) => field(value, options)).join(",");
  return [line(columns), ...rows.map((row) => line(columns.map((column) => row[column])))];
}

/** The rows must have the columns of the first; no rows give no lines. */
export function csvRows(rows: Rows): string[] {
  return rows.length === 0 ? [] : csvLines(Object.keys(rows[0]), rows);
}

/** Null and undefined are empty; a list is its items with spaces between them. */
function field(value: unknown, { forSpreadsheet = false }: CsvOptions): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return String(value);
  const plain = Array.isArray(value) ? value.join(" ") : String(value);
  const text = forSpreadsheet && /^[=+\-@\t\r]/.test(plain) ? `'${plain}` : plain;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
