/** One child's life: batches -> steps -> evaluation -> outcome. (contract; the implementation follows) */
import type { Optimizer } from "./optimizer.ts";

/** How every child of a run is trained. */
export interface ChildSettings {
  /** Name in `child/network/networks.ts`: "resnet20", … */
  readonly network: string;
  readonly steps: number;
  readonly batch: number;
  readonly learningRate: number;
  readonly schedule: "cosine" | "step" | "constant";
  readonly optimizer: Optimizer;
  /** Pad-crop-flip of training images. */
  readonly augment: boolean;
  /** Validation images judged (the first ones of the split); null for all. */
  readonly validationImages: number | null;
}

/** What became of a child. Divergence and time-out are outcomes, not errors. */
export type Outcome =
  & {
    readonly steps: number;
    readonly finalLoss: number;
    readonly seconds: number;
    readonly imagesPerSecond: number;
    /** Mean of the trained betas over sites and channels; null without beta. */
    readonly betaMean: number | null;
  }
  & (
    | { readonly outcome: "complete"; readonly validationAccuracy: number }
    | { readonly outcome: "diverged"; readonly reason: string }
    | { readonly outcome: "timed_out"; readonly reason: string }
    | { readonly outcome: "pruned"; readonly reason: string; readonly validationAccuracy: number }
    | { readonly outcome: "interrupted" }
  );
