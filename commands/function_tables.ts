/**
 * The functions and the catalogue as tables in Markdown, from the tables that the parser reads: what `deno task
 * function` prints without an expression and `docs/functions.md` holds.
 */
import { CATALOG } from "../child/activation/catalog.ts";
import { BINARY_FUNCTIONS, UNARY_FUNCTIONS } from "../child/activation/functions.ts";
import { SHORTHANDS } from "../child/activation/shorthands.ts";

/** Every function that can be called: its signature, its aliases, and what it is. */
export function functionTable(): string {
  const primitives = Object.entries({ ...UNARY_FUNCTIONS, ...BINARY_FUNCTIONS })
    .filter(([, { written }]) => written === "call")
    .map(([name, { aliases, domain }]) => [`\`${name}\``, names(aliases ?? []), domain]);
  const shorthands = SHORTHANDS.map(({ name, aliases, parameters = {}, text, domain }) => [
    `\`${[name, ...Object.keys(parameters)].join(", ")}\``,
    names(aliases),
    `\`${text}\`; ${domain}`,
  ]);
  return table(["function", "also", "what it is"], [
    ...primitives,
    ...shorthands,
    ["`where(x > 0, x, 0)`", "", "by one comparison, `> < >= <= == !=`: the second where it holds, else the third"],
    ["`pow(x, 0.5)`", "`power`", "`x^0.5`, with a constant exponent"],
  ]);
}

/** Every row of the catalogue: its names, its text and who published it. */
export function catalogueTable(): string {
  return table(
    ["name", "also", "function", "parameters", "published by"],
    CATALOG.map(({ name, aliases, text, parameters, source, betaStart, kernelGain, same }) => [
      `\`${name}\``,
      names(aliases),
      `\`${text}\``,
      parameters.join(", "),
      [
        source,
        ...betaStart === 1 ? [] : [`beta starts at ${betaStart}`],
        ...kernelGain === undefined ? [] : [`kernel variance starts at ${kernelGain} / fan in`],
        ...same === undefined ? [] : [`the same function as ${same}`],
      ].join("; "),
    ]),
  );
}

function names(list: readonly string[]): string {
  return list.map((name) => `\`${name}\``).join(" ");
}

/** Aligned as `deno fmt` aligns it. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows].map((row) => row.map((cell) => cell.replaceAll("|", "\\|")));
  const widths = head.map((_, column) => Math.max(...all.map((row) => [...row[column]].length)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, i) => cell + " ".repeat(widths[i] - [...cell].length)).join(" | ")} |`;
  const [top, ...body] = all.map(line);
  return [top, line(widths.map((width) => "-".repeat(width))), ...body].join("\n");
}
