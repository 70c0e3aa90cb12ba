/**
 * The origin of a request as its sender sees it: the client's address, the requested host name, whether by https. A
 * proxy in between knows; its `X-Forwarded-*` headers are only trusted if the user says that there is one, as anybody
 * can send such headers.
 */
import type { Context } from "hono";

export interface Arrival {
  /** The sender's address, for rate limits; "unknown" without a socket. */
  readonly address: string;
  /** As in a `Host` header, with the port if it is not the default. */
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

/** The nearest proxy's entry of a list to which each proxy appends. */
function last(header: string | undefined): string | undefined {
  return header?.split(",").at(-1)?.trim() || undefined;
}
