/** Files that are there whole or not at all, whenever the process is killed or the power fails. */

/** Writes beside the file, flushes to the disk, and puts it in place of the old one by a rename. */
export async function writeAtomically(path: string, content: Uint8Array | string): Promise<void> {
  const partial = `${path}.partial`;
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  const file = await Deno.open(partial, { write: true, create: true, truncate: true });
  try {
    for (let written = 0; written < bytes.length;) written += await file.write(bytes.subarray(written));
    await file.sync();
  } finally {
    file.close();
  }
  await Deno.rename(partial, path);
}
