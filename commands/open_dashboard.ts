/** The dashboard's flags, and opening it, for the commands that show one. */
import type { RunRegistry } from "../controller/runs/registry.ts";
import { type Dashboard, type Reach, startDashboard } from "../web/app.ts";
import { listen } from "../web/listen.ts";
import { UsageError } from "./command.ts";

const DEFAULT_PORT = 8422;
/** Ports to try if the user named none. */
const PORTS_TRIED = 20;
const LOOPBACK = "127.0.0.1";

/** Of the tasks that open the dashboard: `--allow-net=` of the addresses that it may listen on. */
export const DASHBOARD_PERMISSIONS = {
  net: "the dashboard, on this machine or on all of its addresses (--host)",
} as const;

export const DASHBOARD_FLAGS = [
  { name: "port", type: "integer", max: 65535, help: `the dashboard's port (from ${DEFAULT_PORT})` },
  {
    name: "host",
    type: "string",
    value: "ADDRESS",
    default: LOOPBACK,
    help: "where the dashboard listens; 0.0.0.0 lets other machines in, with the token that is printed",
  },
  {
    name: "allow-host",
    type: "strings",
    value: "NAME",
    help: "a host, besides localhost, by which browsers reach the dashboard; without a port, on any port",
  },
  {
    name: "base-path",
    type: "string",
    value: "PATH",
    help: "the path under which a proxy serves the dashboard, if it forwards whole paths: /proxy/8422",
  },
  {
    name: "trust-proxy",
    type: "boolean",
    help: "trust X-Forwarded-For, -Host and -Proto; only where every request comes through a proxy that sets them",
  },
] as const;

export interface DashboardFlags {
  readonly port?: number;
  readonly host: string;
  readonly allowHost: readonly string[];
  readonly basePath?: string;
  readonly trustProxy: boolean;
}

/**
 * Checked before anything starts. Throws a UsageError if the address, the port or a flag about the proxy is not usable.
 */
export async function requireAddress(flags: DashboardFlags): Promise<void> {
  const { host, port } = flags;
  reachOf(flags);
  try {
    await (await listen(host, port ?? 0, () => new Response())).shutdown();
  } catch (error) {
    throw addressError(host, port, error);
  }
}

const HOST_NAME = /^([a-z0-9_.-]+|\[[0-9a-f:]+\])(:\d{1,5})?$/;
const BASE_PATH = /^(\/[\w.~@-]+)+\/?$/;

function reachOf({ allowHost, basePath, trustProxy }: DashboardFlags): Reach {
  const allowedHosts = allowHost.map((name) => name.toLowerCase());
  const wrong = allowedHosts.find((name) => !HOST_NAME.test(name));
  if (wrong !== undefined) {
    throw new UsageError(`--allow-host takes the name of a host, as box.example or box.example:8443: it is "${wrong}"`);
  }
  if (basePath !== undefined && basePath !== "/" && !BASE_PATH.test(basePath)) {
    throw new UsageError(`--base-path takes a path, as /proxy/8422: it is "${basePath}"`);
  }
  return { allowedHosts, basePath: basePath?.replace(/\/$/, ""), trustProxy };
}

/** Uses the given port, or the first free one from the default on. Throws a UsageError as `requireAddress` does. */
export async function openDashboard(registry: RunRegistry, flags: DashboardFlags): Promise<Dashboard> {
  const { host, port } = flags, reach = reachOf(flags);
  const last = port ?? DEFAULT_PORT + PORTS_TRIED;
  for (let candidate = port ?? DEFAULT_PORT;; candidate++) {
    try {
      return await startDashboard({ registry, host, port: candidate, reach });
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse) || candidate >= last) throw addressError(host, candidate, error);
    }
  }
}

/** The line with the dashboard's URL, for the terminal of the user who started it. */
export function dashboardLine({ url, token }: Dashboard): string {
  return `dashboard: ${url}${token === null ? "" : " (anybody with this URL can control the search: keep it secret)"}`;
}

function addressError(host: string, port: number | undefined, error: unknown): UsageError {
  if (error instanceof Deno.errors.NotCapable) {
    return new UsageError(
      `this task may listen on ${LOOPBACK} and on 0.0.0.0, not on ${host}: give one of them (or ::1, ::) as --host`,
    );
  }
  if (error instanceof Deno.errors.AddrInUse) {
    return new UsageError(`port ${port} is in use: give another --port, or --no-web to search without a dashboard`);
  }
  return new UsageError(
    `cannot listen on ${host}${port === undefined ? "" : `, port ${port}`} (${(error as Error).message}): ` +
      "give another --host or --port",
  );
}
