/** The engine of graphics cards: kernels in WGSL on Deno's WebGPU, on cards of every maker, with nothing to install. */
import type { Activation } from "../../activation/expression.ts";
import { compileChild } from "../../compiler/child.ts";
import { printChild } from "../../compiler/print.ts";
import type { Dataset } from "../../../datasets/dataset.ts";
import type { Graph } from "../../network/graph.ts";
import { checkActivation } from "../checks.ts";
import { type CompileOptions, DeviceError, type Engine, type Probe, type Program } from "../engine.ts";
import { printsKernels } from "../prints_kernels.ts";
import { selfCheck } from "../self_check.ts";
import { type Card, causeOf, openCard } from "./device.ts";
import { commonGraph, shapeKey } from "./common_graph.ts";
import { bytesFor } from "./buffers.ts";
import { Group } from "./group.ts";
import { canHold } from "./held_dataset.ts";
import { makePlan, type Plan } from "./plan.ts";
import { fusesMultiplyAdd, probe } from "./probe.ts";
import { WebGpuProgram } from "./program.ts";

/** Opens the engine on this worker's card. Throws an Error with the reason if there is none or it computes wrongly. */
export async function openWebGpu(check: typeof selfCheck = selfCheck): Promise<Engine> {
  const card = await openCard();
  const engine = new WebGpuEngine(card, await fusesMultiplyAdd(card));
  const fault = await check(engine);
  if (fault !== null) throw new Error(`${card.name} computes wrongly: ${fault}`);
  return engine;
}

/** The same on a real card only. Throws an Error with the reason where the only one is a software driver. */
export async function openWebGpuCard(): Promise<Engine> {
  const { isSoftware, name } = await openCard();
  if (isSoftware) throw new Error(`${name} is a software driver, which computes on the CPU and more slowly than wasm`);
  return await openWebGpu();
}

class WebGpuEngine implements Engine {
  readonly name = "webgpu";
  readonly device: string;
  readonly notices: readonly string[];
  readonly #groups = new Map<string, Group[]>();
  #card: Card;
  #opening: Promise<unknown> = Promise.resolve();

  constructor(card: Card, readonly fused: boolean) {
    this.#card = card;
    this.device = `${card.isSoftware ? "software driver" : "graphics card"} ${card.name}, WebGPU`;
    this.notices = card.isSoftware
      ? [`engine webgpu computes on the CPU here, by the software driver ${card.name}: engine wasm is faster`]
      : [];
  }

  async compile(graph: Graph, activation: Activation, options: CompileOptions): Promise<Program> {
    checkActivation(graph, activation);
    const { batch, optimizer, children = 1 } = options;
    await this.#reopen();
    if (printsKernels()) console.error(printChild(compileChild(commonGraph(graph), activation)));
    const plan = this.#plan(graph, activation, options), key = [shapeKey(graph), batch, optimizer, children];
    try {
      const group = await this.#groupFor(JSON.stringify(key), plan, children);
      return new WebGpuProgram(graph, group, await group.place(plan));
    } catch (error) {
      throw await causeOf(error, this.#card);
    }
  }

  memoryNeeded(graph: Graph, activation: Activation, options: CompileOptions): number {
    const { children = 1 } = options;
    return Math.ceil(bytesFor(this.#plan(graph, activation, options), children) / children);
  }

  #plan(graph: Graph, activation: Activation, { batch, optimizer }: CompileOptions): Plan {
    return makePlan(commonGraph(graph), activation, { batch, optimizer, fused: this.fused });
  }

  /**
   * A card that was lost is opened anew: what is compiled from now on works. Programs on the lost one do not. Throws a
   * DeviceError if it cannot be opened.
   */
  async #reopen(): Promise<void> {
    const before = this.#card.name;
    const card = await openCard().catch((cause) => {
      throw new DeviceError("lost", `the card ${before} was lost and cannot be opened again: ${cause.message}`, {
        cause,
      });
    });
    if (card === this.#card) return;
    this.#card = card;
    this.#groups.clear();
  }

  holds(dataset: Dataset): boolean {
    return canHold(this.#card, dataset);
  }

  probe(activation: Activation, x: ArrayLike<number>, b: number): Promise<Probe> {
    return probe(this.#card, activation, x, b, this.fused);
  }

  /** One with a free place, or a new one. Groups close when their last child leaves. */
  #groupFor(key: string, plan: Plan, places: number): Promise<Group> {
    // One after the other, so that children compiled at the same time find the same group.
    const found = this.#opening.then(async () => {
      const groups = (this.#groups.get(key) ?? []).filter((group) => !group.isClosed);
      let group = groups.find((group) => group.reserve());
      if (!group) {
        // Children that do not fit have groups of their own.
        group = await mostPlaces(places, (places) => Group.open(this.#card, plan, places));
        group.reserve();
        groups.push(group);
      }
      this.#groups.set(key, groups);
      return group;
    });
    this.#opening = found.catch(() => {});
    return found;
  }

  close(): void {
    // The device stays, as it is the worker's and is not freed sooner for being destroyed.
  }
}

/**
 * Opens a group with so many places, or half as many, and so on, while the card cannot bind or hold them. Throws the
 * reason if even one is too many.
 */
export async function mostPlaces<Opened>(places: number, open: (places: number) => Promise<Opened>): Promise<Opened> {
  try {
    return await open(places);
  } catch (error) {
    if (places === 1 || !(error instanceof DeviceError) || error.fault === "lost") throw error;
    return await mostPlaces(Math.ceil(places / 2), open);
  }
}
