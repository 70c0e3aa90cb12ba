/** The part of `@std/assert` that the tests use, over node:assert (JSR is not reachable from every machine). */
import nodeAssert from "node:assert/strict";

// deno-lint-ignore no-explicit-any
type Class<E extends Error> = new (...args: any[]) => E;

export class AssertionError extends nodeAssert.AssertionError {
  constructor(message: string) {
    super({ message });
  }
}

export function assert(condition: unknown, message = "condition is false"): asserts condition {
  if (!condition) throw new AssertionError(message);
}

export function assertEquals<T>(actual: T, expected: T, message?: string): void {
  nodeAssert.deepStrictEqual(actual, expected, message);
}

export function assertNotEquals<T>(actual: T, expected: T, message?: string): void {
  nodeAssert.notDeepStrictEqual(actual, expected, message);
}

/** Passes where |actual - expected| <= tolerance; by default 1e-7 of the expected value, as in the original. */
export function assertAlmostEquals(actual: number, expected: number, tolerance?: number, message?: string): void {
  if (Object.is(actual, expected)) return;
  const bound = tolerance ?? (Number.isFinite(expected) ? Math.abs(expected * 1e-7) : 1e-7);
  if (Math.abs(actual - expected) <= bound) return;
  throw new AssertionError(`${message ? message + ": " : ""}${actual} is not within ${bound} of ${expected}`);
}

export function assertStringIncludes(actual: string, expected: string, message?: string): void {
  assert(
    actual.includes(expected),
    `${message ? message + ": " : ""}${JSON.stringify(actual)} lacks ${JSON.stringify(expected)}`,
  );
}

export function assertMatch(actual: string, expected: RegExp, message?: string): void {
  nodeAssert.match(actual, expected, message);
}

/** Returns the error, which must be of the class and include the text where they are given. */
export function assertThrows<E extends Error = Error>(
  run: () => unknown,
  errorClass?: Class<E>,
  includes?: string,
): E {
  try {
    run();
  } catch (error) {
    return checkError(error, errorClass, includes);
  }
  throw new AssertionError("expected the function to throw");
}

/** As `assertThrows`, for a function that returns a promise. */
export async function assertRejects<E extends Error = Error>(
  run: () => PromiseLike<unknown>,
  errorClass?: Class<E>,
  includes?: string,
): Promise<E> {
  try {
    await run();
  } catch (error) {
    return checkError(error, errorClass, includes);
  }
  throw new AssertionError("expected the promise to be rejected");
}

function checkError<E extends Error>(error: unknown, errorClass?: Class<E>, includes?: string): E {
  if (!(error instanceof (errorClass ?? Error))) {
    throw new AssertionError(`expected ${errorClass?.name ?? "Error"}, got ${error}`);
  }
  if (includes !== undefined) assertStringIncludes(error.message, includes);
  return error as E;
}
