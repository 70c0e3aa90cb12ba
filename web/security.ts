/**
 * Who may see and steer a search.
 *
 * On a loopback address anyone on this machine may, but no web page of another site: the `Host` header must name a
 * loopback address (a page that rebinds its own name to 127.0.0.1 sends its own name), and `Origin` must be ours on
 * websockets and on everything that changes something. On any other address every request also needs the token: once in
 * the URL or typed into the form, then as a cookie that scripts cannot read and other sites' requests do not carry.
 */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { Context, MiddlewareHandler } from "hono";
import { getCookie, setCookie } from "hono/cookie";
import { RateLimits } from "./rate_limit.ts";

/** Headers of every answer. Scripts, styles, pictures and connections come from this process and nowhere else. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy": [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
  ].join("; "),
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin",
  "permissions-policy": "camera=(), microphone=(), geolocation=()",
};

/** Longest token that is looked at. */
const MAX_TOKEN = 256;
/** What the form for the token itself needs. */
const PUBLIC_PATHS = new Set(["/login", "/app.css", "/favicon.svg"]);
const SAFE_METHODS = new Set(["GET", "HEAD"]);

export interface AccessOptions {
  /** Null where none is needed: loopback only. */
  readonly token: string | null;
  /** Distinguishes dashboards of one host in its cookies, which do not know ports. */
  readonly port: number;
  /** Address of who asks, for rates. */
  readonly addressOf: (context: Context) => string;
}

export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host === "[::1]" || /^127(\.\d{1,3}){3}$/.test(host);
}

/** 144 random bits. */
export function newToken(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(18));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_");
}

/** The token of a dashboard on an address: the one given, or a new one where the address needs one. */
export function tokenFor(host: string, given: string | null | undefined): string | null {
  return given ?? (isLoopback(host) ? null : newToken());
}

/** Takes the same time wherever the texts differ: what is compared are their hashes, all bytes of them. */
export function equalInConstantTime(given: string, expected: string): boolean {
  const hash = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(hash(given), hash(expected));
}

/** Whether a `Host` header names a loopback address. */
export function isLoopbackHost(header: string | undefined): boolean {
  const match = /^(\[[0-9a-f:]+\]|[^:[\]]+)(:\d+)?$/i.exec(header ?? "");
  return match !== null && isLoopback(match[1].toLowerCase());
}

/** Whether a request comes from a page that this process served. */
export function isOwnOrigin(origin: string | undefined, host: string | undefined): boolean {
  return host !== undefined && (origin === `http://${host}` || origin === `https://${host}`);
}

export class Access {
  readonly #options: AccessOptions;
  readonly #cookie: string;
  /** What the cookie holds: proves the token without being it, and lasts as long as the token. */
  readonly #session: string | null;
  /** Ten wrong tokens at once from an address, then one in six seconds: guessing 144 bits is hopeless long before. */
  readonly #wrong = new RateLimits(10, 1 / 6);
  readonly #requests = new RateLimits(600, 120);

  constructor(options: AccessOptions) {
    if (options.token !== null && (options.token.length < 16 || options.token.length > MAX_TOKEN)) {
      throw new RangeError(
        `Cannot guard the dashboard as a token must have 16 to ${MAX_TOKEN} characters: current value has ${options.token.length}`,
      );
    }
    this.#options = options;
    this.#cookie = `actsearch_${options.port}`;
    this.#session = options.token === null
      ? null
      : createHmac("sha256", options.token).update("actsearch dashboard session").digest("base64url");
  }

  /** Every request passes here first. */
  readonly middleware: MiddlewareHandler = async (context, next) => {
    const refusal = this.#refuse(context);
    if (!refusal) await next();
    context.res = withHeaders(refusal ?? context.res);
  };

  /** Signs in with the form's token. */
  readonly signIn = async (context: Context): Promise<Response> => {
    const form = await context.req.formData().catch(() => null);
    const given = form?.get("token");
    if (typeof given !== "string" || !this.#isToken(given, context)) return signInPage(401, "That is not the token.");
    this.#remember(context);
    return context.redirect("/", 303);
  };

  #refuse(context: Context): Response | null {
    const address = this.#options.addressOf(context);
    if (!this.#requests.take(address)) return refusal(429, "too many requests");
    const host = context.req.header("host");
    if (this.#options.token === null && !isLoopbackHost(host)) return refusal(403, "this host name is not served here");
    const changes = !SAFE_METHODS.has(context.req.method) || context.req.header("upgrade") !== undefined;
    const bearer = this.#hasBearer(context);
    if (changes && !bearer && !isOwnOrigin(context.req.header("origin"), host)) {
      return refusal(403, "the request comes from another site");
    }
    if (this.#session === null || bearer || this.#hasCookie(context) || PUBLIC_PATHS.has(context.req.path)) return null;
    return this.#signInByUrl(context);
  }

  /** The first load carries the token in the URL; the answer moves it to a cookie and the browser to a URL without it. */
  #signInByUrl(context: Context): Response {
    const given = context.req.query("token");
    if (context.req.path !== "/" || context.req.method !== "GET") return refusal(401, "a token is needed");
    if (given === undefined) return signInPage(401, null);
    if (!this.#isToken(given, context)) return signInPage(401, "That is not the token.");
    this.#remember(context);
    return context.redirect("/", 303);
  }

  #hasBearer(context: Context): boolean {
    const match = /^Bearer (.+)$/.exec(context.req.header("authorization") ?? "");
    return match !== null && this.#options.token !== null && this.#isToken(match[1], context);
  }

  #hasCookie(context: Context): boolean {
    const value = getCookie(context, this.#cookie);
    return value !== undefined && value.length <= MAX_TOKEN && this.#session !== null &&
      equalInConstantTime(value, this.#session);
  }

  #isToken(given: string, context: Context): boolean {
    const token = this.#options.token;
    const address = this.#options.addressOf(context);
    if (token === null || given.length > MAX_TOKEN || this.#wrong.isSpent(address)) return false;
    if (equalInConstantTime(given, token)) return true;
    this.#wrong.take(address);
    return false;
  }

  #remember(context: Context): void {
    setCookie(context, this.#cookie, this.#session!, {
      httpOnly: true,
      sameSite: "Strict",
      path: "/",
      maxAge: 30 * 24 * 3600,
      secure: context.req.url.startsWith("https:"),
    });
  }
}

function withHeaders(response: Response): Response {
  // A websocket's answer must be passed on as it is.
  if (response.status === 101) return response;
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(SECURITY_HEADERS)) headers.set(name, value);
  if (!headers.has("cache-control")) headers.set("cache-control", "no-store");
  return new Response(response.body, { status: response.status, headers });
}

function refusal(status: number, reason: string): Response {
  return Response.json({ error: reason }, { status });
}

function signInPage(status: number, problem: string | null): Response {
  const page = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>actsearch</title>
<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="/app.css"></head>
<body class="sign-in"><main><h1>actsearch</h1><p>${problem ?? "This search is shown to holders of its token."}</p>
<form method="post" action="/login"><label>Token <input name="token" type="password" required autofocus></label>
<button class="primary">Show the search</button></form></main></body></html>`;
  return new Response(page, { status, headers: { "content-type": "text/html; charset=utf-8" } });
}
