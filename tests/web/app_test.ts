/** The server's routes, and each attack that the dashboard must withstand, over real sockets where it matters. */
import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { createApp, type Dashboard, startDashboard } from "../../web/app.ts";
import { equalInConstantTime, isLoopbackHost, isOwnOrigin, newToken, tokenFor } from "../../web/security.ts";
import { FakeRun } from "./fake_run.ts";

const TOKEN = "correct-horse-battery-staple";

type Init = RequestInit & { headers?: Record<string, string> };

function appOf(run: FakeRun, token: string | null) {
  const app = createApp(run, { token, port: 8000 });
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

  it("refuses websockets and changes from another origin or none", async () => {
    for (const origin of ["http://evil.example", "null", "http://127.0.0.1:9000", undefined]) {
      const headers: Record<string, string> = origin === undefined ? {} : { origin };
      const upgrade = { ...headers, upgrade: "websocket", connection: "Upgrade" };
      assertEquals((await ask("/live", { headers: upgrade })).status, 403, `${origin}`);
      const body = '{"control":"pause"}';
      const json = { "content-type": "application/json", ...headers };
      for (const [method, path] of [["POST", "/control"], ["PATCH", ""], ["DELETE", ""]]) {
        assertEquals((await ask(`/api/runs/fake${path}`, { method, body, headers: json })).status, 403);
      }
    }
    assertEquals(run.controls, []);
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
    const best = Math.max(...complete.map(({ validationAccuracy }) => validationAccuracy!));
    assertEquals(summary.best.validationAccuracy, best);
    const { total, trials: top } = await (await ask(
      "/api/runs/current/trials?state=complete&sort=accuracy&order=desc&limit=3",
    )).json();
    assertEquals(total, complete.length);
    assertEquals(top.length, 3);
    assertEquals(top[0].validationAccuracy, best);
    assertEquals(await (await ask("/api/runs/fake/trials/5")).json(), JSON.parse(JSON.stringify(trials[5])));
    const { updates } = await (await ask("/api/runs/fake/updates?probabilities=2")).json();
    assertEquals(updates.map(({ probabilities }: { probabilities: unknown }) => probabilities !== null), [
      true,
      false,
      true,
    ]);
  });

  it("gives trials as CSV that a spreadsheet does not run", async () => {
    const text = await (await ask("/api/runs/fake/trials.csv")).text();
    const lines = text.trimEnd().split("\r\n");
    assertEquals(lines.length, 1 + run.snapshot().trials.length);
    assertMatch(lines[0], /^id,batch,expression,.*validation_accuracy/);
    assert(!lines.some((line) => /(^|,)"?[=+@-][a-z(]/i.test(line)), "a field begins like a formula");
  });

  it("gives the events after a sequence number, and 410 where they are gone", async () => {
    const { seq } = await (await ask("/api/runs/fake/events")).json();
    assertEquals((await (await ask(`/api/runs/fake/events?after=${seq}`)).json()).events, []);
    assertEquals((await ask("/api/runs/fake/events?after=0")).status, 410);
  });

  it("says what is wrong with a question", async () => {
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
    assertEquals(answer.headers.get("location"), "/");
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

  it("stops listening to who guesses", async () => {
    for (let guess = 0; guess < 20; guess++) await ask(`/?token=guess-number-${guess}`, {}, host);
    assertEquals((await ask(`/?token=${TOKEN}`, {}, host)).status, 401);
  });

  it("refuses a token that is too short to be one", () => {
    assertThrows(() => createApp(new FakeRun({ trials: 1 }), { token: "short", port: 1 }), RangeError, "16 to 256");
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
    dashboard = await startDashboard({ source: run, port: 0 });
  });
  afterAll(() => dashboard.close());

  it("streams a run over a websocket and closes it when told", async () => {
    const url = dashboard.url.replace("http", "ws") + "live";
    const messages: { type: string; events?: { seq: number }[]; snapshot?: { seq: number } }[] = [];
    // Deno's own client sends no origin, as a page of another site cannot pretend.
    const refused = new WebSocket(url);
    await new Promise((resolve) => refused.onerror = resolve);
    const socket = new WebSocket(url, { headers: { origin: dashboard.url.slice(0, -1) } } as unknown as string[]);
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
    dashboard = await startDashboard({ source: run, port: 0 });
  });

  it("puts the token it was given in the URL to open, and needs it", async () => {
    const guarded = await startDashboard({ source: run, port: 0, token: TOKEN });
    assertEquals(new URL(guarded.url).search, `?token=${TOKEN}`);
    const answer = await fetch(new URL("/", guarded.url));
    assertEquals(answer.status, 401);
    await answer.body?.cancel();
    await guarded.close();
  });

  it("says that a port is taken", async () => {
    const taken = Number(new URL(dashboard.url).port);
    const failure = await Promise.resolve().then(() => startDashboard({ source: run, port: taken })).catch((error) =>
      error
    );
    assert(failure instanceof Deno.errors.AddrInUse);
  });
});
