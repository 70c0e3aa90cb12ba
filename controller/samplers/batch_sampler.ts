/**
 * What all samplers share: the order of `ask` and `tell`, the checks of what they are told, and the bytes of their state.
 * A sampler itself says how it proposes, what it learns, and what of it must be saved.
 */
import type { SamplerUpdate } from "../runs/events.ts";
import type { Candidate, Judged, Sampler } from "./sampler.ts";
import { packState, type SamplerState, unpackState } from "./sampler_state.ts";
import type { SearchSpace } from "../search_space.ts";

/** What a sampler learnt from a batch, besides what can be said of any batch. */
export type Learnt = Pick<SamplerUpdate, "baseline" | "entropy" | "kl" | "loss" | "probabilities">;

interface Header<Own> {
  readonly sampler: string;
  readonly units: number;
  /** Batches told so far. */
  readonly batches: number;
  /** Tokens of the batch that was asked for and not yet told; null where there is none. */
  readonly pending: readonly (readonly number[])[] | null;
  readonly own: Own;
}

export abstract class BatchSampler<Own> implements Sampler {
  abstract readonly name: string;
  #batches = 0;
  #pending: readonly Candidate[] | null = null;
  /** What it is at work on, if anything: only one thing can be done at a time. */
  #work: string | null = null;

  constructor(protected readonly space: SearchSpace) {}

  /** Tokens of the next candidates; at most `count`, fewer where the space is exhausted. */
  protected abstract propose(count: number): Promise<readonly (readonly number[])[]>;
  protected abstract learn(batch: readonly Judged[]): Promise<Learnt>;
  /** What must be saved besides the batch that is out. Arrays may be the live ones. */
  protected abstract save(): SamplerState<Own>;
  /** Takes up what `save` gave. Throws a RangeError that says what does not fit, before anything is changed. */
  protected abstract load(state: SamplerState<Own>): void;

  abstract dispose(): void;

  ask(count: number): Promise<readonly Candidate[]> {
    return this.#alone("propose candidates", async () => {
      if (!Number.isInteger(count) || count < 1) {
        throw new RangeError(`Cannot propose candidates as their number must be a positive integer: it is ${count}`);
      }
      if (this.#pending) {
        throw new Error(
          `Cannot propose candidates as the last batch was not told yet: ${this.#pending.length} of them are waiting`,
        );
      }
      this.#pending = (await this.propose(count)).map((tokens) => ({ tokens }));
      return this.#pending;
    });
  }

  tell(batch: readonly Judged[]): Promise<SamplerUpdate> {
    return this.#alone("learn from a batch", async () => {
      this.#checkTold(batch);
      const rewards = batch.map(({ reward }) => reward);
      const learnt = await this.learn(batch);
      this.#pending = null;
      return {
        batch: this.#batches++,
        meanReward: rewards.reduce((sum, reward) => sum + reward, 0) / rewards.length,
        bestReward: Math.max(...rewards),
        ...learnt,
      };
    });
  }

  state(): Promise<Uint8Array> {
    return this.#alone("save the state", () => {
      const { header: own, arrays } = this.save();
      const pending = this.#pending?.map(({ tokens }) => tokens) ?? null;
      const header = { sampler: this.name, units: this.space.units, batches: this.#batches, pending, own };
      return Promise.resolve(packState<Header<Own>>({ header, arrays }));
    });
  }

  restore(state: Uint8Array): Promise<void> {
    // deno-lint-ignore require-await -- async, so that what it throws rejects the promise
    return this.#alone("restore the state", async () => {
      const { header, arrays } = unpackState<Header<Own>>(state);
      if (header.sampler !== this.name || header.units !== this.space.units) {
        throw new RangeError(
          `Cannot restore the sampler ${this.name} of ${this.space.units} core units as the state is that of ` +
            `${header.sampler} of ${header.units}`,
        );
      }
      this.load({ header: header.own, arrays });
      this.#batches = header.batches;
      this.#pending = header.pending?.map((tokens) => ({ tokens })) ?? null;
    });
  }

  #checkTold(batch: readonly Judged[]): void {
    const pending = this.#pending;
    if (!pending) throw new Error("Cannot learn from a batch as none was asked for since the last one");
    if (pending.length === 0) throw new Error("Cannot learn from a batch as it is empty: the space is exhausted");
    if (batch.length !== pending.length) {
      throw new RangeError(
        `Cannot learn from a batch as all ${pending.length} candidates proposed must be told at once: ` +
          `${batch.length} were`,
      );
    }
    batch.forEach(({ tokens, reward }, at) => {
      if (tokens.length !== pending[at].tokens.length || tokens.some((token, i) => token !== pending[at].tokens[i])) {
        throw new RangeError(
          `Cannot learn from a batch as candidates must be told in the order of proposal: number ${at} is ` +
            `[${tokens}] in place of [${pending[at].tokens}]`,
        );
      }
      if (!Number.isFinite(reward)) {
        throw new RangeError(`Cannot learn from a batch as rewards must be finite: that of number ${at} is ${reward}`);
      }
    });
  }

  /** Runs one piece of work, refusing a second one meanwhile: it would see a half-made state. */
  async #alone<T>(work: string, run: () => Promise<T>): Promise<T> {
    if (this.#work) throw new Error(`Cannot ${work} while the sampler is busy: it is about to ${this.#work}`);
    this.#work = work;
    try {
      return await run();
    } finally {
      this.#work = null;
    }
  }
}
