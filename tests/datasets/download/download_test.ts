/**
 * Several sources of one file, the first of which are bad servers on this machine: each is left for the next, with its
 * reason.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { createHash } from "node:crypto";
import { DatasetError } from "../../../datasets/dataset.ts";
import { downloadFirst, type DownloadOptions } from "../../../datasets/download/download.ts";
import type { Source } from "../../../datasets/download/sources.ts";
import type { Patience } from "../../../datasets/download/transfer.ts";
import { withFolder } from "../scratch.ts";

const NAME = "file.tar.gz", SIZE = 200_000;
const CONTENT = Uint8Array.from({ length: SIZE }, (_, i) => [0x1f, 0x8b][i] ?? (i * i) >>> 5);
const MD5 = createHash("md5").update(CONTENT).digest("hex");
const PATIENCE: Patience = {
  ...{ attempts: 5, firstAttempts: 2, pauseMs: 1, answerMs: 2000, stallMs: 200 },
  ...{ slowBelow: 0, slowAfterMs: 200 },
};
/** Of sources that are slow on purpose: a loaded machine may make any look slow. */
const IMPATIENT: Patience = { ...PATIENCE, slowBelow: 100_000 };

type Answer = (request: Request) => Response | Promise<Response>;

interface Servers {
  /** In the order of the answers. */
  readonly sources: readonly Source[];
  readonly urls: readonly string[];
  readonly folder: string;
  /** Requests that each server got. */
  readonly asked: number[];
}

/** A server for each answer, all of the same file; `localhost` is another host than 127.0.0.1, where they all are. */
async function withServers(answers: readonly Answer[], test: (servers: Servers) => Promise<void>): Promise<void> {
  const stop = new AbortController(), asked = answers.map(() => 0);
  const servers = answers.map((answer, n) =>
    Deno.serve(
      { hostname: "127.0.0.1", port: 0, signal: stop.signal, onListen: () => {}, onError: () => new Response() },
      (request) => {
        asked[n]++;
        return answer(request);
      },
    )
  );
  const urls = servers.map(({ addr }) => `http://127.0.0.1:${addr.port}/${NAME}`);
  const sources = urls.map((url) => ({ files: [{ url, name: NAME, md5: MD5, size: SIZE }], redirects: [] }));
  try {
    await withFolder((folder) => test({ sources, urls, folder, asked }));
  } finally {
    stop.abort();
    await Promise.all(servers.map(({ finished }) => finished));
  }
}

/** The file, from where the request wants it on. */
function good(request: Request): Response {
  const from = Number(/^bytes=(\d+)-$/.exec(request.headers.get("range") ?? "")?.[1] ?? 0);
  if (from === 0) return new Response(CONTENT);
  const headers = { "content-range": `bytes ${from}-${SIZE - 1}/${SIZE}` };
  return new Response(CONTENT.subarray(from), { status: 206, headers });
}

/** Sends `piece` bytes each 20 ms, until so many are sent; then goes silent, or closes the connection. */
function trickle(piece: number, count = SIZE, then: "silence" | "cut" = "silence"): Response {
  let at = 0;
  const body = new ReadableStream({
    async pull(controller) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      if (at < count) controller.enqueue(CONTENT.slice(at, at += piece));
      else if (then === "cut") controller.error(new Error("cut"));
      else await new Promise(() => {});
    },
  });
  return new Response(body, { headers: { "content-length": `${SIZE}` } });
}

/** That the last of the sources brings the file, and what was told on the way. */
async function comes({ sources, folder }: Servers, options: DownloadOptions = {}): Promise<string[]> {
  const told: string[] = [];
  const source = await downloadFirst("it", sources, folder, {
    patience: PATIENCE,
    onNotice: (line) => told.push(line),
    ...options,
  });
  assertEquals(source, sources.at(-1));
  assertEquals(Deno.readFileSync(`${folder}/${NAME}`), CONTENT);
  assertEquals([...Deno.readDirSync(folder)].length, 1);
  return told;
}

async function fails(servers: Servers, options: DownloadOptions = {}): Promise<string> {
  const load = () => downloadFirst("it", servers.sources, servers.folder, { patience: PATIENCE, ...options });
  return (await assertRejects(load, DatasetError, "Cannot download it: ")).message;
}

const WEB_PAGE = "<!DOCTYPE html><html><body>please log in</body></html>";

describe("downloadFirst", () => {
  /** Each bad server, and why it is left. */
  const BAD: readonly (readonly [what: string, answer: Answer, says: string, options?: DownloadOptions])[] = [
    ["is gone", () => new Response("gone", { status: 404 }), "HTTP status 404"],
    ["is out of order", () => new Response("later", { status: 503 }), "HTTP status 503"],
    ["forbids it", () => new Response("no", { status: 403 }), "HTTP status 403"],
    ["asks for a proxy's password", () => new Response("no", { status: 407 }), "asks for a name and a password"],
    ["sends a web page", () => new Response(WEB_PAGE, { headers: { "content-type": "text/html" } }), "a web page"],
    ["sends a web page under another type", () => new Response(WEB_PAGE), "a web page"],
    ["sends something else", () => new Response(new Uint8Array(SIZE)), "it sends no gzip file"],
    ["lies", () => new Response(CONTENT.with(999, CONTENT[999] ^ 1)), `and must be ${MD5}`],
    ["sends too much", () => new Response(Uint8Array.from([...CONTENT, 1])), "bytes long and is longer"],
    ["stalls", () => trickle(1000, 5000), "silent for 0.2 s"],
    ["cuts", () => trickle(1000, 5000, "cut"), "the connection broke off"],
    ["is slow", () => trickle(100), "kB/s, which leaves", { patience: IMPATIENT }],
    ["redirects in a circle", () => Response.redirect("http://127.0.0.1/x", 302).clone(), "redirects", { hosts: [] }],
    ["redirects to a stranger", () => Response.redirect("http://stranger.example/x", 301), "stranger.example is not", {
      hosts: ["127.0.0.1", "localhost"],
    }],
  ];

  for (const [what, answer, says, options] of BAD) {
    it(`leaves a source that ${what} for the next one, and says why`, () =>
      withServers([what.includes("circle") ? circle : answer, good], async (servers) => {
        const told = await comes(servers, options);
        assertEquals(told.length, 1, told.join("\n"));
        assert(told[0].startsWith(new URL(servers.urls[0]).host) && told[0].includes(says), told[0]);
        assert(told[0].endsWith(", so the next source is tried"), told[0]);
      }));
  }
  const circle: Answer = (request) => Response.redirect(request.url, 302);

  it("follows redirects to hosts that are named, and asks there for what is still missing", async () => {
    for (const status of [301, 302, 303, 307, 308]) {
      await withServers([good], async (target) => {
        const there = target.urls[0].replace("127.0.0.1", "localhost");
        await withServers([() => new Response(null, { status, headers: { location: there } })], async (servers) => {
          await Deno.writeFile(`${servers.folder}/${NAME}.part`, CONTENT.subarray(0, 1000));
          assertEquals(await comes(servers, { hosts: ["localhost"] }), []);
          assertEquals([servers.asked, target.asked], [[1], [1]]);
        });
      });
    }
  });

  it("resumes what a source sent before it was left", () =>
    withServers([() => trickle(1000, 5000), good], async (servers) => {
      let first = 0;
      await comes(servers, {
        onProgress: ({ received }) => first = servers.asked[1] === 1 && first === 0 ? received : first,
      });
      assert(first > 5000, `the second source began at ${first}`);
    }));

  it("gives up on a source that sends the same beginning repeatedly", () => {
    const answer: Answer = (request) =>
      request.headers.has("range") ? new Response(null, { status: 416 }) : trickle(5000, 5000, "cut");
    return withServers([answer], async (servers) => {
      await fails(servers);
      assert(servers.asked[0] <= 2 * PATIENCE.attempts, `${servers.asked[0]} requests`);
    });
  });

  it("uses the fastest of slow sources if no other works", () => {
    const slowly: Answer = () => trickle(100), faster: Answer = () => trickle(8000);
    return withServers([slowly, () => new Response("gone", { status: 404 }), faster], async (servers) => {
      const told = await comes(servers, { patience: { ...PATIENCE, slowBelow: 2_000_000 } });
      assert(told.some((line) => line.includes("slow, but no other source works")), told.join("\n"));
      assert(told.some((line) => line.includes("there is no faster source")), told.join("\n"));
    });
  });

  it("gives every reason in one sentence if no source works, and no other notice", () =>
    withServers([() => new Response("gone", { status: 404 }), () => new Response(WEB_PAGE)], async (servers) => {
      const told: string[] = [];
      const message = await fails(servers, { onNotice: (line) => told.push(line) });
      assert(message.includes(`${servers.urls[0]}: the host answered with HTTP status 404`), message);
      assert(message.includes(`; ${servers.urls[1]}: it answers with a web page`), message);
      assertEquals([told, [...Deno.readDirSync(servers.folder)]], [[], []]);
    }));

  it("passes over a source whose files fail the check", () =>
    withServers([good, good], async (servers) => {
      const { SourceFailure } = await import("../../../datasets/download/transfer.ts");
      const told = await comes(servers, {
        check: (source) => {
          if (source === servers.sources[1]) return Promise.resolve();
          return Promise.reject(new SourceFailure("its pixels are others"));
        },
      });
      assertEquals(told.length, 1);
      assert(told[0].includes("its pixels are others"), told[0]);
    }));

  it("takes a file of unknown size and checksum as it comes", () =>
    withServers(
      [() => new Response(new Blob([CONTENT]).stream())],
      async ({ sources: [{ files: [file] }], folder }) => {
        const source = { files: [{ ...file, md5: null, size: null }], redirects: [] };
        await Deno.writeFile(`${folder}/${NAME}.part`, new Uint8Array(9)); // of who knows what
        await downloadFirst("it", [source], folder, { patience: PATIENCE });
        assertEquals(Deno.readFileSync(`${folder}/${NAME}`), CONTENT);
      },
    ));
});
