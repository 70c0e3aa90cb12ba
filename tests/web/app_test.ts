/** The server's routes, and each attack that the dashboard must withstand, over real sockets where it matters. */
import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import type { RunSource } from "../../controller/runs/events.ts";
import type { RunRegistry } from "../../controller/runs/registry.ts";
import { createApp, type Dashboard, type Reach, startDashboard } from "../../web/app.ts";
import { equalInConstantTime, isLoopbackHost, isOwnOrigin, newToken, tokenFor } from "../../web/security.ts";
import type { ServerMessage } from "../../web/protocol.ts";
import { RunView } from "../../web/run_view.ts";
import { TRIAL_FIELDS } from "../../controller/trial_record.ts";
import { FakeRun } from "./fake_run.ts";
import { COMPARISON, CONFIRMATION, FAKE_REPORTS } from "./fake_reports.ts";
import { FakeRuns, registryOf } from "./fake_runs.ts";

const TOKEN = "correct-horse-battery-staple";

type Init = RequestInit & { headers?: Record<string, string> };

function appOf(run: RunSource | RunRegistry, token: string | null, reach: Reach = {}) {
  const app = createApp(registryOf(run), { token, port: 8000, ...reach });
  const ask = (path: string, init: Init = {}, host = "127.0.0.1:8000") =>
    Promise.resolve(app.fetch(new Request(`http://${host}${path}`, { ...init, headers: { host, ...init.headers } })));
  const post = (path: string, body: unknown, headers: Record<string, string> = {}, method = "POST") =>
    ask(path, {
      method,
      body: typeof body === "string" ? body : JSON.stringify(body),
      headers: { "content-type": "application/json", origin: "http://127.0.0.1:8000", ...headers },
    });
  return { app, ask, post };
}

describe("stored reports", () => {
  it("are listed and read by name; of one run alone there are none", async () => {
    const run = new FakeRun({ trials: 5 }).finish(), { app, ask } = appOf(new FakeRuns([run], FAKE_REPORTS), null);
    const json = async (path: string) => await (await ask(path)).json();
    assertEquals(await json("/api/comparisons"), { names: ["first", "second"] });
    assertEquals(await json("/api/comparisons/first"), JSON.parse(JSON.stringify(COMPARISON)));
    assertEquals(await json("/api/confirmations/confirm-fake"), JSON.parse(JSON.stringify(CONFIRMATION)));
    const missing = await ask("/api/confirmations/first");
    assertEquals([missing.status, await missing.json()], [404, { error: "none of the confirmations is called first" }]);
    app.close();
    const alone = appOf(run, null);
    assertEquals(await (await alone.ask("/api/comparisons")).json(), { names: [] });
    alone.app.close();
  });
});

describe("the dashboard on loopback", () => {
  const run = new FakeRun({ trials: 60 }).finish();
  const { app, ask, post } = appOf(run, null);
  afterAll(() => app.close());

  it("serves its page, script and style itself, with a policy that allows nothing else", async () => {
    for (const path of ["/", "/app.js", "/app.css", "/favicon.svg"]) {
      const answer = await ask(path);
      assertEquals(answer.status, 200);
      const policy = answer.headers.get("content-security-policy")!;
      assertStringIncludes(policy, "default-src 'none'");
      assert(!policy.includes("unsafe") && !policy.includes("http"), policy);
      assertEquals(answer.headers.get("x-content-type-options"), "nosniff");
      const text = await answer.text();
      if (path === "/") {
        assert(!/<script(?![^>]*src=)|\sstyle=|\son\w+=|https?:/.test(text), "nothing inline or external");
      }
    }
  });

  it("answers an unchanged file with 304", async () => {
    const etag = (await ask("/app.js")).headers.get("etag")!;
    assertEquals((await ask("/app.js", { headers: { "if-none-match": etag } })).status, 304);
  });

  it("refuses a host name that is not a loopback address, as a page that rebinds its name would send", async () => {
    for (const host of ["evil.example", "evil.example:8000", "127.0.0.1.evil.example:8000", "localhost.evil.example"]) {
      assertEquals((await ask("/api/runs", {}, host)).status, 403, host);
      assertEquals((await ask("/", {}, host)).status, 403, host);
    }
    for (const host of ["localhost:8000", "127.0.0.1:8000", "[::1]:8000"]) {
      assertEquals((await ask("/api/runs", {}, host)).status, 200, host);
    }
  });

  it("refuses websockets and changes that a browser says are of another page", async () => {
    const foreign: Record<string, string>[] = [
      ...["http://evil.example", "null", "http://127.0.0.1:9000", "nonsense"].map((origin) => ({ origin })),
      { origin: "http://127.0.0.1:9000", "sec-fetch-site": "same-site" },
      { origin: "http://evil.example", "sec-fetch-site": "same-origin" }, // a name rebound to a proxy before us
      { "sec-fetch-site": "cross-site" },
      { "sec-fetch-site": "same-site" },
    ];
    for (const headers of foreign) {
      const upgrade = { ...headers, upgrade: "websocket", connection: "Upgrade" };
      assertEquals((await ask("/live", { headers: upgrade })).status, 403, JSON.stringify(headers));
      const body = '{"control":"pause"}';
      const json = { "content-type": "application/json", ...headers };
      for (const [method, path] of [["POST", "/control"], ["PATCH", ""], ["DELETE", ""]]) {
        const answer = await ask(`/api/runs/fake${path}`, { method, body, headers: json });
        assertEquals(answer.status, 403, JSON.stringify(headers));
        assertStringIncludes((await answer.json()).error, "another site");
      }
    }
    assertEquals(run.controls, []);
  });

  it("lets any program on this machine control the search, as programs send no origin", async () => {
    const body = '{"control":"pause"}', headers = { "content-type": "application/json" };
    assertEquals((await ask("/api/runs/fake/control", { method: "POST", body, headers })).status, 200);
    assertEquals(run.controls.pop(), { control: "pause" });
  });

  it("lets its own page control the search behind a proxy that sets its own Host", async () => {
    const headers = { origin: "http://localhost:8080", "sec-fetch-site": "same-origin" };
    assertEquals((await post("/api/runs/fake/control", { control: "resume" }, headers)).status, 200);
    assertEquals(run.controls.pop(), { control: "resume" });
  });

  it("refuses a body too long on every route, without reading it", async () => {
    let pulled = 0;
    const endless = () =>
      new ReadableStream<Uint8Array>({
        pull(controller) {
          pulled++;
          controller.enqueue(new Uint8Array(4096));
          if (pulled > 1000) controller.close();
        },
      });
    for (const path of ["/login", "/api/runs/fake/control", "/", "/nothing"]) {
      pulled = 0;
      const headers = { "content-type": "application/x-www-form-urlencoded" };
      const answer = await ask(path, { method: "POST", body: endless(), headers });
      assertEquals(answer.status, 413, path);
      assert(pulled < 20, `${pulled} pieces of 4 kB were read at ${path}`);
    }
  });

  it("refuses a change that a form of another page could send", async () => {
    const answer = await post("/api/runs/fake/control", '{"control":"pause"}', { "content-type": "text/plain" });
    assertEquals(answer.status, 415);
  });

  it("refuses bodies too long, not JSON, or not a control, with a sentence", async () => {
    const long = { control: "add_candidate", expression: "x".repeat(20_000) };
    assertEquals((await post("/api/runs/fake/control", long)).status, 413);
    const cases: [unknown, RegExp][] = [
      ["{", /not JSON/],
      [[], /must be a JSON object/],
      [{ control: "explode" }, /must be one of pause, resume, stop/],
      [{ control: "constructor" }, /must be one of/],
      [{ control: "set_workers", workers: 1e9 }, /integer from 1 to 256/],
      [{ control: "set_workers", workers: "2" }, /integer from 1 to 256/],
      [{ control: "add_candidate", expression: "x / " }, /column/],
      [{ control: "add_candidate", expression: "fetch(x)" }, /fetch/],
      [{ control: "add_candidate", expression: "x", seeds: 0 }, /integer from 1 to 20/],
    ];
    for (const [body, reason] of cases) {
      const answer = await post("/api/runs/fake/control", body);
      assertEquals(answer.status, 400, JSON.stringify(body));
      assertMatch((await answer.json()).error, reason);
    }
    assertEquals(run.controls, []);
  });

  it("passes a control on to the search", async () => {
    const request = { control: "add_candidate", expression: "x * tanh(x)", seeds: 2 } as const;
    assertEquals((await post("/api/runs/fake/control", request)).status, 200);
    assertEquals(run.controls.pop(), request);
  });

  it("shows the run as JSON", async () => {
    const { trials } = run.snapshot();
    const summary = await (await ask("/api/runs/fake")).json();
    assertEquals(summary.seq, run.snapshot().seq);
    assertEquals(summary.run.name, "fake");
    const complete = trials.filter(({ state }) => state === "complete");
    assertEquals(summary.counts.complete, complete.length);
    const best = Math.max(...complete.map(({ score }) => score!));
    assertEquals(summary.best.score, best);
    const { total, trials: top } = await (await ask(
      "/api/runs/current/trials?state=complete&sort=accuracy&order=desc&limit=3",
    )).json();
    assertEquals(total, complete.length);
    assertEquals(top.length, 3);
    assertEquals(top[0].score, best);
    assertEquals(await (await ask("/api/runs/fake/trials/5")).json(), JSON.parse(JSON.stringify(trials[5])));
    const { updates } = await (await ask("/api/runs/fake/updates?probabilities=2")).json();
    assertEquals(updates.map(({ probabilities }: { probabilities: unknown }) => probabilities !== null), [
      true,
      false,
      true,
    ]);
  });

  it("gives trials as CSV, and guarded for a spreadsheet where asked to", async () => {
    const text = await (await ask("/api/runs/fake/trials.csv")).text();
    const lines = text.trimEnd().split("\r\n");
    assertEquals(lines.length, 1 + run.snapshot().trials.length);
    assertEquals(lines[0], TRIAL_FIELDS.join(","));
    const begins = (text: string) => text.split("\r\n").filter((line) => /(^|,)"?[=+@-][a-z(]/i.test(line)).length;
    assert(begins(text) > 0, "no expression of the run begins like a formula");
    assertEquals(begins(await (await ask("/api/runs/fake/trials.csv?for=spreadsheet")).text()), 0);
  });

  it("gives the events after a sequence number, and 410 where they are gone", async () => {
    const { seq } = await (await ask("/api/runs/fake/events")).json();
    assertEquals((await (await ask(`/api/runs/fake/events?after=${seq}`)).json()).events, []);
    assertEquals((await ask("/api/runs/fake/events?after=0")).status, 410);
  });

  it("says what is wrong with a request", async () => {
    const cases: [string, number][] = [
      ["/api/runs/none", 404],
      ["/api/runs/..%2f..%2fetc", 404],
      ["/api/runs/fake/trials/9999", 404],
      ["/api/runs/fake/trials?sort=__proto__", 400],
      ["/api/runs/fake/trials?state=happy", 400],
      ["/api/runs/fake/trials?limit=-1", 400],
      ["/api/nothing", 404],
      ["/../deno.json", 404],
      ["/static/../app.ts", 404],
    ];
    for (const [path, status] of cases) {
      const answer = await ask(path);
      assertEquals(answer.status, status, path);
      assert(typeof (await answer.json()).error === "string");
    }
  });

  it("answers too many requests with 429 and goes on", async () => {
    const statuses = await Promise.all(Array.from({ length: 100 }, async () => (await ask("/api/runs")).status));
    assert(statuses.includes(429));
    assertEquals((await ask("/")).status, 200);
  });
});

describe("the dashboard on another address", () => {
  const { app, ask, post } = appOf(new FakeRun({ trials: 20 }).finish(), TOKEN);
  const host = "box.example:8000";
  const page = () => ask("/", {}, host);
  afterAll(() => app.close());

  it("shows nothing without the token", async () => {
    for (const path of ["/app.js", "/api/runs", "/api/runs/fake/trials.csv", "/live", "/?x", "/nothing"]) {
      const answer = await ask(path, {}, host);
      assertEquals(answer.status, 401, path);
      assert(!(await answer.text()).includes("validation"));
    }
    assertStringIncludes(await (await page()).text(), 'type="password"');
  });

  it("moves the token from the URL to a cookie that scripts and other sites cannot use", async () => {
    const answer = await ask(`/?token=${TOKEN}`, {}, host);
    assertEquals(answer.status, 303);
    assertEquals(answer.headers.get("location"), "./");
    const cookie = answer.headers.get("set-cookie")!;
    assertMatch(cookie, /HttpOnly/);
    assertMatch(cookie, /SameSite=Strict/);
    assert(!cookie.includes(TOKEN), "the cookie is not the token");
    const headers = { cookie: cookie.split(";")[0] };
    assertEquals((await ask("/", { headers }, host)).status, 200);
    assertEquals((await ask("/api/runs", { headers }, host)).status, 200);
  });

  it("still wants the right origin from a browser that has the cookie", async () => {
    const cookie = (await ask(`/?token=${TOKEN}`, {}, host)).headers.get("set-cookie")!.split(";")[0];
    const headers = { cookie, host, origin: "http://evil.example" };
    assertEquals((await post("/api/runs/fake/control", { control: "pause" }, headers)).status, 403);
    const own = { cookie, host, origin: `http://${host}` };
    assertEquals((await post("/api/runs/fake/control", { control: "pause" }, own)).status, 200);
  });

  it("takes the token as a bearer from a program, which has no origin", async () => {
    const headers = { authorization: `Bearer ${TOKEN}` };
    assertEquals((await ask("/api/runs", { headers }, host)).status, 200);
    const answer = await ask("/api/runs/fake/control", {
      method: "POST",
      body: '{"control":"resume"}',
      headers: { ...headers, "content-type": "application/json" },
    }, host);
    assertEquals(answer.status, 200);
  });

  it("signs in by the form, from its own page only", async () => {
    const body = new URLSearchParams({ token: TOKEN });
    const form = { "content-type": "application/x-www-form-urlencoded" };
    const send = (token: URLSearchParams, origin: string) =>
      ask("/login", { method: "POST", body: token, headers: { ...form, origin } }, host);
    assertEquals((await send(body, `http://${host}`)).status, 303);
    assertEquals((await send(body, "http://evil.example")).status, 403);
    assertEquals((await send(new URLSearchParams({ token: "wrong" }), `http://${host}`)).status, 401);
  });

  it("slows down guessing, and still accepts the right token from the same address", async () => {
    const answers: number[] = [];
    for (let guess = 0; guess < 20; guess++) {
      answers.push((await ask(`/?token=guess-number-${guess}`, {}, host)).status);
    }
    assertEquals(answers, [...Array(9).fill(401), ...Array(11).fill(429)]); // one was guessed above
    assertEquals((await ask(`/?token=${TOKEN}`, {}, host)).status, 303);
    const headers = { authorization: `Bearer ${TOKEN}` };
    assertEquals((await ask("/api/runs", { headers }, host)).status, 200);
  });

  it("signs in by the form behind a proxy that sets its own Host", async () => {
    const body = new URLSearchParams({ token: TOKEN });
    const headers = { origin: "https://box.example", "sec-fetch-site": "same-origin" };
    assertEquals((await ask("/login", { method: "POST", body, headers }, "127.0.0.1:8000")).status, 303);
    const page = await ask("/", {}, host);
    // "no-referrer" would make the form's origin "null".
    assertEquals(page.headers.get("referrer-policy"), "same-origin");
    assertMatch(await page.text(), /action="login"/);
  });

  it("refuses a token that is too short to be one", () => {
    assertThrows(
      () => createApp(new FakeRuns([new FakeRun({ trials: 1 })]), { token: "short", port: 1 }),
      RangeError,
      "16 to 256",
    );
  });
});

describe("the dashboard behind a proxy", () => {
  const run = new FakeRun({ trials: 20 }).finish();
  const control = { method: "POST", body: '{"control":"pause"}' };
  const json = { "content-type": "application/json" };

  it("is reached by the allowed names only", async () => {
    const { app, ask } = appOf(run, null, { allowedHosts: ["box.example", "gate.example:8443"] });
    const status = async (host: string) => (await ask("/api/runs", {}, host)).status;
    for (const host of ["box.example", "BOX.example:9000", "gate.example:8443", "localhost:8000"]) {
      assertEquals(await status(host), 200, host);
    }
    for (const host of ["gate.example", "gate.example:9000", "sub.box.example", "evil.example"]) {
      const answer = await ask("/api/runs", {}, host);
      assertEquals(answer.status, 403, host);
      assertStringIncludes((await answer.json()).error, `--allow-host ${host.replace(/:.*/, "")}`);
    }
    const from = async (origin: string) =>
      (await ask("/api/runs/fake/control", { ...control, headers: { ...json, origin } })).status;
    assertEquals(await from("https://box.example"), 200);
    assertEquals(await from("https://gate.example:8443"), 200);
    assertEquals(await from("https://evil.example"), 403);
    app.close();
  });

  it("serves everything below its base path, and without it where the proxy takes it away", async () => {
    const { app, ask } = appOf(run, null, { basePath: "/proxy/8511" });
    for (const path of ["/", "/app.js", "/api/runs", "/api/runs/fake/live"]) {
      assertEquals((await ask(path)).status, 200, path);
      assertEquals((await ask(`/proxy/8511${path}`)).status, 200, `/proxy/8511${path}`);
    }
    assertEquals((await ask("/proxy/85111/api/runs")).status, 404);
    const bare = await ask("/proxy/8511?token=x");
    assertEquals([bare.status, bare.headers.get("location")], [308, "8511/?token=x"]);
    app.close();
  });

  it("requests nothing by a path from the root", async () => {
    const { app, ask } = appOf(run, null);
    assert(!/(href|src|action)="\//.test(await (await ask("/")).text()));
    assert(
      !/["'`]\/(api|live|app|login)/.test(await (await ask("/app.js")).text()),
      "the script names a path of the root",
    );
    app.close();
    const guarded = appOf(run, TOKEN, { basePath: "/proxy/8511" });
    assert(!/(href|src|action)="\//.test(await (await guarded.ask("/proxy/8511/")).text()));
    const cookie = (await guarded.ask(`/proxy/8511/?token=${TOKEN}`)).headers.get("set-cookie")!;
    assertMatch(cookie, /Path=\/proxy\/8511;/);
    guarded.app.close();
  });

  it("believes X-Forwarded headers only when told to", async () => {
    const headers = { "x-forwarded-host": "evil.example, localhost:1", "x-forwarded-proto": "https" };
    const plain = appOf(run, null);
    assertEquals((await plain.ask("/", { headers }, "box.example")).status, 403);
    assertEquals((await plain.ask("/", { headers: { "x-forwarded-host": "evil.example" } })).status, 200);
    plain.app.close();
    const told = appOf(run, TOKEN, { trustProxy: true });
    const signIn = (headers: Record<string, string>) => told.ask(`/?token=${TOKEN}`, { headers });
    assertMatch((await signIn(headers)).headers.get("set-cookie")!, /Secure/);
    const { cookie } = { cookie: (await signIn({})).headers.get("set-cookie")!.split(";")[0] };
    const from = async (origin: string) => {
      const own = { ...json, cookie, origin, "x-forwarded-host": "box.example" };
      return (await told.ask("/api/runs/fake/control", { ...control, headers: own })).status;
    };
    assertEquals(await from("https://box.example"), 200);
    assertEquals(await from("https://evil.example"), 403);
    // Guesses are counted by the address that the proxy saw.
    const guess = async (address: string) => {
      const headers = { "x-forwarded-for": `10.0.0.1, ${address}` };
      return (await told.ask("/?token=wrong", { headers })).status;
    };
    const answers = await Promise.all(Array.from({ length: 12 }, () => guess("10.0.0.7")));
    assertEquals(answers.filter((status) => status === 429).length, 2);
    assertEquals(await guess("10.0.0.8"), 401);
    told.app.close();
  });

  it("sends over HTTP what a websocket would", async () => {
    const run = new FakeRun({ trials: 60 });
    run.advance(30_000);
    const { app, ask } = appOf(run, null);
    const poll = async (search: string): Promise<ServerMessage[]> =>
      await (await ask(`/api/runs/current/live${search}`)).json();
    const [first, alive] = await poll("");
    assert(first.type === "snapshot" && alive.type === "alive");
    const view = new RunView(first.snapshot, first.at);
    const since = () => poll(`?stream=${first.stream}&after=${view.seq}`);
    assertEquals((await since()).map(({ type }) => type), ["alive"]);
    for (let step = 0; step < 20; step++) {
      run.advance(2_000);
      for (const message of await since()) {
        if (message.type === "events") { for (const event of message.events) assert(view.apply(event)); }
        else assertEquals(message.type, "alive");
      }
    }
    assertEquals(view.seq, run.snapshot().seq);
    assertEquals((await poll(`?stream=another&after=${view.seq}`))[0].type, "snapshot");
    assertEquals((await ask("/api/runs/none/live")).status, 404);
    app.close();
  });
});

describe("a change that is refused", () => {
  it("leaves the watchers' feeds as they were; one that is done notifies them", async () => {
    const run = new FakeRun({ trials: 60 });
    const other = new FakeRun({ name: "other", trials: 60 });
    const released: string[] = [];
    const registry: RunRegistry = {
      reports: FAKE_REPORTS,
      live: "fake",
      list: () => Promise.resolve([]),
      open: (name) => Promise.resolve({ fake: run, other }[name] ?? null),
      change: async (name, { name: to }, release) => {
        if (name === "fake") return "fake is being searched";
        await release?.();
        released.push(`${name} to ${to}`);
        return null;
      },
      remove: async (name, release) => {
        if (name === "fake") return "fake is being searched";
        await release?.();
        released.push(name);
        return null;
      },
    };
    const { app, post, ask } = appOf(registry, null);
    const seq = async (name: string) => (await (await ask(`/api/runs/${name}/events`)).json()).seq;
    const before = { fake: await seq("fake"), other: await seq("other") };
    assertEquals((await post("/api/runs/fake", { confirm: "fake" }, {}, "DELETE")).status, 409);
    assertEquals((await post("/api/runs/fake", { name: "new" }, {}, "PATCH")).status, 409);
    run.advance(20_000);
    const { events } = await (await ask(`/api/runs/fake/events?after=${before.fake}`)).json();
    assertEquals(events.length, run.snapshot().seq - before.fake);
    assert(events.length > 0 && released.length === 0);
    assertEquals((await post("/api/runs/other", { name: "new" }, {}, "PATCH")).status, 200);
    assertEquals((await post("/api/runs/other", { confirm: "other" }, {}, "DELETE")).status, 200);
    assertEquals(released, ["other to new", "other"]);
    app.close();
  });
});

describe("checks", () => {
  it("compare texts of any lengths", () => {
    assert(equalInConstantTime("abc", "abc"));
    for (const other of ["", "abd", "abcd", "ab", "ABC"]) assert(!equalInConstantTime(other, "abc"));
  });

  it("know loopback addresses and their own origin", () => {
    for (const host of ["127.0.0.1", "127.9.9.9:80", "localhost:1", "LOCALHOST", "[::1]:8000", "[::1]"]) {
      assert(isLoopbackHost(host), host);
    }
    for (const host of [undefined, "", "127.0.0.1.x", "localhost.", "[::2]", "1.1.1.1", "user@127.0.0.1", "a:b:c"]) {
      assert(!isLoopbackHost(host), `${host}`);
    }
    assert(isOwnOrigin("http://a:1", "a:1"));
    assert(!isOwnOrigin("http://a:1.evil", "a:1") && !isOwnOrigin(undefined, "a:1") && !isOwnOrigin("null", "a:1"));
  });

  it("want a token on any address that is not loopback", () => {
    for (const host of ["0.0.0.0", "::", "192.168.1.2", "box.example"]) {
      assertMatch(tokenFor(host, undefined)!, /^[\w-]{24}$/);
      assertMatch(tokenFor(host, null)!, /^[\w-]{24}$/);
    }
    assertEquals(tokenFor("127.0.0.1", undefined), null);
    assertEquals(tokenFor("127.0.0.1", TOKEN), TOKEN);
  });

  it("make tokens that differ", () => {
    assertEquals(new Set(Array.from({ length: 100 }, newToken)).size, 100);
    assertMatch(newToken(), /^[\w-]{24}$/);
  });
});

describe("a dashboard that listens", () => {
  const run = new FakeRun({ trials: 1e6, workers: 2 });
  let dashboard: Dashboard;
  beforeAll(async () => {
    dashboard = await startDashboard({ registry: new FakeRuns([run]), port: 0 });
  });
  afterAll(() => dashboard.close());

  it("streams a run over a websocket and closes it when told", async () => {
    const url = dashboard.url.replace("http", "ws") + "live";
    const messages: { type: string; events?: { seq: number }[]; snapshot?: { seq: number } }[] = [];
    const from = (origin: string) => new WebSocket(url, { headers: { origin } } as unknown as string[]);
    await new Promise((resolve) => from("http://evil.example").onerror = resolve);
    const socket = from(dashboard.url.slice(0, -1));
    await new Promise((resolve) => socket.onopen = resolve);
    socket.onmessage = ({ data }) => messages.push(JSON.parse(data));
    socket.send('{"type":"watch","run":null,"stream":null,"after":null}');
    while (messages.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    const { seq } = messages[0].snapshot!;
    for (let count = 0; count < 50; count++) run.advance(1000);
    const received = () => messages.flatMap(({ events }) => events ?? []).map((event) => event.seq);
    while (received().at(-1) !== run.snapshot().seq) await new Promise((resolve) => setTimeout(resolve, 5));
    assertEquals(received(), Array.from({ length: run.snapshot().seq - seq }, (_, index) => seq + 1 + index));
    const closed = new Promise((resolve) => socket.onclose = resolve);
    await dashboard.close();
    await closed;
    dashboard = await startDashboard({ registry: new FakeRuns([run]), port: 0 });
  });

  it("is reached by 127.0.0.1 and by [::1], at one port", async () => {
    const { port } = new URL(dashboard.url);
    for (const host of ["127.0.0.1", "[::1]"]) {
      const answer = await fetch(`http://${host}:${port}/api/runs`);
      assertEquals(answer.status, 200, host);
      await answer.body?.cancel();
    }
  });

  it("is not locked by sockets that say nothing", async () => {
    const url = dashboard.url.replace("http", "ws") + "live";
    const silent = Array.from({ length: 70 }, () => new WebSocket(url));
    await Promise.all(silent.map((socket) => new Promise((resolve) => socket.onopen = resolve)));
    const socket = new WebSocket(url);
    const heard = new Promise<string>((resolve) => socket.onmessage = ({ data }) => resolve(data));
    socket.onopen = () => socket.send('{"type":"watch","run":null,"stream":null,"after":null}');
    assertEquals(JSON.parse(await heard).type, "snapshot");
    const all = [...silent, socket].map((socket) => new Promise((resolve) => socket.onclose = resolve));
    for (const one of [...silent, socket]) one.close();
    await Promise.race([Promise.all(all), new Promise((resolve) => setTimeout(resolve, 1000))]);
  });

  it("puts the token it was given in the URL to open, and needs it", async () => {
    const guarded = await startDashboard({ registry: new FakeRuns([run]), port: 0, token: TOKEN });
    assertEquals(new URL(guarded.url).search, `?token=${TOKEN}`);
    const answer = await fetch(new URL("/", guarded.url));
    assertEquals(answer.status, 401);
    await answer.body?.cancel();
    await guarded.close();
  });

  it("says that a port is taken", async () => {
    const taken = Number(new URL(dashboard.url).port);
    const failure = await Promise.resolve().then(() => startDashboard({ registry: new FakeRuns([run]), port: taken }))
      .catch((error) => error);
    assert(failure instanceof Deno.errors.AddrInUse);
  });
});
