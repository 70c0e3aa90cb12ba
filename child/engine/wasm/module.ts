/**
 * Plan -> WebAssembly text, of two modules: the kernels that all children of a network share, which are then compiled once
 * for many functions, and the program, which imports them. Every thread runs `run(mode, images, thread, threads, scratch)`:
 * the same segments over its own chunks, with a barrier between them. Helper threads block in `serve`, which waits for
 * the next run.
 */
import type { Optimizer } from "../../network/optimizer.ts";
import { finishBackward, finishForward, prepareEvaluation } from "./batch_norm.ts";
import type { BatchNormMemory } from "./batch_norm.ts";
import { int, plus, times } from "./function_builder.ts";
import type { Argument, Call } from "./call.ts";
import type { Kernels } from "./kernels.ts";
import type { Plan, Segment } from "./plan.ts";
import { blocksOf } from "./convolution/winograd.ts";

/** Modes of a run, and the words of the control block below. */
export const MODES = { exit: 0, train: 1, evaluate: 2 } as const;
/** Byte addresses of the control words. */
export const CONTROL = { arrived: 0, generation: 4, command: 8, mode: 12, images: 16 } as const;
/** Maximum number of pages (64 KiB) of the module's memory. */
export const MAXIMUM_PAGES = 65536;
export const PAGE_BYTES = 65536;

/** Floats that the update takes at once, in bytes. */
const UPDATE_BYTES = 32;

/** A place in a step after which the module calls the imported `mark` with the index of this. */
export interface Mark {
  /** The kernel that was called, or the name of other work. */
  readonly kernel: string;
  readonly call?: Call;
  /** Images of a whole group. */
  readonly group?: number;
}

/** The texts of a program's modules. */
export interface ModuleTexts {
  /** Exports the shared kernels by name. */
  readonly kernels: string;
  /** Imports them from "kernels". */
  readonly program: string;
}

/**
 * With `marks`, a list that is filled here, the program imports `mark` and calls it after everything that takes time.
 */
export function moduleTexts(plan: Plan, optimizer: Optimizer, marks?: Mark[]): ModuleTexts {
  return { program: programText(plan, optimizer, marks), kernels: kernelsText(plan.kernels) };
}

function kernelsText(kernels: Kernels): string {
  return [
    `(module`,
    `  (memory (import "env" "memory") 1 ${MAXIMUM_PAGES} shared)`,
    ...kernels.shared().map(({ text }) => text),
    kernels.data.shared,
    `)`,
  ].join("\n");
}

function programText(plan: Plan, optimizer: Optimizer, marks?: Mark[]): string {
  const { kernels, memory, chunks } = plan;
  const updates = [true, false].map((decayed) => kernels.update(optimizer, decayed, chunks, memory.parameterBytes));
  const index = new Map<BatchNormMemory, number>(plan.batchNorms.map(({ memory }, i) => [memory, i]));
  const finish = (kind: string) => (bn: BatchNormMemory) => `(call $${kind}_${index.get(bn)})`;
  const marked = (mark: Mark) => marks ? ` (call $mark (i32.const ${marks.push(mark) - 1}))` : "";
  return [
    `(module`,
    marks ? `  (import "env" "mark" (func $mark (param i32)))` : "",
    ...kernels.shared().map(({ name, parameters }) =>
      `  (import "kernels" "${name}" (func $${name} (param${" i32".repeat(parameters)})))`
    ),
    `  (memory (import "env" "memory") ${Math.ceil(plan.totalBytes / PAGE_BYTES)} ${MAXIMUM_PAGES} shared)`,
    ...[...plan.activation.functions, ...kernels.own()].map(({ text }) => text),
    ...plan.batchNorms.flatMap(({ memory }, i) => [
      finishForward(`finish_forward_${i}`, memory),
      finishBackward(`finish_backward_${i}`, memory),
      prepareEvaluation(`prepare_evaluation_${i}`, memory),
    ]),
    FILL_ZERO,
    BARRIER,
    SERVE,
    ...plan.forward.map((segment, i) => segmentText(`forward_${i}`, segment, plan, marked)),
    ...plan.backward.map((segment, i) => segmentText(`backward_${i}`, segment, plan, marked)),
    clearText(plan),
    prepareText("prepare_forward", plan.prepare.forward, plan, marked),
    prepareText("prepare_backward", plan.prepare.backward, plan, marked),
    ...updates.map((kernel, i) => updateText(`update_range_${i}`, kernel, i === 0, plan)),
    `  (func $train ${RUN_PARAMETERS}`,
    `    (call $clear (local.get $thread) (local.get $threads))${marked({ kernel: "clear" })}`,
    `    (call $prepare_forward (local.get $thread) (local.get $threads))`,
    `    (call $barrier (local.get $threads))`,
    ...plan.forward.flatMap((s, i) => segmentCall(`forward_${i}`, 1, s.finishes.map(finish("finish_forward")), marked)),
    `    (call $barrier (local.get $threads))`,
    `    (call $prepare_backward (local.get $thread) (local.get $threads))`,
    `    (call $barrier (local.get $threads))`,
    ...plan.backward.flatMap((s, i) =>
      segmentCall(`backward_${i}`, 1, s.finishes.map(finish("finish_backward")), marked)
    ),
    `    (call $barrier (local.get $threads))`,
    `    (call $update_range_0 (local.get $thread) (local.get $threads))`,
    `    (call $update_range_1 (local.get $thread) (local.get $threads))${marked({ kernel: "update" })}`,
    `    (call $barrier (local.get $threads)))`,
    `  (func $evaluate ${RUN_PARAMETERS}`,
    `    (call $prepare_forward (local.get $thread) (local.get $threads))`,
    ...onFirstThread(plan.batchNorms.map((_, i) => `(call $prepare_evaluation_${i})`)),
    `    (call $barrier (local.get $threads))`,
    // Tensors of segments that are not neighbours share memory, so threads wait here as in training.
    ...plan.forward.flatMap((_, i) => [
      ...segmentCall(`forward_${i}`, 0, [], marked),
      `    (call $barrier (local.get $threads))`,
    ]),
    `  )`,
    RUN,
    kernels.data.own,
    plan.activation.constants.data(),
    `)`,
  ].join("\n");
}

const RUN_PARAMETERS = "(param $images i32) (param $thread i32) (param $threads i32) (param $scratch i32)";
const RUN_ARGUMENTS = "(local.get $images) (local.get $thread) (local.get $threads) (local.get $scratch)";

const FILL_ZERO = `  (func $fill_zero (param $address i32) (param $bytes i32)
    (memory.fill (local.get $address) (i32.const 0) (local.get $bytes)))`;

/** All threads meet: the last to arrive starts the next generation; the others spin briefly and then sleep. */
const BARRIER = `  (func $barrier (param $threads i32) (local $generation i32) (local $spins i32)
    (if (i32.eq (local.get $threads) (i32.const 1)) (then (return)))
    (local.set $generation (i32.atomic.load offset=${CONTROL.generation} (i32.const 0)))
    (if (i32.eq (i32.add (i32.atomic.rmw.add offset=${CONTROL.arrived} (i32.const 0) (i32.const 1)) (i32.const 1))
                (local.get $threads))
      (then
        (i32.atomic.store offset=${CONTROL.arrived} (i32.const 0) (i32.const 0))
        (i32.atomic.store offset=${CONTROL.generation} (i32.const 0) (i32.add (local.get $generation) (i32.const 1)))
        (drop (memory.atomic.notify offset=${CONTROL.generation} (i32.const 0) (i32.const -1)))
        (return)))
    (loop $wait
      (if (i32.ne (i32.atomic.load offset=${CONTROL.generation} (i32.const 0)) (local.get $generation))
        (then (return)))
      (local.set $spins (i32.add (local.get $spins) (i32.const 1)))
      (if (i32.gt_u (local.get $spins) (i32.const 20000))
        (then
          (drop (memory.atomic.wait32 offset=${CONTROL.generation}
            (i32.const 0) (local.get $generation) (i64.const -1)))))
      (br $wait)))`;

/** A helper thread's loop: waits for the command counter to change, runs, and repeats until told to exit. */
const SERVE = `  (func (export "serve") (param $thread i32) (param $threads i32) (param $scratch i32) (local $seen i32)
    (loop $again
      (loop $wait
        (drop (memory.atomic.wait32 offset=${CONTROL.command} (i32.const 0) (local.get $seen) (i64.const -1)))
        (br_if $wait (i32.eq (i32.atomic.load offset=${CONTROL.command} (i32.const 0)) (local.get $seen))))
      (local.set $seen (i32.add (local.get $seen) (i32.const 1)))
      (if (i32.ne (i32.load offset=${CONTROL.mode} (i32.const 0)) (i32.const ${MODES.exit}))
        (then
          (call $run (i32.load offset=${CONTROL.mode} (i32.const 0)) (i32.load offset=${CONTROL.images} (i32.const 0))
            (local.get $thread) (local.get $threads) (local.get $scratch))
          (br $again)))))`;

const RUN = `  (func $run (export "run") (param $mode i32) ${RUN_PARAMETERS}
    (if (i32.eq (local.get $mode) (i32.const ${MODES.train}))
      (then (call $train ${RUN_ARGUMENTS}))
      (else (call $evaluate ${RUN_ARGUMENTS}))))`;

type Marked = (mark: Mark) => string;

/** Runs a segment on every thread; then, where it completes batch norms, one thread finishes them. */
function segmentCall(name: string, training: 0 | 1, finishes: string[], marked: Marked): string[] {
  const run = `    (call $${name} ${RUN_ARGUMENTS} (i32.const ${training}))`;
  if (finishes.length === 0) return [run];
  const barrier = `    (call $barrier (local.get $threads))`;
  return [run, barrier, ...onFirstThread(finishes), `${barrier}${marked({ kernel: "finish_batch_norms" })}`];
}

function onFirstThread(lines: string[]): string[] {
  return ["    (if (i32.eqz (local.get $thread)) (then", ...lines.map((line) => `      ${line}`), "    ))"];
}

/** $from and $to: this thread's share of `count` items. */
function share(count: number): string[] {
  const part = (thread: string) => `(i32.div_u (i32.mul ${thread} (i32.const ${count})) (local.get $threads))`;
  return [
    `    (local.set $from ${part("(local.get $thread)")})`,
    `    (local.set $to ${part("(i32.add (local.get $thread) (i32.const 1))")})`,
    `    (if (i32.ge_u (local.get $from) (local.get $to)) (then (return)))`,
  ];
}

/** A segment over this thread's chunks, a group of images at a time. */
function segmentText(name: string, segment: Segment, plan: Plan, marked: Marked): string {
  const calls = (when: Call["when"]) =>
    segment.calls.filter((call) => call.when === when).map((call) =>
      callText(call, plan, marked({ kernel: call.kernel, call, group: segment.group }))
    );
  return [
    `  (func $${name} ${RUN_PARAMETERS} (param $training i32)`,
    `    (local $from i32) (local $to i32) (local $image i32) (local $last i32) (local $group i32)`,
    ...share(plan.chunks),
    `    (loop $chunks`,
    `      (local.set $image (i32.mul (local.get $from) (i32.const ${plan.chunkImages})))`,
    `      (local.set $last (i32.add (local.get $image) (i32.const ${plan.chunkImages})))`,
    `      (if (i32.gt_u (local.get $last) (local.get $images)) (then (local.set $last (local.get $images))))`,
    `      (if (i32.ge_u (local.get $image) (local.get $last)) (then (return)))`,
    ...calls("chunk_start"),
    `      (loop $groups`,
    `        (local.set $group (i32.sub (local.get $last) (local.get $image)))`,
    `        (if (i32.gt_u (local.get $group) (i32.const ${segment.group}))`,
    `          (then (local.set $group (i32.const ${segment.group}))))`,
    ...calls("group"),
    `        (local.set $image (i32.add (local.get $image) (local.get $group)))`,
    `        (br_if $groups (i32.lt_u (local.get $image) (local.get $last))))`,
    ...calls("chunk_end"),
    `      (local.set $from (i32.add (local.get $from) (i32.const 1)))`,
    `      (br_if $chunks (i32.lt_u (local.get $from) (local.get $to)))))`,
  ].join("\n");
}

function callText(call: Call, plan: Plan, mark: string): string {
  const text = `(call $${call.kernel} ${call.arguments.map((a) => argumentText(a, plan)).join(" ")})${mark}`;
  return call.trainingOnly ? `      (if (local.get $training) (then ${text}))` : `      ${text}`;
}

function argumentText(argument: Argument, plan: Plan): string {
  const image = "(local.get $image)", group = "(local.get $group)", chunk = "(local.get $from)";
  const inScratch = (offset: number) => plus("(local.get $scratch)", offset);
  switch (argument.kind) {
    case "images":
      return group;
    case "fixed":
      return int(argument.address);
    case "number":
      return int(argument.value);
    case "scratch":
      return inScratch(argument.offset);
    case "segment_scratch":
      return inScratch(plan.scratch.segment + argument.offset);
    case "tensor": {
      const { place, address, layout } = argument.tensor;
      return place === "scratch" ? inScratch(address) : plus(times(image, layout.imageBytes), address);
    }
    case "per_image":
      return plus(times(image, argument.bytes), argument.address);
    case "chunk_gradient":
      return plus(times(chunk, plan.memory.parameterBytes), argument.address);
    case "chunk_sums":
      return plus(times(chunk, plan.memory.chunkSumsBytes), argument.address);
    case "tiles":
      return times(group, argument.perImage);
    case "tile_blocks":
      return blocksOf(group, argument.perImage);
  }
}

/** Zeroes the gradients and sums of this thread's chunks. */
function clearText({ chunks, memory }: Plan): string {
  const fill = (address: number, bytes: number) =>
    `    (memory.fill ${plus(times("(local.get $from)", bytes), address)} (i32.const 0) ${
      times("(i32.sub (local.get $to) (local.get $from))", bytes)
    })`;
  return [
    `  (func $clear (param $thread i32) (param $threads i32) (local $from i32) (local $to i32)`,
    ...share(chunks),
    fill(memory.chunkGradients, memory.parameterBytes),
    `${fill(memory.chunkSums, memory.chunkSumsBytes)})`,
  ].join("\n");
}

/** The kernel transforms, distributed round-robin over the threads. */
function prepareText(name: string, calls: readonly Call[], plan: Plan, marked: Marked): string {
  return [
    `  (func $${name} (param $thread i32) (param $threads i32)`,
    ...calls.map((call, i) =>
      `    (if (i32.eq (i32.rem_u (i32.const ${i}) (local.get $threads)) (local.get $thread)) (then ${
        callText(call, plan, marked({ kernel: call.kernel, call, group: 1 }))
      }))`
    ),
    "  )",
  ].join("\n");
}

/** Updates this thread's share of the parameters with (or without) weight decay. */
function updateText(name: string, kernel: string, decayed: boolean, { memory }: Plan): string {
  const start = decayed ? 0 : memory.decayedBytes;
  const end = decayed ? memory.decayedBytes : memory.parameterBytes;
  const at = (address: number) => plus(times("(local.get $from)", UPDATE_BYTES), address + start);
  const [slot0, slot1 = slot0] = memory.slots; // a second that there is not is not touched
  return [
    `  (func $${name} (param $thread i32) (param $threads i32) (local $from i32) (local $to i32)`,
    ...share((end - start) / UPDATE_BYTES),
    `    (call $${kernel} (i32.sub (local.get $to) (local.get $from))`,
    `      ${at(memory.parameters)} ${at(memory.gradient)} ${at(memory.chunkGradients)}`,
    `      ${at(slot0)} ${at(slot1)} (i32.const ${memory.rates})))`,
  ].join("\n");
}
