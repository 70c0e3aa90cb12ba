/** `deno task serve` as a process: where it listens, and whom it lets in. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { fails, inFolder, start } from "./command_line.ts";

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

describe("deno task serve", () => {
  it("listens on loopback without a token, and lists no runs where there are none", () =>
    withServer([], async (address) => {
      assertStringIncludes(address, "http://127.0.0.1:");
      const answer = await (await fetch(new URL("/api/runs", address))).json();
      assertEquals(answer, { live: null, changeable: true, runs: [] });
    }));

  it("listens on every address with --host 0.0.0.0, and then wants the token it printed", () =>
    withServer(["--host", "0.0.0.0"], async (address) => {
      const token = new URL(address).searchParams.get("token")!, runs = new URL("/api/runs", address);
      assert(token.length >= 24, `the token is ${token}`);
      assertEquals(await status(address), 303);
      assertEquals(await status(runs), 401);
      assertEquals(await status(runs, { headers: { authorization: "Bearer " + token.replace(/.$/, "_") } }), 401);
      assertEquals(await status(runs, { headers: { authorization: `Bearer ${token}` } }), 200);
    }));

  it("says where it may listen", () =>
    inFolder((cwd) =>
      fails(["serve", "--host", "192.0.2.1"], { cwd }, 2, ["may listen on 127.0.0.1 and on 0.0.0.0, not on 192.0.2.1"])
    ));
});
