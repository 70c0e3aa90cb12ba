/**
 * Where a request comes from as its sender sees it: the address, the host name that was asked for, whether by https. A
 * proxy in between knows; what its `X-Forwarded-*` headers say is only believed where the user says that there is one, as
 * anybody can write such headers.
 */
import type { Context } from "hono";

export interface Arrival {
  /** Of the sender, for rates; "unknown" without a socket. */
  readonly address: string;
  /** As in a `Host` header, with the port where it is not the usual one. */
  readonly host: string | undefined;
  readonly isSecure: boolean;
}

export function arrivalOf(context: Context, trustProxy: boolean): Arrival {
  const info = context.env.info as Deno.ServeHandlerInfo<Deno.NetAddr> | undefined;
  const forwarded = (name: string) => trustProxy ? last(context.req.header(`x-forwarded-${name}`)) : undefined;
  return {
    address: forwarded("for") ?? info?.remoteAddr.hostname ?? "unknown",
    host: forwarded("host") ?? context.req.header("host"),
    isSecure: (forwarded("proto") ?? new URL(context.req.url).protocol.slice(0, -1)) === "https",
  };
}

/** Of a list that each proxy adds to, what the nearest one said. */
function last(header: string | undefined): string | undefined {
  return header?.split(",").at(-1)?.trim() || undefined;
}
