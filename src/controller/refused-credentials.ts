/**
 * Credentials that the directory refused, by their hash. A refused bind counts against the account, so they are not tried again sooner than a
 * minute later, and ever more rarely, whatever else of a domain changes, and for all domains that share them.
 */
import { DirectoryError } from "../ad/error.ts";
import type { DomainState } from "../domain/state.ts";

export class RefusedCredentials {
  readonly #until = new Map<string, { readonly until: number; readonly times: number }>();

  /** How long these must not be tried again, in milliseconds. */
  waitFor(credentials: string): number {
    return Math.max(0, (this.#until.get(credentials)?.until ?? 0) - performance.now());
  }

  /** The directory took them. */
  forget(credentials: string): void {
    this.#until.delete(credentials);
  }

  /** The directory refused them. */
  note(credentials: string): void {
    const now = performance.now();
    for (const [key, { until }] of this.#until) if (until + LONGEST_PAUSE < now) this.#until.delete(key);
    const times = (this.#until.get(credentials)?.times ?? 0) + 1;
    this.#until.set(credentials, { times, until: now + Math.min(LONGEST_PAUSE, PAUSE * 2 ** (times - 1)) });
  }
}

const PAUSE = 65_000;
const LONGEST_PAUSE = 600_000;

export const REFUSED = new DirectoryError("InvalidCredentials", "the directory refused this user name or password a moment ago");

/** Whether the domain says so already. */
export function isRefused({ view }: DomainState): boolean {
  return view.kind === "Problem" && view.problem.reason === "CredentialsRejected";
}
