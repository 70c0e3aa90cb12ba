/** Loops over the pixels and blocks of channels of several tensors of one shape at once. */
import { FLOAT_BYTES, type FunctionBuilder, type Int, LANES, plus } from "./function_builder.ts";
import { type Layout, panelsOf } from "./layout.ts";

/**
 * Pixels that each pass of a pointwise kernel goes over, few enough that the values kept between passes stay in the
 * cache.
 */
export const BAND_PIXELS = 64;
/**
 * From so many channels on pixels are far apart and compete for the same cache sets: a band has at most so many values
 * of a tensor.
 */
const WIDE = { lanes: 256, values: 4096 };

/** A batch's elements as if they lay in memory from 0 on without borders and filled lanes: positions of a mask. */
export function positions({ height, width, channels }: Layout): Steps {
  const pixelBytes = channels * FLOAT_BYTES, rowBytes = width * pixelBytes;
  return { origin: 0, pixelBytes, rowBytes, imageBytes: height * rowBytes };
}

/** Bytes from one pixel, row and image to the next. */
type Steps = Pick<Layout, "origin" | "pixelBytes" | "rowBytes" | "imageBytes">;

/**
 * Position of a walk in one tensor: `first` is that of the outer loop over blocks or bands, `row` the block's first row
 * in the band, `line` the row of the pixel.
 */
interface Pointers {
  readonly layout: Steps;
  readonly image: Int;
  first?: Int;
  row?: Int;
  line?: Int;
  pixel?: Int;
}

/** Work at a pixel: a loop over the band's pixels of its own. */
export interface Pass {
  /** Tensors that it reads or writes; all by default. */
  readonly tensors?: ReadonlySet<string>;
  /** Runs before the loop. */
  readonly begin?: () => void;
  readonly pixel: () => void;
}

/** Pointers that walk over several tensors of one shape, a block of channels at a time. */
export class Walk {
  readonly #tensors = new Map<string, Pointers>();
  readonly #vectors: Int[] = [];

  /** Vectors of the panel being written: channels that a kernel takes at once. */
  parts = 0;

  constructor(readonly f: FunctionBuilder, readonly shape: Layout) {}

  /** Takes a tensor whose first image is at the parameter of this name. */
  tensor(name: string, layout: Steps): void {
    this.#tensors.set(name, { layout, image: this.f.int(name, this.f.parameter(name)) });
  }

  /** Address of the current pixel of a tensor. */
  at(name: string): Int {
    return this.#tensors.get(name)!.pixel!;
  }

  /** A vector of channels at the parameter. Returns where the current block is. */
  channels(parameter: string): Int {
    const pointer = this.f.int(parameter, this.f.parameter(parameter));
    this.#vectors.push(pointer);
    return pointer;
  }

  /** Whole rows, a divisor of the height, of few enough pixels where a row allows. */
  get #bandRows(): number {
    const { height, width, lanes } = this.shape;
    const pixels = lanes < WIDE.lanes ? BAND_PIXELS : Math.floor(WIDE.values / lanes);
    let rows = Math.max(1, Math.min(height, Math.floor(pixels / width)));
    while (height % rows > 0) rows--;
    return rows;
  }

  /** The pixels of a few rows, in every pass. */
  #band(passes: readonly Pass[]): void {
    for (const { tensors, begin, pixel } of passes) {
      begin?.();
      this.#pass([...this.#tensors].flatMap(([name, t]) => tensors && !tensors.has(name) ? [] : [t]), pixel);
    }
  }

  #pass(tensors: readonly Pointers[], body: () => void): void {
    const { f, shape } = this;
    for (const t of tensors) t.line = f.int("line", t.row!);
    f.repeat(this.#bandRows, () => {
      for (const t of tensors) {
        if (t.pixel) f.set(t.pixel, t.line!);
        else t.pixel = f.int("pixel", t.line!);
      }
      f.repeat(shape.width, () => {
        body();
        for (const t of tensors) f.advance(t.pixel!, t.layout.pixelBytes);
      });
      for (const t of tensors) f.advance(t.line!, t.layout.rowBytes);
    });
  }

  /**
   * Visits every block of channels of every pixel. `before` is called before a block's pixels, and `after` when all of
   * an image are done. Without it all blocks of a band come before the next band, as they lie in memory. `passes` is
   * asked for blocks of as many channels as `parts` then says.
   */
  run(before: () => void, passes: () => readonly Pass[], after?: () => void): void {
    const { f } = this, tensors = [...this.#tensors.values()];
    const enter = () => tensors.forEach((t) => t.row = f.int("row", t.first!));
    f.repeat(f.parameter("images"), () => {
      for (const t of tensors) t.first = f.int("first", plus(t.image, t.layout.origin));
      if (after) {
        this.#overBlocks("first", () => {
          const own = passes();
          before();
          enter();
          this.#overBands("row", () => this.#band(own));
          after();
        });
      } else {
        this.#overBands("first", () => {
          enter();
          this.#overBlocks("row", () => {
            const own = passes();
            before();
            this.#band(own);
          });
        });
      }
      for (const t of tensors) f.advance(t.image, t.layout.imageBytes);
    });
  }

  #overBlocks(pointer: "first" | "row", body: () => void): void {
    const { f, shape } = this;
    for (const { count, parts } of panelsOf(shape.lanes)) {
      this.parts = parts;
      f.repeat(count, () => {
        body();
        for (const t of this.#tensors.values()) f.advance(t[pointer]!, parts * LANES * FLOAT_BYTES);
        for (const vector of this.#vectors) f.advance(vector, parts * LANES * FLOAT_BYTES);
      });
    }
    for (const vector of this.#vectors) f.advance(vector, -shape.lanes * FLOAT_BYTES);
  }

  #overBands(pointer: "first" | "row", body: () => void): void {
    this.f.repeat(this.shape.height / this.#bandRows, () => {
      body();
      for (const t of this.#tensors.values()) this.f.advance(t[pointer]!, this.#bandRows * t.layout.rowBytes);
    });
  }
}
