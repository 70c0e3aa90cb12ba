/**
 * How the controller learns. Every setting has a sentence and its source. The paper states none of them, so
 * `PAPER_CONTROLLER` has the nearest published ones by the same authors (NASNet: Zoph et al. 2017, arXiv 1707.07012,
 * appendix A), and where those are silent too, the common ones of PPO (Schulman et al. 2017, arXiv 1707.06347): with them
 * the mean reward of 200 candidates of two core units rose from 0.42 to between 0.877 and 0.897 after 2,000, over seeds 1
 * to 5, on the synthetic reward of `tests/controller/samplers/ppo/ppo_test.ts`, where random search stays at 0.41
 * (2026-11-24). A search has hundreds of candidates, not thousands, and in 200 these settings hardly leave random search:
 * `DEFAULT_CONTROLLER` learns faster, step by step in tests/bench/records/2026-11-26_samplers.md.
 */
export interface ControllerSettings {
  /** Candidates per batch. NASNet: 20. */
  readonly batch: number;
  /** Units of the one LSTM layer, and width of the embedding of a prediction. NASNet: 100. */
  readonly hidden: number;
  /** Kernels and embeddings start uniform in ± this; biases start at 0. NASNet: 0.1. */
  readonly initialRange: number;
  /** Step size of Adam, whose moments decay by 0.9 and 0.999 (Kingma & Ba 2015). NASNet: 0.00035. */
  readonly learningRate: number;
  /** Reward per nat of entropy of each prediction: keeps proposals varied. NASNet: 0.00001. */
  readonly entropyWeight: number;
  /** Decay of the baseline, an exponential moving average of rewards. NASNet: 0.95. */
  readonly baselineDecay: number;
  /** How far the probability ratio of a prediction may move from 1 before it stops earning. PPO: 0.2. */
  readonly clip: number;
  /** Adam steps per batch. PPO, as in most implementations: 4. */
  readonly epochs: number;
  /**
   * 1: a candidate earns the share of all rewards so far that it beats, instead of its reward; 0: the reward, as in the
   * paper.
   */
  readonly ranked: number;
  /**
   * The best so many functions are learned from again with every batch, as in a priority queue (Abolafia et al. 2018,
   * arXiv 1801.03526); 0: none, as in the paper.
   */
  readonly elites: number;
  /**
   * Draws for each candidate proposed, of which the most promising are proposed; 1: what is drawn is proposed, as in
   * the paper. Model-based policy search for expensive rewards is that of Angermueller et al.
   * 2020 (DyNA-PPO), who train the policy on predictions instead.
   */
  readonly screen: number;
}

/** `--controller paper`, and the default of the preset `paper`. */
export const PAPER_CONTROLLER: ControllerSettings = {
  batch: 20,
  hidden: 100,
  initialRange: 0.1,
  learningRate: 0.00035,
  entropyWeight: 0.00001,
  baselineDecay: 0.95,
  clip: 0.2,
  epochs: 4,
  ranked: 0,
  elites: 0,
  screen: 1,
};

export const DEFAULT_CONTROLLER: ControllerSettings = {
  ...PAPER_CONTROLLER,
  hidden: 32,
  learningRate: 0.02,
  ranked: 1,
  elites: 10,
  screen: 10,
};
