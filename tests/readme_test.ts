/** The README tells the truth: its commands are tasks that start, with flags that exist, and its files are there. */
import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { FUNCTION_NAMES } from "../child/activation/parse.ts";
import { helpPage } from "../commands/help.ts";
import { parseCommandLine } from "../commands/parse.ts";
import { COMMANDS } from "../main.ts";

const readme = Deno.readTextFileSync("README.md");
const { tasks, imports } = JSON.parse(Deno.readTextFileSync("deno.json")) as Record<string, Record<string, string>>;
const commandLines = [...readme.matchAll(/^ {4}(?:npx -y deno@2\.9\.6|deno) task (.+)$/gm)].map(([, line]) => line);

describe("README", () => {
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
    it(`shows \`deno task ${name}\`, and that task prints its page`, async () => {
      assertEquals(commandLines.some((line) => line.split(" ")[0] === name), true);
      const { code, stdout, stderr } = await new Deno.Command("deno", { args: ["task", "-q", name, "--help"] })
        .output();
      const page = helpPage(await COMMANDS[name].load());
      const said = decode(stderr).replaceAll(/^Blocking waiting for file lock.*\n/gm, ""); // two of Deno started at once
      assertEquals([code, decode(stdout), said], [0, page + "\n", ""]);
    });
  }

  it("names only files that exist", () => {
    const named = [...readme.matchAll(/`((?:[\w.]+\/)+[\w.]*|\w+\.(?:ts|json))`/g)].map(([, path]) => path);
    const theirs = new Set(["runs/", "runs/NAME/", "results.json", "data/", "tests/browser"]); // made by a run, or by the browser tests
    assertEquals(named.filter((path) => !theirs.has(path) && !exists(path)), []);
  });

  it("lists every function that can be called, and no other", () => {
    const [, list] = readme.match(/and the functions\n`([^`]*)`/)!;
    assertEquals(list.split(/\s+/), FUNCTION_NAMES);
  });

  it("lists every request that /api answers, and no other", () => {
    const source = Deno.readTextFileSync("web/api.ts");
    const answered = [...source.matchAll(/\bapi\.(get|post|patch|delete)\("([^"]+)"/g)]
      .map(([, method, path]) => `${method.toUpperCase()} /api${path.replace(":run", "RUN").replace(":id", "ID")}`);
    const listed = [...readme.matchAll(/^\| ((?:GET|POST|PATCH|DELETE) \/api\S*) /gm)].map(([, request]) => request);
    assertEquals(listed.toSorted(), answered.toSorted());
  });

  it("gives a reason for every dependency", () => {
    const packages = Object.entries(imports).filter(([, target]) => target.startsWith("npm:")).map(([name]) => name);
    assertEquals(packages.filter((name) => !readme.includes(`\n| \`${name}\` `)), []);
  });

  it("gives a reason for every permission of the tasks", () => {
    const granted = Object.values(tasks).flatMap((line) => [...line.matchAll(/--allow-(write|net|env|run|sys)=(\S+)/g)])
      .flatMap(([, kind, list]) => list.split(",").map((item) => ({ kind, item })));
    const missing = granted.filter(({ kind, item }) =>
      !readme.split("\n").some((row) => row.startsWith("| ") && row.includes(`${kind} \`${item}\``))
    );
    assertEquals(missing, []);
  });
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
