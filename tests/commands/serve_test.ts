/** `deno task serve` as a process: where it listens, and whom it lets in. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { commandLine, fails, inFolder, start, startInTerminal, whyNoTerminal } from "./command_line.ts";
import { IMAGES, inFolderOfImages } from "./small_images.ts";

/** The address that it prints, tried by `test` while it serves. */
async function withServer(flags: readonly string[], test: (address: string) => Promise<void>): Promise<void> {
  await inFolder(async (cwd) => {
    const process = start(["serve", "--port", "0", ...flags], { cwd });
    let said = "";
    const decoder = new TextDecoder();
    for await (const chunk of process.stderr) {
      said += decoder.decode(chunk);
      const address = /http:\S+/.exec(said)?.[0].replace("localhost", "127.0.0.1"); // where tests may connect to
      if (!address) continue;
      try {
        await test(address);
      } finally {
        process.kill("SIGINT");
      }
    }
    await process.stdout.cancel();
    assertEquals((await process.status).code, 0, said);
  });
}

async function status(address: string | URL, init: RequestInit = {}): Promise<number> {
  const response = await fetch(address, { redirect: "manual", ...init });
  await response.body?.cancel();
  return response.status;
}

describe("deno task search --stay", () => {
  it("keeps showing a search that is done, which others may resume, until Ctrl-C", () =>
    inFolderOfImages(async (cwd) => {
      const flags = [..."--preset smoke --steps 2 --trials 1 --run kept --port 0 --stay".split(" "), ...IMAGES];
      const process = start(["search", ...flags], { cwd });
      let said = "", signalled = false;
      const decoder = new TextDecoder();
      for await (const chunk of process.stderr) {
        said += decoder.decode(chunk);
        const address = /the dashboard keeps showing it: (\S+)/.exec(said)?.[1];
        if (!address || signalled) continue;
        signalled = true;
        try {
          const run = await (await fetch(new URL("api/runs/current", address))).json();
          assertEquals([run.run.name, run.state, run.counts.complete], ["kept", "finished", 3]); // and two references
          assertEquals((await commandLine(["search", "--resume", "kept", "--no-web"], { cwd })).code, 0);
        } finally {
          process.kill("SIGINT");
        }
      }
      await process.stdout.cancel();
      assertEquals([signalled, (await process.status).code], [true, 0], said);
    }));

  it("is not asked for together with --exit or --no-web", () =>
    inFolder(async (cwd) => {
      await fails(["search", "--stay", "--exit"], { cwd }, 2, ["leave out one"]);
      await fails(["search", "--stay", "--no-web"], { cwd }, 2, ["leave out one"]);
    }));
});

/** As typed into a terminal, up to the name of the run. */
const TYPED = [..."search --preset smoke --steps 2 --trials 1 --port 0 --run kept".split(" "), ...IMAGES];
const noTerminal = whyNoTerminal();
const itInTerminal = (name: string, test: () => Promise<void>) =>
  noTerminal === null ? it(name, test) : it.skip(`${name} (skipped: ${noTerminal})`);

describe("deno task search in a terminal", () => {
  itInTerminal("goes on showing a search that is done, until Ctrl-C", () =>
    inFolderOfImages(async (cwd) => {
      const process = startInTerminal(TYPED, { cwd });
      const late = setTimeout(() => process.kill("SIGKILL"), 120_000); // it fails, saying what was printed, and does not hang
      const stderr = new Response(process.stderr).text();
      let said = "", signalled = false;
      const decoder = new TextDecoder();
      for await (const chunk of process.stdout) {
        said += decoder.decode(chunk, { stream: true });
        const address = /the dashboard keeps showing it: (\S+)/.exec(said)?.[1];
        if (!address || signalled) continue;
        signalled = true;
        try {
          const run = await (await fetch(new URL("api/runs/current", address))).json();
          assertEquals([run.run.name, run.state, run.counts.complete], ["kept", "finished", 3]);
        } finally {
          process.kill("SIGINT");
        }
      }
      clearTimeout(late);
      assertEquals([signalled, (await process.status).code], [true, 0], said + await stderr);
    }));
});

describe("deno task serve", () => {
  it("listens on loopback without a token, and lists no runs if there are none", () =>
    withServer([], async (address) => {
      assertStringIncludes(address, "http://127.0.0.1:");
      const answer = await (await fetch(new URL("/api/runs", address))).json();
      assertEquals(answer, { live: null, runs: [] });
    }));

  it("listens on every address with --host 0.0.0.0, and then wants the token it printed", () =>
    withServer(["--host", "0.0.0.0"], async (address) => {
      const token = new URL(address).searchParams.get("token")!, runs = new URL("/api/runs", address);
      assert(token.length >= 24, `the token is ${token}`);
      assertEquals(await status(address), 303);
      assertEquals(await status(runs), 401);
      const other = token.slice(0, -1) + (token.endsWith("A") ? "B" : "A");
      assertEquals(await status(runs, { headers: { authorization: `Bearer ${other}` } }), 401);
      assertEquals(await status(runs, { headers: { authorization: `Bearer ${token}` } }), 200);
    }));

  it("listens on [::1] as well as on 127.0.0.1", () =>
    withServer([], async (address) => {
      assertEquals(await status(new URL("/api/runs", address.replace("127.0.0.1", "[::1]"))), 200);
    }));

  it("is reached by the names it is told, and below the path it is told", () =>
    withServer(["--allow-host", "box.example", "--base-path", "/proxy/8511/"], async (address) => {
      const headers = { "content-type": "application/json", origin: "https://box.example" };
      const remove = (headers: Record<string, string>) =>
        status(new URL("/api/runs/none", address), { method: "DELETE", body: '{"confirm":"none"}', headers });
      assertEquals(await remove(headers), 409);
      assertEquals(await remove({ ...headers, origin: "https://evil.example" }), 403);
      assertEquals(await status(new URL("/proxy/8511/api/runs", address)), 200);
    }));

  it("refuses names and paths that are none", () =>
    inFolder(async (cwd) => {
      await fails(["serve", "--allow-host", "https://box.example/"], { cwd }, 2, [
        "--allow-host takes the name of a host",
      ]);
      await fails(["serve", "--base-path", "proxy"], { cwd }, 2, ["--base-path takes a path"]);
    }));

  it("says where it may listen", () =>
    inFolder((cwd) =>
      fails(["serve", "--host", "192.0.2.1"], { cwd }, 2, ["may listen on 127.0.0.1 and on 0.0.0.0, not on 192.0.2.1"])
    ));
});
