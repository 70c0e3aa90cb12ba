/**
 * Downloads from a server on this machine that breaks off, starts over, refuses, lies or falls silent: what arrives is
 * whole or not there, and nothing that arrived is asked for twice.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { createHash } from "node:crypto";
import { DatasetError, type Progress } from "../../../datasets/dataset.ts";
import { downloadFirst, type DownloadOptions } from "../../../datasets/download/download.ts";
import type { RemoteFile } from "../../../datasets/download/sources.ts";
import type { Patience } from "../../../datasets/download/transfer.ts";
import { Random } from "../../../datasets/random.ts";
import { withFolder } from "../scratch.ts";

const SIZE = 300_000;
const random = new Random(1);
/** Begins as gzip does. */
const CONTENT = Uint8Array.from({ length: SIZE }, (_, i) => [0x1f, 0x8b][i] ?? random.integer(256));
const MD5 = createHash("md5").update(CONTENT).digest("hex");
const PATIENCE: Patience = {
  ...{ attempts: 3, firstAttempts: 2, pauseMs: 1, answerMs: 5000, stallMs: 5000 },
  ...{ slowBelow: 0, slowAfterMs: 60_000 },
};

const NAME = "file.tar.gz";

/** Answers the request of this number, counted from 0; `from` is where its Range begins, null without one. */
type Answer = (number: number, from: number | null) => Response;

interface Place {
  /** What the server says it has. */
  readonly remote: RemoteFile;
  /** Where it goes; its folder is not there yet. */
  readonly file: string;
  /** Where each request's Range began. */
  readonly asked: (number | null)[];
}

async function withServer(answer: Answer, test: (place: Place) => Promise<void>): Promise<void> {
  const asked: (number | null)[] = [], stop = new AbortController();
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, signal: stop.signal, onListen: () => {}, onError: () => new Response() },
    (request) => {
      const range = /^bytes=(\d+)-$/.exec(request.headers.get("range") ?? "")?.[1];
      asked.push(range === undefined ? null : Number(range));
      return answer(asked.length - 1, asked.at(-1)!);
    },
  );
  const remote = { url: `http://127.0.0.1:${server.addr.port}/file.tar.gz`, name: NAME, md5: MD5, size: SIZE };
  try {
    await withFolder((folder) => test({ remote, file: `${folder}/data/file.tar.gz`, asked }));
  } finally {
    stop.abort();
    await server.finished;
  }
}

const whole = () => new Response(CONTENT);

/** As a server that knows ranges. */
function ranged(from: number | null, content: Uint8Array<ArrayBuffer> = CONTENT): Response {
  if (from === null) return new Response(content);
  const headers = { "content-range": `bytes ${from}-${content.length - 1}/${content.length}` };
  return new Response(content.subarray(from), { status: 206, headers });
}

/** The answer with its connection cut, or left silent, after so many bytes. */
function brokenAfter(count: number, answer: Response, then: "cut" | "silent" = "cut"): Response {
  const { status, headers, body } = answer;
  const reader = body!.getReader();
  let left = count;
  const stream = new ReadableStream({
    async pull(controller) {
      if (left > 0) {
        const { value } = await reader.read();
        controller.enqueue(value!.subarray(0, left));
        left -= Math.min(left, value!.length);
      } else if (then === "cut") {
        await new Promise((resolve) => setTimeout(resolve, 100)); // what was sent arrives first
        controller.error(new Error("cut"));
      } else await new Promise(() => {});
    },
  });
  return new Response(stream, { status, headers: { ...Object.fromEntries(headers), "content-length": `${SIZE}` } });
}

const fetched = ({ remote, file }: Place, options: DownloadOptions = {}) =>
  downloadFirst("it", [{ files: [remote], redirects: [] }], file.slice(0, file.lastIndexOf("/")), {
    patience: PATIENCE,
    ...options,
  });

async function fails(place: Place, says: string, options: DownloadOptions = {}): Promise<void> {
  const error = await assertRejects(() => fetched(place, options), DatasetError, says);
  assertEquals(error.reason, "unavailable");
  assertEquals(sizeOf(place.file), null);
}

function assertWhole({ file }: Place): void {
  assertEquals(createHash("md5").update(Deno.readFileSync(file)).digest("hex"), MD5);
  assertEquals(sizeOf(`${file}.part`), null);
}

/** Null if there is no file. */
function sizeOf(file: string): number | null {
  try {
    return Deno.statSync(file).size;
  } catch {
    return null;
  }
}

async function writePart({ file }: Place, content: Uint8Array): Promise<void> {
  await Deno.mkdir(file.slice(0, file.lastIndexOf("/")));
  await Deno.writeFile(`${file}.part`, content);
}

describe("download", () => {
  it("brings a file whole, tells how far it is, and has it nowhere before it is whole", () =>
    withServer(whole, async (place) => {
      const told: Progress[] = [];
      await fetched(place, {
        onProgress: (progress) => {
          told.push(progress);
          assertEquals(sizeOf(place.file), null);
        },
      });
      assertWhole(place);
      assert(told.every(({ received }, i) => received > (told[i - 1]?.received ?? 0)));
      assertEquals(told.at(-1), { file: "file.tar.gz", received: SIZE, total: SIZE });
      assertEquals(place.asked, [null]);
    }));

  it("resumes with a Range request whenever the connection is cut", () =>
    withServer((number, from) => number < 3 ? brokenAfter(70_000, ranged(from)) : ranged(from), async (place) => {
      await fetched(place);
      assertWhole(place);
      assertEquals(place.asked, [null, 70_000, 140_000, 210_000]);
    }));

  it("starts over if the server knows no Range", () =>
    withServer((number) => number === 0 ? brokenAfter(70_000, whole()) : whole(), async (place) => {
      await fetched(place);
      assertWhole(place);
      assertEquals(place.asked, [null, 70_000]);
    }));

  it("starts over if the server answers with another range than was asked for", () =>
    withServer((number) => number === 0 ? ranged(5) : whole(), async (place) => {
      await writePart(place, CONTENT.subarray(0, 1000));
      await fetched(place);
      assertWhole(place);
      assertEquals(place.asked, [1000, null]);
    }));

  it("starts over if the server says that the range is none of its file", () =>
    withServer((number) => number === 0 ? new Response(null, { status: 416 }) : whole(), async (place) => {
      await writePart(place, CONTENT.subarray(0, 1000));
      await fetched(place);
      assertWhole(place);
    }));

  it("resumes what an earlier call left", () =>
    withServer((_, from) => ranged(from), async (place) => {
      await writePart(place, CONTENT.subarray(0, 123_456));
      await fetched(place);
      assertWhole(place);
      assertEquals(place.asked, [123_456]);
    }));

  it("only checks what an earlier call had brought whole", () =>
    withServer(whole, async (place) => {
      await writePart(place, CONTENT);
      await fetched(place);
      assertWhole(place);
      assertEquals(place.asked, []);
    }));

  it("fetches all again where an earlier part was of another file, or too long", () =>
    withServer((_, from) => ranged(from), async (place) => {
      await writePart(place, CONTENT.slice(0, 200_000).with(9, CONTENT[9] ^ 1));
      await fetched(place);
      assertWhole(place);
      assertEquals(place.asked, [200_000, null]);
      await Deno.rename(place.file, `${place.file}.part`);
      await Deno.writeFile(`${place.file}.part`, new Uint8Array(1), { append: true });
      await fetched(place);
      assertWhole(place);
      assertEquals(place.asked.slice(2), [null]);
    }));

  it("throws away a part that is the beginning of something else, such as a web page", () =>
    withServer(whole, async (place) => {
      await writePart(place, new TextEncoder().encode("<html>please log in</html>"));
      await fetched(place);
      assertWhole(place);
      assertEquals(place.asked, [null]);
    }));

  it("refuses a file of the wrong checksum, and keeps none of it", () =>
    withServer(() => new Response(CONTENT.with(150_000, CONTENT[150_000] ^ 1)), async (place) => {
      await fails(place, `and must be ${MD5}`);
      assertEquals(sizeOf(`${place.file}.part`), null);
    }));

  it("refuses a file that is longer or shorter than it should be", async () => {
    await withServer(
      () => new Response(Uint8Array.from([...CONTENT, 0])),
      (place) => fails(place, "bytes long and is longer"),
    );
    await withServer(
      (_, from) => ranged(from, CONTENT.slice(0, SIZE - 1)),
      (place) => fails(place, "Cannot download it: http://127.0.0.1"),
    );
  });

  it("does not ask again after a 404, and asks some times more after a 500", async () => {
    await withServer(() => new Response("gone", { status: 404 }), async (place) => {
      await fails(place, "HTTP status 404");
      assertEquals(place.asked.length, 1);
    });
    await withServer(() => new Response("later", { status: 500 }), async (place) => {
      await fails(place, "HTTP status 500");
      assertEquals(place.asked.length, PATIENCE.attempts);
    });
    await withServer((number) => number < 2 ? new Response("later", { status: 503 }) : whole(), async (place) => {
      await fetched(place);
      assertWhole(place);
    });
  });

  it("says so if nobody listens, or the host is silent, at first or later", async () => {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const url = `http://127.0.0.1:${listener.addr.port}/file.tar.gz`;
    await withFolder((folder) =>
      fails(
        { remote: { url, name: NAME, md5: MD5, size: SIZE }, file: `${folder}/a/${NAME}`, asked: [] },
        "silent for 0.1 s",
        {
          patience: { ...PATIENCE, firstAttempts: 1, answerMs: 100 },
        },
      )
    );
    listener.close();
    await withFolder((folder) =>
      fails(
        { remote: { url, name: NAME, md5: MD5, size: SIZE }, file: `${folder}/a/${NAME}`, asked: [] },
        `${url}: its host refuses to connect`,
      )
    );
    const silent = (from: number | null) => brokenAfter(from === null ? 1000 : 0, ranged(from), "silent");
    await withServer((_, from) => silent(from), async (place) => {
      await fails(place, "silent for 0.05 s", { patience: { ...PATIENCE, attempts: 2, stallMs: 50, answerMs: 50 } });
    });
  });

  it("stops when told to, keeps what has arrived, and resumes from there when called again", () =>
    withServer(
      (number, from) => number === 0 ? brokenAfter(90_000, whole(), "silent") : ranged(from),
      async (place) => {
        const stop = new AbortController(), reason = new RangeError("enough");
        const onProgress = ({ received }: Progress) => {
          if (received === 90_000) stop.abort(reason);
        };
        await assertRejects(() => fetched(place, { onProgress, signal: stop.signal }), RangeError, "enough");
        assertEquals([sizeOf(place.file), sizeOf(`${place.file}.part`)], [null, 90_000]);
        await fetched(place);
        assertWhole(place);
        assertEquals(place.asked, [null, 90_000]);
      },
    ));

  it("stops at once while it waits to ask again", () =>
    withServer(() => new Response("later", { status: 500 }), async (place) => {
      const patience = { ...PATIENCE, pauseMs: 60_000 };
      await assertRejects(() => fetched(place, { patience, signal: AbortSignal.timeout(50) }), DOMException);
    }));

  it("refuses to write the same part twice at once", () =>
    withServer(() => brokenAfter(10, whole(), "silent"), async (place) => {
      const stop = new AbortController();
      const arrived = Promise.withResolvers<void>();
      const first = fetched(place, { onProgress: () => arrived.resolve(), signal: stop.signal });
      await arrived.promise;
      await fails(place, "as another process is doing so");
      stop.abort();
      await first.catch(() => {});
      assertEquals(sizeOf(`${place.file}.part`), 10);
    }));

  it("says which file cannot be written", () =>
    withServer(whole, async (place) => {
      const folder = place.file.slice(0, place.file.lastIndexOf("/"));
      await Deno.writeTextFile(folder, "a file where the folder should be");
      await fails(place, `Cannot write ${place.file}.part`);
      assertEquals(place.asked, []);
    }));
});
