/**
 * The flags that a task of `deno.json` gives to `deno`, for processes that the project starts itself: its tasks are the
 * only place where permissions and V8 flags are named. A task is `deno run FLAGS`, or `deno task -q BASE FLAGS` and then
 * has the flags of its base before its own.
 */
import config from "../deno.json" with { type: "json" };

/**
 * The flags, without the script and its arguments. Throws an Error if deno.json has no such task, or one of another
 * form.
 */
export function flagsOfTask(name: string): readonly string[] {
  return wordsOfTask(name).filter((word) => word.startsWith("--"));
}

/** What `deno` is called with: `run` or `test`, its flags, and the script with its arguments. */
export function wordsOfTask(name: string): readonly string[] {
  const tasks: Readonly<Record<string, string>> = config.tasks;
  if (!Object.hasOwn(tasks, name)) throw new Error(`Cannot start the task ${name} as deno.json has none of that name`);
  const [program, kind, ...words] = tasks[name].split(" ");
  if (program === "deno" && (kind === "run" || kind === "test")) return [kind, ...words];
  const [quiet, base, ...own] = words;
  if (program !== "deno" || kind !== "task" || quiet !== "-q") {
    throw new Error(
      `Cannot read the flags of the task ${name} as it is neither deno run nor deno task -q: ${tasks[name]}`,
    );
  }
  return [...wordsOfTask(base), ...own];
}
