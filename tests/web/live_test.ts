/** Watchers see every event once, in order, however often they are cut off and however slow they are. */
import { trialRow } from "../../controller/trial.ts";
import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { SearchEvent } from "../../controller/runs/events.ts";
import { RunFeed } from "../../web/feed.ts";
import { Live, type Socket } from "../../web/live.ts";
import { liveEvent, liveSnapshot, type ServerMessage } from "../../web/protocol.ts";
import { RunView } from "../../web/run_view.ts";
import { FakeRun, random } from "./fake_run.ts";

/** A watcher as the browser is one: keeps a view, asks for what it has not seen, checks that nothing is doubled. */
class Watcher implements Socket {
  bufferedAmount = 0;
  view: RunView | null = null;
  stream: string | null = null;
  snapshots = 0;
  largest = 0;
  sent = 0;
  closed: string | null = null;
  readonly seen: number[] = [];
  /** Messages on their way, lost when the connection is cut. */
  readonly #wire: string[] = [];

  constructor(readonly isSlow = false) {}

  send(text: string): void {
    this.#wire.push(text);
    this.sent++;
    this.largest = Math.max(this.largest, text.length);
    if (this.isSlow) this.bufferedAmount += text.length;
  }

  close(_code: number, reason: string): void {
    this.closed = reason;
  }

  request(): string {
    return JSON.stringify({ type: "watch", run: null, stream: this.stream, after: this.view?.seq ?? null });
  }

  /** Reads up to `count` messages; the rest is lost if `cut`. */
  read(count: number, cut = false): void {
    for (const text of this.#wire.splice(0, count)) this.#receive(JSON.parse(text));
    if (cut) this.#wire.length = 0;
    if (this.#wire.length === 0) this.bufferedAmount = 0;
  }

  #receive(message: ServerMessage): void {
    if (message.type === "snapshot") {
      this.view = new RunView(message.snapshot, message.at);
      this.stream = message.stream;
      this.snapshots++;
    } else if (message.type === "events") {
      for (const event of message.events) {
        this.seen.push(event.seq);
        assert(this.view!.apply(event), `event ${event.seq} came after ${this.view!.seq}`);
      }
    }
  }
}

function startLive(run: FakeRun, kept?: number): { feed: RunFeed; live: Live } {
  const feed = new RunFeed(run, { kept, snapshotMs: 0 });
  return { feed, live: new Live(() => Promise.resolve(feed), { everyMs: 1e9 }) };
}

/** Checks that the view has the run's state. */
function assertSame(view: RunView, run: FakeRun): void {
  const { seq, state, trials, workers, updates, notices } = run.snapshot();
  assertEquals(view.seq, seq);
  assertEquals(view.state, state);
  assertEquals(view.trials, trials.map(trialRow));
  assertEquals([...view.workers.values()], workers);
  assertEquals(view.updates.map(({ batch }) => batch), updates.map(({ batch }) => batch));
  assertEquals(view.notices.map(({ seq }) => seq), notices.map(({ seq }) => seq));
}

describe("a watcher", () => {
  for (const kept of [20_000, 300]) {
    it(`misses and doubles nothing when cut off at random while 10,000 events flow (${kept} kept)`, async () => {
      const run = new FakeRun({ trials: 1e6, workers: 3, seed: 7 });
      const { live, feed } = startLive(run, kept);
      const draw = random(11);
      const watcher = new Watcher();
      let cuts = 0;
      live.connected(watcher);
      await live.received(watcher, watcher.request());
      while (run.snapshot().seq < 10_000) {
        run.advance(2000);
        if (draw() < 0.6) live.pump();
        if (draw() < 0.5) watcher.read(1 + Math.floor(draw() * 3));
        if (draw() < 0.05) {
          watcher.read(Math.floor(draw() * 3), true);
          live.disconnected(watcher);
          cuts++;
          for (let away = Math.floor(draw() * 60); away > 0; away--) run.advance(2000);
          live.connected(watcher);
          await live.received(watcher, watcher.request());
        }
      }
      live.pump();
      watcher.read(Infinity);
      assert(cuts > 20, `${cuts} cuts`);
      assertSame(watcher.view!, run);
      // Each event came once; with all events kept the first snapshot was the only one.
      assertEquals(new Set(watcher.seen).size, watcher.seen.length);
      assertEquals([...watcher.seen].sort((one, other) => one - other), watcher.seen);
      if (kept > 10_000) assertEquals(watcher.snapshots, 1);
      else assert(watcher.snapshots > 1);
      live.close();
      feed.close();
    });
  }

  it("begins again from a snapshot when the process it knew is gone", async () => {
    const watcher = new Watcher();
    for (const trials of [40, 80]) { // the second is further than the first when it is asked
      const run = new FakeRun({ trials });
      const { live, feed } = startLive(run);
      run.finish();
      live.connected(watcher);
      await live.received(watcher, watcher.request());
      live.pump();
      watcher.read(Infinity);
      assertSame(watcher.view!, run);
      live.disconnected(watcher);
      feed.close();
    }
    assertEquals(watcher.snapshots, 2);
  });

  it("that does not read is sent a bounded amount and catches up when it reads", async () => {
    const run = new FakeRun({ trials: 1e6, workers: 4 });
    const { live, feed } = startLive(run, 500);
    const slow = new Watcher(true);
    live.connected(slow);
    await live.received(slow, slow.request());
    let most = 0;
    while (run.snapshot().seq < 20_000) {
      run.advance(1000);
      live.pump(run.snapshot().seq); // a clock that stands still for all purposes
      most = Math.max(most, slow.bufferedAmount);
    }
    assert(most < (1 << 20) + slow.largest + 1, `${most} bytes waited`);
    slow.read(Infinity);
    live.pump();
    slow.read(Infinity);
    assertSame(slow.view!, run);
    assert(slow.snapshots >= 2);
    live.close();
    feed.close();
  });

  it("that never reads is cut off after a minute", async () => {
    const { live, feed } = startLive(new FakeRun({ trials: 10 }));
    const slow = new Watcher(true);
    live.connected(slow);
    await live.received(slow, slow.request());
    slow.bufferedAmount = 1 << 24;
    live.pump(0);
    live.pump(59_000);
    assertEquals(slow.closed, null);
    live.pump(61_000);
    assertEquals(slow.closed, "too slow");
    assertEquals(live.watchers, 0);
    live.close();
    feed.close();
  });

  it("that sends too much, too often or nonsense is cut off", async () => {
    const cases: [string, (live: Live, watcher: Watcher) => Promise<void>][] = [
      ["message too big", (live, watcher) => live.received(watcher, "x".repeat(2000))],
      ["message too big", (live, watcher) => live.received(watcher, new Uint8Array(4))],
      ["not a watch request", (live, watcher) => live.received(watcher, '{"type":"watch","run":{}}')],
      ["not a watch request", (live, watcher) => live.received(watcher, "[")],
      ["too many messages", async (live, watcher) => {
        for (let count = 0; count < 20; count++) await live.received(watcher, watcher.request());
      }],
    ];
    for (const [reason, send] of cases) {
      const { live, feed } = startLive(new FakeRun({ trials: 10 }));
      const watcher = new Watcher();
      live.connected(watcher);
      await send(live, watcher);
      assertEquals(watcher.closed, reason);
      assertEquals(live.watchers, 0);
      live.close();
      feed.close();
    }
  });

  it("is told when the run cannot be opened", async () => {
    const live = new Live(() => Promise.reject(new Error("the file is damaged")), { everyMs: 1e9 });
    const sent: string[] = [];
    const socket = { bufferedAmount: 0, send: (text: string) => void sent.push(text), close: () => {} };
    live.connected(socket);
    await live.received(socket, '{"type":"watch","run":"x","stream":null,"after":null}');
    assertEquals(sent, ['{"type":"refused","reason":"the file is damaged"}']);
    live.close();
  });

  it("that asks for nothing is cut off after five seconds", async () => {
    const { live, feed } = startLive(new FakeRun({ trials: 10 }));
    const [silent, asking] = [new Watcher(), new Watcher()];
    for (const watcher of [silent, asking]) live.connected(watcher, 0);
    await live.received(asking, asking.request());
    live.pump(4_999);
    assertEquals(silent.closed, null);
    live.pump(5_001);
    assertEquals([silent.closed, asking.closed], ["asked for nothing", null]);
    live.close();
    feed.close();
  });

  it("beyond the last place takes that of one who has asked for nothing, or is turned away", async () => {
    const { live, feed } = startLive(new FakeRun({ trials: 10 }));
    const small = new Live(() => Promise.resolve(feed), { everyMs: 1e9, maxWatchers: 2 });
    const watchers = [new Watcher(), new Watcher(), new Watcher(), new Watcher()];
    const [first, second, third, fourth] = watchers;
    for (const watcher of [first, second]) small.connected(watcher);
    await small.received(second, second.request());
    small.connected(third);
    await small.received(third, third.request());
    small.connected(fourth);
    assertEquals(watchers.map(({ closed }) => closed), [
      "it asked for nothing, and others wait",
      null,
      null,
      "too many watchers: 2 at most",
    ]);
    small.close();
    live.close();
    feed.close();
  });

  it("is told when the run that it watches is renamed or deleted", async () => {
    const { live, feed } = startLive(new FakeRun({ trials: 10 }));
    const sent: string[] = [];
    const socket = { bufferedAmount: 0, send: (text: string) => void sent.push(text), close: () => {} };
    live.connected(socket);
    await live.received(socket, '{"type":"watch","run":"x","stream":null,"after":null}');
    live.release(feed, "x was renamed or deleted");
    assertEquals(sent.at(-1), '{"type":"refused","reason":"x was renamed or deleted"}');
    assertEquals(live.isWatched(feed), false);
    live.close();
    feed.close();
  });
});

describe("a view", () => {
  it("takes each event once, and none where one before it is missing", () => {
    const run = new FakeRun({ trials: 10 }), events: SearchEvent[] = [];
    const view = new RunView(liveSnapshot(run.snapshot()), 0);
    run.subscribe((event) => events.push(event));
    run.advance(1000);
    const [first, second, third] = events.map(liveEvent);
    assertEquals([first, first, third, second, third].map((event) => view.apply(event)), [
      true,
      true,
      false,
      true,
      true,
    ]);
    assertEquals(view.seq, third.seq);
  });

  it("counts no time while the run is paused, or after its end", async () => {
    const run = new FakeRun({ trials: 10 }), view = new RunView(liveSnapshot(run.snapshot()), run.now);
    run.subscribe((event) => view.apply(liveEvent(event)));
    const elapsed = (ms: number) => {
      run.advance(ms);
      assertEquals(view.elapsedAtTime(run.now), run.snapshot().elapsedMs);
      return run.snapshot().elapsedMs;
    };
    assertEquals(elapsed(1000), 1000);
    await run.control!({ control: "pause" });
    assertEquals(elapsed(60_000), 1000);
    await run.control!({ control: "resume" });
    assertEquals(elapsed(1000), 2000);
    run.close();
    assertEquals(elapsed(60_000), 2000);
  });
});

describe("a feed", () => {
  it("costs the search little: an event is neither written nor sent while the search waits", async () => {
    const listeners = new Set<(event: SearchEvent) => void>();
    const run = new FakeRun({ trials: 10 });
    const source = {
      snapshot: () => run.snapshot(),
      subscribe: (listener: (event: SearchEvent) => void) => {
        listeners.add(listener);
        return () => void listeners.delete(listener);
      },
      control: null,
    };
    const feed = new RunFeed(source);
    const live = new Live(() => Promise.resolve(feed), { everyMs: 1e9 });
    const watchers = Array.from({ length: 50 }, () => new Watcher());
    for (const watcher of watchers) {
      live.connected(watcher);
      await live.received(watcher, watcher.request());
    }
    const first = run.snapshot().seq + 1;
    const sent = watchers.reduce((sum, { sent }) => sum + sent, 0);
    let written = 0;
    for (let seq = first; seq < first + 1000; seq++) {
      const message = { toJSON: () => (written++, "m") } as unknown as string;
      for (const listener of listeners) listener({ event: "notice", level: "info", message, seq, at: 0 });
    }
    assertEquals([written, watchers.reduce((sum, { sent }) => sum + sent, 0)], [0, sent]);
    live.pump();
    assertEquals(written, 1000, "each event is written once for all watchers");
    live.close();
    feed.close();
  });

  it("writes a snapshot once for watchers that come together", () => {
    let written = 0;
    const run = new FakeRun({ trials: 10 });
    const feed = new RunFeed({
      snapshot: () => (written++, run.snapshot()),
      subscribe: (listener) => run.subscribe(listener),
      control: null,
    });
    written = 0;
    for (let count = 0; count < 100; count++) {
      run.advance(1000);
      feed.snapshot(5000 + count);
    }
    assertEquals(written, 1);
    feed.close();
  });
});
