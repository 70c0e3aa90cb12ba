/**
 * The error function and its complement in float64, within 1 ulp or so: rational approximations on four intervals, with
 * the coefficients of fdlibm's s_erf.c (Copyright 1993 Sun Microsystems, freely granted with this notice kept).
 */

/** Coefficients by ascending power; `numerator` and `denominator` of each interval of |x|. */
const BELOW_0_84 = {
  numerator: [
    1.28379167095512558561e-01,
    -3.25042107247001499370e-01,
    -2.84817495755985104766e-02,
    -5.77027029648944159157e-03,
    -2.37630166566501626084e-05,
  ],
  denominator: [
    1,
    3.97917223959155352819e-01,
    6.50222499887672944485e-02,
    5.08130628187576562776e-03,
    1.32494738004321644526e-04,
    -3.96022827877536812320e-06,
  ],
};
const BELOW_1_25 = {
  numerator: [
    -2.36211856075265944077e-03,
    4.14856118683748331666e-01,
    -3.72207876035701323847e-01,
    3.18346619901161753674e-01,
    -1.10894694282396677476e-01,
    3.54783043256182359371e-02,
    -2.16637559486879084300e-03,
  ],
  denominator: [
    1,
    1.06420880400844228286e-01,
    5.40397917702171048937e-01,
    7.18286544141962662868e-02,
    1.26171219808761642112e-01,
    1.36370839120290507362e-02,
    1.19844998467991074170e-02,
  ],
};
const BELOW_2_86 = {
  numerator: [
    -9.86494403484714822705e-03,
    -6.93858572707181764372e-01,
    -1.05586262253232909814e+01,
    -6.23753324503260060396e+01,
    -1.62396669462573470355e+02,
    -1.84605092906711035994e+02,
    -8.12874355063065934246e+01,
    -9.81432934416914548592e+00,
  ],
  denominator: [
    1,
    1.96512716674392571292e+01,
    1.37657754143519042600e+02,
    4.34565877475229228821e+02,
    6.45387271733267880336e+02,
    4.29008140027567833386e+02,
    1.08635005541779435134e+02,
    6.57024977031928170135e+00,
    -6.04244152148580987438e-02,
  ],
};
const BELOW_28 = {
  numerator: [
    -9.86494292470009928597e-03,
    -7.99283237680523006574e-01,
    -1.77579549177547519889e+01,
    -1.60636384855821916062e+02,
    -6.37566443368389627722e+02,
    -1.02509513161107724954e+03,
    -4.83519191608651397019e+02,
  ],
  denominator: [
    1,
    3.03380607434824582924e+01,
    3.25792512996573918826e+02,
    1.53672958608443695994e+03,
    3.19985821950859553908e+03,
    2.55305040643316442583e+03,
    4.74528541206955367215e+02,
    -2.24409524465858183362e+01,
  ],
};
/** erf(1) rounded to float32, about which the second interval is approximated. */
const ERF_NEAR_1 = 8.45062911510467529297e-01;

/** 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x. */
export function erf(x: number): number {
  const size = Math.abs(x);
  if (Number.isNaN(x)) return x;
  if (size < 0.84375) return x + x * rational(BELOW_0_84, x * x);
  if (size < 1.25) return Math.sign(x) * (ERF_NEAR_1 + rational(BELOW_1_25, size - 1));
  if (size >= 6) return Math.sign(x);
  return Math.sign(x) * (1 - complement(size));
}

/** 1 - erf(x), exact relative to its size: 0 from 28 on, where it is below float64. */
export function erfc(x: number): number {
  const size = Math.abs(x);
  if (Number.isNaN(x)) return x;
  if (size < 0.84375) return x < 0.25 ? 1 - erf(x) : 0.5 - (x - 0.5 + x * rational(BELOW_0_84, x * x));
  if (x < 0) return 1 + erf(size);
  if (x < 1.25) return 1 - ERF_NEAR_1 - rational(BELOW_1_25, x - 1);
  return x < 28 ? complement(x) : 0;
}

/** 1 - erf(x) for x in [1.25, 28). */
function complement(x: number): number {
  // exp(-x^2) of the float32 part exactly squared, and a correction for the rest: x * x alone would lose digits.
  const head = Math.fround(x);
  const tail = rational(x < 1 / 0.35 ? BELOW_2_86 : BELOW_28, 1 / (x * x));
  return Math.exp(-head * head - 0.5625) * Math.exp((head - x) * (head + x) + tail) / x;
}

function rational(of: { numerator: readonly number[]; denominator: readonly number[] }, x: number): number {
  return polynomial(of.numerator, x) / polynomial(of.denominator, x);
}

function polynomial(coefficients: readonly number[], x: number): number {
  return coefficients.reduceRight((sum, coefficient) => sum * x + coefficient, 0);
}
