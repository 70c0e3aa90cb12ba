/**
 * `deno task bundle`: makes static/app.js from client/. Its first line holds a hash of all sources that went into it,
 * by which a test checks, without a bundler, that it is up to date. Run it after a change of client/ or of anything
 * that client/ imports, and commit the result. It needs esbuild, which `deno bundle` fetches once.
 */
import { createHash } from "node:crypto";

const ENTRY = "web/client/main.tsx";
const OUTPUT = "web/static/app.js";

/** Files of the project that the entry imports as values, itself among them, sorted. */
export function bundledFiles(entry = ENTRY): string[] {
  const seen = new Set<string>();
  const visit = (file: string) => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const other of valueImports(Deno.readTextFileSync(file), file)) visit(other);
  };
  visit(entry);
  return [...seen].sort();
}

/** Relative imports except type imports, which leave no trace in the bundle. */
function valueImports(source: string, file: string): string[] {
  const pattern = /^(?:import|export)\s+(?!type\s)(?:[^"';]*?\sfrom\s+)?"(\.[^"]+)"/gm;
  return [...source.matchAll(pattern)].map(([, path]) => new URL(path, `file:///${file}`).pathname.slice(1));
}

/** Changes when a source or the version of a package does. Called in the project's root. */
export function sourcesHash(): string {
  const hash = createHash("sha256");
  for (const file of bundledFiles()) hash.update(`${file}\n${Deno.readTextFileSync(file)}\n`);
  const { imports } = JSON.parse(Deno.readTextFileSync("deno.json"));
  return hash.update(imports.preact).digest("hex").slice(0, 32);
}

/** The hash of the sources that the bundle was made from; null without a bundle. */
export function bundleHash(): string | null {
  return /^\/\/ sources ([0-9a-f]{32})\n/.exec(Deno.readTextFileSync(OUTPUT))?.[1] ?? null;
}

async function bundle(): Promise<void> {
  const { success, stdout, stderr } = await new Deno.Command("deno", {
    args: ["bundle", "--quiet", "--platform", "browser", "--minify", ENTRY],
    stdout: "piped",
    stderr: "piped",
  }).output();
  if (!success) throw new Error(`Cannot bundle ${ENTRY}: ${new TextDecoder().decode(stderr)}`);
  const code = new TextDecoder().decode(stdout);
  Deno.writeTextFileSync(
    OUTPUT,
    `// sources ${sourcesHash()}\n// Made from web/client by \`deno task bundle\`.\n${code}`,
  );
  console.error(`${OUTPUT}: ${Math.round(code.length / 1024)} kB of ${bundledFiles().length} files`);
}

if (import.meta.main) await bundle();
