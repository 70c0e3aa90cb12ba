/** What the tests of data sets share: folders that vanish after, and .tar.gz archives written by the book. */

/** Runs `test` with a new folder, which is removed after. */
export async function withFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "datasets-" });
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** An entry of an archive; a file, unless its type flag says otherwise. */
export interface TarEntry {
  readonly name: string;
  readonly content?: Uint8Array;
  readonly type?: string;
  readonly prefix?: string;
  /** What the header says instead of the truth. */
  readonly says?: { readonly size?: string; readonly checksum?: string };
}

/** An archive's bytes before gzip: headers, contents in whole blocks, and two empty blocks. */
export function tarOf(entries: readonly TarEntry[]): Uint8Array<ArrayBuffer> {
  const pieces = entries.flatMap((entry) => [headerOf(entry), blocksOf(entry.content ?? new Uint8Array())]);
  return joined([...pieces, new Uint8Array(1024)]);
}

export async function gzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

export async function writeTarGz(archive: string, entries: readonly TarEntry[]): Promise<void> {
  await Deno.writeFile(archive, await gzip(tarOf(entries)));
}

/** The header's checksum counts its own eight bytes as spaces. */
function headerOf({ name, content, type = "0", prefix = "", says = {} }: TarEntry): Uint8Array<ArrayBuffer> {
  const header = new Uint8Array(512);
  const write = (at: number, text: string) => header.set(Uint8Array.from(text, (letter) => letter.charCodeAt(0)), at);
  write(0, name);
  write(100, "0000644\0");
  write(124, says.size ?? (content?.length ?? 0).toString(8).padStart(11, "0") + "\0");
  write(148, " ".repeat(8));
  write(156, type);
  write(257, "ustar\0" + "00");
  write(345, prefix);
  const sum = header.reduce((total, byte) => total + byte, 0);
  write(148, says.checksum ?? sum.toString(8).padStart(6, "0") + "\0 ");
  return header;
}

function blocksOf(content: Uint8Array): Uint8Array<ArrayBuffer> {
  const blocks = new Uint8Array(Math.ceil(content.length / 512) * 512);
  blocks.set(content);
  return blocks;
}

function joined(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}
