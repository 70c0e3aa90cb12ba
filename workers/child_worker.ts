/// <reference lib="deno.worker" />
/** The thread that trains children, one after the other, with one engine it opens once. */
import { openEngineOfThread } from "../child/engine/open.ts";
import { serveChildren } from "./child_server.ts";

serveChildren(self, openEngineOfThread);
