/**
 * The README and the pages it opens tell the truth: their commands are tasks that start, with flags that exist, their
 * files are there, their links lead somewhere, and what they list is all there is.
 */
import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { ENGINE_NAMES } from "../child/engine/open.ts";
import { EXPORT_TARGETS } from "../child/model/export/export.ts";
import { NETWORK_NAMES } from "../child/network/networks.ts";
import { helpPage } from "../commands/help.ts";
import { parseCommandLine } from "../commands/parse.ts";
import { PRUNERS } from "../controller/pruners/pruners.ts";
import { SAMPLER_NAMES } from "../controller/samplers/samplers.ts";
import { hostsOf } from "../datasets/download/sources.ts";
import { DATASETS } from "../datasets/load.ts";
import { COMMANDS } from "../main.ts";

const readme = Deno.readTextFileSync("README.md");
const { tasks, imports } = JSON.parse(Deno.readTextFileSync("deno.json")) as Record<string, Record<string, string>>;
/** README, the pages it opens, and CONTRIBUTING, by their paths. */
const pages = new Map(
  ["README.md", "CONTRIBUTING.md", ...[...Deno.readDirSync("docs")].map(({ name }) => `docs/${name}`)]
    .filter((path) => path.endsWith(".md")).map((path) => [path, Deno.readTextFileSync(path)]),
);
const everything = [...pages.values()].join("\n");
const commandLines = [...everything.matchAll(/^ {4}(?:npx -y deno@2\.9\.6|deno) task (.+)$/gm)].map(([, line]) => line);

describe("README", () => {
  it("fits on two screens", () => assertEquals(new TextEncoder().encode(readme).length <= 8192, true));

  it("opens every page of docs/, by links that lead somewhere", () => {
    const linked = [...readme.matchAll(/\]\((docs\/[^)]+\.md)\)/g)].map(([, path]) => path);
    assertEquals([...pages.keys()].filter((path) => path.startsWith("docs/") && !linked.includes(path)), []);
    const dead = [...pages].flatMap(([page, text]) =>
      [...text.matchAll(/\]\((?!https?:|#)([^)#]+)[^)]*\)/g)]
        .map(([, link]) => new URL(link, `file:///${page}`).pathname.slice(1))
        .filter((path) => !exists(path)).map((path) => `${page}: ${path}`)
    );
    assertEquals(dead, []);
  });

  it("shows both commands of a newcomer", () => {
    assertEquals(["search", "test"].filter((name) => !readme.includes(`    npx -y deno@2.9.6 task ${name}\n`)), []);
  });

  for (const line of commandLines) {
    const [name, ...args] = words(line);
    it(`has a task for: ${line}`, async () => {
      assertEquals(Object.hasOwn(tasks, name), true);
      if (Object.hasOwn(COMMANDS, name)) parseCommandLine(await COMMANDS[name].load(), args); // throws on a wrong flag
    });
  }

  for (const name of Object.keys(COMMANDS)) {
    it(`has a task \`${name}\` that prints its page, whose examples it understands`, async () => {
      assertEquals(Object.hasOwn(tasks, name), true, `deno.json has no task ${name}`);
      const command = await COMMANDS[name].load();
      const { examples = [] } = command;
      assertEquals([command.name, examples.length > 0], [name, true]);
      for (const example of examples) {
        const [first, ...args] = words(example);
        assertEquals(first, name);
        parseCommandLine(command, args); // throws on a wrong flag
      }
      const { code, stdout, stderr } = await new Deno.Command("deno", { args: ["task", "-q", name, "--help"] })
        .output();
      const page = helpPage(command);
      const said = decode(stderr).replaceAll(/^Blocking waiting for file lock.*\n/gm, ""); // two of Deno started at once
      assertEquals([code, decode(stdout), said], [0, page + "\n", ""]);
    });
  }

  it("has a command in main.ts for every task that starts one", () => {
    const started = Object.values(tasks).flatMap((line) => / main\.ts (\S+)$/.exec(line)?.[1] ?? []);
    assertEquals(started.filter((name) => !Object.hasOwn(COMMANDS, name)), [], "main.ts has no row of that name");
  });

  it("names only files that exist", () => {
    const named = [...everything.matchAll(/`((?:[\w.]+\/)+[\w.]*|\w+\.(?:ts|json))`/g)].map(([, path]) => path);
    // Made by a run, by the browser tests, or a user's own; and a fraction.
    const theirs = new Set([
      ...["runs/", "runs/NAME", "runs/NAME/", "runs/compare/", "results.json", "data/", "tests/browser"],
      ...["train/airplane/0001.png", "val/", "test/", "pi/2"],
    ]);
    assertEquals(named.filter((path) => !theirs.has(path) && !exists(path)), []);
  });

  it("names every sampler, pruner, network, engine and target of export-model", () => {
    const names = [
      ...[...SAMPLER_NAMES, ...Object.keys(PRUNERS), ...NETWORK_NAMES, ...EXPORT_TARGETS],
      ...ENGINE_NAMES.filter((name) => name !== "auto"),
    ];
    assertEquals(names.filter((name) => !everything.includes(`\`${name}\``)), [], "no page of docs/ has its row");
  });

  it("lists every request that /api answers, and no other", () => {
    const source = Deno.readTextFileSync("web/api.ts");
    const answered = [...source.matchAll(/\bapi\.(get|post|patch|delete)\("([^"]+)"/g)]
      .map(([, method, path]) =>
        `${method.toUpperCase()} /api${path.replace(":run", "RUN").replace(":id", "ID").replace(":name", "NAME")}`
      );
    const listed = [...everything.matchAll(/^\| ((?:GET|POST|PATCH|DELETE) \/api\S*) /gm)].map(([, request]) =>
      request
    );
    assertEquals(listed.toSorted(), answered.toSorted());
  });

  it("gives a reason for every dependency", () => {
    const packages = Object.entries(imports).filter(([, target]) => target.startsWith("npm:")).map(([name]) => name);
    assertEquals(packages.filter((name) => !everything.includes(`\n| \`${name}\` `)), []);
  });

  it("gives a reason for every permission of the tasks that others start with, or that are no command", () => {
    const granted = Object.entries(tasks).filter(([name]) => !Object.hasOwn(COMMANDS, name))
      .flatMap(([, line]) => [...line.matchAll(/--allow-(write|net|env|run|sys|ffi)=(\S+)/g)])
      .flatMap(([, kind, list]) => list.split(",").map((item) => ({ kind, item })));
    assertEquals(everything.includes("| net: the hosts that data sets come from "), true);
    // Those hosts have one reason together: sources_test.ts compares them with the tasks.
    const hosts = hostsOf(Object.values(DATASETS).flatMap(({ sources = [] }) => sources));
    const missing = granted.filter(({ item }) => !hosts.includes(item)).filter(({ kind, item }) =>
      !everything.split("\n").some((row) => row.startsWith("| ") && row.includes(`${kind} \`${item}\``))
    );
    assertEquals(missing, [], "each has a row in docs/permissions.md");
  });

  for (const name of Object.keys(COMMANDS)) {
    it(`gives a reason on the help page for each permission that the task ${name} adds to its base`, async () => {
      assertEquals(Object.hasOwn(tasks, name), true, `deno.json has no task ${name}`);
      const { permissions = {} } = await COMMANDS[name].load();
      const added = [...tasks[name].matchAll(/--allow-(\w+)/g)].map(([, kind]) => kind);
      assertEquals(
        [...new Set(added)].toSorted(),
        Object.keys(permissions).toSorted(),
        `deno.json gives the task ${name} ${
          added.join(", ") || "nothing of its own"
        }: say why in the command's "permissions"`,
      );
    });
  }
});

/** Words of a shell line; double quotes keep spaces. */
function words(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain);
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path) !== null;
  } catch {
    return false;
  }
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
