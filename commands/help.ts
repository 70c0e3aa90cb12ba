/** The help pages: one for a command, one for all of them. */
import type { Command, Flag } from "./command.ts";

/** Page of one command: usage, what it does, positionals, flags with their defaults, examples, extra permissions. */
export function helpPage(command: Command): string {
  const positionals = command.positionals.map(({ name, optional }) =>
    optional ? `[${name.toUpperCase()}]` : name.toUpperCase()
  );
  const usage = ["deno task", command.name, ...positionals, ...command.flags.length > 0 ? ["[flags]"] : []].join(" ");
  const sections = [`${usage}\n\n${command.summary}`];
  if (command.positionals.length > 0) {
    sections.push(
      table(command.positionals.map(({ name, help, choices }) => [name.toUpperCase(), withChoices(help, choices)])),
    );
  }
  for (const { about } of command.positionals) if (about) sections.push(table(Object.entries(about)));
  sections.push(
    table([...command.flags.map((flag) => [written(flag), described(flag)]), ["--help", "print this page"]]),
  );
  if (command.examples) {
    sections.push(["Examples:", ...command.examples.map((line) => `  deno task ${line}`)].join("\n"));
  }
  if (command.permissions) {
    sections.push(`Extra permissions (docs/permissions.md):\n${table(Object.entries(command.permissions))}`);
  }
  return sections.join("\n\n");
}

/** The overview: every command with its summary. */
export function overviewPage(summaries: readonly (readonly [name: string, summary: string])[]): string {
  return [
    "actsearch finds new neural-network activation functions.",
    "deno task COMMAND [flags]",
    table(summaries.map(([name, summary]) => [name, summary])),
    "`deno task COMMAND --help` prints a command's page. ACTSEARCH_DEBUG=1 prints the whole stack of a failure.",
  ].join("\n\n");
}

function written(flag: Flag): string {
  if (flag.type === "boolean") return flag.default ? `--no-${flag.name}` : `--${flag.name}`;
  return `--${flag.name} ${placeholder(flag)}`;
}

function placeholder(flag: Exclude<Flag, { type: "boolean" }>): string {
  const rows = { string: "", strings: "", number: "X", integer: "N", choice: "NAME", choices: "A;B", duration: "10m" };
  return flag.type === "string" || flag.type === "strings" ? flag.value : rows[flag.type];
}

function described(flag: Flag): string {
  if (flag.type === "boolean") return flag.help;
  const help = flag.type === "strings" ? `${flag.help} (may be repeated)` : flag.help;
  const text = withChoices(help, flag.type === "choice" || flag.type === "choices" ? flag.choices : undefined);
  if (flag.type === "strings" || flag.default === undefined) return text;
  return `${text} (default ${flag.type === "duration" ? duration(flag.default) : flag.default})`;
}

/** Milliseconds as the user would write them: 5400000 is 1h30m. */
function duration(ms: number): string {
  const parts = [[Math.floor(ms / 3_600_000), "h"], [Math.floor(ms / 60_000) % 60, "m"], [(ms / 1000) % 60, "s"]];
  return parts.filter(([count]) => count !== 0).flat().join("") || "0s";
}

function withChoices(help: string, choices: readonly string[] | undefined): string {
  return choices ? `${help}: ${choices.join(", ")}` : help;
}

function table(rows: readonly (readonly string[])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`).join("\n");
}
