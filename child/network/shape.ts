/**
 * Shapes: the sizes of what a node computes for one image, one per axis, without the batch. Their number determines the
 * axes; the last is always the channels. A vector is an image of one pixel where it comes from images.
 */

export type Axis = "height" | "width" | "positions" | "channels";

/** The axes of shapes with one, two and three sizes: a vector, a sequence, an image. */
const AXES: readonly (readonly Axis[])[] = [
  ["channels"],
  ["positions", "channels"],
  ["height", "width", "channels"],
];

export type Shape = readonly number[];

/** Throws a RangeError if the shape has no such axis. */
export function sizeAlong(shape: Shape, axis: Axis): number {
  const at = AXES[shape.length - 1]?.indexOf(axis) ?? -1;
  if (at < 0) throw new RangeError(`Cannot take the ${axis} of a shape that has none: it is ${shape.join("x")}`);
  return shape[at];
}

export function channelsOf(shape: Shape): number {
  return sizeAlong(shape, "channels");
}

/** Of an image's shape; throws a RangeError for others. */
export function imageSizes(
  shape: Shape,
): { readonly height: number; readonly width: number; readonly channels: number } {
  return { height: sizeAlong(shape, "height"), width: sizeAlong(shape, "width"), channels: channelsOf(shape) };
}

/** Pixels of an image or positions of a sequence: the places that share a channel's parameters. */
export function placesOf(shape: Shape): number {
  return sizeOf(shape.slice(0, -1));
}

/** Values in a tensor of this shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
