/** The raw data of measurements: a file with a JSON object a line, to which each result is appended as it comes. */

/** Its lines; none if there is no such file yet. */
export function readLines<Line = Record<string, unknown>>(file: string): Line[] {
  try {
    return Deno.readTextFileSync(file).trim().split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

export function appendLine(file: string, line: unknown): void {
  Deno.writeTextFileSync(file, `${JSON.stringify(line)}\n`, { append: true });
}
