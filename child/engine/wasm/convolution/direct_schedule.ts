/** A convolution of any odd size and stride, or the dense layer, as direct kernels (direct.ts). */
import type { ConvolutionRequest, ConvolutionSchedule } from "./schedule.ts";
import { forwardTaps, inputGradientParts, isInside, packsKernel, type Tap } from "./direct.ts";
import { inputPanels, panelsBytes } from "./direct_gradient.ts";
import { range } from "../function_builder.ts";
import { panelsOf } from "../layout.ts";
import { type Argument, type Call, fixed, images, tensor } from "../call.ts";

export function directKernelsFor(request: ConvolutionRequest): ConvolutionSchedule {
  const { kernels, input, output, size, stride, bias, maxImages, takeMemory, shareScratch } = request;
  const kernelTaps = size * size, kernelBytes = kernelTaps * input.channels * output.pixelBytes;
  const isPacked = packsKernel(kernelBytes), packed = isPacked ? takeMemory(kernelBytes) : 0;
  const transposed = request.needsInputGradient ? takeMemory(kernelTaps * output.channels * input.pixelBytes) : 0;
  const group = (kernel: string, ...args: Argument[]): Call => ({
    kernel,
    arguments: args,
    when: "group",
    trainingOnly: false,
  });

  return {
    kernelBytes,
    prepareForward: (kernel) =>
      isPacked
        ? [group(kernels.packKernel(kernelTaps, input.channels, output.channels), fixed(kernel), fixed(packed))]
        : [],
    prepareBackward: (kernel) =>
      request.needsInputGradient
        ? [
          group(
            kernels.kernelTranspose(kernelTaps, input.channels, output.channels, isPacked),
            fixed(kernel),
            fixed(transposed),
          ),
        ]
        : [],
    forward: (from, to, kernel, biasAddress) => [
      group(
        kernels.correlation({
          input: from.layout,
          output: to.layout,
          inputStep: stride,
          outputStep: 1,
          firstRow: 0,
          firstColumn: 0,
          taps: forwardTaps(size),
          kernelTaps,
          packed: isPacked,
          bias,
        }),
        images,
        tensor(from),
        fixed(isPacked ? packed : kernel),
        tensor(to),
        fixed(biasAddress),
      ),
    ],
    inputGradient: (gradient, into) =>
      inputGradientParts(size, stride)
        .filter(({ row, column }) => row < into.layout.height && column < into.layout.width)
        .map(({ row, column, taps }) =>
          group(
            kernels.correlation({
              input: gradient.layout,
              output: into.layout,
              inputStep: 1,
              outputStep: stride,
              firstRow: row,
              firstColumn: column,
              taps,
              kernelTaps,
              packed: isPacked,
              bias: false,
            }),
            images,
            tensor(gradient),
            fixed(transposed),
            tensor(into),
            fixed(0),
          )
        ),
    kernelGradient(from, gradient, into) {
      const { height, width } = output, pixels = height * width * maxImages;
      const own = { rows: height, columns: width, maxImages };
      const [lefts, rights] = [inputPanels(input), panelsOf(gradient.layout.lanes)];
      const left = shareScratch("input panels", panelsBytes(lefts, pixels));
      const right = shareScratch("gradient panels", panelsBytes(rights, pixels));
      const product = kernels.accumulatePixels(input, gradient.layout, pixels);
      const whole = { ...own, layout: gradient.layout, stride: 1, firstRow: 0, firstColumn: 0 };
      return [
        group(kernels.packPixels(whole, rights), images, tensor(gradient), right),
        ...forwardTaps(size).filter((tap) => readsPixels(tap, request)).flatMap(({ row, column, index }) => {
          const place = { ...own, layout: from.layout, stride, firstRow: row, firstColumn: column };
          const address = into + index * input.channels * gradient.layout.pixelBytes;
          return [
            group(kernels.packPixels(place, lefts), images, tensor(from), left),
            group(product, { kind: "tiles", perImage: height * width }, left, right, {
              kind: "chunk_gradient",
              address,
            }),
          ];
        }),
      ];
    },
  };
}

/** Whether a tap reads more than the border. */
function readsPixels({ row, column }: Tap, { input, output, stride }: ConvolutionRequest): boolean {
  const reads = (first: number, count: number, size: number) =>
    range(count).some((i) => isInside(first + stride * i, size));
  return reads(row, output.height, input.height) && reads(column, output.width, input.width);
}
