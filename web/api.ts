/**
 * The dashboard's data as JSON, so that a notebook can read a running search:
 *
 *     GET    /api/runs                        the runs
 *     GET    /api/comparisons                 the comparisons of samplers that were stored; likewise /api/confirmations
 *     GET    /api/comparisons/NAME            one of them, as its command wrote it
 *     GET    /api/runs/RUN                    one run: settings, state, counts, best, workers, notices
 *     GET    /api/runs/RUN/trials             its trials; ?state=complete,pruned &q=TEXT &sort=accuracy &order=desc &limit= &offset=
 *     GET    /api/runs/RUN/trials.csv         the same as CSV; ?for=spreadsheet guards what a spreadsheet would run
 *     GET    /api/runs/RUN/trials/ID          one trial with its training curve
 *     GET    /api/runs/RUN/updates            what the sampler learnt; ?probabilities=N adds them to N evenly spaced updates
 *     GET    /api/runs/RUN/events             events after ?after=SEQ, at most 1,000; 410 if they are no longer kept
 *     GET    /api/runs/RUN/live               the websocket's messages (protocol.ts), after ?stream=ID&after=SEQ: for pages without a websocket
 *     POST   /api/runs/RUN/control            {"control": "pause" | "resume" | "stop"}, {"control": "set_workers", "workers": 2},
 *                                             {"control": "add_candidate", "expression": "x * tanh(x)", "seeds": 3}
 *     PATCH  /api/runs/RUN                    {"name"?, "notes"?, "tags"?}
 *     DELETE /api/runs/RUN                    {"confirm": "RUN"}
 *
 * RUN is a run's name, or `current` for the one this process searches. A failure is {"error": "a sentence"}.
 */
import { type TrialRow, trialRow } from "../controller/trial.ts";
import { type Context, Hono } from "hono";
import type { RunSource, SamplerUpdate } from "../controller/runs/events.ts";
import { csvLines } from "../controller/csv.ts";
import { recordOfTrial, TRIAL_FIELDS } from "../controller/trial_record.ts";
import type { RunFeed } from "./feed.ts";
import { polled } from "./live.ts";
import { roundProbabilities } from "./protocol.ts";
import { RateLimits } from "./rate_limit.ts";
import { bestOf, countStates, type RunRegistry } from "../controller/runs/registry.ts";
import type { ReportKind } from "../controller/runs/reports.ts";
import { checkDeletion, readChange, readControl, RequestError } from "./requests.ts";
import { readTrialQuery, selectTrials } from "./trial_query.ts";

export interface ApiOptions {
  readonly registry: RunRegistry;
  /** The feed of a run; null if there is none of that name (null: the one searched here). */
  readonly feed: (run: string | null) => Promise<RunFeed | null>;
  /** Releases a run that is about to be renamed or deleted. */
  readonly release: (run: string) => Promise<void>;
  readonly addressOf: (context: Context) => string;
}

const MAX_EVENTS_PER_RESPONSE = 1000;
const MAX_TRIALS_PER_RESPONSE = 100_000;

/** The request is refused with this status and sentence. */
class Refusal extends Error {
  constructor(readonly status: 400 | 404 | 409 | 410 | 415 | 429, message: string) {
    super(message);
  }
}

/** What the routes share: the run that a request names, and the checks before it is read or changed. */
interface Guards {
  readonly run: (context: Context) => Promise<RunFeed>;
  /** Before an expensive read. Throws a Refusal if there are too many. */
  readonly read: (context: Context) => void;
  /** Before a change; resolves to the body. Throws a Refusal if there are too many, or if it is not JSON. */
  readonly change: (context: Context) => Promise<unknown>;
}

export function apiRoutes(options: ApiOptions): Hono {
  const api = new Hono(), guards = guardsOf(options);
  api.onError((error, context) => {
    if (error instanceof Refusal) return context.json({ error: error.message }, error.status);
    if (error instanceof RequestError || error instanceof RangeError) {
      return context.json({ error: error.message }, 400);
    }
    throw error;
  });
  addRuns(api, options, guards);
  addReports(api, options, guards);
  addTrials(api, guards);
  addEvents(api, guards);
  addChanges(api, options, guards);
  api.all("*", (context) => context.json({ error: `there is no ${context.req.path}` }, 404));
  return api;
}

function guardsOf({ feed, addressOf }: ApiOptions): Guards {
  // Reading all trials writes megabytes and changes touch the disk: both cost more than a request.
  const reads = new RateLimits(60, 10), changes = new RateLimits(20, 2);
  return {
    async run(context) {
      const name = context.req.param("run")!;
      const found = await feed(name === "current" ? null : name);
      if (!found) throw new Refusal(404, name === "current" ? "there is no run yet" : `no run is called ${name}`);
      return found;
    },
    read(context) {
      if (!reads.take(addressOf(context))) throw new Refusal(429, "too many requests: wait a second");
    },
    async change(context) {
      if (!changes.take(addressOf(context))) throw new Refusal(429, "too many changes: wait a second");
      if (!context.req.header("content-type")?.startsWith("application/json")) {
        throw new Refusal(415, "the body must be application/json");
      }
      return await context.req.json().catch(() => {
        throw new Refusal(400, "the body is not JSON");
      });
    },
  };
}

function addRuns(api: Hono, { registry }: ApiOptions, { run, read }: Guards): void {
  api.get("/runs", async (context) => {
    read(context);
    return context.json({ live: registry.live, runs: await registry.list() });
  });

  api.get("/runs/:run", async (context) => {
    const { source, seq, stream } = await run(context);
    const { trials, updates: _, ...rest } = source.snapshot();
    return context.json({ ...rest, seq, stream, counts: countStates(trials), best: bestOf(trials) });
  });
}

function addReports(api: Hono, { registry: { reports } }: ApiOptions, { read }: Guards): void {
  const list = (kind: ReportKind) => async (context: Context) => {
    read(context);
    return context.json({ names: await reports.list(kind) });
  };
  const one = (kind: ReportKind) => async (context: Context) => {
    read(context);
    const name = context.req.param("name")!, report = await reports.read(kind, name);
    if (report === null) throw new Refusal(404, `none of the ${kind} is called ${name}`);
    return context.json(report);
  };
  api.get("/comparisons", list("comparisons"));
  api.get("/comparisons/:name", one("comparisons"));
  api.get("/confirmations", list("confirmations"));
  api.get("/confirmations/:name", one("confirmations"));
}

function addTrials(api: Hono, { run, read }: Guards): void {
  api.get("/runs/:run/trials", async (context) => {
    read(context);
    const { source } = await run(context);
    const parameters = new URL(context.req.url).searchParams;
    const trials = selected(source, parameters);
    const offset = count(parameters, "offset", 0);
    const limit = Math.min(count(parameters, "limit", MAX_TRIALS_PER_RESPONSE), MAX_TRIALS_PER_RESPONSE);
    return context.json({ total: trials.length, trials: trials.slice(offset, offset + limit) });
  });

  api.get("/runs/:run/trials.csv", async (context) => {
    read(context);
    const { source } = await run(context);
    const parameters = new URL(context.req.url).searchParams;
    const forSpreadsheet = parameters.get("for") === "spreadsheet";
    const lines = csvLines(TRIAL_FIELDS, selected(source, parameters).map(recordOfTrial), { forSpreadsheet });
    return context.body(lines.join("\r\n") + "\r\n", 200, {
      "content-type": "text/csv; charset=utf-8",
      "content-disposition": `attachment; filename="${source.snapshot().run.name.replaceAll(/[^\w.-]/g, "_")}.csv"`,
    });
  });

  api.get("/runs/:run/trials/:id", async (context) => {
    const { source } = await run(context);
    const trial = source.snapshot().trials.find(({ id }) => String(id) === context.req.param("id"));
    if (!trial) throw new Refusal(404, `the run has no trial ${context.req.param("id")}`);
    return context.json(trial);
  });
}

function addEvents(api: Hono, { run, read }: Guards): void {
  api.get("/runs/:run/updates", async (context) => {
    read(context);
    const { source } = await run(context);
    const wanted = count(new URL(context.req.url).searchParams, "probabilities", 0);
    return context.json({ updates: thinProbabilities(source.snapshot().updates, wanted) });
  });

  api.get("/runs/:run/events", async (context) => {
    const { stream, seq, since } = eventsOf(await run(context), context);
    if (since === null) throw new Refusal(410, `events after that are no longer kept: the newest is ${seq}`);
    return context.body(`{"stream":"${stream}","seq":${seq},"events":[${since.join(",")}]}`, 200, {
      "content-type": "application/json",
    });
  });

  api.get("/runs/:run/live", async (context) => {
    const found = await run(context);
    const parameters = new URL(context.req.url).searchParams;
    const after = parameters.has("after") ? count(parameters, "after", 0) : null;
    return context.body(polled(found, parameters.get("stream"), after), 200, { "content-type": "application/json" });
  });
}

function addChanges(api: Hono, { registry, release }: ApiOptions, { run, change }: Guards): void {
  api.post("/runs/:run/control", async (context) => {
    const body = await change(context);
    const { source } = await run(context);
    if (!source.control) throw new Refusal(409, "this run is not being searched by this process");
    const refused = await source.control(readControl(body));
    if (refused !== null) throw new Refusal(409, refused);
    return context.json({ done: true });
  });

  api.patch("/runs/:run", async (context) => {
    const body = await change(context);
    const name = context.req.param("run");
    const wanted = readChange(body);
    const refused = await registry.change(name, wanted, () => release(name));
    if (refused !== null) throw new Refusal(409, refused);
    return context.json({ done: true });
  });

  api.delete("/runs/:run", async (context) => {
    const body = await change(context);
    const name = context.req.param("run");
    checkDeletion(body, name);
    const refused = await registry.remove(name, () => release(name));
    if (refused !== null) throw new Refusal(409, refused);
    return context.json({ done: true });
  });
}

function selected(source: RunSource, parameters: URLSearchParams): TrialRow[] {
  return selectTrials(source.snapshot().trials.map(trialRow), readTrialQuery(parameters));
}

function eventsOf(found: RunFeed, context: Context) {
  const after = count(new URL(context.req.url).searchParams, "after", found.seq);
  return { stream: found.stream, seq: found.seq, since: found.since(after, MAX_EVENTS_PER_RESPONSE) };
}

/** A parameter that is a non-negative integer. */
function count(parameters: URLSearchParams, name: string, otherwise: number): number {
  const text = parameters.get(name);
  if (text === null) return otherwise;
  if (!/^\d{1,12}$/.test(text)) {
    throw new RangeError(`${name} must be an integer of 0 or more: it is ${text.slice(0, 40)}`);
  }
  return Number(text);
}

/** All updates; `wanted` of them, evenly spaced and including the last, have their probabilities. */
export function thinProbabilities(updates: readonly SamplerUpdate[], wanted: number): SamplerUpdate[] {
  const every = wanted === 0 ? Infinity : Math.max(1, Math.ceil(updates.length / wanted));
  return updates.map((update, index) => ({
    ...update,
    probabilities: (updates.length - 1 - index) % every === 0 && wanted > 0
      ? roundProbabilities(update.probabilities)
      : null,
  }));
}
