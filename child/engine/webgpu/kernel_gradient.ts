/**
 * Gradient of a convolution's kernel: rows are taps x input channels, columns output channels, and the inner index runs
 * over pixels, in slabs of one row of an image each. The sum is split over images and rows; in a workgroup it is split
 * over `teams` of threads that take every so-many-th pixel. `reduction.ts` adds the parts up.
 */
import { type Convolution, lanesFor, productOperations, quadsAt, times, usedChannels, valuesAt } from "./products.ts";
import { addNorm, type Gradient, NORM_OPERATIONS, NORM_TEXT } from "./gradient.ts";
import { type Dispatch, type Kernel, kernel, Numbers, type Operand, quadBytes, valueBytes } from "./kernel.ts";
import { LANES } from "./layout.ts";

/** Threads along rows (quads of input channels at a tap) at most, rows that a thread may have, and pixels of a slab. */
const MAX_ROWS = 12, THREAD_ROWS = [3, 2, 1], DEPTH = 8;
/** Threads along the channels and teams fill about this many. */
const TEAM_LANES = 16;

/**
 * Maximum number of parts of the sum, and the minimum ratio of the bytes of the layer's tensors to those of all parts.
 * With fewer parts one child leaves most of a card idle: on an H200, 64 and 8 took 8.1 ms of a step instead of 2.1.
 */
const MAX_SPLITS = 256, TENSORS_OVER_PARTS = 2;

/** Parts into which the kernel gradient's sum over images and rows is split: a function of the shape alone. */
export function gradientSplits(shape: Convolution): number {
  const { input, output } = shape, slabs = slabsOf(shape);
  const few = Math.floor((quadsAt(shape, input) + quadsAt(shape, output)) / (TENSORS_OVER_PARTS * kernelQuads(shape)));
  return Math.max(1, Math.min(MAX_SPLITS, slabs, few));
}

/** Quads of one part. */
export function kernelQuads({ input, output, size }: Convolution): number {
  return size ** 2 * input.quads * LANES * output.quads;
}

function slabsOf({ images, output: { height, width } }: Convolution): number {
  return Math.ceil(width / DEPTH) * height * images;
}

export interface KernelGradientCall {
  readonly shape: Convolution;
  readonly input: Operand;
  readonly gradient: Gradient;
  /** [child][split][kernel] from this quad of a child's parts. */
  readonly parts: Operand;
  readonly partsOffset: number;
}

interface Tile {
  /** Threads along rows, each with so many of them. */
  readonly rows: number;
  readonly quads: number;
  /** Threads along the channels, and along the pixels. */
  readonly lanes: number;
  readonly teams: number;
}

/** Tiles with the fewest idle rows: a ResNet's 3x3 kernels have 36, 72 and 144. */
function tileOf({ input, output, size }: Convolution): Tile & { readonly tiles: number; readonly allRows: number } {
  const allRows = size ** 2 * input.quads, lanes = lanesFor(output.quads);
  const choices = THREAD_ROWS.map((quads) => {
    const tiles = Math.ceil(allRows / (quads * MAX_ROWS));
    return { quads, tiles, rows: Math.ceil(allRows / (quads * tiles)) };
  });
  const covered = ({ quads, tiles, rows }: typeof choices[number]) => quads * tiles * rows;
  const best = choices.reduce((best, choice) => covered(choice) < covered(best) ? choice : best);
  return { ...best, lanes, teams: Math.max(1, Math.floor(TEAM_LANES / lanes)), allRows };
}

export function convolutionKernelGradient(call: KernelGradientCall): Dispatch {
  const { shape, gradient } = call, { input, output, size, stride } = shape;
  const { tiles, allRows, ...tile } = tileOf(shape), blocks = Math.ceil(output.quads / tile.lanes);
  const splits = gradientSplits(shape), slabs = slabsOf(shape);

  const numbers = new Numbers();
  numbers.unsignedAll({
    input_height: input.height,
    input_width: input.width,
    input_quads: input.quads,
    height: output.height,
    width: output.width,
    quads: output.quads,
    size,
    padding: (size - 1) / 2,
    stride,
    all_rows: allRows,
    blocks,
    slabs,
    split_slabs: Math.ceil(slabs / splits),
    input_child: call.input.stride,
    gradient_child: gradient.stride,
    parts_child: call.parts.stride,
    parts_offset: call.partsOffset,
  });
  const normBuffers = addNorm(numbers, gradient), hasNorm = gradient.norm !== undefined, reads = hasNorm ? 2 : 1;
  const summed = slabs * DEPTH, used = usedChannels(input);
  return {
    kernel: kernelGradientKernel(numbers, tile, used, hasNorm),
    buffers: [call.input.buffer, gradient.buffer, call.parts.buffer, ...normBuffers],
    record: numbers.words,
    workgroups: [tiles * blocks, splits],
    own: false,
    work: "kernel gradient",
    cost: {
      operations: 2 * summed * tiles * tile.rows * tile.quads * used * blocks * tile.lanes * LANES +
        (hasNorm ? NORM_OPERATIONS * summed * tiles * blocks * tile.lanes * LANES : 0),
      bytes: quadBytes(quadsAt(shape, input), reads * quadsAt(shape, output), splits * kernelQuads(shape)),
    },
    least: {
      operations: productOperations(shape) + (hasNorm ? NORM_OPERATIONS * valuesAt(shape, output) : 0),
      bytes: valueBytes(
        valuesAt(shape, input),
        reads * valuesAt(shape, output),
        size ** 2 * input.channels * output.channels,
      ),
    },
  };
}

function kernelGradientKernel(numbers: Numbers, shape: Tile, used: number, hasNorm: boolean) {
  const { rows, quads, lanes, teams } = shape, tile = quads * rows, team = rows * lanes, threads = team * teams;
  const body = `
  let lane = thread % ${lanes}u;
  let line = thread / ${lanes}u % ${rows}u;
  let team = thread / ${team}u;
  let n0 = (group.x % blocks) * ${lanes}u;
  let r0 = (group.x / blocks) * ${tile}u;
  let first = min(group.y * split_slabs, slabs);
  let last = min(first + split_slabs, slabs);
  let row_slabs = (width + ${DEPTH - 1}u) / ${DEPTH}u;
  let input_at = child * input_child;
  let gradient_at = child * gradient_child;
  let loaded = n0 + thread % ${lanes}u;
${hasNorm ? `  let y_at = child * y_child;\n${NORM_TEXT.coefficients("min(loaded, quads - 1u)")}` : ""}

  // Row and column of each row's tap, and its quad of channels; -1 beyond the last row.
  for (var i = thread; i < ${tile}u; i += ${threads}u) {
    let r = r0 + i;
    let tap = r / input_quads;
    let quad = select(-1, i32(r % input_quads), r < all_rows);
    taps[i] = vec3i(i32(tap / size) - i32(padding), i32(tap % size) - i32(padding), quad);
  }
  workgroupBarrier();
  var x0 = first % row_slabs * ${DEPTH}u;
  var y = first / row_slabs % height;
  var image = first / (row_slabs * height);
${times(quads * used, (i) => `  var sum${i} = vec4f();`)}
  for (var slab = first; slab < last; slab++) {
${loadTiles(shape, hasNorm)}
${addProducts(shape, used)}
    workgroupBarrier();
    x0 += ${DEPTH}u;
    if (x0 >= width) {
      x0 = 0u;
      y++;
      if (y == height) {
        y = 0u;
        image++;
      }
    }
  }
${teams === 1 ? "" : times(quads * used, (i) => sumOverTeams(`sum${i}`, team, teams))}
${storeParts(shape, used)}`;
  return kernel(
    `convolution kernel gradient${hasNorm ? " through batch norm" : ""}`,
    [
      { name: "input_", access: "read" },
      { name: "gradient_", access: "read" },
      { name: "parts", access: "read_write" },
      ...hasNorm ? NORM_TEXT.bindings : [],
    ],
    threads,
    numbers,
    {
      declarations: `var<workgroup> taps: array<vec3i, ${tile}>;
var<workgroup> input_tile: array<vec4f, ${tile * DEPTH}>;
var<workgroup> gradient_tile: array<vec4f, ${DEPTH * lanes}>;
${teams === 1 ? "" : `var<workgroup> sums: array<vec4f, ${threads}>;`}`,
      body,
    },
  ) satisfies Kernel;
}

/** Loads the input of the tile's rows and the gradient, of a slab of pixels. */
function loadTiles({ rows, quads, lanes, teams }: Tile, hasNorm: boolean): string {
  const tile = quads * rows, threads = rows * lanes * teams;
  return `    for (var e = thread; e < ${tile * DEPTH}u; e += ${threads}u) {
      let tap = taps[e % ${tile}u];
      let x = x0 + e / ${tile}u;
      let input_y = i32(y * stride) + tap.x;
      let input_x = i32(x * stride) + tap.y;
      var value = vec4f();
      if (tap.z >= 0 && x < width && input_y >= 0 && input_y < i32(input_height)
        && input_x >= 0 && input_x < i32(input_width)) {
        let pixel = (image * input_height + u32(input_y)) * input_width + u32(input_x);
        value = input_[input_at + pixel * input_quads + u32(tap.z)];
      }
      input_tile[e] = value;
    }
    for (var e = thread; e < ${DEPTH * lanes}u; e += ${threads}u) {
      let x = x0 + e / ${lanes}u;
      var value = vec4f();
      if (loaded < quads && x < width) {
        let at = ((image * height + y) * width + x) * quads + loaded;
        value = ${
    hasNorm ? NORM_TEXT.gradient("gradient_[gradient_at + at]", "y_[y_at + at]") : "gradient_[gradient_at + at]"
  };
      }
      gradient_tile[e] = value;
    }`;
}

/** Adds the products of a slab's pixels, of which a team takes each `teams`-th, to a thread's sums. */
function addProducts({ rows, quads, lanes, teams }: Tile, used: number): string {
  const tile = quads * rows;
  return `    workgroupBarrier();
    for (var k = team; k < ${DEPTH}u; k += ${teams}u) {
      let g = gradient_tile[k * ${lanes}u + lane];
${
    times(quads, (q) => `
      let a${q} = input_tile[k * ${tile}u + line + ${q * rows}u];
${times(used, (j) => `      sum${q * used + j} = fma(vec4f(a${q}.${"xyzw"[j]}), g, sum${q * used + j});`)}`)
  }
    }`;
}

function storeParts({ rows, quads }: Tile, used: number): string {
  return `  let n = n0 + lane;
  if (n < quads && team == 0u) {
    let parts_at = child * parts_child + parts_offset + group.y * all_rows * 4u * quads + n;
${
    times(quads, (q) => `
    let row${q} = r0 + line + ${q * rows}u;
    if (row${q} < all_rows) {
${
      times(
        LANES,
        (j) =>
          `      parts[parts_at + (row${q} * 4u + ${j}u) * quads] = ${j < used ? `sum${q * used + j}` : "vec4f()"};`,
      )
    }
    }`)
  }
  }`;
}

/** Adds up what the teams hold in a variable, into that of the first, in their order. */
function sumOverTeams(variable: string, team: number, teams: number): string {
  return `
  sums[thread] = ${variable};
  workgroupBarrier();
  if (team == 0u) {
${times(teams - 1, (i) => `    ${variable} += sums[thread + ${(i + 1) * team}u];`)}
  }
  workgroupBarrier();`;
}
