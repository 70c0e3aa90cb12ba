/** How many workers a search has and how many threads each child: a child a core, as children need not wait for each other. */

export interface Placement {
  readonly workers: number;
  readonly threads: number;
}

/** `asked` is what the user named, undefined for one a core. Throws a RangeError where it is not 1 to 256. */
export function placeChildren(asked: number | undefined, cores = navigator.hardwareConcurrency): Placement {
  if (asked !== undefined && !(Number.isInteger(asked) && asked >= 1 && asked <= 256)) {
    throw new RangeError(`Cannot start workers as their number must be 1 to 256: it is ${asked}`);
  }
  return { workers: asked ?? cores, threads: 1 };
}
