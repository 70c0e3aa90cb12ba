/** The small layers between convolutions and loss, and the parameter update; each writes one kernel. */
import { FLOAT_BYTES, FunctionBuilder, type Kernel, range, type Target, type Vector } from "./function_builder.ts";
import { type Layout, partsOf } from "./layout.ts";
import { emitFunction } from "./emit.ts";
import type { Optimizer } from "../../network/optimizer.ts";

/** Mean over the pixels: (images, input, output). `output` has one pixel. */
export function averagePool(name: string, input: Layout, output: Layout, target: Target): Kernel {
  const f = new FunctionBuilder(name, ["images", "input", "output"], target);
  const parts = partsOf(input.lanes, 2);
  const image = f.int("image", f.parameter("input")), into = f.int("into", f.parameter("output"));
  f.repeat(f.parameter("images"), () => {
    const block = f.int("block", image), out = f.int("out", into);
    f.repeat(input.lanes / (parts * 4), () => {
      const sum = f.zero(parts);
      const row = f.int("row", block);
      f.repeat(input.height, () => {
        const pixel = f.int("pixel", row);
        f.repeat(input.width, () => {
          f.assign(sum, f.add(sum, f.load(pixel, input.origin, parts)));
          f.advance(pixel, input.pixelBytes);
        });
        f.advance(row, input.rowBytes);
      });
      const share = f.constant(1 / (input.height * input.width), parts);
      f.store(out, output.origin, f.mul(sum, share));
      f.advance(block, parts * 16);
      f.advance(out, parts * 16);
    });
    f.advance(image, input.imageBytes);
    f.advance(into, output.imageBytes);
  });
  return f.kernel();
}

/** Every pixel receives its share of the mean's gradient: (images, gradient, into). */
export function averagePoolGradient(name: string, gradient: Layout, into: Layout, target: Target): Kernel {
  const f = new FunctionBuilder(name, ["images", "gradient", "into"], target);
  const parts = partsOf(into.lanes, 2);
  const from = f.int("from", f.parameter("gradient")), image = f.int("image", f.parameter("into"));
  f.repeat(f.parameter("images"), () => {
    const channel = f.int("channel", from), block = f.int("block", image);
    f.repeat(into.lanes / (parts * 4), () => {
      const share = f.constant(1 / (into.height * into.width), parts);
      const value = f.mul(f.load(channel, gradient.origin, parts), share);
      const row = f.int("row", block);
      f.repeat(into.height, () => {
        const pixel = f.int("pixel", row);
        f.repeat(into.width, () => {
          f.store(pixel, into.origin, value);
          f.advance(pixel, into.pixelBytes);
        });
        f.advance(row, into.rowBytes);
      });
      f.advance(channel, parts * 16);
      f.advance(block, parts * 16);
    });
    f.advance(from, gradient.imageBytes);
    f.advance(image, into.imageBytes);
  });
  return f.kernel();
}

/** All pixels of an image in one row of channels, or back where `backward`: (images, input, flat). */
export function flatten(
  name: string,
  input: Layout,
  flat: Layout,
  backward: boolean,
  target: Target,
): Kernel {
  const f = new FunctionBuilder(name, ["images", "input", "flat"], target);
  const image = f.int("image", f.parameter("input")), row = f.int("row", f.parameter("flat"));
  f.repeat(f.parameter("images"), () => {
    for (let pixel = 0; pixel < input.height * input.width; pixel++) {
      const from = input.at(Math.floor(pixel / input.width), pixel % input.width);
      for (let c = 0; c < input.channels; c++) {
        const inImage = `offset=${from + c * FLOAT_BYTES} ${image}`;
        const inRow = `offset=${flat.origin + (pixel * input.channels + c) * FLOAT_BYTES} ${row}`;
        f.line(backward ? `(f32.store ${inImage} (f32.load ${inRow}))` : `(f32.store ${inRow} (f32.load ${inImage}))`);
      }
    }
    f.advance(image, input.imageBytes);
    f.advance(row, flat.imageBytes);
  });
  return f.kernel();
}

/** Option-A shortcut: (images, input, output), or the gradient the other way round where `backward`. */
export function shortcut(
  name: string,
  input: Layout,
  output: Layout,
  stride: number,
  backward: boolean,
  target: Target,
): Kernel {
  const f = new FunctionBuilder(name, ["images", "input", "output"], target);
  const offset = Math.floor((output.channels - input.channels) / 2) * FLOAT_BYTES;
  const filling = backward ? input : output;
  const small = f.int("small", f.parameter("output")), large = f.int("large", f.parameter("input"));
  // All other values are zero, so clear the images first; the borders are zero already.
  const filled = f.parameter(backward ? "input" : "output");
  f.line(`(memory.fill ${filled} (i32.const 0) (i32.mul ${f.parameter("images")} (i32.const ${filling.imageBytes})))`);
  f.repeat(f.parameter("images"), () => {
    const smallRow = f.int("smallRow", small), largeRow = f.int("largeRow", large);
    f.repeat(output.height, () => {
      const to = f.int("to", smallRow), from = f.int("from", largeRow);
      f.repeat(output.width, () => {
        copyChannels(f, input, output, offset, backward, from, to);
        f.advance(to, output.pixelBytes);
        f.advance(from, stride * input.pixelBytes);
      });
      f.advance(smallRow, output.rowBytes);
      f.advance(largeRow, stride * input.rowBytes);
    });
    f.advance(small, output.imageBytes);
    f.advance(large, input.imageBytes);
  });
  return f.kernel();
}

function copyChannels(
  f: FunctionBuilder,
  input: Layout,
  output: Layout,
  offset: number,
  backward: boolean,
  large: string,
  small: string,
): void {
  const whole = input.channels % 4 === 0 && offset % 16 === 0;
  for (const i of range(whole ? input.channels / 4 : input.channels)) {
    const at = i * (whole ? 16 : 4);
    const inLarge = [large, input.origin + at] as const, inSmall = [small, output.origin + offset + at] as const;
    const [from, to] = backward ? [inSmall, inLarge] : [inLarge, inSmall];
    if (whole) f.store(...to, f.load(...from, 1));
    else f.line(`(f32.store offset=${to[1]} ${to[0]} (f32.load offset=${from[1]} ${from[0]}))`);
  }
}

/**
 * Loss of each image, and the gradient of the mean loss by the logits: (images, logits, labels, losses, gradient).
 * `labels` are i32, `losses` f32; `batch` is what the mean is over. The target is 1 - `smoothing` for the label, plus
 * `smoothing` / classes for every class.
 */
export function softmaxCrossEntropy(
  name: string,
  logits: Layout,
  batch: number,
  smoothing: number,
  target: Target,
): Kernel {
  const classes = logits.channels, shared = smoothing / classes; // of the target, for every class
  const f = new FunctionBuilder(name, ["images", "logits", "labels", "losses", "gradient"], target);
  f.line("(local $largest f32) (local $sum f32) (local $all f32)");
  const row = f.int("row", f.parameter("logits")), into = f.int("into", f.parameter("gradient"));
  const label = f.int("label", f.parameter("labels")), loss = f.int("loss", f.parameter("losses"));
  const class_ = (pointer: string, i: number) => `(f32.load offset=${i * FLOAT_BYTES} ${pointer})`;
  const splat = (text: string): Vector => f.bind([`(f32x4.splat ${text})`], "splat");
  /** The sum over classes of target times logit. */
  const smoothedLogit = (own: string) => {
    f.line("(local.set $all (f32.const 0))");
    for (let i = 0; i < classes; i++) f.line(`(local.set $all (f32.add (local.get $all) ${class_(row, i)}))`);
    return `(f32.add (f32.mul (f32.const ${1 - smoothing}) ${own}) (f32.mul (f32.const ${shared}) (local.get $all)))`;
  };
  f.repeat(f.parameter("images"), () => {
    f.comment("the largest logit (f32.max keeps a NaN), for exponentials that do not overflow");
    f.line(`(local.set $largest ${class_(row, 0)})`);
    for (let i = 1; i < classes; i++) {
      f.line(`(local.set $largest (f32.max (local.get $largest) ${class_(row, i)}))`);
    }
    for (let i = 0; i < logits.lanes; i += 4) {
      const shifted = f.sub(f.load(row, i * FLOAT_BYTES, 1), splat("(local.get $largest)"));
      f.store(into, i * FLOAT_BYTES, emitFunction(f, "exp", shifted));
    }
    f.line("(local.set $sum (f32.const 0))");
    for (let i = 0; i < classes; i++) {
      f.line(`(local.set $sum (f32.add (local.get $sum) ${class_(into, i)}))`);
    }
    f.comment("loss = log(sum) + largest - logit of the label");
    const log = emitFunction(f, "log", splat("(local.get $sum)"));
    const labelOffset = `(i32.shl (i32.load ${label}) (i32.const 2))`;
    const own = `(f32.load (i32.add ${row} ${labelOffset}))`;
    const wanted = smoothing === 0 ? own : smoothedLogit(own);
    const value = `(f32.sub (f32.add (f32x4.extract_lane 0 ${log[0]}) (local.get $largest)) ${wanted})`;
    f.line(`(f32.store ${loss} ${value})`);
    f.comment("gradient = (softmax - target) / batch");
    const share = splat(`(f32.div (f32.const ${1 / batch}) (local.get $sum))`);
    const every = shared === 0 ? null : splat(`(f32.const ${shared / batch})`);
    for (let i = 0; i < logits.lanes; i += 4) {
      const probability = f.mul(f.load(into, i * FLOAT_BYTES, 1), share);
      f.store(into, i * FLOAT_BYTES, every ? f.sub(probability, every) : probability);
    }
    const target = `(i32.add ${into} ${labelOffset})`;
    f.line(`(f32.store ${target} (f32.sub (f32.load ${target}) (f32.const ${(1 - smoothing) / batch})))`);
    f.advance(row, logits.imageBytes);
    f.advance(into, logits.imageBytes);
    f.advance(label, 4);
    f.advance(loss, FLOAT_BYTES);
  });
  return f.kernel();
}

/** gradient += sum over images: (images, from, gradient). The bias of the dense layer. */
export function sumOverImages(name: string, from: Layout, target: Target): Kernel {
  const f = new FunctionBuilder(name, ["images", "from", "gradient"], target);
  const row = f.int("row", f.parameter("from")), into = f.parameter("gradient");
  f.repeat(f.parameter("images"), () => {
    for (let i = 0; i < from.lanes; i += 4) {
      const at = i * FLOAT_BYTES;
      f.store(into, at, f.add(f.load(into, at, 1), f.load(row, from.origin + at, 1)));
    }
    f.advance(row, from.imageBytes);
  });
  return f.kernel();
}

/** Numbers the update reads, in this order, each one float in memory. */
export const RATES = ["learningRate", "correction1", "correction2"] as const;

/**
 * Sums the chunks' gradients in their order and updates `blocks` * 8 parameters:
 * (blocks, parameters, gradient, partial, slot0, slot1, rates). `partial` is the first chunk's gradient, the others
 * follow `chunkBytes` apart. `decayed` adds the weight decay.
 */
export function update(
  name: string,
  optimizer: Optimizer,
  decayed: boolean,
  chunks: number,
  chunkBytes: number,
  target: Target,
): Kernel {
  const parameters = ["blocks", "parameters", "gradient", "partial", "slot0", "slot1", "rates"];
  const f = new FunctionBuilder(name, parameters, target);
  const parts = 2, c = (value: number) => f.constant(value, parts);
  const [w, gradient, partial, slot0, slot1] = parameters.slice(1, 6).map((p) => f.int(p, f.parameter(p)));
  const rate = (name: typeof RATES[number]) =>
    f.broadcast(f.parameter("rates"), RATES.indexOf(name) * FLOAT_BYTES, parts);
  f.repeat(f.parameter("blocks"), () => {
    const chunk = f.int("chunk", partial);
    const sum = f.load(chunk, 0, parts);
    if (chunks > 1) {
      f.repeat(chunks - 1, () => {
        f.advance(chunk, chunkBytes);
        f.assign(sum, f.add(sum, f.load(chunk, 0, parts)));
      });
    }
    f.store(gradient, 0, sum);
    const weight = f.load(w, 0, parts);
    const g = decayed ? f.madd(c(optimizer.weightDecay), weight, sum) : sum;
    f.store(w, 0, f.nmadd(rate("learningRate"), direction(f, optimizer, g, slot0, slot1, rate, c), weight));
    for (const pointer of [w, gradient, partial, slot0, slot1]) f.advance(pointer, parts * 16);
  });
  return f.kernel();
}

/** What is subtracted, times the learning rate, from the weight; updates the slots. Formulas: child/network/optimizer.ts. */
function direction(
  f: FunctionBuilder,
  optimizer: Optimizer,
  g: Vector,
  slot0: string,
  slot1: string,
  rate: (name: typeof RATES[number]) => Vector,
  c: (value: number) => Vector,
): Vector {
  const keep = (slot: string, value: Vector) => (f.store(slot, 0, value), value);
  const old = (slot: string) => f.load(slot, 0, g.length);
  const average = (slot: string, decay: number, value: Vector) =>
    keep(slot, f.madd(c(decay), old(slot), f.mul(c(1 - decay), value)));
  switch (optimizer.kind) {
    case "sgd":
      return keep(slot0, f.madd(c(optimizer.momentum), old(slot0), g));
    case "rmsprop": {
      const root = f.sqrt(average(slot0, optimizer.decay, f.mul(g, g)));
      return keep(slot1, f.madd(c(optimizer.momentum), old(slot1), f.div(g, f.add(root, c(optimizer.epsilon)))));
    }
    case "adam": {
      const first = f.mul(average(slot0, optimizer.beta1, g), rate("correction1"));
      const second = f.mul(average(slot1, optimizer.beta2, f.mul(g, g)), rate("correction2"));
      return f.div(first, f.add(f.sqrt(second), c(optimizer.epsilon)));
    }
  }
}
