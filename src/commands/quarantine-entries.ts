/** How `kubectl farm quarantine` writes hosts.quarantined: by server-side apply, which sends all entries that its field manager owns. */
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import type { ServerFarm } from "../api/generated/server-farm.ts";
import { KubernetesError } from "../kubernetes/api-error.ts";
import { UsageError } from "./inputs.ts";
import { farmWithHost, type MeantHost } from "./quarantined-hosts.ts";

/** The cluster, as far as one farm is changed. */
export interface FarmAccess {
  /** The farm of that name as it is now. */
  readonly read: () => Promise<ServerFarm>;
  /** Rejects with a KubernetesError of kind Conflict where the farm is not the version that is given any more. */
  readonly apply: (farm: ServerFarm, quarantined: readonly string[]) => Promise<void>;
}

/** Others write the same farm: the operator its status, and other runs of this command their entries. */
const ATTEMPTS = 10;
/** The longest pause before another attempt, for each one made (ms). */
const PAUSE = 50;

/** Adds what keeps the host out. Rejects with KubernetesError, or with UsageError where the farm is another one or does not have the host any more. */
export async function addEntries({ metadata: { uid } }: ServerFarm, host: MeantHost, access: FarmAccess): Promise<void> {
  await changeEntries(uid, access, (farm) => {
    const has = farmWithHost(farm, host);
    if (!has) throw new UsageError(`the farm does not have ${host.text} any more. Run the command again.`);
    return has.missing.length > 0 ? [...new Set([...ownEntries(farm), ...has.missing])] : undefined;
  });
}

/** Removes what this command added to keep the host out. What is left is somebody else's. Rejects as addEntries. */
export async function removeEntries({ metadata: { uid } }: ServerFarm, host: MeantHost, access: FarmAccess): Promise<void> {
  await changeEntries(uid, access, (farm) => {
    const ours = ownEntries(farm);
    const released = new Set(farmWithHost(farm, host)?.releasable);
    return ours.some((entry) => released.has(entry)) ? ours.filter((entry) => !released.has(entry)) : undefined;
  });
}

/** The farm is read right before each write, and a write to a farm that changed in between is refused: two runs at once keep each other's entries. */
async function changeEntries(
  uid: string,
  { read, apply }: FarmAccess,
  entriesOf: (farm: ServerFarm) => readonly string[] | undefined,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const farm = await read();
    if (farm.metadata.uid !== uid) throw new UsageError("it is another farm of the same name by now. Run the command again.");
    const entries = entriesOf(farm);
    if (entries === undefined) return;
    try {
      await apply(farm, entries);
      return;
    } catch (error) {
      if (!(error instanceof KubernetesError) || error.kind !== "Conflict") throw error;
      if (attempt === ATTEMPTS)
        throw new UsageError(`others change it all the time: ${error.message}. Run the command again.`, { cause: error });
    }
    await sleep(Math.random() * PAUSE * attempt);
  }
}

function ownEntries(farm: ServerFarm): readonly string[] {
  return appliedBy(managedFields(farm), QUARANTINE_MANAGER);
}

/** Who else keeps an entry in hosts.quarantined; empty: nobody is known. */
export function otherOwners(farm: ServerFarm, entry: string): readonly string[] {
  return managersOf(managedFields(farm), entry).filter((manager) => manager !== QUARANTINE_MANAGER);
}

/** The field manager of what `kubectl farm quarantine` writes: entries that it owns stay when the owner of the manifest applies it again. */
export const QUARANTINE_MANAGER = "kubectl-farm-quarantine";

/** The entries of hosts.quarantined that a field manager has applied, and the managers that own one of them. */
export function appliedBy(managed: readonly ManagedFields[], manager: string): readonly string[] {
  return managed.filter((entry) => entry.manager === manager && entry.operation === "Apply").flatMap(valuesOf);
}

export function managersOf(managed: readonly ManagedFields[], entry: string): readonly string[] {
  return managed.filter((candidate) => valuesOf(candidate).includes(entry)).map(({ manager }) => manager);
}

export interface ManagedFields {
  readonly manager: string;
  readonly operation: string;
  /** The keys of `f:quarantined`, as server-side apply writes the items of a set: `v:"WEB01"`. Or the field alone, of a list that was written whole. */
  readonly quarantined: readonly string[];
}

function valuesOf({ quarantined }: ManagedFields): readonly string[] {
  return quarantined.flatMap((key) => {
    const text: unknown = key.startsWith("v:") ? JSON.parse(key.slice(2)) : undefined;
    return typeof text === "string" ? [text] : [];
  });
}

const managedSchema = z.object({
  metadata: z.object({
    managedFields: z
      .array(z.object({ manager: z.string().default(""), operation: z.string().default(""), fieldsV1: z.unknown() }))
      .default([]),
  }),
});
const quarantinedSchema = z.object({ "f:spec": z.object({ "f:hosts": z.object({ "f:quarantined": z.record(z.string(), z.unknown()) }) }) });

function managedFields(farm: ServerFarm): readonly ManagedFields[] {
  return managedSchema.parse(farm).metadata.managedFields.map(({ manager, operation, fieldsV1 }) => ({
    manager,
    operation,
    quarantined: Object.keys(quarantinedSchema.safeParse(fieldsV1).data?.["f:spec"]["f:hosts"]["f:quarantined"] ?? {}),
  }));
}
