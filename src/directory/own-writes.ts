/**
 * What this program made and deleted of late, in a domain, where nothing else tells.
 *
 * Made, and not seen since: the answer was lost, or the server before anybody could look. No farm's record names such an object, as nobody knows its
 * objectGUID. Another server that does not show it may not have heard of it: made there again it would be there twice.
 *
 * Deleted: an ordinary account does not see what is deleted. On a server that took over, what is not to be seen may be on its way there; this is not.
 */
import { DirectoryError } from "../ad/error.ts";
import type { Brake } from "../ad/domain.ts";
import { dnKey } from "../names/distinguished-name.ts";

/** The brake of a domain as it is in this very moment. */
export interface BrakeState {
  readonly holds: Brake | undefined;
}

/** Throws DirectoryError Aborted where the domain's brake keeps this from being sent. */
export function assertReleased(brake: BrakeState | undefined, operation: "Read" | "Write"): void {
  const holds = brake?.holds;
  if (holds === undefined || (holds === "Observe" && operation === "Read")) return;
  throw new DirectoryError(
    "Aborted",
    `the domain's ${holds === "Observe" ? "managementPolicy is Observe" : "suspend is true"}: nothing is sent`,
  );
}

interface Creation {
  readonly server: string;
  /** On the monotonic clock. */
  readonly at: number;
}

export class OwnWrites {
  /** By distinguished name, the oldest first. */
  readonly #made = new Map<string, Creation>();
  /** objectGUIDs, with when they were deleted; the oldest first. */
  readonly #deleted = new Map<string, number>();
  readonly #replicated: number;

  /** `replicated`: after so long (ms) every server has heard of it, or will not. */
  constructor(replicated: number) {
    this.#replicated = replicated;
  }

  /** Right before it is made. Returns what was known of it until then. Throws DirectoryError where it may be on its way from another server. */
  beginCreation(dn: string, server: string): Creation | undefined {
    const now = performance.now();
    for (const [key, { at }] of this.#made) {
      if (now - at < this.#replicated) break;
      this.#made.delete(key);
    }
    const known = this.#made.get(dnKey(dn));
    if (known && known.server !== server) {
      throw new DirectoryError(
        "Unavailable",
        `${dn} may have been made on another domain controller and not have reached this one, which took over less than an hour ago: it is not made again until the hour is over`,
      );
    }
    this.#made.delete(dnKey(dn));
    this.#made.set(dnKey(dn), { server, at: now });
    return known;
  }

  /** It was certainly not made. */
  undoCreation(dn: string, before: Creation | undefined): void {
    if (before) this.#made.set(dnKey(dn), before);
    else this.#made.delete(dnKey(dn));
  }

  seen(dn: string): void {
    if (this.#made.size > 0) this.#made.delete(dnKey(dn));
  }

  /** The server said that it was. */
  deleted(dn: string, objectGUID: string): void {
    const now = performance.now();
    for (const [key, at] of this.#deleted) {
      if (now - at < this.#replicated) break;
      this.#deleted.delete(key);
    }
    this.#deleted.set(objectGUID, now);
    this.seen(dn);
  }

  isDeleted(objectGUID: string): boolean {
    return this.#deleted.has(objectGUID);
  }
}
