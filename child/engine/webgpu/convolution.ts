/**
 * Convolutions as matrix products that are never written out (implicit GEMM) on NHWC: rows are pixels, columns output
 * channels, and the inner index runs over the taps of the kernel and the input channels. A workgroup keeps a tile of
 * pixels x channels in registers, and a slab of both factors in workgroup memory.
 *
 * Forward and input gradient are the same product with the roles of pixels swapped. With a stride s, the gradient's
 * pixels fall into s x s classes by their row and column modulo s, each reached by its own taps, so that no product
 * with a zero is computed. A dense layer is a convolution of size 1 on an image of one pixel.
 */
import { type BufferName, type Dispatch, type Kernel, kernel, Numbers, quadBytes } from "./kernel.ts";
import { LANES } from "./layout.ts";

/** Sizes of a layer: quads of channels at its input and output. */
export interface Convolution {
  readonly images: number;
  readonly input: { readonly height: number; readonly width: number; readonly quads: number };
  readonly output: { readonly height: number; readonly width: number; readonly quads: number };
  readonly size: number;
  readonly stride: number;
}

/** Pixels of a thread, and threads along the pixels. */
const TILE = { pixels: 8, rows: 16 };
/** Threads along the channels, a quad each: as few as the layer fills. */
const LANE_COUNTS = [4, 8, 16];
/** Quads of channels in a slab; one, where the layer has only one (the images). */
const DEPTHS = { few: 1, many: 4 };

type Direction = "forward" | "gradient";

/** The product of one layer: what it reads and writes, and where its kernel starts among the parameters. */
export interface ConvolutionCall {
  readonly shape: Convolution;
  readonly from: BufferName;
  readonly to: BufferName;
  /** In quads; the bias of a dense layer, forward only. */
  readonly kernelOffset: number;
  readonly biasOffset?: number;
  /** Quads of a child's parameters. */
  readonly parameterQuads: number;
  /**
   * Whether the device rounds a multiply-add once. Where it rounds twice, each tap is summed by itself, whose shorter
   * sums make up for that.
   */
  readonly fused: boolean;
  /** Quads from one child to the next in `from` and `to`. */
  readonly fromStride: number;
  readonly toStride: number;
}

export function convolutionForward(call: ConvolutionCall): Dispatch {
  return product(call, "forward");
}

/** From the gradient of the output to that of the input. */
export function convolutionInputGradient(call: ConvolutionCall): Dispatch {
  return product(call, "gradient");
}

export function lanesFor(quads: number): number {
  return LANE_COUNTS.find((lanes) => lanes >= quads) ?? LANE_COUNTS.at(-1)!;
}

export function times(count: number, line: (i: number) => string): string {
  return Array.from({ length: count }, (_, i) => line(i)).join("\n");
}

function product(call: ConvolutionCall, direction: Direction): Dispatch {
  const { shape: { input, output, images, size, stride }, biasOffset } = call;
  const isForward = direction === "forward";
  const [from, to] = isForward ? [input, output] : [output, input];
  const step = isForward ? 1 : stride;
  const lanes = lanesFor(to.quads), blocks = Math.ceil(to.quads / lanes);
  const depth = from.quads === 1 ? DEPTHS.few : DEPTHS.many;
  const pixels = images * Math.ceil(to.height / step) * Math.ceil(to.width / step);

  const numbers = new Numbers();
  numbers.unsigned("from_height", from.height);
  numbers.unsigned("from_width", from.width);
  numbers.unsigned("from_quads", from.quads);
  numbers.unsigned("to_height", to.height);
  numbers.unsigned("to_width", to.width);
  numbers.unsigned("to_quads", to.quads);
  numbers.unsigned("images", images);
  numbers.unsigned("size", size);
  numbers.unsigned("padding", (size - 1) / 2);
  // Pixels written are of step x step classes; a pixel's row in `from` is `spread` times its own, and the next tap's is
  // `direction` farther.
  numbers.unsigned("step", step);
  numbers.signed("spread", isForward ? stride : 1);
  numbers.signed("direction", isForward ? 1 : -1);
  numbers.unsigned("blocks", blocks);
  numbers.unsigned("from_child", call.fromStride);
  numbers.unsigned("to_child", call.toStride);
  numbers.unsigned("parameters_child", call.parameterQuads);
  numbers.unsigned("kernel_offset", call.kernelOffset);
  if (biasOffset !== undefined) numbers.unsigned("bias_offset", biasOffset);

  return {
    kernel: productKernel(numbers, direction, lanes, depth, {
      hasBias: biasOffset !== undefined,
      sumsTaps: !call.fused,
    }),
    buffers: ["parameters", call.from, call.to],
    record: numbers.words,
    workgroups: [Math.ceil(pixels / (TILE.pixels * TILE.rows)), blocks * step ** 2],
    own: false,
    cost: {
      operations: 2 * images * output.height * output.width * output.quads * input.quads * LANES ** 2 * size ** 2,
      bytes: quadBytes(
        images * input.height * input.width * input.quads,
        images * output.height * output.width * output.quads,
        size ** 2 * input.quads * LANES * output.quads,
      ),
    },
  };
}

function productKernel(
  numbers: Numbers,
  direction: Direction,
  lanes: number,
  depth: number,
  { hasBias, sumsTaps }: { readonly hasBias: boolean; readonly sumsTaps: boolean },
): Kernel {
  const { pixels, rows } = TILE, tile = pixels * rows, threads = rows * lanes;
  const row = depth + 1; // a quad more, against conflicts of memory banks
  /** Four quads of the kernel at a tap: rows k of columns n forward, columns k of rows n for the gradient. */
  const weight = (j: number) =>
    direction === "forward"
      ? `((tap * 4u * from_quads + (k0 + k) * 4u + ${j}u) * to_quads + n)`
      : `((tap * 4u * to_quads + n * 4u + ${j}u) * from_quads + k0 + k)`;
  const turned = (j: number) => {
    const part = "xyzw"[j];
    return direction === "forward" ? `v${j}` : `vec4f(v0.${part}, v1.${part}, v2.${part}, v3.${part})`;
  };
  const sum = sumsTaps ? "part" : "sum";
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
  let kernel_at = child * parameters_child + kernel_offset;

  // Where the tile's pixels start in the tensor read, their row and column there at the first tap, and what they write.
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
  workgroupBarrier();
${times(pixels, (i) => `  var sum${i} = vec4f();`)}
  var tap_y = 0;
  for (var ky = ky0; ky < size; ky += step) {
    var tap_x = 0;
    for (var kx = kx0; kx < size; kx += step) {
      let tap = ky * size + kx;
${sumsTaps ? times(pixels, (i) => `      var part${i} = vec4f();`) : ""}
      for (var k0 = 0u; k0 < from_quads; k0 += ${depth}u) {
        for (var e = thread; e < ${tile * depth}u; e += ${threads}u) {
          let k = e % ${depth}u;
          let place = places[e / ${depth}u];
          let y = place.y + tap_y;
          let x = place.z + tap_x;
          var value = vec4f();
          if (place.w >= 0 && y >= 0 && y < i32(from_height) && x >= 0 && x < i32(from_width) && k0 + k < from_quads) {
            value = source_[source_at + u32((place.x + y) * i32(from_width) + x) * from_quads + k0 + k];
          }
          pixel_tile[e / ${depth}u * ${row}u + k] = value;
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
        }
        workgroupBarrier();
        for (var k = 0u; k < ${depth}u; k++) {
${times(4, (j) => `          let w${j} = weight_tile[(k * 4u + ${j}u) * ${lanes}u + lane];`)}
${
    times(pixels, (i) => `
          let a${i} = pixel_tile[(line + ${i * rows}u) * ${row}u + k];
${times(4, (j) => `          ${sum}${i} = fma(vec4f(a${i}.${"xyzw"[j]}), w${j}, ${sum}${i});`)}`)
  }
        }
        workgroupBarrier();
      }
${sumsTaps ? times(pixels, (i) => `      sum${i} += part${i};`) : ""}
      tap_x += direction;
    }
    tap_y += direction;
  }
  let n = n0 + lane;
  if (n < to_quads) {
    let target_at = child * to_child + n;
${hasBias ? "    let bias = parameters[child * parameters_child + bias_offset + n];" : ""}
${
    times(pixels, (i) => `
    let place${i} = places[line + ${i * rows}u].w;
    if (place${i} >= 0) { target_[target_at + u32(place${i}) * to_quads] = sum${i}${hasBias ? " + bias" : ""}; }`)
  }
  }`;
  return kernel(
    `convolution ${direction}`,
    [
      { name: "parameters", access: "read" },
      { name: "source_", access: "read" },
      { name: "target_", access: "read_write" },
    ],
    threads,
    numbers,
    {
      declarations: `var<workgroup> places: array<vec4i, ${tile}>;
var<workgroup> pixel_tile: array<vec4f, ${tile * row}>;
var<workgroup> weight_tile: array<vec4f, ${depth * 4 * lanes}>;`,
      body,
    },
  );
}
