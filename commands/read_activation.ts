/** Functions that a user types. */
import { activationFrom } from "../child/activation/catalog.ts";
import type { Activation } from "../child/activation/expression.ts";
import { ExpressionSyntaxError } from "../child/activation/parse.ts";
import { UsageError } from "./command.ts";

/** The function of that name or text. Throws a UsageError that says what is wrong with it. */
export function readActivation(text: string): Activation {
  try {
    return activationFrom(text);
  } catch (error) {
    if (error instanceof ExpressionSyntaxError) throw new UsageError(error.message, { cause: error });
    throw error;
  }
}
