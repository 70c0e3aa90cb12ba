/** The name that a user gives a run. */
import { isRunName } from "../controller/runs/run_files.ts";
import { UsageError } from "./command.ts";

/** Throws a UsageError if the name is given and cannot be a folder in runs/; `flag` is the flag that gives it. */
export function requireRunName(flag: string, name: string | undefined): void {
  if (name === undefined || isRunName(name)) return;
  throw new UsageError(
    `${flag} takes letters, digits, ".", "_" and "-", at most 100, the first a letter or digit: ` +
      `current value is "${name}"`,
  );
}
