/** Accuracies as a terminal and its reports write them. */

/** A share in percent: "91.25 %". */
export function percent(share: number): string {
  return `${points(share)} %`;
}

/** The same without a unit, as in tables, and for differences: "0.42". */
export function points(share: number): string {
  return (100 * share).toFixed(2);
}

/** A difference with its sign: "+0.42". */
export function signedPoints(difference: number): string {
  return `${difference < 0 ? "-" : "+"}${points(Math.abs(difference))}`;
}
