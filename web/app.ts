/**
 * The dashboard's server: serves searches, running or finished, to browsers (`client/`, over the websocket of `live.ts`)
 * and to programs (`api.ts`), and lets them control them. It only reads each `RunSource` and forwards requests to it,
 * so that a search runs the same with and without it.
 */
import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { upgradeWebSocket } from "hono/deno";
import { isOver } from "../controller/runs/events.ts";
import { apiRoutes } from "./api.ts";
import { type Arrival, arrivalOf } from "./arrival.ts";
import { type Asset, loadAssets } from "./assets.ts";
import { RunFeed } from "./feed.ts";
import { listen } from "./listen.ts";
import { Live, type Socket } from "./live.ts";
import type { RunRegistry } from "../controller/runs/registry.ts";
import { Access, tokenFor } from "./security.ts";

export interface DashboardOptions {
  /** The runs to show, one of which may be searched by this process. */
  readonly registry: RunRegistry;
  /** Address to listen on; 127.0.0.1 by default, and [::1] with it. Any address that is not loopback needs a token. */
  readonly host?: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** 16 characters or more. Generated if the host needs one and none is given; null for none on a loopback host. */
  readonly token?: string | null;
  readonly reach?: Reach;
}

/** How browsers reach a dashboard that is behind a proxy. */
export interface Reach {
  /** The path of its page if the proxy forwards whole paths: "/proxy/8422". Paths without it are served as well. */
  readonly basePath?: string;
  /** Host names besides those of loopback, with a port ("box:8443") or for any port ("box"). */
  readonly allowedHosts?: readonly string[];
  /**
   * Whether to believe `X-Forwarded-For`, `-Host` and `-Proto`: only where every request comes through a proxy that
   * sets them.
   */
  readonly trustProxy?: boolean;
}

export interface Dashboard {
  /** URL of the page, with the token if one is needed: for the user's terminal, not for logs. */
  readonly url: string;
  readonly token: string | null;
  close(): Promise<void>;
}

export interface App {
  readonly fetch: (request: Request, info?: Deno.ServeHandlerInfo<Deno.NetAddr>) => Response | Promise<Response>;
  close(): void;
}

/** Milliseconds after which the feed of an unwatched run is closed. */
const UNWATCHED_MS = 60_000;

/** Maximum bytes of a request's body. */
const MAX_BODY = 16 * 1024;

/**
 * Listens until closed. Rejects with Deno.errors.AddrInUse where the port is taken, and a RangeError for a token too
 * short. Permissions: read (its own files), net (the host).
 */
export async function startDashboard(options: DashboardOptions): Promise<Dashboard> {
  const host = options.host ?? "127.0.0.1";
  const token = tokenFor(host, options.token);
  // The port is part of the cookie's name and only known once listening; no request comes before `app` is there.
  let app: App;
  const server = await listen(host, options.port, (request, info) => app.fetch(request, info));
  const { port } = server;
  try {
    app = createApp(options.registry, { token, port, ...options.reach });
  } catch (error) {
    await server.shutdown();
    throw error;
  }
  const name = host === "0.0.0.0" || host === "::" ? "localhost" : host.includes(":") ? `[${host}]` : host;
  return {
    url: `http://${name}:${port}/${token === null ? "" : `?token=${encodeURIComponent(token)}`}`,
    token,
    close: async () => {
      app.close();
      await server.shutdown();
    },
  };
}

/** The server without its socket, for `startDashboard` and for tests. */
export function createApp(
  registry: RunRegistry,
  { token, port, basePath = "", allowedHosts, trustProxy = false }:
    & Reach
    & { readonly token: string | null; readonly port: number },
): App {
  const assets = loadAssets();
  const feeds = new Feeds(registry);
  const live = new Live((run) => feeds.open(run));
  const sweep = setInterval(() => feeds.sweep((feed) => live.isWatched(feed)), UNWATCHED_MS / 4);
  Deno.unrefTimer(sweep);
  const arrival = (context: Context): Arrival => arrivalOf(context, trustProxy);
  const guard = new Access({ token, port, allowedHosts, arrivalOf: arrival, cookiePath: basePath || "/" });
  const release = async (run: string) => {
    const feed = await feeds.close(run);
    if (feed) live.release(feed, `${run} was renamed or deleted`);
  };

  const app = new Hono({ getPath: (request) => pathBelow(basePath, new URL(request.url).pathname) });
  // The page's URLs are relative: they only work below a path that ends with a slash.
  app.get(WITHOUT_SLASH, (context) => {
    const { pathname, search } = new URL(context.req.url);
    return context.redirect(`${pathname.slice(pathname.lastIndexOf("/") + 1)}/${search}`, 308);
  });
  app.use(guard.middleware);
  app.use(
    bodyLimit({ maxSize: MAX_BODY, onError: (context) => context.json({ error: "the body is too long" }, 413) }),
  );
  app.post("/login", guard.signIn);
  app.get("/live", websocket(live));
  app.route(
    "/api",
    apiRoutes({ registry, feed: (run) => feeds.open(run), release, addressOf: (context) => arrival(context).address }),
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

/** Route of a request for the base path without a trailing slash. */
const WITHOUT_SLASH = "/without-slash";

/** A path as the routes know it; one without the base path came from a proxy that stripped it. */
function pathBelow(basePath: string, path: string): string {
  if (basePath === "") return path;
  if (path === basePath) return WITHOUT_SLASH;
  return path.startsWith(`${basePath}/`) ? path.slice(basePath.length) : path;
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

/** One feed per run that is watched or was requested recently. */
class Feeds {
  readonly #registry: RunRegistry;
  readonly #feeds = new Map<string, { readonly feed: Promise<RunFeed | null>; usedAt: number }>();

  constructor(registry: RunRegistry) {
    this.#registry = registry;
  }

  /**
   * Null if there is no such run. Without a name the live run, else the newest that is being searched, else the newest.
   */
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

  /** Releases a run, so that nothing holds it open. Resolves to its feed. */
  async close(name: string): Promise<RunFeed | null> {
    const entry = this.#feeds.get(name);
    this.#feeds.delete(name);
    const feed = await entry?.feed.catch(() => null) ?? null;
    feed?.close();
    return feed;
  }

  async sweep(isWatched: (feed: RunFeed) => boolean): Promise<void> {
    for (const [name, { feed, usedAt }] of this.#feeds) {
      const opened = await feed;
      if (name === this.#registry.live || (opened && isWatched(opened))) continue;
      if (Date.now() - usedAt > UNWATCHED_MS) await this.close(name);
    }
  }

  closeAll(): void {
    for (const name of [...this.#feeds.keys()]) void this.close(name);
  }
}
