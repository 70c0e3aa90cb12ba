/**
 * Convolutions as matrix products that are never written out (implicit GEMM) on NHWC: rows are pixels, columns output
 * channels, and the inner index runs over the taps of the kernel and the input channels. A workgroup keeps a tile of
 * pixels x channels in registers, and a slab of both factors in workgroup memory.
 *
 * Forward and input gradient are the same product with the roles of pixels swapped. With a stride s, the gradient's
 * pixels fall into s x s classes by their row and column modulo s, each reached by its own taps, so that no product
 * with a zero is computed. A dense layer is a convolution of size 1 on an image of one pixel.
 *
 * What else touches the same data is done on the way: forward the moments of each tile for the batch norm that follows,
 * backward the batch norm's gradient where the gradient is read.
 */
import { addNorm, type Gradient, NORM_OPERATIONS, NORM_TEXT } from "./gradient.ts";
import {
  type Cost,
  type Dispatch,
  type Kernel,
  kernel,
  Numbers,
  type Operand,
  quadBytes,
  valueBytes,
} from "./kernel.ts";
import { LANES } from "./layout.ts";
import { type Convolution, lanesFor, productOperations, quadsAt, times, usedChannels, valuesAt } from "./products.ts";

/** Pixels of a thread, and threads along the pixels. */
const TILE = { pixels: 8, rows: 16 };
/** Pixels of a tile, whose moments are one part, and operations for each value of which moments are taken. */
export const TILE_PIXELS = TILE.pixels * TILE.rows, MOMENT_OPERATIONS = 4;
/**
 * Quads of channels in a slab: the most of which less than a sixth is idle in all slabs together. With 4 quads fewer
 * workgroups fit on a processor of the card: an H200 took 1.13 times as long for 16 children.
 */
const DEPTHS = [2, 1];

type Direction = "forward" | "gradient";

/** The product of one layer: what it reads and writes, and where its kernel starts among the parameters. */
export interface ConvolutionCall {
  readonly shape: Convolution;
  readonly from: Gradient;
  readonly to: Operand;
  readonly parameters: Operand;
  /** In quads; the bias of a dense layer, forward only. */
  readonly kernelOffset: number;
  readonly biasOffset?: number;
  /** Where the moments of tiles go: [child][mean, squares][tile][quad]. Forward only. */
  readonly moments?: Operand;
  /**
   * Whether the device rounds a multiply-add once. Where it rounds twice, each tap is summed by itself, whose shorter
   * sums make up for that.
   */
  readonly fused: boolean;
}

export function convolutionForward(call: ConvolutionCall): Dispatch {
  return product(call, "forward");
}

/** From the gradient of the output to that of the input. */
export function convolutionInputGradient(call: ConvolutionCall): Dispatch {
  return product(call, "gradient");
}

interface Variant {
  readonly direction: Direction;
  readonly lanes: number;
  readonly depth: number;
  readonly used: number;
  readonly sumsTaps: boolean;
  readonly hasBias: boolean;
  readonly hasNorm: boolean;
  readonly hasMoments: boolean;
}

function product(call: ConvolutionCall, direction: Direction): Dispatch {
  const { shape: { input, output, images, size, stride }, from: source, biasOffset, moments } = call;
  const isForward = direction === "forward";
  const [from, to] = isForward ? [input, output] : [output, input];
  const step = isForward ? 1 : stride;
  const lanes = lanesFor(to.quads), blocks = Math.ceil(to.quads / lanes);
  const depth = DEPTHS.find((depth) => Math.ceil(from.quads / depth) * depth * 6 <= from.quads * 7)!;
  const pixels = images * Math.ceil(to.height / step) * Math.ceil(to.width / step);

  const numbers = new Numbers();
  numbers.unsignedAll({
    from_height: from.height,
    from_width: from.width,
    from_quads: from.quads,
    to_height: to.height,
    to_width: to.width,
    to_quads: to.quads,
    images,
    size,
    padding: (size - 1) / 2,
  });
  // Pixels written are of step x step classes; a pixel's row in `from` is `spread` times its own, and the next tap's is
  // `direction` farther.
  numbers.unsigned("step", step);
  numbers.signed("spread", isForward ? stride : 1);
  numbers.signed("direction", isForward ? 1 : -1);
  numbers.unsignedAll({
    blocks,
    from_child: source.stride,
    to_child: call.to.stride,
    parameters_child: call.parameters.stride,
    kernel_offset: call.kernelOffset,
  });
  if (biasOffset !== undefined) numbers.unsigned("bias_offset", biasOffset);
  if (moments) numbers.unsigned("moments_child", moments.stride);
  const normBuffers = addNorm(numbers, source);
  const variant: Variant = {
    ...{ direction, lanes, depth, used: usedChannels(from), sumsTaps: !call.fused },
    hasBias: biasOffset !== undefined,
    hasNorm: source.norm !== undefined,
    hasMoments: moments !== undefined,
  };
  return {
    kernel: productKernel(numbers, variant),
    buffers: [
      ...[call.parameters.buffer, source.buffer, call.to.buffer],
      ...normBuffers,
      ...moments ? [moments.buffer] : [],
    ],
    record: numbers.words,
    workgroups: [Math.ceil(pixels / TILE_PIXELS), blocks * step ** 2],
    own: false,
    work: isForward ? "convolution" : "input gradient",
    ...costs(call.shape, variant, Math.ceil(pixels / TILE_PIXELS), blocks),
  };
}

function costs(
  shape: Convolution,
  { direction, lanes, depth, used, hasNorm, hasMoments }: Variant,
  tiles: number,
  blocks: number,
): { readonly cost: Cost; readonly least: Cost } {
  const { input, output, size } = shape;
  const [from, to] = direction === "forward" ? [input, output] : [output, input];
  const rows = tiles * TILE_PIXELS, slabs = Math.ceil(from.quads / depth), reads = hasNorm ? 2 : 1;
  const loaded = rows * blocks * size ** 2 * slabs * depth * LANES;
  return {
    cost: {
      operations: 2 * rows * blocks * lanes * LANES * size ** 2 * slabs * depth * used +
        (hasNorm ? NORM_OPERATIONS * loaded : 0) +
        (hasMoments ? MOMENT_OPERATIONS * rows * blocks * lanes * LANES : 0),
      bytes: quadBytes(
        reads * quadsAt(shape, from),
        quadsAt(shape, to),
        size ** 2 * input.quads * LANES * output.quads,
        hasMoments ? 2 * tiles * to.quads : 0,
      ),
    },
    least: {
      operations: productOperations(shape) +
        (hasNorm ? NORM_OPERATIONS * valuesAt(shape, from) : 0) +
        (hasMoments ? MOMENT_OPERATIONS * valuesAt(shape, to) : 0),
      bytes: valueBytes(
        reads * valuesAt(shape, from),
        valuesAt(shape, to),
        size ** 2 * input.channels * output.channels,
      ),
    },
  };
}

function productKernel(numbers: Numbers, variant: Variant): Kernel {
  const { direction, lanes, depth, sumsTaps, hasNorm, hasMoments } = variant;
  const { pixels, rows } = TILE, tile = TILE_PIXELS, threads = rows * lanes; // threads is a multiple of depth
  const body = `
  let lane = thread % ${lanes}u;
  let line = thread / ${lanes}u;
  let n0 = (group.y % blocks) * ${lanes}u;
  let py = group.y / blocks / step;
  let px = group.y / blocks % step;
  let rows = (to_height - py + step - 1u) / step;
  let columns = (to_width - px + step - 1u) / step;
  let ky0 = (py + padding) % step;
  let kx0 = (px + padding) % step;
  let source_at = child * from_child;
${hasNorm ? "  let y_at = child * y_child;" : ""}
  let kernel_at = child * parameters_child + kernel_offset;
  let loaded = thread % ${depth}u;

${tilePlaces(threads)}
${times(pixels, (i) => `  var sum${i} = vec4f();`)}
  var tap_y = 0;
  for (var ky = ky0; ky < size; ky += step) {
    var tap_x = 0;
    for (var kx = kx0; kx < size; kx += step) {
      let tap = ky * size + kx;
${sumsTaps ? times(pixels, (i) => `      var part${i} = vec4f();`) : ""}
      for (var k0 = 0u; k0 < from_quads; k0 += ${depth}u) {
${loadTiles(variant)}
${addProducts(variant)}
        workgroupBarrier();
      }
${sumsTaps ? times(pixels, (i) => `      sum${i} += part${i};`) : ""}
      tap_x += direction;
    }
    tap_y += direction;
  }
${storeSums(variant)}
${hasMoments ? tileMoments(lanes) : ""}`;
  return kernel(
    `convolution ${direction}${hasMoments ? " and moments" : ""}${hasNorm ? " through batch norm" : ""}`,
    [
      { name: "parameters", access: "read" },
      { name: "source_", access: "read" },
      { name: "target_", access: "read_write" },
      ...hasNorm ? NORM_TEXT.bindings : [],
      ...hasMoments ? [{ name: "moments", access: "read_write" as const }] : [],
    ],
    threads,
    numbers,
    {
      declarations: `var<workgroup> places: array<vec4i, ${tile}>;
var<workgroup> pixel_tile: array<vec4f, ${Math.max(tile * rowOf(depth), hasMoments ? 2 * threads : 0)}>;
var<workgroup> weight_tile: array<vec4f, ${depth * 4 * lanes}>;
${hasMoments ? COUNT : ""}`,
      body,
    },
  );
}

/** Where the tile's pixels start in the input, their row and column there at the first tap, and where they are written. */
function tilePlaces(threads: number): string {
  const tile = TILE_PIXELS;
  return `  // Where the tile's pixels start in the input, their row and column there at the first tap, and where they are written.
  for (var i = thread; i < ${tile}u; i += ${threads}u) {
    let m = group.x * ${tile}u + i;
    let x = m % columns;
    let y = m / columns % rows;
    let image = m / (columns * rows);
    let first_y = i32(y) * spread + direction * (i32(ky0) - i32(padding + py)) / i32(step);
    let first_x = i32(x) * spread + direction * (i32(kx0) - i32(padding + px)) / i32(step);
    let written = (image * to_height + y * step + py) * to_width + x * step + px;
    places[i] = vec4i(i32(image * from_height), first_y, first_x, select(-1, i32(written), image < images));
  }
  workgroupBarrier();`;
}

/** Loads the tile's pixels and the kernel's quads at a tap, `depth` quads of channels from k0 on. */
function loadTiles({ direction, lanes, depth, hasNorm }: Variant): string {
  const tile = TILE_PIXELS, threads = TILE.rows * lanes, row = rowOf(depth);
  /** Four quads of the kernel at a tap: rows k of columns n forward, columns k of rows n for the gradient. */
  const weight = (j: number) =>
    direction === "forward"
      ? `((tap * 4u * from_quads + (k0 + k) * 4u + ${j}u) * to_quads + n)`
      : `((tap * 4u * to_quads + n * 4u + ${j}u) * from_quads + k0 + k)`;
  const turned = (j: number) => {
    const part = "xyzw"[j];
    return direction === "forward" ? `v${j}` : `vec4f(v0.${part}, v1.${part}, v2.${part}, v3.${part})`;
  };
  return `${hasNorm ? NORM_TEXT.coefficients("min(k0 + loaded, from_quads - 1u)") : ""}
        for (var e = thread; e < ${tile * depth}u; e += ${threads}u) {
          let place = places[e / ${depth}u];
          let y = place.y + tap_y;
          let x = place.z + tap_x;
          var value = vec4f();
          if (place.w >= 0 && y >= 0 && y < i32(from_height) && x >= 0 && x < i32(from_width)
            && k0 + loaded < from_quads) {
            let at = u32((place.x + y) * i32(from_width) + x) * from_quads + k0 + loaded;
            value = ${
    hasNorm ? NORM_TEXT.gradient("source_[source_at + at]", "y_[y_at + at]") : "source_[source_at + at]"
  };
          }
          pixel_tile[e / ${depth}u * ${row}u + loaded] = value;
        }
        for (var e = thread; e < ${depth * lanes}u; e += ${threads}u) {
          let k = e / ${lanes}u;
          let n = n0 + e % ${lanes}u;
          var v0 = vec4f();
          var v1 = vec4f();
          var v2 = vec4f();
          var v3 = vec4f();
          if (n < to_quads && k0 + k < from_quads) {
${times(4, (j) => `            v${j} = parameters[kernel_at + ${weight(j)}];`)}
          }
${times(4, (j) => `          weight_tile[(k * 4u + ${j}u) * ${lanes}u + e % ${lanes}u] = ${turned(j)};`)}
        }`;
}

/** Adds the products of what is loaded to a thread's sums, or to those of this tap. */
function addProducts({ lanes, depth, used, sumsTaps }: Variant): string {
  const { pixels, rows } = TILE, row = rowOf(depth), sum = sumsTaps ? "part" : "sum";
  return `        workgroupBarrier();
        for (var k = 0u; k < ${depth}u; k++) {
${times(used, (j) => `          let w${j} = weight_tile[(k * 4u + ${j}u) * ${lanes}u + lane];`)}
${
    times(pixels, (i) => `
          let a${i} = pixel_tile[(line + ${i * rows}u) * ${row}u + k];
${times(used, (j) => `          ${sum}${i} = fma(vec4f(a${i}.${"xyzw"[j]}), w${j}, ${sum}${i});`)}`)
  }
        }`;
}

function storeSums({ hasBias }: Variant): string {
  const { pixels, rows } = TILE;
  return `  let n = n0 + lane;
  if (n < to_quads) {
    let target_at = child * to_child + n;
${hasBias ? "    let bias = parameters[child * parameters_child + bias_offset + n];" : ""}
${
    times(pixels, (i) => `
    let place${i} = places[line + ${i * rows}u].w;
    if (place${i} >= 0) { target_[target_at + u32(place${i}) * to_quads] = sum${i}${hasBias ? " + bias" : ""}; }`)
  }
  }`;
}

/** Quads from one pixel of a loaded tile to the next: one more than it has, against conflicts of memory banks. */
function rowOf(depth: number): number {
  return depth + 1;
}

/** Of the tile's first `valid` pixels, those of the lines that are `line` modulo `lines`. */
const COUNT = `
fn count(valid: u32, line: u32, lines: u32) -> u32 {
  return select(0u, (valid - line + lines - 1u) / lines, valid > line);
}`;

/**
 * Mean and sum of squared differences of the tile's pixels: of a thread's pixels from its first, so that a mean far
 * from 0 cancels nothing, then merged over lines (Chan, Golub & LeVeque 1979). The tile's memory is free by now.
 */
function tileMoments(lanes: number): string {
  const { pixels, rows } = TILE, threads = rows * lanes;
  return `
  let valid = min(${TILE_PIXELS}u, images * to_height * to_width - group.x * ${TILE_PIXELS}u);
  var shifted = vec4f();
  var squares = vec4f();
${
    times(pixels - 1, (i) => `
  if (line + ${(i + 1) * rows}u < valid) {
    let d = sum${i + 1} - sum0;
    shifted += d;
    squares = fma(d, d, squares);
  }`)
  }
  let of_line = max(1.0f, f32(count(valid, line, ${rows}u)));
  pixel_tile[thread] = sum0 + shifted / of_line;
  pixel_tile[${threads}u + thread] = squares - shifted * shifted / of_line;
  workgroupBarrier();
  for (var half = ${rows / 2}u; half > 0u; half /= 2u) {
    let other = count(valid, line + half, 2u * half);
    if (line < half && other > 0u) {
      let partner = thread + half * ${lanes}u;
      let one = f32(count(valid, line, 2u * half));
      let both = one + f32(other);
      let d = pixel_tile[partner] - pixel_tile[thread];
      pixel_tile[thread] += d * (f32(other) / both);
      pixel_tile[${threads}u + thread] += fma(d * d, vec4f(one * f32(other) / both), pixel_tile[${threads}u + partner]);
    }
    workgroupBarrier();
  }
  if (line == 0u && n < to_quads) {
    let at = child * moments_child + group.x * to_quads + n;
    moments[at] = pixel_tile[thread];
    moments[at + groups.x * to_quads] = pixel_tile[${threads}u + thread];
  }`;
}
