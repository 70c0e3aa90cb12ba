/** A 3x3 convolution of stride 1 as Winograd kernels (winograd.ts explains them). */
import type { ConvolutionRequest, ConvolutionSchedule } from "./schedule.ts";
import { FLOAT_BYTES } from "../function_builder.ts";
import { type Argument, type Call, fixed, images, tensor } from "../call.ts";
import { POSITIONS, productBytes, tilesOf } from "./winograd.ts";

export function winogradKernelsFor(request: ConvolutionRequest): ConvolutionSchedule {
  const { kernels, input, output, maxImages, takeScratch, shareScratch, takeMemory } = request;
  const [inputs, outputs] = [input.channels, output.channels];
  const tiles = tilesOf(output.height, output.width), maxTiles = tiles * maxImages;
  const kernelBytes = POSITIONS * inputs * outputs * FLOAT_BYTES;
  const u = takeMemory(kernelBytes);
  const blocks: Argument = { kind: "tile_blocks", perImage: tiles };
  const scratch = (use: string, channels: number) => shareScratch(use, productBytes(maxTiles, channels));
  const group = (kernel: string, ...args: Argument[]) => call(kernel, "group", args);

  return {
    kernelBytes,
    prepareForward: (kernel) => [group(kernels.winogradKernel(inputs, outputs), fixed(kernel), fixed(u))],
    prepareBackward: (kernel) => [group(kernels.winogradFlippedKernel(inputs, outputs), fixed(kernel), fixed(u))],
    forward: (from, to) => {
      const v = scratch("v", inputs), m = scratch("m", outputs);
      return [
        group(kernels.winogradInput(from.layout, maxTiles), images, tensor(from), v),
        group(kernels.winogradMultiply(inputs, outputs, maxTiles), blocks, v, fixed(u), m),
        group(kernels.winogradOutput(to.layout, maxTiles), images, tensor(to), m),
      ];
    },
    inputGradient: (gradient, into) => {
      const v = scratch("v", outputs), m = scratch("m", inputs);
      return [
        group(kernels.winogradInput(gradient.layout, maxTiles), images, tensor(gradient), v),
        group(kernels.winogradMultiply(outputs, inputs, maxTiles), blocks, v, fixed(u), m),
        group(kernels.winogradOutput(into.layout, maxTiles), images, tensor(into), m),
      ];
    },
    kernelGradient: (from, gradient, into) => {
      const v = scratch("v", inputs), d = scratch("m", outputs);
      const sum = takeScratch(kernelBytes);
      return [
        call("fill_zero", "chunk_start", [sum, { kind: "number", value: kernelBytes }]),
        group(kernels.winogradInput(from.layout, maxTiles), images, tensor(from), v),
        group(kernels.winogradGradient(gradient.layout, maxTiles), images, tensor(gradient), d),
        group(
          kernels.winogradAccumulate(inputs, outputs, maxTiles),
          { kind: "tiles", perImage: tiles },
          v,
          d,
          sum,
        ),
        call(kernels.winogradKernelGradient(inputs, outputs), "chunk_end", [sum, {
          kind: "chunk_gradient",
          address: into,
        }]),
      ];
    },
  };
}

function call(kernel: string, when: Call["when"], args: readonly Argument[]): Call {
  return { kernel, arguments: args, when, trainingOnly: false };
}
