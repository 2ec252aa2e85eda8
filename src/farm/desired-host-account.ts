/** pods.hostAccount of a farm as values. */
import type { DirectoryObject } from "../ad/object.ts";
import type { ServerFarm, ServerFarmSpec } from "../api/generated/server-farm.ts";
import type { Blocker } from "../api/reasons.ts";
import type { Lookup } from "../ad/lookup.ts";
import { DistinguishedNameError, resolveDn } from "../names/distinguished-name.ts";

/** An entry of the domain's podHostAccounts. */
export interface PodHostAccount {
  readonly name: string;
  /** sAMAccountName or distinguished name. */
  readonly user: string;
}

export interface DesiredHostAccount {
  /** As the farm names it. */
  readonly name: string;
  /** By which the user is remembered. */
  readonly reference: string;
  /** Where the user is looked up; undefined where the domain has no such entry, or a wrong one: `problem` says so. */
  readonly user: (Lookup & { readonly by: "sAMAccountName" | "distinguishedName" }) | undefined;
  readonly problem: Pick<Blocker, "reason" | "message"> | undefined;
}

export const FIELD = "pods.hostAccount: ";

/** How the status names it; no computer can be called so. */
export function hostAccountReference({ pods }: Pick<ServerFarmSpec, "pods">): string | undefined {
  return pods?.hostAccount === undefined ? undefined : `${FIELD}${pods.hostAccount}`;
}

export function desiredHostAccount(
  { spec }: Pick<ServerFarm, "spec">,
  { baseDN, podHostAccounts }: { readonly baseDN: string; readonly podHostAccounts: readonly PodHostAccount[] },
): DesiredHostAccount | undefined {
  const [name, reference] = [spec.pods?.hostAccount, hostAccountReference(spec)];
  if (name === undefined || reference === undefined) return undefined;
  const entry = podHostAccounts.find((account) => account.name === name);
  if (!entry) {
    const message = `the ActiveDirectoryDomain has no ${name} in spec.podHostAccounts: correct pods.hostAccount, or have the domain's owner add it`;
    return { name, reference, user: undefined, problem: { reason: "HostAccountNotFound", message } };
  }
  if (!entry.user.includes("=")) return { name, reference, user: { by: "sAMAccountName", value: entry.user }, problem: undefined };
  try {
    return { name, reference, user: { by: "distinguishedName", value: resolveDn(entry.user, baseDN) }, problem: undefined };
  } catch (error) {
    if (!(error instanceof DistinguishedNameError)) throw error;
    const message = `spec.podHostAccounts of the ActiveDirectoryDomain, ${name}: ${error.message}: have the domain's owner correct it`;
    return { name, reference, user: undefined, problem: { reason: "InvalidSpec", message } };
  }
}

const USERS: readonly string[] = ["user", "inetorgperson"];

/** A person's or service's account, and none of those that are users to the schema alone. */
export function isUser({ objectClass }: Pick<DirectoryObject, "objectClass">): boolean {
  return USERS.includes(objectClass.toLowerCase());
}
