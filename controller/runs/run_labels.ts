/**
 * Notes and tags that a user gave a run, in a small file beside its store: they do not affect
 * the run, and may change while another process searches.
 */
import { writeAtomically } from "../../child/model/atomic_file.ts";

export interface RunLabels {
  readonly notes: string;
  readonly tags: readonly string[];
}

const FILE = "labels.json";
const NONE: RunLabels = { notes: "", tags: [] };

/** No labels if the file is missing or invalid: they are never worth failing for. */
export function readLabels(folder: string): RunLabels {
  try {
    const { notes, tags } = JSON.parse(Deno.readTextFileSync(`${folder}/${FILE}`));
    const isText = (value: unknown) => typeof value === "string";
    return isText(notes) && Array.isArray(tags) && tags.every(isText) ? { notes, tags } : NONE;
  } catch {
    return NONE;
  }
}

/** Throws the file system's error. */
export function writeLabels(folder: string, labels: RunLabels): Promise<void> {
  return writeAtomically(`${folder}/${FILE}`, JSON.stringify(labels, null, 1) + "\n");
}
