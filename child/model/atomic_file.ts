/** Files that are complete or absent, whenever the process is killed or the power fails. */

/**
 * Writes a temporary file, flushes it to the disk, and replaces the old one by a rename. Throws an Error with the path
 * if it cannot, as on a full disk; then no temporary file is left, and the file is unchanged.
 */
export async function writeAtomically(path: string, content: Uint8Array | string): Promise<void> {
  const partial = `${path}.partial`;
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  try {
    await writeAndSync(partial, bytes);
    await Deno.rename(partial, path);
  } catch (cause) {
    await Deno.remove(partial).catch(() => {}); // it may be what could not be created
    throw new Error(`Cannot write ${path}: ${(cause as Error).message}`, { cause });
  }
}

async function writeAndSync(path: string, bytes: Uint8Array): Promise<void> {
  const file = await Deno.open(path, { write: true, create: true, truncate: true });
  try {
    for (let written = 0; written < bytes.length;) written += await file.write(bytes.subarray(written));
    await file.sync();
  } finally {
    file.close();
  }
}
