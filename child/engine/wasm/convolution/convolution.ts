/** The one place where a convolution's schedule is chosen: which kernels compute it, its input and kernel gradients. */
import { directKernelsFor } from "./direct_schedule.ts";
import type { ConvolutionRequest, ConvolutionSchedule } from "./schedule.ts";
import { winogradKernelsFor } from "./winograd_schedule.ts";
import { TILE } from "./winograd.ts";

/**
 * Winograd F(4x4, 3x3) where its tiles and vectors fit: 4 times fewer multiplications, and its transforms cost less
 * than that saves from 16 channels on. Direct otherwise.
 */
export function scheduleConvolution(request: ConvolutionRequest): ConvolutionSchedule {
  const { input, output, size, stride } = request;
  const tiled = output.height % TILE === 0 && output.width % TILE === 0;
  const vectors = input.channels % 8 === 0 && output.channels % 8 === 0;
  const fits = size === 3 && stride === 1 && tiled && vectors && request.needsInputGradient;
  return request.winograd && fits ? winogradKernelsFor(request) : directKernelsFor(request);
}
