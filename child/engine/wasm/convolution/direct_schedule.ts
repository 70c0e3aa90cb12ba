/** A convolution of any odd size and stride, or the dense layer, as direct kernels (direct.ts). */
import type { ConvolutionRequest, ConvolutionSchedule } from "./schedule.ts";
import { forwardTaps, inputGradientParts } from "./direct.ts";
import { FLOAT_BYTES } from "../function_builder.ts";
import { wholeVectors } from "../layout.ts";
import { type Argument, type Call, fixed, images, tensor } from "../call.ts";

export function directKernelsFor(request: ConvolutionRequest): ConvolutionSchedule {
  const { kernels, input, output, size, stride, bias, takeMemory } = request;
  const taps = size * size;
  const transposed = request.needsInputGradient
    ? takeMemory(taps * output.channels * wholeVectors(input.channels) * FLOAT_BYTES)
    : 0;
  const group = (kernel: string, ...args: Argument[]): Call => ({
    kernel,
    arguments: args,
    when: "group",
    trainingOnly: false,
  });

  return {
    prepareForward: () => [],
    prepareBackward: (kernel) =>
      request.needsInputGradient
        ? [group(kernels.kernelTranspose(taps, input.channels, output.channels), fixed(kernel), fixed(transposed))]
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
          bias,
        }),
        images,
        tensor(from),
        fixed(kernel),
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
              bias: false,
            }),
            images,
            tensor(gradient),
            fixed(transposed),
            tensor(into),
            fixed(0),
          )
        ),
    kernelGradient: (from, gradient, into) => [
      group(
        kernels.directKernelGradient(from.layout, gradient.layout, size, stride),
        images,
        tensor(from),
        tensor(gradient),
        { kind: "chunk_gradient", address: into },
      ),
    ],
  };
}
