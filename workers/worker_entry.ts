/// <reference lib="deno.worker" />
/**
 * The entry of every worker thread: it imports the module that the thread's name gives, and turns whatever that throws,
 * now or later, into one message "broken", instead of the stack that Deno would print.
 */

const early: MessageEvent[] = [];
self.onmessage = (event) => early.push(event); // until the module sets its own

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
