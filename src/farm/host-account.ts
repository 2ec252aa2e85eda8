/** The user by which nodes that are not joined to the domain retrieve the password: a host beside the computers. */
import type { Blocker } from "../api/reasons.ts";
import type { Look, Lookup } from "../ad/lookup.ts";
import { ACCOUNT_DISABLED } from "../ad/account-flags.ts";
import type { DirectoryObject } from "../ad/object.ts";
import type { DesiredFarm, HostReference } from "./desired-farm.ts";
import { type DesiredHostAccount, FIELD, isUser } from "./desired-host-account.ts";
import type { HostNote } from "./host-messages.ts";
import type { Resolution } from "./looked.ts";
import { ask } from "./name-queries.ts";
import { sameName } from "../names/account-name.ts";
import { dnKey } from "../names/distinguished-name.ts";

/** The users that an entry names: by sAMAccountName or distinguished name. */
export function usersNamed({ by, value }: Lookup, users: readonly DirectoryObject[]): readonly DirectoryObject[] {
  return users.filter(({ samAccountName, distinguishedName }) =>
    by === "distinguishedName" ? dnKey(distinguishedName) === dnKey(value) : sameName(samAccountName, value),
  );
}

/** The users that an entry of hosts.quarantined may mean beside computers. */
export function usersMeant(reference: HostReference, users: readonly DirectoryObject[]): readonly DirectoryObject[] {
  const asked = asUser(reference);
  return asked ? usersNamed(asked, users).filter(isUser) : [];
}

/** Why a user gets no right; undefined for one that may have it. */
export function unfitUser({ name }: DesiredHostAccount, user: DirectoryObject): Blocker | undefined {
  const { distinguishedName, protection, userAccountControl = 0 } = user;
  const blocked = (reason: Blocker["reason"], message: string): Blocker => ({
    reason,
    part: "Hosts",
    message: `pods.hostAccount (${name}): ${message}`,
  });
  if (!isUser(user))
    return blocked(
      "ObjectExists",
      `${distinguishedName} is not a user, so it gets no right: have the domain's owner name a user in spec.podHostAccounts.`,
    );
  if (protection !== undefined)
    return blocked(
      "ProtectedObject",
      `${distinguishedName} gets no right: ${protection}. Have the domain's owner name an ordinary user in spec.podHostAccounts.`,
    );
  if ((userAccountControl & ACCOUNT_DISABLED) !== 0)
    return blocked(
      "HostNotTrusted",
      `${distinguishedName} is disabled, so it gets no right: enable it, or have the domain's owner name another user in spec.podHostAccounts.`,
    );
  return undefined;
}

export function userNotFound({ name, user, problem }: DesiredHostAccount): Blocker {
  if (problem || !user)
    return { reason: problem?.reason ?? "InvalidSpec", part: "Hosts", message: `pods.hostAccount: ${problem?.message ?? "no user"}.` };
  const message = `pods.hostAccount (${name}): no user has the ${user.by} ${user.value}: create it, or have the domain's owner correct spec.podHostAccounts. The operator grants it the right once it exists.`;
  return { reason: "HostNotFound", part: "Hosts", message };
}

export function usersAmbiguous({ name }: DesiredHostAccount, found: readonly DirectoryObject[]): Blocker {
  const message = `pods.hostAccount (${name}): ${found.length} users may be meant, so none is granted: have the domain's owner name one by its distinguished name in spec.podHostAccounts.`;
  return { reason: "HostAmbiguous", part: "Hosts", message };
}

export function userMoved({ name }: DesiredHostAccount, { distinguishedName }: DirectoryObject): HostNote {
  return {
    reason: "HostMoved",
    message: `pods.hostAccount (${name}): its user was moved or renamed and keeps the right: it is now ${distinguishedName}. Have the domain's owner write that in spec.podHostAccounts.`,
  };
}

/** The user that the farm lets retrieve, those that it let before, and those that it quarantines. */
export function* lookForUsers(desired: DesiredFarm): Look<readonly DirectoryObject[]> {
  const { hostAccount, resolved, quarantined, departed } = desired;
  const out = new Set(quarantined.map(({ text }) => text));
  const remembered = [...resolved].filter(([reference]) => reference.startsWith(FIELD) || out.has(reference)).flatMap(([, hosts]) => hosts);
  const guids = new Set([...remembered.map(({ objectGUID }) => objectGUID), ...departed.objectGUIDs]);
  return yield* ask(
    [
      ...(hostAccount?.user ? [hostAccount.user] : []),
      ...quarantined.flatMap((reference) => asUser(reference) ?? []),
      ...[...guids].map((value): Lookup => ({ by: "objectGUID", value })),
    ],
    "Objects",
  );
}

/** A quarantined entry read as the name of a user; undefined for one that can only be a computer's. */
export function asUser({ text, by, value }: HostReference): Lookup | undefined {
  if (by === "distinguishedName") return { by, value };
  // With a dot it is read as a DNS name, and users may be called so.
  return text.endsWith("$") ? undefined : { by: "sAMAccountName", value: text };
}

/** The user of pods.hostAccount, by the same rules as computers: what gets the right is an object. */
export function resolveHostAccount(to: Resolution, hostAccount: DesiredHostAccount): void {
  const {
    desired: { resolved },
    observed,
  } = to.looked;
  const { reference } = hostAccount;
  const found = hostAccount.user ? usersNamed(hostAccount.user, observed.users ?? []) : [];
  const remembered = (resolved.get(reference) ?? []).filter(({ objectGUID }) => !observed.gone.includes(objectGUID));
  const [before] = to.seen(remembered);
  const candidate = hostAccount.user ? (found[0] ?? before) : undefined;
  const unfit = candidate && unfitUser(hostAccount, candidate);
  if (candidate && !unfit && found.length < 2) {
    to.remember({ text: reference }, [candidate]);
    const key = dnKey(candidate.distinguishedName);
    if (!to.quarantined.has(key)) to.wanted.set(key, candidate);
    if (found.length === 0) to.notes.push(userMoved(hostAccount, candidate));
    return;
  }
  to.unresolved++;
  to.remember({ text: reference }, remembered);
  to.blockers.push(found.length > 1 ? usersAmbiguous(hostAccount, found) : (unfit ?? userNotFound(hostAccount)));
  // Who had the right keeps it, whoever took its name; whoever may not have it any more does not.
  if (before && !unfitUser(hostAccount, before)) to.hold(before);
  to.unseen.wanted.push(...to.unseenSids(remembered));
}
