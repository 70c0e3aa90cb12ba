/** Which part of a photograph the network sees, as in Szegedy et al. 2015 and torchvision. */
import type { Random } from "../random.ts";
import type { Box } from "./resample.ts";

/** Share of the image's area, and ratio of width to height, of a random crop (torchvision's RandomResizedCrop). */
const AREA = [0.08, 1], RATIO = [3 / 4, 4 / 3];
const ATTEMPTS = 10;
/** Side of the centre crop, of the image's shorter side: 224 of 256. */
const CENTRE = 224 / 256;

/** A part of 8 to 100 % of the area with a ratio of 3:4 to 4:3, both drawn; the largest that fits if none is found. */
export function randomCrop(random: Random, width: number, height: number): Box {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const area = width * height * (AREA[0] + (AREA[1] - AREA[0]) * random.uniform());
    const ratio = Math.exp(Math.log(RATIO[0]) + Math.log(RATIO[1] / RATIO[0]) * random.uniform());
    const [wide, high] = [Math.round(Math.sqrt(area * ratio)), Math.round(Math.sqrt(area / ratio))];
    if (wide < 1 || high < 1 || wide > width || high > height) continue;
    const left = random.integer(width - wide + 1), top = random.integer(height - high + 1);
    return { left, top, width: wide, height: high };
  }
  const wide = Math.min(width, Math.round(height * RATIO[1])), high = Math.min(height, Math.round(width / RATIO[0]));
  return { left: (width - wide) / 2, top: (height - high) / 2, width: wide, height: high };
}

/** The middle square, 7/8 of the shorter side: as scaling that side to 256 and cropping 224 of it. */
export function centreCrop(width: number, height: number): Box {
  const side = CENTRE * Math.min(width, height);
  return { left: (width - side) / 2, top: (height - side) / 2, width: side, height: side };
}
