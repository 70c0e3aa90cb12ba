/** The kernels of one program, each generated once under a name that says its kind and shapes. */
import { type Correlation, correlation, kernelTranspose, packKernel } from "./convolution/direct.ts";
import { accumulatePixels, packPixels, type Pixels } from "./convolution/direct_gradient.ts";
import { depthwise, depthwiseInputGradient, depthwiseKernelGradient, type Window } from "./depthwise.ts";
import { ConstantTable, type Kernel, type Target } from "./function_builder.ts";
import { joinChannels, maxPool, squarePool } from "./joining.ts";
import type { Layout, Panels } from "./layout.ts";
import { CONSTANTS } from "./memory_map.ts";
import {
  averagePool,
  averagePoolGradient,
  flatten,
  shortcut,
  softmaxCrossEntropy,
  sumOverImages,
  update,
} from "./layers.ts";
import {
  gatherTerms,
  type Pointwise,
  pointwiseBackward,
  pointwiseForward,
  statistics,
  type TermLayout,
} from "./pointwise.ts";
import * as winograd from "./convolution/winograd.ts";
import * as winogradKernel from "./convolution/winograd_kernel.ts";
import type { Optimizer } from "../../network/optimizer.ts";

/** A kernel, and the constants that it loads: their addresses by their bits. */
interface Made {
  readonly kernel: Kernel;
  readonly constants: ReadonlyMap<number, number>;
}

/** Kernels kept, of some 50 kB each: those of some five networks. */
const MAX_MADE = 400;
/**
 * Shared kernels of programs before, the latest last: writing them takes longer than all else that a child's plan needs.
 * A name says all that a kernel depends on, but for the addresses of its constants.
 */
export const madeBefore = new Map<string, Made>();

export class Kernels {
  readonly #shared = new Map<string, Kernel>();
  readonly #own = new Map<string, Kernel>();
  readonly #sharedConstants = new ConstantTable(CONSTANTS.shared);
  readonly #ownConstants = new ConstantTable(CONSTANTS.own);
  /** Constants of the shared kernel that is being made. */
  #used = new Map<number, number>();

  constructor(readonly packable: boolean) {}

  /** Those that do not depend on the function: the same for all children of the network at one batch size. */
  shared(): readonly Kernel[] {
    return [...this.#shared.values()];
  }

  /** Those that do. */
  own(): readonly Kernel[] {
    return [...this.#own.values()];
  }

  /** The data segments of their constants. */
  get data(): { readonly shared: string; readonly own: string } {
    return { shared: this.#sharedConstants.data(), own: this.#ownConstants.data() };
  }

  /** Of shared kernels. */
  private get target(): Target {
    const address = (bits: number) => {
      const at = this.#sharedConstants.address(bits);
      this.#used.set(bits, at);
      return at;
    };
    return { constants: { address }, packable: this.packable };
  }

  winogradKernel(inputs: number, outputs: number): string {
    return this.#named(
      `winograd_kernel_${inputs}_${outputs}`,
      (name) => winogradKernel.kernelTransform(name, inputs, outputs, this.target),
    );
  }
  winogradFlippedKernel(inputs: number, outputs: number): string {
    return this.#named(
      `winograd_flipped_kernel_${inputs}_${outputs}`,
      (name) => winogradKernel.flippedKernelTransform(name, inputs, outputs, this.target),
    );
  }
  winogradInput(input: Layout, tiles: number): string {
    return this.#named(
      `winograd_input_${input.key}_${tiles}`,
      (name) => winograd.inputTransform(name, input, tiles, this.target),
    );
  }
  winogradGradient(gradient: Layout, tiles: number): string {
    return this.#named(
      `winograd_gradient_${gradient.key}_${tiles}`,
      (name) => winograd.gradientTransform(name, gradient, tiles, this.target),
    );
  }
  winogradOutput(output: Layout, tiles: number): string {
    return this.#named(
      `winograd_output_${output.key}_${tiles}`,
      (name) => winograd.outputTransform(name, output, tiles, this.target),
    );
  }
  winogradMultiply(inputs: number, outputs: number, tiles: number): string {
    return this.#named(
      `winograd_multiply_${inputs}_${outputs}_${tiles}`,
      (name) => winograd.multiply(name, inputs, outputs, tiles, this.target),
    );
  }
  winogradAccumulate(inputs: number, outputs: number, tiles: number): string {
    return this.#named(
      `winograd_accumulate_${inputs}_${outputs}_${tiles}`,
      (name) => winograd.accumulate(name, inputs, outputs, tiles, this.target),
    );
  }
  winogradKernelGradient(inputs: number, outputs: number): string {
    return this.#named(
      `winograd_kernel_gradient_${inputs}_${outputs}`,
      (name) => winogradKernel.kernelGradient(name, inputs, outputs, this.target),
    );
  }

  correlation(c: Correlation): string {
    const taps = c.taps.map((tap) => `${tap.row}.${tap.column}.${tap.index}`.replaceAll("-", "m")).join("_");
    const steps = `${c.inputStep}${c.outputStep}${c.firstRow}${c.firstColumn}${c.bias ? "b" : ""}${
      c.packed ? "p" : ""
    }`;
    return this.#named(
      `correlation_${c.input.key}_${c.output.key}_${steps}_${taps}`,
      (name) => correlation(name, c, this.target),
    );
  }
  packKernel(taps: number, inputs: number, outputs: number): string {
    return this.#named(
      `pack_kernel_${taps}_${inputs}_${outputs}`,
      (name) => packKernel(name, taps, inputs, outputs, this.target),
    );
  }
  kernelTranspose(taps: number, inputs: number, outputs: number, packed: boolean): string {
    return this.#named(
      `kernel_transpose_${taps}_${inputs}_${outputs}${packed ? "_packed" : ""}`,
      (name) => kernelTranspose(name, taps, inputs, outputs, packed, this.target),
    );
  }
  packPixels(pixels: Pixels, panels: readonly Panels[]): string {
    const { layout, rows, columns, stride, firstRow, firstColumn, maxImages } = pixels;
    const places = `${rows}x${columns}_${stride}_${firstRow}_${firstColumn}`.replaceAll("-", "m");
    const lanes = panels.map(({ count, parts }) => `${count}x${parts}`).join("_");
    return this.#named(
      `pack_pixels_${layout.key}_${places}_${maxImages}_${lanes}`,
      (name) => packPixels(name, pixels, panels, this.target),
    );
  }
  accumulatePixels(input: Layout, gradient: Layout, maxPixels: number): string {
    return this.#named(
      `accumulate_pixels_${input.channels}_${gradient.channels}_${maxPixels}`,
      (name) => accumulatePixels(name, input, gradient, maxPixels, this.target),
    );
  }

  pointwiseForward(p: Pointwise, out: Layout): string {
    return this.#applying(
      `pointwise_forward_${pointwiseKey(p)}_${out.key}`,
      (name, target) => pointwiseForward(name, p, out, target),
    );
  }
  pointwiseBackward(p: Pointwise, terms: readonly TermLayout[], du: Layout): string {
    return this.#applying(
      `pointwise_backward_${pointwiseKey(p)}_${termsKey(terms)}_${du.key}`,
      (name, target) => pointwiseBackward(name, p, terms, du, target),
    );
  }
  gatherTerms(terms: readonly TermLayout[], out: Layout): string {
    return this.#named(
      `gather_${termsKey(terms)}_${out.key}`,
      (name) => gatherTerms(name, terms, out, this.target),
    );
  }
  statistics(y: Layout): string {
    return this.#named(`statistics_${y.key}`, (name) => statistics(name, y, this.target));
  }

  depthwise(input: Layout, output: Layout, window: Window): string {
    return this.#named(
      `depthwise_${input.key}_${output.key}_${window.size}_${window.stride}`,
      (name) => depthwise(name, input, output, window, this.target),
    );
  }
  depthwiseInputGradient(gradient: Layout, into: Layout, window: Window): string {
    return this.#named(
      `depthwise_input_gradient_${gradient.key}_${into.key}_${window.size}_${window.stride}`,
      (name) => depthwiseInputGradient(name, gradient, into, window, this.target),
    );
  }
  depthwiseKernelGradient(input: Layout, gradient: Layout, window: Window): string {
    return this.#named(
      `depthwise_kernel_gradient_${input.key}_${gradient.key}_${window.size}_${window.stride}`,
      (name) => depthwiseKernelGradient(name, input, gradient, window, this.target),
    );
  }

  squarePool(input: Layout, output: Layout, size: number, backward: boolean): string {
    return this.#named(
      `square_pool_${backward ? "gradient_" : ""}${input.key}_${output.key}_${size}`,
      (name) => squarePool(name, input, output, size, backward, this.target),
    );
  }
  maxPool(input: Layout, output: Layout, window: Window, into: Layout | null): string {
    return this.#named(
      `max_pool_${into ? `gradient_${into.key}_` : ""}${input.key}_${output.key}_${window.size}_${window.stride}`,
      (name) => maxPool(name, input, output, window, into, this.target),
    );
  }
  joinChannels(part: Layout, whole: Layout, first: number, backward: boolean): string {
    return this.#named(
      `join_channels_${backward ? "gradient_" : ""}${part.key}_${whole.key}_${first}`,
      (name) => joinChannels(name, part, whole, first, backward, this.target),
    );
  }

  averagePool(input: Layout, output: Layout): string {
    return this.#named(
      `average_pool_${input.key}_${output.key}`,
      (name) => averagePool(name, input, output, this.target),
    );
  }
  averagePoolGradient(gradient: Layout, into: Layout): string {
    return this.#named(
      `average_pool_gradient_${gradient.key}_${into.key}`,
      (name) => averagePoolGradient(name, gradient, into, this.target),
    );
  }
  flatten(input: Layout, flat: Layout, backward: boolean): string {
    return this.#named(
      `flatten_${backward ? "gradient_" : ""}${input.key}`,
      (name) => flatten(name, input, flat, backward, this.target),
    );
  }
  shortcut(input: Layout, output: Layout, stride: number, backward: boolean): string {
    return this.#named(
      `shortcut_${backward ? "gradient_" : ""}${input.key}_${output.key}_${stride}`,
      (name) => shortcut(name, input, output, stride, backward, this.target),
    );
  }
  softmaxCrossEntropy(logits: Layout, batch: number, smoothing: number): string {
    return this.#named(
      `softmax_cross_entropy_${logits.key}_${batch}_${smoothing}`,
      (name) => softmaxCrossEntropy(name, logits, batch, smoothing, this.target),
    );
  }
  sumOverImages(from: Layout): string {
    return this.#named(`sum_over_images_${from.key}`, (name) => sumOverImages(name, from, this.target));
  }
  update(optimizer: Optimizer, decayed: boolean, chunks: number, chunkBytes: number): string {
    return this.#applying(
      `update_${decayed ? "with_decay" : "without_decay"}`,
      (name, target) => update(name, optimizer, decayed, chunks, chunkBytes, target),
    );
  }

  /** A shared kernel. Names contain only characters that WAT allows. */
  #named(name: string, make: (name: string) => Kernel): string {
    if (!this.#shared.has(name)) this.#shared.set(name, this.#made(name, make));
    return name;
  }

  #made(name: string, make: (name: string) => Kernel): Kernel {
    const key = `${name} ${this.packable}`;
    let made = madeBefore.get(key);
    madeBefore.delete(key);
    if (!made || ![...made.constants].every(([bits, at]) => this.#sharedConstants.address(bits) === at)) {
      this.#used = new Map();
      made = { kernel: make(name), constants: this.#used };
    }
    madeBefore.set(key, made);
    if (madeBefore.size > MAX_MADE) madeBefore.delete(madeBefore.keys().next().value!);
    return made.kernel;
  }

  /** A kernel that applies the function, or the update, whose addresses depend on whether the function has a beta. */
  #applying(name: string, make: (name: string, target: Target) => Kernel): string {
    const target = { constants: this.#ownConstants, packable: this.packable };
    if (!this.#own.has(name)) this.#own.set(name, make(name, target));
    return name;
  }
}

/** A program has one expression, so its presence identifies it. */
function pointwiseKey(p: Pointwise): string {
  const { batchNorm, residual, activation, dropout } = p;
  const parts = [batchNorm && "norm", residual && `add${residual.key}`, activation && "activate", dropout && "drop"];
  return [p.y.key, ...parts.filter(Boolean)].join("_");
}

function termsKey(terms: readonly TermLayout[]): string {
  return terms.map((t) => `${t.kind === "batch_norm" ? "norm" : "plain"}${t.tensor.key}${t.y ? "y" + t.y.key : ""}`)
    .join("_");
}
