/**
 * The bodies of POST, PATCH and DELETE requests, checked field by field: a value of the type, or an error's sentence.
 */
import { activationFrom } from "../child/activation/catalog.ts";
import type { SearchControl } from "../controller/runs/events.ts";
import { isRunName } from "../controller/runs/run_files.ts";
import type { RunChange } from "../controller/runs/registry.ts";
import { MAX_SEEDS_BY_HAND } from "../controller/trial.ts";
import { MAX_WORKERS } from "../workers/placement.ts";

/** Its message is the response to the client. */
export class RequestError extends Error {
  override readonly name = "RequestError";
}

const MAX_NOTES = 10_000;
const MAX_TAGS = 20;
const TAG = /^[^\s,]{1,30}$/;

type Fields = Readonly<Record<string, unknown>>;

const CONTROLS: Readonly<Record<SearchControl["control"], (fields: Fields) => SearchControl>> = {
  pause: () => ({ control: "pause" }),
  resume: () => ({ control: "resume" }),
  stop: () => ({ control: "stop" }),
  set_workers: (fields) => ({ control: "set_workers", workers: integer(fields, "workers", 1, MAX_WORKERS) }),
  add_candidate: (fields) => {
    const expression = text(fields, "expression", 1000);
    try {
      activationFrom(expression);
    } catch (error) {
      throw new RequestError((error as Error).message);
    }
    const seeds = fields.seeds === undefined ? {} : { seeds: integer(fields, "seeds", 1, MAX_SEEDS_BY_HAND) };
    return { control: "add_candidate", expression, ...seeds };
  },
};

export function readControl(body: unknown): SearchControl {
  const fields = object(body);
  const control = text(fields, "control", 30);
  if (!Object.hasOwn(CONTROLS, control)) {
    throw new RequestError(
      `control must be one of ${Object.keys(CONTROLS).join(", ")}: it is ${JSON.stringify(control)}`,
    );
  }
  return CONTROLS[control as SearchControl["control"]](fields);
}

export function readChange(body: unknown): RunChange {
  const fields = object(body);
  const change: { name?: string; notes?: string; tags?: string[] } = {};
  if (fields.name !== undefined) {
    change.name = text(fields, "name", 100);
    if (!isRunName(change.name)) {
      throw new RequestError(
        "name must be letters, digits, dots, hyphens and underscores, the first a letter or digit",
      );
    }
  }
  if (fields.notes !== undefined) change.notes = text(fields, "notes", MAX_NOTES);
  if (fields.tags !== undefined) {
    const { tags } = fields;
    if (
      !Array.isArray(tags) || tags.length > MAX_TAGS || !tags.every((tag) => typeof tag === "string" && TAG.test(tag))
    ) {
      throw new RequestError(
        `tags must be at most ${MAX_TAGS} words of at most 30 characters, without spaces or commas`,
      );
    }
    change.tags = [...new Set(tags as string[])];
  }
  return change;
}

/** Deleting a run requires repeating its name. */
export function checkDeletion(body: unknown, name: string): void {
  if (object(body).confirm !== name) throw new RequestError("confirm must repeat the name of the run");
}

function object(body: unknown): Fields {
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw new RequestError("the body must be a JSON object");
  }
  return body as Fields;
}

function text(fields: Fields, name: string, longest: number): string {
  const value = fields[name];
  if (typeof value !== "string" || value.length > longest) {
    throw new RequestError(`${name} must be text of at most ${longest} characters`);
  }
  return value;
}

function integer(fields: Fields, name: string, least: number, most: number): number {
  const value = fields[name];
  if (typeof value !== "number" || !Number.isInteger(value) || value < least || value > most) {
    throw new RequestError(`${name} must be an integer from ${least} to ${most}: it is ${JSON.stringify(value)}`);
  }
  return value;
}
