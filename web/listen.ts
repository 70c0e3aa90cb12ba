/**
 * The addresses that a dashboard listens on. `localhost` is 127.0.0.1 to some programs and [::1] to others, so a
 * loopback host is both, on one port.
 */

type Handler = (request: Request, info: Deno.ServeHandlerInfo<Deno.NetAddr>) => Response | Promise<Response>;

export interface Listening {
  readonly port: number;
  shutdown(): Promise<void>;
}

/** Attempts to find a port that is free in both address families. */
const MAX_TRIES = 20;

/**
 * Serves on the host's addresses; port 0 takes a free one. Throws Deno.errors.AddrInUse where the port is taken on
 * either address. A machine without IPv6, or a process that may not use it, has 127.0.0.1 alone.
 */
export async function listen(host: string, port: number, handler: Handler): Promise<Listening> {
  const isBoth = host === "127.0.0.1" || host === "localhost";
  for (let tries = 1;; tries++) {
    const first = serveAt(isBoth ? "127.0.0.1" : host, port, handler);
    if (!isBoth) return { port: first.addr.port, shutdown: () => first.shutdown() };
    try {
      const second = serveIfThere("::1", first.addr.port, handler);
      return {
        port: first.addr.port,
        shutdown: async () => void await Promise.all([first.shutdown(), second?.shutdown()]),
      };
    } catch (error) {
      await first.shutdown();
      if (!(error instanceof Deno.errors.AddrInUse) || port !== 0 || tries === MAX_TRIES) throw error;
    }
  }
}

function serveIfThere(hostname: string, port: number, handler: Handler): Deno.HttpServer<Deno.NetAddr> | null {
  try {
    return serveAt(hostname, port, handler);
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) throw error;
    return null; // no such address here, or none that this process may use
  }
}

function serveAt(hostname: string, port: number, handler: Handler): Deno.HttpServer<Deno.NetAddr> {
  return Deno.serve({
    hostname,
    port,
    onListen: () => {},
    onError: () => Response.json({ error: "the dashboard failed at this request" }, { status: 500 }),
  }, handler);
}
