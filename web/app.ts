/**
 * The dashboard's server: shows a running or finished search to browsers (`client/`, over the websocket of `live.ts`) and
 * to programs (`api.ts`), and lets them steer it. It only ever reads a `RunSource` and passes requests to it, so that a
 * search runs the same with and without it.
 */
import { type Context, Hono } from "hono";
import { upgradeWebSocket } from "hono/deno";
import { isOver, type RunSource } from "../controller/runs/events.ts";
import { apiRoutes } from "./api.ts";
import { type Asset, loadAssets } from "./assets.ts";
import { RunFeed } from "./feed.ts";
import { Live, type Socket } from "./live.ts";
import { oneRun, type RunRegistry } from "../controller/runs/registry.ts";
import { Access, tokenFor } from "./security.ts";

export interface DashboardOptions {
  /** The run to show: a running search, or a registry of many. */
  readonly source: RunSource | RunRegistry;
  /** Address to listen on; 127.0.0.1 by default. Any address that is not loopback needs a token. */
  readonly host?: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** 16 characters or more. Made anew where the host needs one and none is given; null for none on a loopback host. */
  readonly token?: string | null;
}

export interface Dashboard {
  /** Where to look, with the token where one is needed: for the terminal of who started it, not for logs. */
  readonly url: string;
  readonly token: string | null;
  close(): Promise<void>;
}

export interface App {
  readonly fetch: (request: Request, info?: Deno.ServeHandlerInfo<Deno.NetAddr>) => Response | Promise<Response>;
  close(): void;
}

/** Milliseconds after which the feed of a run that nobody watches is given up. */
const UNWATCHED_MS = 60_000;

/**
 * Listens until closed. Throws Deno.errors.AddrInUse where the port is taken, and a RangeError for a token too short.
 * Permissions: read (its own files), net (the host).
 */
export function startDashboard(options: DashboardOptions): Promise<Dashboard> {
  const host = options.host ?? "127.0.0.1";
  const token = tokenFor(host, options.token);
  // The port is part of the cookie's name and only known once listening; no request comes before `app` is there.
  let app: App;
  const server = Deno.serve({
    hostname: host,
    port: options.port,
    onListen: () => {},
    onError: () => Response.json({ error: "the dashboard failed at this request" }, { status: 500 }),
  }, (request, info) => app.fetch(request, info));
  const { port } = server.addr;
  try {
    app = createApp(options.source, { token, port });
  } catch (error) {
    return server.shutdown().then(() => Promise.reject(error));
  }
  const name = host === "0.0.0.0" || host === "::" ? "localhost" : host.includes(":") ? `[${host}]` : host;
  return Promise.resolve({
    url: `http://${name}:${port}/${token === null ? "" : `?token=${encodeURIComponent(token)}`}`,
    token,
    close: async () => {
      app.close();
      await server.shutdown();
    },
  });
}

/** The server without its socket, for `startDashboard` and for tests. */
export function createApp(source: RunSource | RunRegistry, access: { token: string | null; port: number }): App {
  const registry = "snapshot" in source ? oneRun(source) : source;
  const assets = loadAssets();
  const feeds = new Feeds(registry);
  const live = new Live((run) => feeds.open(run));
  const sweep = setInterval(() => feeds.sweep((feed) => live.isWatched(feed)), UNWATCHED_MS / 4);
  Deno.unrefTimer(sweep);
  const guard = new Access({ ...access, addressOf });

  const app = new Hono();
  app.use(guard.middleware);
  app.post("/login", guard.signIn);
  app.get("/live", websocket(live));
  app.route(
    "/api",
    apiRoutes({ registry, feed: (run) => feeds.open(run), release: (run) => feeds.close(run), addressOf }),
  );
  for (const [path, asset] of assets) app.get(path, (context) => serveAsset(context, asset));
  app.onError((error, context) => {
    console.error(`dashboard: ${context.req.method} ${context.req.path}: ${error.message}`);
    return context.json({ error: "the dashboard failed at this request" }, 500);
  });
  app.notFound((context) => context.json({ error: "there is nothing here" }, 404));
  return {
    fetch: (request, info) => app.fetch(request, { info }),
    close: () => {
      clearInterval(sweep);
      live.close();
      feeds.closeAll();
    },
  };
}

function addressOf(context: Context): string {
  const info = context.env.info as Deno.ServeHandlerInfo<Deno.NetAddr> | undefined;
  return info?.remoteAddr.hostname ?? "unknown";
}

function serveAsset(context: Context, asset: Asset): Response {
  const headers = { etag: asset.etag, "cache-control": "no-cache" };
  if (context.req.header("if-none-match") === asset.etag) return context.body(null, 304, headers);
  return context.body(asset.body, 200, { ...headers, "content-type": asset.type });
}

function websocket(live: Live) {
  return upgradeWebSocket(() => {
    let socket: Socket;
    return {
      onOpen: (_event, { raw }) => {
        socket = raw as WebSocket;
        live.connected(socket);
      },
      onMessage: ({ data }) => void live.received(socket, data),
      onClose: () => live.disconnected(socket),
      onError: () => live.disconnected(socket),
    };
  }, { idleTimeout: 30 });
}

/** One feed a run that someone watches or lately asked for. */
class Feeds {
  readonly #registry: RunRegistry;
  readonly #feeds = new Map<string, { readonly feed: Promise<RunFeed | null>; usedAt: number }>();

  constructor(registry: RunRegistry) {
    this.#registry = registry;
  }

  /** Null where there is no such run. Without a name the live run, or else the newest that goes on, or the newest. */
  async open(name: string | null): Promise<RunFeed | null> {
    const wanted = name ?? this.#registry.live ?? await this.#newest();
    if (wanted === undefined) return null;
    const known = this.#feeds.get(wanted);
    if (known) {
      known.usedAt = Date.now();
      return await known.feed;
    }
    const feed = this.#registry.open(wanted).then((source) => source && new RunFeed(source));
    this.#feeds.set(wanted, { feed, usedAt: Date.now() });
    const opened = await feed.catch((error) => {
      this.#feeds.delete(wanted);
      throw error;
    });
    if (!opened) this.#feeds.delete(wanted);
    return opened;
  }

  async #newest(): Promise<string | undefined> {
    const runs = await this.#registry.list();
    return (runs.find((run) => !isOver(run)) ?? runs[0])?.name;
  }

  close(name: string): void {
    this.#feeds.get(name)?.feed.then((feed) => feed?.close());
    this.#feeds.delete(name);
  }

  async sweep(isWatched: (feed: RunFeed) => boolean): Promise<void> {
    for (const [name, { feed, usedAt }] of this.#feeds) {
      const opened = await feed;
      if (name === this.#registry.live || (opened && isWatched(opened))) continue;
      if (Date.now() - usedAt > UNWATCHED_MS) this.close(name);
    }
  }

  closeAll(): void {
    for (const name of [...this.#feeds.keys()]) this.close(name);
  }
}
