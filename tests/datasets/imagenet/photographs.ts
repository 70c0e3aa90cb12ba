/** Small photographs and tables made by Pillow and SciPy, and data sets of them in folders and archives. */
import { type TarEntry, tarOf } from "../scratch.ts";

const fixture = JSON.parse(Deno.readTextFileSync(new URL("fixtures/photographs.json", import.meta.url))) as {
  /** 40x24 pixels of red 6x, green 10y, blue 3(x + y), as JPEG of quality 95; exif1 to exif8 are stored turned. */
  readonly files: Readonly<Record<string, string>>;
  readonly source: { readonly width: number; readonly height: number; readonly pixels: string };
  readonly resampled: readonly {
    readonly box: { left: number; top: number; width: number; height: number };
    readonly size: number;
    readonly pixels: string;
  }[];
  /** meta.mat of four classes, by `scipy.io.savemat`. */
  readonly meta: Readonly<Record<"compressed" | "plain", string>>;
};

export const bytesOf = (text: string) => Uint8Array.fromBase64(text) as Uint8Array<ArrayBuffer>;
export const photograph = (name: string) => bytesOf(fixture.files[name]);
export const { source, resampled, meta } = fixture;

/** The JPEG with another precision in its frame header. */
export function withBits(bytes: Uint8Array<ArrayBuffer>, bits: number): Uint8Array<ArrayBuffer> {
  const result = bytes.slice();
  result[result.findIndex((byte, at) => byte === 0xff && result[at + 1] === 0xc0) + 4] = bits;
  return result;
}

/** Files by path, those of `a/b.tar` as one archive. */
export type Tree = Readonly<Record<string, Uint8Array<ArrayBuffer> | string>>;

/** Images of classes n01 and n02: 12 and 12 for training, 3 and 3 for the test. */
export function imagenette(train = 12): Tree {
  const tree: Record<string, Uint8Array<ArrayBuffer>> = {};
  for (const name of ["n01", "n02"]) {
    for (let n = 0; n < train; n++) {
      tree[`train/${name}/${name}_${n}.JPEG`] = photograph(n % 3 === 0 ? "grey" : "plain");
    }
    for (let n = 0; n < 3; n++) tree[`val/${name}/val_${name}_${n}.JPEG`] = photograph("progressive");
  }
  return tree;
}

export async function writeTree(folder: string, tree: Tree): Promise<void> {
  for (const [path, content] of Object.entries(tree)) {
    const target = `${folder}/${path}`;
    await Deno.mkdir(target.slice(0, target.lastIndexOf("/")), { recursive: true });
    await (typeof content === "string" ? Deno.writeTextFile(target, content) : Deno.writeFile(target, content));
  }
}

export function tarOfTree(tree: Tree): Uint8Array<ArrayBuffer> {
  return tarOf(
    Object.entries(tree).map(([name, content]): TarEntry => ({
      name,
      content: typeof content === "string" ? new TextEncoder().encode(content) : content,
    })),
  );
}
