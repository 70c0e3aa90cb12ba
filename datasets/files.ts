/** Reading and writing data files, with errors that name the file and say what to do. */
import { resolve } from "node:path";
import { DatasetError } from "./dataset.ts";

/**
 * Runs `action`, which writes `path`; where the disk or a permission refuses, a DatasetError (`unavailable`) says so.
 */
export async function writing<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    if (cause instanceof DatasetError) throw cause;
    const message = `Cannot write ${path}: ${
      reasonOf(cause)
    }. Name a folder that can be written, or free some disk space`;
    throw new DatasetError("unavailable", message, { cause });
  }
}

/** As `writing`, for an action that reads `path`. */
export async function reading<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    throw new DatasetError("unavailable", `Cannot read ${path}: ${reasonOf(cause)}. Check its permissions`, { cause });
  }
}

/** The kind of thing at a path; null if there is none, or if it is not accessible. */
export async function kindOf(path: string): Promise<"file" | "folder" | null> {
  try {
    const { isFile, isDirectory } = await Deno.stat(path);
    return isFile ? "file" : isDirectory ? "folder" : null;
  } catch {
    return null;
  }
}

/**
 * Why nothing can be read at a path where `kindOf` finds nothing, as the end of a sentence; it gives the absolute path
 * of a relative one, and identifies dangling links.
 */
export async function absenceOf(path: string): Promise<string> {
  const absolute = resolve(path);
  const { isSymlink } = await Deno.lstat(path).catch(() => ({ isSymlink: false }));
  if (isSymlink) return `it is a symbolic link to ${await Deno.readLink(path)}, which does not exist`;
  return path === absolute ? "it does not exist" : `it does not exist (it would be ${absolute})`;
}

/** An error's message, without its class. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
