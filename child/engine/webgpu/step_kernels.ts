/**
 * The ends of a training step: the images that go in, the loss that comes out, the update of the parameters. Steps of
 * one submission are told apart by a counter on the card; what differs between them lies in buffers of
 * [step][child that trains], where the children that train are numbered from 0.
 */
import { PAD } from "../../../datasets/batches.ts";
import type { Optimizer } from "../../network/optimizer.ts";
import { type Dispatch, kernel, literal, NOTHING, Numbers, type Operand, quadBytes, valueBytes } from "./kernel.ts";
import { quadsOf } from "./layout.ts";
import { type Shape, sizeOf } from "../../network/shape.ts";

const THREADS = 256;

/** Images of a step as floats, [image][row][column][channel], into quads. */
export function stageImages(images: number, shape: Shape, to: Operand): Dispatch {
  const [height, width, channels] = shape, quads = quadsOf(channels);
  const count = images * height * width * quads;
  const numbers = new Numbers();
  numbers.unsignedAll({
    size: images * sizeOf(shape),
    count,
    quads,
    channels,
    values_child: to.stride,
  });
  const body = `
  let source = (control[0] * groups.z + group.z) * size;
  for (var i = group.x * ${THREADS}u + thread; i < count; i += groups.x * ${THREADS}u) {
    let c = i % quads * 4u;
    let at = source + i / quads * channels + c;
    var value = vec4f();
${[0, 1, 2, 3].map((j) => `    if (c + ${j}u < channels) { value.${"xyzw"[j]} = images[at + ${j}u]; }`).join("\n")}
    values[child * values_child + i] = value;
  }`;
  const reads = [{ name: "control", type: "u32" }, { name: "images", type: "f32" }] as const;
  const values = images * sizeOf(shape);
  return imagesDispatch("images of a step", reads, { numbers, body, count, bytes: 4 * values, values, to });
}

/** What fills `count` quads of `to` with `values`, reading `bytes` from the buffers of these names. */
function imagesDispatch(
  name: string,
  reads: readonly { readonly name: string; readonly type: "u32" | "f32" }[],
  { numbers, body, count, bytes, values, to }: {
    readonly numbers: Numbers;
    readonly body: string;
    readonly count: number;
    readonly bytes: number;
    readonly values: number;
    readonly to: Operand;
  },
): Dispatch {
  return {
    kernel: kernel(
      name,
      [
        ...reads.map((buffer) => ({ ...buffer, access: "read" as const })),
        { name: "values", access: "read_write" },
      ],
      THREADS,
      numbers,
      { body },
    ),
    buffers: [...reads.map(({ name }) => name), to.buffer],
    record: numbers.words,
    workgroups: [Math.min(1024, Math.ceil(count / THREADS)), 1],
    own: false,
    work: "images",
    cost: { operations: 0, bytes: bytes + quadBytes(count) },
    least: { operations: 0, bytes: bytes + valueBytes(values) },
  };
}

/** Images of a step from a data set on the card: picked, cropped, flipped and normalised as `TrainingBatches` does it. */
export function pickImages(images: number, shape: Shape, to: Operand): Dispatch {
  const [height, width, channels] = shape, quads = quadsOf(channels);
  const count = images * height * width * quads;
  const numbers = new Numbers();
  numbers.unsigned("count", count);
  numbers.unsigned("images", images);
  numbers.signed("height", height);
  numbers.signed("width", width);
  numbers.unsigned("channels", channels);
  numbers.unsigned("quads", quads);
  numbers.signed("padding", PAD);
  numbers.unsigned("values_child", to.stride);
  const body = `
  let first = (control[0] * groups.z + group.z) * images;
  for (var i = group.x * ${THREADS}u + thread; i < count; i += groups.x * ${THREADS}u) {
    let c = i % quads * 4u;
    let pixel = i / quads;
    let n = first + pixel / u32(height * width);
    let crop = picks[2u * n + 1u];
    let column = i32(pixel) % width;
    let y = i32(pixel) / width % height + i32(crop & 255u) - padding;
    let x = select(column, width - 1 - column, (crop >> 16u) == 1u) + i32((crop >> 8u) & 255u) - padding;
    var value = vec4f();
    if (y >= 0 && y < height && x >= 0 && x < width) {
      let at = (picks[2u * n] * u32(height * width) + u32(y * width + x)) * channels + c;
      for (var j = 0u; j < 4u; j++) {
        if (c + j < channels) {
          let byte = pixels[(at + j) / 4u] >> ((at + j) % 4u * 8u) & 255u;
          value[j] = table[(c + j) * 256u + byte];
        }
      }
    }
    values[child * values_child + i] = value;
  }`;
  const reads = [
    { name: "control", type: "u32" },
    { name: "picks", type: "u32" },
    { name: "pixels", type: "u32" },
    { name: "table", type: "f32" },
  ] as const;
  const values = images * sizeOf(shape);
  return imagesDispatch("picked images of a step", reads, { numbers, body, count, bytes: values, values, to });
}

export interface Loss {
  readonly images: number;
  readonly classes: number;
  readonly smoothing: number;
  readonly logits: Operand;
  readonly gradient: Operand;
}

const LOSS_THREADS = 64;

/** Softmax cross-entropy with label smoothing: the mean loss of the batch, and (softmax - target) / images. */
export function softmaxCrossEntropy(loss: Loss): Dispatch {
  const { images, classes, smoothing, logits, gradient } = loss;
  const quads = quadsOf(classes);
  const numbers = new Numbers();
  numbers.unsignedAll({
    images,
    classes,
    quads,
    logits_child: logits.stride,
    gradient_child: gradient.stride,
  });
  numbers.float("every", smoothing / classes);
  numbers.float("own", 1 - smoothing);
  const body = `
  let step = control[0] * groups.z + group.z;
  let share = 1.0f / f32(images);
  var total = 0.0f;
  for (var n = thread; n < images; n += ${LOSS_THREADS}u) {
    let row = (child * logits_child + n * quads) * 4u;
    let to = (child * gradient_child + n * quads) * 4u;
    let label = labels[step * images + n];
    var largest = logits[row];
    for (var c = 1u; c < classes; c++) { largest = max(largest, logits[row + c]); }
    var sum = 0.0f;
    for (var c = 0u; c < classes; c++) { sum += exp(logits[row + c] - largest); }
    // WGSL's max may drop a NaN; the sum keeps it.
    total += log(sum) + own * (largest - logits[row + label]);
    if (every > 0.0f) {
      for (var c = 0u; c < classes; c++) { total += every * (largest - logits[row + c]); }
    }
    for (var c = 0u; c < quads * 4u; c++) {
      let probability = exp(logits[row + min(c, classes - 1u)] - largest) / sum;
      let wanted = every + select(0.0f, own, c == label);
      gradient[to + c] = select(0.0f, (probability - wanted) * share, c < classes);
    }
  }
  shared_[thread] = total;
  workgroupBarrier();
  for (var half = ${LOSS_THREADS / 2}u; half > 0u; half /= 2u) {
    if (thread < half) { shared_[thread] += shared_[thread + half]; }
    workgroupBarrier();
  }
  if (thread == 0u) { losses[step] = shared_[0] * share; }`;
  return {
    kernel: kernel(
      "softmax cross-entropy",
      [
        { name: "control", access: "read", type: "u32" },
        { name: "labels", access: "read", type: "u32" },
        { name: "logits", access: "read", type: "f32" },
        { name: "gradient", access: "read_write", type: "f32" },
        { name: "losses", access: "read_write", type: "f32" },
      ],
      LOSS_THREADS,
      numbers,
      { declarations: `var<workgroup> shared_: array<f32, ${LOSS_THREADS}>;`, body },
    ),
    buffers: ["control", "labels", logits.buffer, gradient.buffer, "losses"],
    record: numbers.words,
    workgroups: [1, 1],
    own: false,
    work: "loss",
    cost: { operations: 8 * images * classes, bytes: quadBytes(2 * images * quads) },
    least: { operations: 8 * images * classes, bytes: valueBytes(2 * images * classes) },
  };
}

type OptimizerOf<Kind extends Optimizer["kind"]> = Extract<Optimizer, { kind: Kind }>;

/**
 * The formulas of `optimizer.ts`, with gradient g, weight w, slots s0 and s1, and rates (learning rate, and for Adam
 * 1 / (1 - beta1^step), 1 / (1 - beta2^step)).
 */
const UPDATES: { readonly [Kind in Optimizer["kind"]]: (optimizer: OptimizerOf<Kind>) => string } = {
  sgd: ({ momentum }) => `
    let v = ${literal(momentum)} * slot0[at] + g;
    slot0[at] = v;
    parameters[at] = w - rate.x * v;`,
  rmsprop: ({ decay, momentum, epsilon }) => `
    let s = ${literal(decay)} * slot0[at] + ${literal(1 - decay)} * g * g;
    let v = ${literal(momentum)} * slot1[at] + g / (sqrt(s) + ${literal(epsilon)});
    slot0[at] = s;
    slot1[at] = v;
    parameters[at] = w - rate.x * v;`,
  adam: ({ beta1, beta2, epsilon }) => `
    let m = ${literal(beta1)} * slot0[at] + ${literal(1 - beta1)} * g;
    let s = ${literal(beta2)} * slot1[at] + ${literal(1 - beta2)} * g * g;
    slot0[at] = m;
    slot1[at] = s;
    parameters[at] = w - rate.x * (m * rate.y) / (sqrt(s * rate.z) + ${literal(epsilon)});`,
};

export interface Update {
  readonly optimizer: Optimizer;
  readonly slots: number;
  /** Quads of a child; those before `decayed` have weight decay. */
  readonly quads: number;
  readonly decayed: number;
  /** Parameters that they hold. */
  readonly values: number;
}

/** All parameters in one dispatch. */
export function update({ optimizer, slots, quads, decayed, values }: Update): Dispatch {
  const write = UPDATES[optimizer.kind] as (optimizer: Optimizer) => string;
  const slotNames = Array.from({ length: slots }, (_, i) => `slot${i}`);
  const numbers = new Numbers();
  numbers.unsigned("quads", quads);
  numbers.unsigned("decayed", decayed);
  const body = `
  let i = group.x * ${THREADS}u + thread;
  if (i < quads) {
    let at = child * quads + i;
    let rate = rates[control[0] * groups.z + group.z];
    let w = parameters[at];
    let g = fma(w, vec4f(select(0.0f, ${literal(optimizer.weightDecay)}, i < decayed)), gradients[at]);
${write(optimizer)}
  }`;
  return {
    kernel: kernel(
      `update by ${optimizer.kind}`,
      [
        { name: "control", access: "read", type: "u32" },
        { name: "rates", access: "read" },
        { name: "gradients", access: "read" },
        { name: "parameters", access: "read_write" },
        ...slotNames.map((name) => ({ name, access: "read_write" as const })),
      ],
      THREADS,
      numbers,
      { body },
    ),
    buffers: ["control", "rates", "gradients", "parameters", ...slotNames],
    record: numbers.words,
    workgroups: [Math.ceil(quads / THREADS), 1],
    own: false,
    work: "update",
    cost: { operations: 24 * quads, bytes: quadBytes((3 + 2 * slots) * quads) },
    least: { operations: 6 * values, bytes: valueBytes((3 + 2 * slots) * values) },
  };
}

/** Increments the step counter. */
export function advance(): Dispatch {
  const numbers = new Numbers();
  return {
    kernel: kernel(
      "next step",
      [{ name: "control", access: "read_write", type: "u32" }],
      1,
      numbers,
      { body: "  if (group.z == 0u) { control[0] += 1u; }" },
    ),
    buffers: ["control"],
    record: numbers.words,
    workgroups: [1, 1],
    own: false,
    work: "update",
    cost: NOTHING,
    least: NOTHING,
  };
}
