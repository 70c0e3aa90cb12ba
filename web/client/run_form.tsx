/** Renaming, describing and deleting a run. */
import type { VNode } from "preact";
import { useState } from "preact/hooks";
import type { RunChange, RunSummary } from "../../controller/runs/registry.ts";
import { ask, runPath, useDashboard } from "./dashboard.ts";

export function RunForm({ run, onDone }: { run: RunSummary; onDone: () => void }): VNode {
  const send = useSend(run, onDone);
  const [name, setName] = useState(run.name);
  const [tags, setTags] = useState(run.tags.join(" "));
  const [notes, setNotes] = useState(run.notes);
  const save = (event: Event) => {
    event.preventDefault();
    const change: RunChange = {
      notes,
      tags: tags.split(/[\s,]+/).filter((tag) => tag !== ""),
      ...name === run.name ? {} : { name },
    };
    send("PATCH", change, `${name} is saved.`, name);
  };
  return (
    <form class="run-form" onSubmit={save}>
      <label class="field">
        Name{" "}
        <input
          value={name}
          maxLength={80}
          disabled={run.live}
          onInput={(event) => setName(event.currentTarget.value)}
        />
      </label>
      <label class="field">
        Tags{" "}
        <input
          value={tags}
          placeholder="words, separated by spaces"
          onInput={(event) => setTags(event.currentTarget.value)}
        />
      </label>
      <label class="field wide-field">
        Notes{" "}
        <textarea rows={2} value={notes} maxLength={10000} onInput={(event) => setNotes(event.currentTarget.value)} />
      </label>
      <div class="dialog-row">
        <button type="submit" class="primary">Save</button>
        <button type="button" onClick={onDone}>Cancel</button>
        <span class="grow" />
        {!run.live && (
          <Deletion
            name={run.name}
            onDelete={() => send("DELETE", { confirm: run.name }, `${run.name} is deleted.`, null)}
          />
        )}
      </div>
    </form>
  );
}

/** Asks the server to change the run and shows the result; `now` is its name afterwards, null if it is deleted. */
function useSend(run: RunSummary, onDone: () => void) {
  const { say, route, go } = useDashboard();
  return async (method: "PATCH" | "DELETE", body: unknown, done: string, now: string | null) => {
    try {
      await ask(runPath(run.name), method, body);
      say(done);
      if (route.run === run.name && now !== run.name) go({ run: now });
      onDone();
    } catch (error) {
      say((error as Error).message, "problem");
    }
  };
}

/** Deleting requires repeating the run's name. */
function Deletion({ name, onDelete }: { name: string; onDelete: () => void }): VNode {
  const [typed, setTyped] = useState<string | null>(null);
  if (typed === null) return <button type="button" class="danger" onClick={() => setTyped("")}>Delete …</button>;
  return (
    <>
      <label>
        Type <b>{name}</b> to delete it for good{" "}
        <input value={typed} onInput={(event) => setTyped(event.currentTarget.value)} />
      </label>
      <button type="button" class="danger" disabled={typed !== name} onClick={onDelete}>Delete</button>
    </>
  );
}
