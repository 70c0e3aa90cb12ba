/// <reference lib="deno.worker" />
/**
 * The thread that trains several children at once on a graphics card: each message is a port, over which it speaks as a
 * thread of one child does. All share one engine, which computes them side by side.
 */
import { type Opened, openEngine } from "../child/engine/open.ts";
import { serveChildren } from "./child_server.ts";

let opening: Promise<Opened> | undefined;

self.onmessage = ({ data: port }: MessageEvent<MessagePort>) => {
  serveChildren(port, (name) => opening ??= openEngine(name));
};
