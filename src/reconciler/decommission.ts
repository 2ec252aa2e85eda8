/** The end of a farm, by the same rounds. */
import type { EventDraft } from "../api/event.ts";
import type { ServerFarm, ServerFarmStatus } from "../api/generated/server-farm.ts";
import type { DesiredFarm } from "../farm/desired-farm.ts";
import { planDecommission } from "../farm/plan/decommission.ts";
import type { Report } from "../farm/report.ts";
import { decommissionOutcome } from "../farm/status/decommission.ts";
import { wereMembersSettled } from "../farm/status/ending.ts";
import { type Aborted, askerOf, type FarmPorts, reconcile } from "./farm.ts";

export interface Decommissioned {
  readonly report: Report;
  readonly end:
    | Aborted
    /** The directory shows nothing of the farm any more. */
    | { readonly kind: "Gone"; readonly events: readonly EventDraft[] }
    | {
        readonly kind: "Remains";
        readonly status: ServerFarmStatus;
        readonly events: readonly EventDraft[];
        /** Whether trying again, with nothing changed, can succeed. */
        readonly retryable: boolean;
      };
}

/** Takes everything of the farm out of the directory, one thing after the other. Rejects with what `assertFresh` rejects with. */
export async function decommissionFarm(
  farm: ServerFarm,
  desired: DesiredFarm,
  ports: Omit<FarmPorts, "record">,
  signal: AbortSignal,
): Promise<Decommissioned> {
  const policy = { retain: farm.spec.deletionPolicy === "Retain", membersSettled: wereMembersSettled(farm) };
  const report = await reconcile(
    desired,
    ports.directory,
    {
      scope: "Owned",
      plan: (view) => planDecommission(view, policy),
      assertFresh: farm.spec.managementPolicy === "Enforce" ? ports.assertFresh : undefined,
      ask: () => askerOf(farm, "Decommission"),
      ordered: true,
      pause: ports.pause,
    },
    signal,
  );
  if (report.error?.kind === "Aborted") return { report, end: { kind: "Aborted" } };
  await ports.pause?.();
  const { gone, status, events, retryable } = decommissionOutcome(farm, desired, report, ports.now());
  return { report, end: gone ? { kind: "Gone", events } : { kind: "Remains", status, events, retryable } };
}
