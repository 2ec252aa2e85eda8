import type { DirectoryError } from "../ad/error.ts";
import type { Change, Plan } from "./changes/index.ts";
import type { FarmView } from "./view.ts";

export interface Failure {
  readonly change: Change;
  readonly error: DirectoryError;
}

/** What one reconcile saw and did. */
export interface Report {
  /** The last look, after every write. */
  readonly view: FarmView | undefined;
  /** What is left to do after the last look. */
  readonly plan: Plan | undefined;
  readonly applied: readonly Change[];
  readonly failures: readonly Failure[];
  /** What ended the reconcile early. */
  readonly error: DirectoryError | undefined;
}

/** The directory failed, or refused something. */
export function hasFailed({ error, failures }: Report): boolean {
  return error !== undefined || failures.length > 0;
}
