/** Archives: what is read out of one, and that damage and hostile paths are refused. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { DatasetError } from "../../../datasets/dataset.ts";
import { readTarGz } from "../../../datasets/images/tar.ts";
import { gzip, type TarEntry, tarOf, withFolder } from "../scratch.ts";

/** Made by GNU tar 1.34 with --format=pax: folder/a.txt, folder/empty, folder/inner/z.bin (700 letters z). */
const BY_GNU_TAR =
  "H4sIAAAAAAACA+2YzU6EMBRGu/YpeAJoe28pLGbv0ldAxUjCgGEwwXl6K5pImPjDhCki39m0oSQNac53yw2jm6y7zrP7vDlED3XpRjE30hEz" +
  "96NjPEpp+XP+9lwpJiOCTnjg+dBmjdtebBOSQdYW+3ynbGo4VUliw9RInVqV8pVbvTtd5Y9VAVbPu/LRRffoFTfma//Hc6W1lSIwPv1v6rr9" +
  "7r2f1scft67zHxSBLGy7duH810Qx8n+5/Gfk/7byf37pp/gv45H/pNnd/6RP/zea/495WdYweev+D+p/vn9qX5au/4z6j/oPvPk/v/ST6v/4" +
  "/4+ILOr/MvlfVNXMPcBz8l8R8h/5Dzz530t/qS7g9P4fsST0/7yf/6AKHMPbolos/4kJ+f9n8z9B/v/P/J9T+t/7r/SJ/0xG4/7vgyMAKwXp" +
  "DQAA5/MK1Pg9LwAoAAA=";

const bytes = (text: string) => new TextEncoder().encode(text);

/** What `readTarGz` gives for a file of these bytes. */
async function read(packed: Uint8Array): Promise<{ path: string; content: string }[]> {
  const entries: { path: string; content: string }[] = [];
  await withFolder(async (folder) => {
    await Deno.writeFile(`${folder}/a.tar.gz`, packed);
    for await (const { path, content } of readTarGz(`${folder}/a.tar.gz`)) {
      entries.push({ path: path.join("/"), content: new TextDecoder().decode(content) });
    }
  });
  return entries;
}

const readEntries = async (entries: readonly TarEntry[]) => await read(await gzip(tarOf(entries)));

async function refused(packed: Uint8Array, says: string): Promise<void> {
  const error = await assertRejects(() => read(packed), DatasetError, says);
  assertEquals(error.reason, "malformed");
  assert(/a\.tar\.gz as it is damaged .* Delete it and fetch it again$/.test(error.message), error.message);
}

describe("readTarGz", () => {
  it("reads what GNU tar wrote, folders and attributes passed over", async () => {
    assertEquals(await read(Uint8Array.from(atob(BY_GNU_TAR), (letter) => letter.charCodeAt(0))), [
      { path: "folder/a.txt", content: "hello\n" },
      { path: "folder/empty", content: "" },
      { path: "folder/inner/z.bin", content: "z".repeat(700) },
    ]);
  });

  it("reads files of every length about a block in their order", async () => {
    const files = [0, 1, 511, 512, 513, 1024, 5000].map((length) => ({
      path: `of/${length}`,
      content: String(length % 10).repeat(length),
    }));
    assertEquals(await readEntries(files.map(({ path, content }) => ({ name: path, content: bytes(content) }))), files);
  });

  it("joins the prefix of a long path with the rest, and leaves out segments that say nothing", async () => {
    const entries = [{ name: "c.txt", prefix: "a/b" }, { name: "./d//e.txt" }];
    assertEquals((await readEntries(entries)).map(({ path }) => path), ["a/b/c.txt", "d/e.txt"]);
  });

  it("refuses a path that leads out of its folder", async () => {
    for (const name of ["../x", "a/../../x", "/etc/x", "\\x", "a\\..\\x", "C:\\x", "c:x"]) {
      await refused(await gzip(tarOf([{ name }])), "would be written outside its folder");
    }
    await refused(await gzip(tarOf([{ name: "x", prefix: "a/.." }])), "outside its folder");
  });

  it("passes over links, and refuses devices and sparse files", async () => {
    const linked = [{ name: "a", type: "1" }, { name: "b", type: "2" }, { name: "c", content: bytes("c") }];
    assertEquals(await readEntries(linked), [{ path: "c", content: "c" }]);
    for (const type of ["3", "4", "6", "S"]) {
      await refused(
        await gzip(tarOf([{ name: "x", type }])),
        `"x" is neither a file nor a folder (tar type "${type}")`,
      );
    }
  });

  it("reads long names as GNU and as pax write them, for the next entry alone", async () => {
    const long = "long/".repeat(40) + "name.txt", path = `${long.length + 10} path=${long}\n`;
    const gnu: TarEntry[] = [{ name: "././@LongLink", type: "L", content: bytes(long + "\0") }];
    const pax: TarEntry[] = [{ name: "PaxHeaders/x", type: "x", content: bytes(path) }];
    for (const before of [gnu, pax]) {
      assertEquals(await readEntries([...before, { name: "cut", content: bytes("1") }, { name: "b" }]), [
        { path: long, content: "1" },
        { path: "b", content: "" },
      ]);
    }
    await refused(await gzip(tarOf([{ ...gnu[0], content: bytes("../x\0") }, { name: "cut" }])), "outside its folder");
  });

  it("reads an archive of two gzip members, with zeros after it, or without gzip", async () => {
    const tar = tarOf([{ name: "a", content: bytes("1".repeat(1000)) }]), half = 700;
    const members = [await gzip(tar.slice(0, half)), await gzip(tar.slice(half))];
    const whole = await gzip(tar), expected = [{ path: "a", content: "1".repeat(1000) }];
    for (
      const packed of [
        Uint8Array.from([...members[0], ...members[1]]),
        Uint8Array.from([...whole, ...new Uint8Array(700)]),
        tar,
      ]
    ) assertEquals(await read(packed), expected);
  });

  it("reads a size that GNU writes in binary", async () => {
    const size = String.fromCharCode(0x80) + "\0".repeat(10) + String.fromCharCode(3);
    assertEquals(await readEntries([{ name: "a", content: bytes("abc"), says: { size } }]), [
      { path: "a", content: "abc" },
    ]);
  });

  it("stops with the signal's reason", async () => {
    await withFolder(async (folder) => {
      await Deno.writeFile(`${folder}/a.tar.gz`, await gzip(tarOf([{ name: "a" }])));
      const stopped = AbortSignal.abort(new RangeError("enough"));
      await assertRejects(() => readTarGz(`${folder}/a.tar.gz`, stopped).next(), RangeError, "enough");
    });
  });

  it("refuses a header of the wrong checksum or of no number", async () => {
    await refused(await gzip(tarOf([{ name: "x", says: { checksum: "000001\0 " } }])), "the checksum of a tar header");
    await refused(await gzip(tarOf([{ name: "x", says: { size: "not octal!" } }])), 'has "not octal!" for a number');
  });

  it("refuses a size that no data file has before it asks for the memory", async () => {
    await refused(await gzip(tarOf([{ name: "x", says: { size: "77777777777\0" } }])), "says it has 8589934591 bytes");
  });

  it("refuses an archive that ends in a header, in a file or without its end", async () => {
    const whole = tarOf([{ name: "x", content: new Uint8Array(1000).fill(7) }]);
    for (const length of [100, 512, 900, 1536]) {
      await refused(await gzip(whole.slice(0, length)), "it ends in the middle of a file");
    }
  });

  it("refuses gzip that is cut short anywhere, has a wrong byte, or is none", async () => {
    const noise = Uint8Array.from({ length: 3000 }, (_, i) => (i * i * 31 + i * 7) >>> 3);
    const packed = await gzip(tarOf([{ name: "x", content: noise }]));
    for (const share of [0, 0.01, 0.3, 0.6, 0.99]) {
      await refused(packed.slice(0, Math.floor(share * packed.length)), "");
    }
    const middle = Math.floor(packed.length / 2);
    await refused(packed.with(middle, packed[middle] ^ 0x55), "");
    await refused(bytes("<html>please log in</html>".repeat(100)), "");
  });

  it("says that an archive cannot be read if it is not there", async () => {
    const error = await assertRejects(
      () => readTarGz("no such.tar.gz").next(),
      DatasetError,
      "Cannot read no such.tar.gz",
    );
    assertEquals(error.reason, "unavailable");
  });
});
