/** The house rules that a program can check: imports go left, no cycles, no permission wider than needed. */
import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";

/** From left to right: a folder imports only from itself and from those before it. */
const FOLDERS = ["datasets", "child", "workers", "controller", "web", "commands", "main.ts"];
/** The same inside child/, above which are its other files: models, trainers. */
const FOLDERS_OF_CHILD = ["activation", "network", "compiler", "engine", "metrics"];
/** What engines in child/engine/ share; otherwise each is of its own, and only the choice among them knows them. */
const SHARED_BY_ENGINES = ["engine.ts", "checks.ts", "self_check.ts", "prints_kernels.ts"];
/** What tasks and the page start, what stands behind a name in deno.json, and the referee of the tests. */
const ENTRIES = [
  ...["main.ts", "web/client/main.tsx", "web/bundle.ts"],
  ...["commands/std/cli/parse_args.ts", "child/compiler/interpret.ts"],
];
const NOT_OURS = new Set([".git", "node_modules", "runs", "data", ".tmp", ".tfjs-node"]);

const files = walk(".").sort();
const sources = files.filter((file) => /\.tsx?$/.test(file));
const product = sources.filter((file) => !file.startsWith("tests/"));
const text = new Map(files.map((file) => [file, Deno.readTextFileSync(file)]));

describe("the source tree", () => {
  it("has no file outside its layers", () => {
    assertEquals(product.filter((file) => !FOLDERS.includes(layer(file))), []);
  });

  it("imports only to the left", () => {
    const wrong = product.flatMap((file) =>
      importsOf(file).filter((other) => FOLDERS.indexOf(layer(other)) > FOLDERS.indexOf(layer(file)))
        .map((other) => `${file} imports ${other}`)
    );
    assertEquals(wrong, []);
  });

  it("imports only to the left inside child/", () => {
    const place = (file: string) => {
      const at = FOLDERS_OF_CHILD.indexOf(file.split("/")[1]);
      return at < 0 ? FOLDERS_OF_CHILD.length : at;
    };
    const isInChild = (file: string) => layer(file) === "child";
    const wrong = product.filter(isInChild).flatMap((file) =>
      importsOf(file).filter((other) => isInChild(other) && place(other) > place(file))
        .map((other) => `${file} imports ${other}`)
    );
    assertEquals(wrong, []);
  });

  it("has no device in the compiler, no graph and no expression in a device's kernels", () => {
    const knows = (file: string, words: RegExp) => importsOf(file).filter((other) => words.test(other));
    const compiler = product.filter((file) => file.startsWith("child/compiler/"));
    assertEquals(compiler.flatMap((file) => knows(file, /^child\/engine\//)), []);
    // engine.ts and program.ts keep the contract, in whose words a child is a graph and an activation.
    const kernels = product.filter((file) => /^child\/engine\/wasm\/(?!engine|program|profile|probe)/.test(file));
    assertEquals(
      kernels.flatMap((file) => knows(file, /network\/(graph|autodiff|resnet)|activation\/(?!expression)/)),
      [],
    );
  });

  it("has engines that do not know one another", () => {
    const wrong = product.flatMap((file) => {
      const [, own] = /^child\/engine\/(\w+)\//.exec(file) ?? [];
      if (!own) return [];
      return importsOf(file).filter((other) =>
        other.startsWith("child/engine/") && !other.startsWith(`child/engine/${own}/`) &&
        !SHARED_BY_ENGINES.includes(other.slice("child/engine/".length))
      ).map((other) => `${file} imports ${other}`);
    });
    assertEquals(wrong, []);
  });

  it("has no file that nothing imports: a new sampler, network, engine, reader, view, command or target has a row", () => {
    const reached = new Set<string>(), waiting = [...ENTRIES];
    for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
      if (reached.has(file) || !text.has(file)) continue;
      reached.add(file);
      waiting.push(...importsOf(file));
    }
    const missing = product.filter((file) => !reached.has(file));
    assertEquals(missing, [], "add it to the table of its kind: CONTRIBUTING.md names it");
  });

  it("imports no test from the product", () => {
    assertEquals(product.filter((file) => importsOf(file).some((other) => layer(other) === "tests")), []);
  });

  it("imports only files that exist", () => {
    const missing = sources.flatMap((file) =>
      importsOf(file).filter((other) => !text.has(other)).map((other) => `${file} imports ${other}`)
    );
    assertEquals(missing, []);
  });

  it("has no import cycle", () => {
    const circles = product.map((file) => circleThrough(file)).filter((circle) => circle !== null);
    assertEquals(circles.slice(0, 1), []); // every file of a circle finds it
  });

  it("opens every file with a comment that says what it is for", () => {
    assertEquals(product.filter((file) => !/^(#!.*\n)?\/(\*\*|\/)/.test(text.get(file)!)), []);
  });

  it("has no file of over 400 lines without its reason in the header", () => {
    const long = product.filter((file) => linesOf(file).length > 400);
    assertEquals(
      long.filter((file) => !/\b400 lines\b/.test(/^\/\*\*[\s\S]*?\*\//.exec(text.get(file)!)?.[0] ?? "")),
      [],
    );
  });

  it("claims to be long only where it is", () => {
    const short = product.filter((file) => linesOf(file).length <= 400);
    assertEquals(short.filter((file) => /over 400 lines/i.test(text.get(file)!)), []);
  });

  it("has no function of web/ of 60 lines or more", () => {
    const functions = product.filter((file) => file.startsWith("web/")).flatMap(functionsOf);
    assertEquals(functions.length > 300, true, "the functions were not found");
    assertEquals(functions.filter(({ lines }) => lines >= 60).map(({ at, lines }) => `${at}: ${lines}`), []);
  });

  it("is measured by finding functions of every form", () => {
    const made = ["one(x: number) {", "  return x;", "}"];
    const inClass = [
      "class A {",
      ...["async #two(", "  x: number,", "): Promise<void> {", "  done();", "}"].map(indent),
      "}",
    ];
    const arrow = ["const three = memo(function Three({ a }: {", "  a: number;", "}): VNode {", "  return a;", "});"];
    const source = [`function ${made[0]}`, ...made.slice(1), "", ...inClass, "", ...arrow].join("\n");
    assertEquals(functionsIn(source, "x.ts").map(({ at, lines }) => [at, lines]), [
      ["x.ts:1", 3],
      ["x.ts:6", 5],
      ["x.ts:13", 5],
    ]);
  });

  it("names no machine, folder or host of its makers", () => {
    // In halves, so that this file passes its own rule.
    const forbidden = [
      "/wo" + "rk/",
      "../sha" + "red",
      ".libr" + "ary",
      "registry.npm" + "js",
      "jsr" + ".io",
      "pypi" + ".org",
    ];
    const found = files.flatMap((file) =>
      forbidden.filter((word) => text.get(file)!.includes(word)).map((word) => `${file}: ${word}`)
    );
    assertEquals(found, []);
  });
});

describe("the tasks", () => {
  const { tasks } = JSON.parse(text.get("deno.json")!) as { tasks: Record<string, string> };
  const runs = Object.values(tasks).flatMap((line) => line.split(/&&|;|\|/)).map((part) => part.trim())
    .filter((part) => /^deno (run|task) /.test(part));

  it("name the permissions they need, each with its list", () => {
    const wide = runs.filter((line) =>
      /\s(-A|--allow-all|--allow-(write|net|env|run|sys|ffi)(\s|$)|-[WNES](\s|$))/.test(line)
    );
    assertEquals(wide, []);
  });

  it("never ask", () => {
    assertEquals(runs.filter((line) => line.startsWith("deno run") && !line.includes("--no-prompt")), []);
  });

  it("name each host, variable and V8 flag in one place: a task that others start with", () => {
    const hosts = Object.values(tasks).flatMap((line) => [...line.matchAll(/--allow-net=(\S+)/g)])
      .flatMap(([, list]) => list.split(",")).filter((host) => /[a-z]\./.test(host));
    assertEquals(hosts.length > 5, true);
    assertEquals(hosts.filter((host, at) => hosts.indexOf(host) !== at), []);
    assertEquals(Object.values(tasks).filter((line) => line.includes("--v8-flags=")).length <= 2, true);
    const direct = Object.entries(tasks).filter(([, line]) => line.startsWith("deno run") && line.includes("main.ts"));
    assertEquals(direct, [], "commands start with a base task");
  });
});

function walk(folder: string): string[] {
  return [...Deno.readDirSync(folder)].flatMap((entry) => {
    const path = folder === "." ? entry.name : `${folder}/${entry.name}`;
    if (NOT_OURS.has(path)) return [];
    return entry.isDirectory ? walk(path) : /\.(tsx?|json|md|css|html|js)$|^\.ci\/|LICENSE/.test(path) ? [path] : [];
  });
}

function linesOf(file: string): string[] {
  return text.get(file)!.trimEnd().split("\n");
}

function functionsOf(file: string): { at: string; lines: number }[] {
  return functionsIn(text.get(file)!, file);
}

/** Functions with a body in formatted source, which ends at the first line of its own indentation that closes a brace. */
function functionsIn(source: string, file: string): { at: string; lines: number }[] {
  const lines = source.split("\n");
  const isIndented = (line: string, indent: string) => line.startsWith(indent) && line[indent.length] !== " ";
  return lines.flatMap((line, opens) => {
    const [, indent] =
      /^( *)(?!(?:} )?(?:if|else|for|while|switch|try|catch|finally)\b).*(?:\)|=>|\): [^=]+) {$/.exec(line) ?? [];
    if (indent === undefined) return [];
    const end = lines.findIndex((later, at) => at > opens && later.startsWith(`${indent}}`));
    // Parameters on lines of their own end with a line that closes them.
    const begin = lines.findLastIndex((earlier, at) =>
      at <= opens && isIndented(earlier, indent) && !/^ *[})]/.test(earlier)
    );
    return [{ at: `${file}:${begin + 1}`, lines: end - begin + 1 }];
  });
}

function indent(line: string): string {
  return `  ${line}`;
}

function layer(file: string): string {
  return file.split("/")[0];
}

/** Paths of the project's files that a file imports: by import and export statements, import() and worker URLs. */
function importsOf(file: string, kind: "all" | "values" = "all"): string[] {
  const source = text.get(file)!.replaceAll(/^\s*(\/\*\*|\*|\/\/).*$/gm, "");
  const specifiers = [
    ...source.matchAll(/^\s*(?:import|export)\s+(type\s)?(?:[^"';]*?\sfrom\s+)?"([^"]+)"/gm),
    ...source.matchAll(/()(?:\bimport|\bresolve|new URL)\(\s*"(\.[^"]+)"/g),
  ].filter(([, type]) => kind === "all" || !type).map(([, , specifier]) => specifier);
  return specifiers.filter((specifier) => specifier.startsWith(".")).map((specifier) =>
    new URL(specifier, `file:///${file}`).pathname.slice(1)
  );
}

/** The files of a circle of value imports that leads from a file back to itself; null without one. */
function circleThrough(start: string): string[] | null {
  const seen = new Set<string>();
  const search = (file: string, path: readonly string[]): string[] | null => {
    for (const other of text.has(file) ? importsOf(file, "values") : []) {
      if (other === start) return [...path, other];
      if (seen.has(other)) continue;
      seen.add(other);
      const circle = search(other, [...path, other]);
      if (circle) return circle;
    }
    return null;
  };
  return search(start, [start]);
}
