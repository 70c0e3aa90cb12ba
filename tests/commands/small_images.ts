/** A folder of images by class for `--data`: enough to train on for some steps, and few to judge. */
import { pngOf } from "../datasets/pictures.ts";

const SIDE = 32, CLASSES = 10;
/** Images of each class. */
const COUNTS = { train: 4, val: 1, test: 1 };

/** Ten classes of plain images with some noise, each of its own colour. */
export async function writeImages(folder: string): Promise<void> {
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
