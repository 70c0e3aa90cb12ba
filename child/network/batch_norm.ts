/** The constants of batch norm, as in PyTorch. */

/** Added to the variance. */
export const BATCH_NORM_EPSILON = 1e-5;
/** Share of the previous running statistics kept at each training step. */
export const BATCH_NORM_MOMENTUM = 0.9;
