/**
 * Children side by side on one card. A group has places for so many children of one graph; each place holds one, with
 * its own function, parameters and step. Requests to the children of a group that come at the same time share one
 * submission: common kernels are dispatched over all children that take part, kernels with a child's own function once
 * for each. No child's numbers depend on the others', nor on how many there are.
 *
 * Over 400 lines, as a group's places, buffers and submissions are one state.
 */
import type { Batch } from "../../../datasets/dataset.ts";
import type { Optimizer } from "../../network/optimizer.ts";
import type { PickedBatch } from "../../../datasets/batches.ts";
import { DeviceError, type PickedStep, type TrainingStep } from "../engine.ts";
import { ALIGNMENT, buffersFor, carriedSteps, type Kept, keptNames, records } from "./buffers.ts";
import { type Card, causeOf, lossOf, type Refusal, watched } from "./device.ts";
import { MAX_STEPS } from "./dropout.ts";
import type { HeldDataset } from "./held_dataset.ts";
import { type BufferName, type Dispatch, RECORD_BYTES } from "./kernel.ts";
import { LANES, QUAD_BYTES } from "./layout.ts";
import { pipelineOf } from "./pipelines.ts";
import type { Plan } from "./plan.ts";
import { sizeOf } from "../../network/shape.ts";
import { type Progress, Turns } from "./turns.ts";

/** Runs of a kernel in one submission that is timed; one of a kernel that takes far longer than a wait for the card. */
const TIMED_RUNS = 10, SLOW_SECONDS = 0.2;

type Step = TrainingStep | PickedStep;

type Work =
  | {
    readonly kind: "train";
    readonly steps: readonly Step[];
    /** The data set that picked batches are of; null where images come with the steps. */
    readonly dataset: HeldDataset | null;
    readonly losses: number[];
    readonly updates: number;
  }
  | { readonly kind: "evaluate"; readonly batches: readonly Batch[]; readonly logits: Float32Array[] }
  | { readonly kind: "read"; readonly buffer: Kept; values?: Float32Array }
  | { readonly kind: "write"; readonly buffer: Kept; readonly values: Float32Array };

/** A request of the child at a place. */
interface Asked<Kind extends Work["kind"]> {
  readonly place: number;
  readonly work: Extract<Work, { kind: Kind }>;
}

/** What is read back: from where, how many bytes, and who takes it. */
interface Wanted {
  readonly buffer: GPUBuffer;
  readonly at: number;
  readonly bytes: number;
  readonly take: (values: Float32Array) => void;
}

/** Steps that are trained in one submission, and the dispatches that their children share. */
interface Training {
  readonly asked: readonly Asked<"train">[];
  kernels: readonly (Ready | null)[];
}

interface Ready {
  readonly pipeline: GPUComputePipeline;
  readonly bindings: GPUBindGroup;
  readonly workgroups: readonly [number, number];
}

/** The dispatches of a child, ready to encode; those with its own function are its own. */
interface Child {
  readonly training: readonly (Ready | null)[];
  readonly evaluation: readonly (Ready | null)[];
}

export class Group {
  readonly #buffers = new Map<BufferName, GPUBuffer>();
  readonly #children: (Child | undefined)[];
  readonly #turns = new Turns<Work>((turn) => this.#takeTurn(turn));
  #staging: GPUBuffer | undefined;
  /** Steps of one submission where they carry their images. */
  readonly #carriedSteps: number;
  #shared!: Child;
  /** What the card refused: the group's tensors are not to be trusted after it. */
  #error: Error | null = null;
  readonly #pickings = new Map<HeldDataset, Promise<Ready>>();
  #reserved = 0;
  #owned: GPUBuffer[] = [];

  private constructor(readonly card: Card, readonly plan: Plan, readonly places: number) {
    this.#children = new Array(places);
    this.#carriedSteps = carriedSteps(plan, places);
  }

  /** Makes the buffers. Throws a DeviceError if the card cannot bind or hold them, in one sentence. */
  static async open(card: Card, plan: Plan, places: number): Promise<Group> {
    const group = new Group(card, plan, places);
    group.#checkLimits();
    try {
      const refused = await watched(card.device, () => group.#createBuffers()).refused;
      if (refused) throw group.#refusal(refused);
      group.#shared = await group.#prepare(plan, null);
      return group;
    } catch (error) {
      group.close();
      throw error;
    }
  }

  /** Of all places together. */
  get bytes(): number {
    return this.#owned.reduce((sum, { size }) => sum + size, 0);
  }

  get isClosed(): boolean {
    return this.#owned.length === 0;
  }

  /** Keeps a place for a child that is then put there; false if all are taken, or the card refused work of the group. */
  reserve(): boolean {
    if (this.#reserved === this.places || this.#error !== null) return false;
    this.#reserved++;
    return true;
  }

  /** Puts a child with its own function into a reserved place, which starts with zeros and variances of 1. */
  async place(plan: Plan): Promise<number> {
    const place = this.#children.findIndex((child) => child === undefined);
    this.#children[place] = { training: [], evaluation: [] };
    try {
      this.#children[place] = await this.#prepare(plan, place);
      for (const name of keptNames(this.plan)) {
        const values = new Float32Array(this.plan.quads.get(name)! * LANES);
        if (name === "statistics") values.fill(1, this.plan.statistics.half * LANES);
        await this.write(place, name, values);
      }
      return place;
    } catch (error) {
      this.leave(place);
      throw error;
    }
  }

  /** Frees a place; the last child closes the group. */
  leave(place: number): void {
    this.#children[place] = undefined;
    this.#turns.forget(place);
    if (--this.#reserved === 0) this.close();
  }

  close(): void {
    for (const buffer of [...this.#owned, ...this.#staging ? [this.#staging] : []]) buffer.destroy();
    this.#owned = [];
    this.#staging = undefined;
  }

  /**
   * Losses of the steps, whose batches are picked from a data set, or carry their images if that is null. `updates` is
   * the number of earlier updates of the child, for Adam.
   */
  async train(
    place: number,
    steps: readonly Step[],
    dataset: HeldDataset | null,
    updates: number,
  ): Promise<Float64Array> {
    const work = { kind: "train" as const, steps, dataset, losses: [], updates };
    await this.#turns.add(place, work);
    return Float64Array.from(work.losses);
  }

  /**
   * Logits of each batch in quads, always for the program's full batch; rows beyond the images given are meaningless.
   */
  async evaluate(place: number, batches: readonly Batch[]): Promise<readonly Float32Array[]> {
    const work = { kind: "evaluate" as const, batches, logits: [] };
    await this.#turns.add(place, work);
    return work.logits;
  }

  async read(place: number, buffer: Kept): Promise<Float32Array> {
    const work: Extract<Work, { kind: "read" }> = { kind: "read", buffer };
    await this.#turns.add(place, work);
    return work.values!;
  }

  async write(place: number, buffer: Kept, values: Float32Array): Promise<void> {
    await this.#turns.add(place, { kind: "write", buffer, values });
  }

  /** Seconds of these dispatches of a training step, of all children, in the median of so many repetitions. */
  async time(dispatches: readonly number[], repetitions: number): Promise<number> {
    const places = this.#children.flatMap((child, place) => child ? [place] : []);
    this.card.device.queue.writeBuffer(this.#buffers.get("children")!, 0, Uint32Array.from(places));
    const only = (ready: readonly (Ready | null)[]) => ready.map((one, i) => dispatches.includes(i) ? one : undefined);
    const seconds: number[] = [];
    const timed = (runs: number) => this.#timeOf(only, places, runs);
    // A wait for the card takes longer than a kernel: the difference of many runs in one submission and of none.
    const runs = await timed(1) < SLOW_SECONDS ? TIMED_RUNS : 1;
    for (let i = 0; i < repetitions; i++) {
      const [none, some] = [await timed(0), await timed(runs)];
      seconds.push(Math.max(0, some - none) / runs);
    }
    return seconds.sort((a, b) => a - b)[repetitions >> 1];
  }

  async #timeOf(
    only: (ready: readonly (Ready | null)[]) => readonly (Ready | null | undefined)[],
    places: readonly number[],
    runs: number,
  ): Promise<number> {
    const { device } = this.card, encoder = device.createCommandEncoder();
    this.#encode(encoder, only(this.#shared.training), "training", places, runs);
    const started = performance.now();
    device.queue.submit([encoder.finish()]);
    await device.queue.onSubmittedWorkDone();
    return (performance.now() - started) / 1000;
  }

  // Work ----------------------------------------------------------------------------------------------------------

  #check(): void {
    if (this.card.lost() !== null) throw lossOf(this.card);
    if (this.#error !== null) throw this.#error;
  }

  #refusal({ forMemory, message }: Refusal): Error {
    if (!forMemory) return new Error(`the card ${this.card.name} refused its work: ${message}`);
    return new DeviceError(
      "memory",
      `Cannot train ${this.#who} on ${this.card.name} as that takes ${
        mebibytes(this.bytes)
      } MiB and it has too little ` +
        `memory: ask for fewer children, a smaller batch or --engine wasm`,
    );
  }

  get #who(): string {
    const { places, plan: { graph, batch } } = this;
    return `${places === 1 ? "a child" : `${places} children`} of ${graph.name} at batch ${batch}`;
  }

  async #takeTurn(turn: readonly Asked<Work["kind"]>[]): Promise<Progress[]> {
    try {
      this.#check();
      await this.#do(turn);
      this.#check();
    } catch (error) {
      throw await causeOf(error, this.card);
    }
    return turn.map(({ work }) => progressOf(work));
  }

  /** Does a part of each request: of those to train and to evaluate as much as one submission has. */
  async #do(turn: readonly Asked<Work["kind"]>[]): Promise<void> {
    const of = <Kind extends Work["kind"]>(kind: Kind) =>
      turn.flatMap(({ place, work }) =>
        work.kind === kind ? [{ place, work: work as Extract<Work, { kind: Kind }> }] : []
      );
    const asked = of("train"), dataset = asked[0]?.work.dataset ?? null;
    // Those with the first's data set: the others wait.
    const training = { asked: asked.filter(({ work }) => work.dataset === dataset), kernels: this.#shared.training };
    if (dataset) training.kernels = [await this.#pickingFrom(dataset), ...this.#shared.training.slice(1)];
    const { result: wanted, refused } = watched(this.card.device, () => {
      for (const request of of("write")) this.#write(request);
      return this.#submit(training, of("evaluate"), of("read"));
    });
    const refusal = await refused;
    if (refusal) throw this.#error = this.#refusal(refusal);
    await this.#take(wanted);
  }

  #submit(training: Training, judged: readonly Asked<"evaluate">[], read: readonly Asked<"read">[]): Wanted[] {
    const { device } = this.card, wanted: Wanted[] = [];
    let encoder = device.createCommandEncoder();
    const isTraining = this.#encodeTraining(encoder, training, wanted);
    if (isTraining && judged.length > 0) {
      // In a submission of its own, as the images to be judged take the place of the steps'.
      device.queue.submit([encoder.finish()]);
      encoder = device.createCommandEncoder();
    }
    if (judged.length > 0) this.#encodeEvaluation(encoder, judged, wanted);
    for (const { place, work } of read) {
      const bytes = this.plan.quads.get(work.buffer)! * QUAD_BYTES;
      const take = (values: Float32Array) => work.values = values;
      wanted.push({ buffer: this.#buffers.get(work.buffer)!, at: place * bytes, bytes, take });
    }
    this.#encodeCopies(encoder, wanted);
    device.queue.submit([encoder.finish()]);
    return wanted;
  }

  #write({ place, work: { buffer, values } }: Asked<"write">): void {
    if (values.length === 0) return; // Deno 2.9.6 panics on an empty write
    const at = place * this.plan.quads.get(buffer)! * QUAD_BYTES;
    this.card.device.queue.writeBuffer(this.#buffers.get(buffer)!, at, values as Float32Array<ArrayBuffer>);
  }

  /** Trains as many steps as every one of the children has left. False if there is none. */
  #encodeTraining(encoder: GPUCommandEncoder, { asked: trained, kernels }: Training, wanted: Wanted[]): boolean {
    const most = trained[0]?.work.dataset ? MAX_STEPS : this.#carriedSteps;
    const count = Math.min(most, ...trained.map(({ work }) => work.steps.length - work.losses.length));
    if (trained.length === 0 || count === 0) return false;
    const places = trained.map(({ place }) => place);
    this.#stage(places, count, (step) =>
      trained.map(({ work }) => {
        const { batch, learningRate } = work.steps[work.losses.length + step];
        return { batch, rates: this.#rates(learningRate, work.updates + work.losses.length + step + 1) };
      }));
    const seeds = new Uint32Array(this.places * MAX_STEPS);
    for (const { place, work: { steps, losses } } of trained) {
      const next = steps.slice(losses.length, losses.length + count);
      seeds.set(next.map(({ dropoutSeed = 0 }) => dropoutSeed), place * MAX_STEPS);
    }
    this.card.device.queue.writeBuffer(this.#buffers.get("dropout_seeds")!, 0, seeds);
    this.#encode(encoder, kernels, "training", places, count);
    wanted.push({
      buffer: this.#buffers.get("losses")!,
      at: 0,
      bytes: 4 * count * places.length,
      take: (losses) =>
        trained.forEach(({ work }, i) => {
          for (let step = 0; step < count; step++) work.losses.push(losses[step * places.length + i]);
        }),
    });
    return true;
  }

  /** Evaluates as many batches as every waiting child has left; their logits are kept until they are read together. */
  #encodeEvaluation(encoder: GPUCommandEncoder, judged: readonly Asked<"evaluate">[], wanted: Wanted[]): void {
    const places = judged.map(({ place }) => place);
    const left = judged.map(({ work }) => work.batches.length - work.logits.length);
    const count = Math.min(this.#carriedSteps, ...left);
    this.#stage(
      places,
      count,
      (step) => judged.map(({ work }) => ({ batch: work.batches[work.logits.length + step], rates: [0, 0, 0, 0] })),
    );
    const { buffer, quads } = this.plan.logits, bytes = this.plan.batch * quads * QUAD_BYTES;
    const kept = this.#buffers.get("logits")!, stride = this.plan.quads.get(buffer)! * QUAD_BYTES;
    for (let step = 0; step < count; step++) {
      const start = step * this.places * stride;
      this.#encode(encoder, this.#shared.evaluation, "evaluation", places, 1);
      encoder.copyBufferToBuffer(this.#buffers.get(buffer)!, 0, kept, start, this.places * stride);
      for (const { place, work } of judged) {
        wanted.push({ buffer: kept, at: start + place * stride, bytes, take: (values) => work.logits.push(values) });
      }
    }
  }

  /** Puts the images, labels and rates of steps, [step][child that takes part], where the kernels find them. */
  #stage(
    places: readonly number[],
    count: number,
    stepOf: (step: number) => readonly { readonly batch: Batch | PickedBatch; readonly rates: readonly number[] }[],
  ): void {
    const { queue } = this.card.device, { batch, graph } = this.plan;
    const write = (name: BufferName, at: number, values: Float32Array | Uint32Array) =>
      queue.writeBuffer(this.#buffers.get(name)!, at, values as Float32Array<ArrayBuffer>);
    write("control", 0, new Uint32Array(4));
    write("children", 0, Uint32Array.from(places));
    const all = Array.from({ length: count }, (_, step) => stepOf(step)).flat();
    const labels = new Uint32Array(all.length * batch), imageBytes = batch * sizeOf(graph.nodes[0].shape) * 4;
    const picks = new Uint32Array(2 * labels.length);
    all.forEach(({ batch: given }, i) => {
      labels.set(given.labels, i * batch);
      if ("images" in given) {
        const { images } = given;
        write("images", i * imageBytes, images instanceof Float32Array ? images : Float32Array.from(images));
      } else {
        for (let n = 0; n < batch; n++) picks.set([given.picks[n], given.crops[n]], 2 * (i * batch + n));
      }
    });
    write("picks", 0, picks);
    write("labels", 0, labels);
    write("rates", 0, Float32Array.from(all.flatMap(({ rates }) => rates)));
    // Without a submission Deno keeps the copies of all these (measured 2026-11-25, Deno 2.9.6).
    queue.submit([]);
  }

  /** Learning rate, and for Adam the corrections of its means after so many updates. */
  #rates(learningRate: number, updates: number): readonly number[] {
    const optimizer: Optimizer = this.plan.optimizer;
    if (optimizer.kind !== "adam") return [learningRate, 0, 0, 0];
    return [learningRate, 1 / (1 - optimizer.beta1 ** updates), 1 / (1 - optimizer.beta2 ** updates), 0];
  }

  #encode(
    encoder: GPUCommandEncoder,
    shared: readonly (Ready | null | undefined)[],
    run: keyof Child,
    places: readonly number[],
    steps: number,
  ): void {
    const pass = encoder.beginComputePass();
    const dispatch = ({ pipeline, bindings, workgroups: [x, y] }: Ready, children: number) => {
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, bindings);
      pass.dispatchWorkgroups(x, y, children);
    };
    for (let step = 0; step < steps; step++) {
      shared.forEach((ready, i) => {
        if (ready === undefined) return; // left out
        if (ready) dispatch(ready, places.length);
        else for (const place of places) dispatch(this.#children[place]![run][i]!, 1);
      });
    }
    pass.end();
  }

  /** Copies what is wanted to where it can be read. */
  #encodeCopies(encoder: GPUCommandEncoder, wanted: readonly Wanted[]): void {
    const size = bytesOf(wanted);
    if ((this.#staging?.size ?? 0) < size) {
      this.#staging?.destroy();
      const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
      this.#staging = this.card.device.createBuffer({ size, usage });
    }
    let to = 0;
    for (const { buffer, at, bytes } of wanted) {
      encoder.copyBufferToBuffer(buffer, at, this.#staging!, to, bytes);
      to += bytes;
    }
  }

  /** Waits for the card, and hands what is wanted to who takes it. */
  async #take(wanted: readonly Wanted[]): Promise<void> {
    const staging = this.#staging!, bytes = bytesOf(wanted);
    if (bytes === 0) return;
    await staging.mapAsync(GPUMapMode.READ, 0, bytes);
    const values = new Float32Array(staging.getMappedRange(0, bytes).slice(0));
    staging.unmap();
    let from = 0;
    for (const { bytes, take } of wanted) {
      take(values.slice(from / 4, (from + bytes) / 4));
      from += bytes;
    }
  }

  // Buffers and pipelines -----------------------------------------------------------------------------------------

  /** Throws a DeviceError if a buffer is more than the card binds. */
  #checkLimits(): void {
    const { maxStorageBufferBindingSize, maxBufferSize } = this.card.device.limits;
    const most = Math.min(maxStorageBufferBindingSize, maxBufferSize);
    const largest = Math.max(...buffersFor(this.plan, this.places).map(({ bytes }) => bytes));
    if (largest <= most) return;
    throw new DeviceError(
      "limit",
      `Cannot train ${this.#who} on ${this.card.name} as it binds ${mebibytes(most)} MiB and the largest buffer has ` +
        `${mebibytes(largest)}: ask for fewer children, a smaller batch or --engine wasm`,
    );
  }

  #createBuffers(): void {
    const { plan, places } = this, { queue } = this.card.device, { training, evaluation } = plan;
    for (const { names, bytes, usage } of buffersFor(plan, places)) {
      const buffer = this.card.device.createBuffer({ size: bytes, usage });
      this.#owned.push(buffer);
      for (const name of names) this.#buffers.set(name, buffer);
    }
    for (const [name, values] of plan.tables) queue.writeBuffer(this.#buffers.get(name)!, 0, values);
    const identity = new Uint32Array(places * ALIGNMENT / 4);
    for (let place = 0; place < places; place++) identity[place * ALIGNMENT / 4] = place;
    queue.writeBuffer(this.#buffers.get("places")!, 0, identity);
    queue.writeBuffer(this.#buffers.get("records")!, 0, records([...training, ...evaluation, plan.picking]));
    queue.submit([]);
  }

  /** The dispatches that all children share (place null), or those of the child at a place. */
  async #prepare(plan: Plan, place: number | null): Promise<Child> {
    const { device } = this.card, all = [...plan.training, ...plan.evaluation];
    const isHere = ({ own }: Dispatch) => own === (place !== null);
    const pipelines = await Promise.all(all.map((one) => isHere(one) ? pipelineOf(device, one.kernel) : null));
    const { result: ready, refused } = watched(device, () =>
      pipelines.map((pipeline, i) => {
        if (!pipeline) return null;
        return { pipeline, bindings: this.#bind(all[i], pipeline, i, place), workgroups: all[i].workgroups };
      }));
    const refusal = await refused;
    if (refusal) throw this.#refusal(refusal);
    return { training: ready.slice(0, plan.training.length), evaluation: ready.slice(plan.training.length) };
  }

  /** The dispatch that picks images of a data set. */
  #pickingFrom(dataset: HeldDataset): Promise<Ready> {
    let ready = this.#pickings.get(dataset);
    if (!ready) this.#pickings.set(dataset, ready = this.#preparePicking(dataset));
    return ready;
  }

  async #preparePicking({ pixels, table, refused }: HeldDataset): Promise<Ready> {
    const { picking, training, evaluation } = this.plan, refusal = await refused;
    if (refusal) throw this.#refusal(refusal);
    const pipeline = await pipelineOf(this.card.device, picking.kernel);
    const buffers = new Map([...this.#buffers, ["pixels", pixels], ["table", table]]);
    const bindings = this.#bind(picking, pipeline, training.length + evaluation.length, null, buffers);
    return { pipeline, bindings, workgroups: picking.workgroups };
  }

  #bind(
    { buffers }: Dispatch,
    pipeline: GPUComputePipeline,
    index: number,
    place: number | null,
    named: ReadonlyMap<BufferName, GPUBuffer> = this.#buffers,
  ): GPUBindGroup {
    const resources: GPUBufferBinding[] = [
      place === null
        ? { buffer: this.#buffers.get("children")! }
        : { buffer: this.#buffers.get("places")!, offset: place * ALIGNMENT, size: 4 },
      { buffer: this.#buffers.get("records")!, offset: index * ALIGNMENT, size: RECORD_BYTES },
      ...buffers.map((name) => ({ buffer: named.get(name)! })),
    ];
    const entries = resources.map((resource, binding) => ({ binding, resource }));
    return this.card.device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
  }
}

function bytesOf(wanted: readonly Wanted[]): number {
  return wanted.reduce((sum, { bytes }) => sum + bytes, 0);
}

function progressOf(work: Work): Progress {
  switch (work.kind) {
    case "train":
      return work.losses.length === work.steps.length ? "done, more expected" : "unfinished";
    case "evaluate":
      return work.logits.length === work.batches.length ? "done" : "unfinished";
    default:
      return "done";
  }
}

function mebibytes(bytes: number): number {
  return Math.ceil(bytes / 2 ** 20);
}
