/**
 * A validation split under shift, for searches for functions that hold up when images change: each image is changed in
 * one of five ways, by turns, so that judging costs no more than before. Four are corruptions of CIFAR-10-C (Hendrycks
 * & Dietterich 2019, arXiv 1903.12261) at the third of its five severities; the fifth moves the image.
 */
import type { Dataset, Split } from "./dataset.ts";
import { Random } from "./random.ts";

/** One image: values from 0 to 1, HWC. */
interface Image {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly values: Float64Array;
}

type Change = (image: Image, random: Random) => Float64Array;

/** Standard deviation of the noise of every value. */
const NOISE = 0.08;
/** Standard deviation of the Gaussian blur, in pixels. */
const BLUR = 0.7;
/** Added to the value of the HSV colour model. */
const BRIGHTER = 0.15;
/** Share of the contrast that is left. */
const CONTRAST = 0.4;
/** Pixels by which an image moves along each axis, to either side; its border is repeated. CIFAR-10's augmentation: 4. */
const MOVED = 4;

/** In the order of turns: image i is changed by the (i mod 5)-th. */
export const SHIFTS: Readonly<Record<"noise" | "blur" | "brightness" | "contrast" | "pixel shift", Change>> = {
  noise: ({ values }, random) => values.map((value) => value + NOISE * random.normal()),
  blur: (image) => blurred(blurred(image, 0, 1), 1, 0).values,
  brightness: brighter,
  contrast: lessContrast,
  "pixel shift": (image, random) => {
    const [down, right] = [random.integer(2), random.integer(2)].map((side) => side === 0 ? -MOVED : MOVED);
    return remapped(image, (y, x) => [y - down, x - right]);
  },
};

/**
 * The data set with the validation split shifted; the other splits stay. The same seed gives the same images. Throws a
 * RangeError if its images are decoded while training.
 */
export function withShiftedValidation(dataset: Dataset, seed: number): Dataset {
  if (dataset.validation.files) {
    throw new RangeError(`Cannot shift the images of ${dataset.name} as they are decoded while training`);
  }
  return { ...dataset, validation: shifted(dataset.validation, dataset, new Random(seed).split("shift")) };
}

function shifted(split: Split, { height, width, channels }: Dataset, random: Random): Split {
  const size = height * width * channels, changes = Object.values(SHIFTS);
  const pixels = new Uint8Array(new SharedArrayBuffer(split.pixels.length));
  for (let i = 0; i < split.count; i++) {
    const values = Float64Array.from(split.pixels.subarray(i * size, (i + 1) * size), (byte) => byte / 255);
    const changed = changes[i % changes.length]({ height, width, channels, values }, random.split("image", i));
    pixels.set(changed.map((value) => Math.round(255 * Math.max(0, Math.min(1, value)))), i * size);
  }
  return { ...split, pixels };
}

/** Every pixel taken from another place; places outside the image are those at its border. */
function remapped(
  { height, width, channels, values }: Image,
  from: (y: number, x: number) => readonly [y: number, x: number],
): Float64Array {
  const inside = (at: number, size: number) => Math.max(0, Math.min(size - 1, at));
  const result = new Float64Array(values.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [fromY, fromX] = from(y, x);
      const place = (inside(fromY, height) * width + inside(fromX, width)) * channels;
      for (let c = 0; c < channels; c++) result[(y * width + x) * channels + c] = values[place + c];
    }
  }
  return result;
}

/** Blurred along one axis by a Gaussian cut at two pixels. */
function blurred(image: Image, down: number, right: number): Image {
  const offsets = [-2, -1, 0, 1, 2], weights = offsets.map((offset) => Math.exp(-(offset ** 2) / (2 * BLUR ** 2)));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const sum = new Float64Array(image.values.length);
  offsets.forEach((offset, i) => {
    const moved = remapped(image, (y, x) => [y + offset * down, x + offset * right]);
    for (let at = 0; at < sum.length; at++) sum[at] += moved[at] * weights[i] / total;
  });
  return { ...image, values: sum };
}

/** More of the largest channel, the others in proportion: hue and saturation stay. */
function brighter({ channels, values }: Image): Float64Array {
  const result = new Float64Array(values.length);
  for (let at = 0; at < values.length; at += channels) {
    const most = Math.max(...values.subarray(at, at + channels)), next = Math.min(1, most + BRIGHTER);
    for (let c = 0; c < channels; c++) result[at + c] = most === 0 ? next : values[at + c] * next / most;
  }
  return result;
}

/** Closer to each channel's mean over the image. */
function lessContrast({ channels, values }: Image): Float64Array {
  const means = Array.from({ length: channels }, (_, c) => {
    const own = values.filter((_, at) => at % channels === c);
    return own.reduce((sum, value) => sum + value, 0) / own.length;
  });
  return values.map((value, at) => means[at % channels] + CONTRAST * (value - means[at % channels]));
}
