/** What is asked in the very moment in which something is sent: much may have changed since it was planned. */
import type { Brake } from "../ad/domain.ts";
import { DirectoryError } from "../ad/error.ts";
import type { Asker } from "../ad/port.ts";

/** Until when this program may write: milliseconds of the monotonic clock (performance.now). */
export interface Fence {
  readonly until: number;
}

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

/** Throws DirectoryError Aborted once the Lease may be somebody else's; also right after the process was stopped and went on. */
export function assertLeading({ until }: Fence): void {
  if (performance.now() >= until) throw new DirectoryError("Aborted", "the Lease is lost: another replica may lead");
}

/** Whether a write may be sent now. Throws DirectoryError where the Lease is lost, the brake holds, or what asked for it does not stand any more. */
export function assertMaySend(
  { fence, brake }: { readonly fence: Fence; readonly brake?: BrakeState },
  asker: Partial<Asker> | undefined,
): void {
  assertLeading(fence);
  assertReleased(brake, "Write");
  asker?.assertStands?.();
}
