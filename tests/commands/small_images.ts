/**
 * A folder of images by class for `--data`: enough to train on for some steps, and few to judge, since drawing `shapes`
 * and judging on all of it takes longer than the smallest children train.
 */
import { pngOf } from "../datasets/pictures.ts";
import { inFolder } from "./command_line.ts";

/** The flags that name it where `inFolderOfImages` has written it. */
export const IMAGES = ["--dataset", "images", "--data", "images"];

/** As `inFolder`, with that folder in it. */
export function inFolderOfImages(test: (cwd: string) => Promise<void>): Promise<void> {
  return inFolder(async (cwd) => {
    await writeImages(`${cwd}/images`);
    await test(cwd);
  });
}

/** Moves the folder to `cwd/moved`, whose images are other ones while `act` runs. */
export async function moveImages(cwd: string, act: () => Promise<void>): Promise<void> {
  await Deno.rename(`${cwd}/images`, `${cwd}/moved`);
  const [first, last] = [0, CLASSES - 1].map((label) => `${cwd}/moved/train/${label}/0.png`);
  const image = await Deno.readFile(first);
  await Deno.copyFile(last, first);
  await act();
  await Deno.writeFile(first, image);
}

const SIDE = 32, CLASSES = 10;
/** Images of each class. */
const COUNTS = { train: 4, val: 1, test: 1 };

/** Ten classes of plain images with some noise, each of its own colour. */
async function writeImages(folder: string): Promise<void> {
  for (const [split, count] of Object.entries(COUNTS)) {
    for (let label = 0; label < CLASSES; label++) {
      await Deno.mkdir(`${folder}/${split}/${label}`, { recursive: true });
      for (let n = 0; n < count; n++) {
        const pixels = Uint8Array.from({ length: SIDE * SIDE * 3 }, (_, at) => 25 * label + (at * (n + 7) * 37) % 23);
        await Deno.writeFile(`${folder}/${split}/${label}/${n}.png`, pngOf(SIDE, SIDE, pixels));
      }
    }
  }
}
