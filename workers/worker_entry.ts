/// <reference lib="deno.worker" />
/**
 * What every worker thread begins with: it imports the module that the thread's name gives, and makes of whatever that
 * throws, now or later, one message "broken", in place of the stack that Deno would print.
 */

const early: MessageEvent[] = [];
self.onmessage = (event) => early.push(event); // until the module has its own

self.addEventListener("error", (event) => {
  event.preventDefault();
  tell((event as ErrorEvent).error ?? (event as ErrorEvent).message);
});
self.addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  tell((event as PromiseRejectionEvent).reason);
});

try {
  await import(self.name);
  for (const event of early) self.onmessage!(event);
} catch (error) {
  tell(error);
}

function tell(error: unknown): void {
  self.postMessage({ kind: "broken", message: error instanceof Error ? error.message : String(error) });
}
