/** Who may retrieve the password: the account's list. */
import type { Blocker } from "../../api/reasons.ts";
import type { DirectoryObject, Retrievers } from "../../ad/object.ts";
import { commonName, dnKey } from "../../names/distinguished-name.ts";
import { NOTHING, type Change, type Plan } from "../changes/index.ts";
import type { ObservedFarm } from "../observed.ts";
import { owned } from "../slot.ts";
import { membership } from "../queries.ts";
import { externalHostGroups, type FarmView, ownHostGroups } from "../view.ts";

/**
 * Whom one access list can name: its size has 16 bits (MS-DTYP 2.4.5), and an entry for a domain's principal takes 36 bytes. Some are left for
 * entries that keep somebody out.
 */
export const PRINCIPALS = 1800;

/** SIDs: who may retrieve the password, and who is kept out by name. */
export interface Grant {
  readonly principals: readonly string[];
  readonly denied: readonly string[];
}

function sidsOf(computers: Iterable<DirectoryObject>): readonly string[] {
  return [...computers].flatMap(({ objectSID }) => objectSID ?? []);
}

/** What the account's list should say in the end; undefined while the host group is not there. `current`: what it says now. */
export function grantOf(view: FarmView, current: Retrievers | undefined): Grant | undefined {
  const { desired, hostGroup, hosts } = view;
  const denied = deniedBy(view, current);
  if (desired.grant === "Principals") {
    // Of those that an ambiguous name may mean, whoever is in stays in; so does a host that is known and cannot be seen now. Nobody else does.
    const may = new Set([...sidsOf(hosts.undecided.values()), ...hosts.unseen.wanted]);
    const kept = (current?.principals ?? []).filter((sid) => may.has(sid));
    return { principals: [...new Set([...sidsOf(hosts.wanted.values()), ...kept])], denied };
  }
  if ((hostGroup.kind !== "Own" && hostGroup.kind !== "External") || hostGroup.object.objectSID === undefined) return undefined;
  return { principals: [hostGroup.object.objectSID], denied };
}

/**
 * Whoever must not have the right, whatever group it is in: quarantined hosts in every mode, since somebody may put them into a group, directly or by way
 * of another one, and may hide one from the operator, who cannot take it out then; members by primary group, whom nobody can take out; and, of those that
 * have an entry, whoever an ambiguous name may mean: to claim a host's name lets nobody in.
 */
function deniedBy({ hosts }: FarmView, current: Retrievers | undefined): readonly string[] {
  const undecided = [...hosts.undecided].filter(([key]) => !hosts.wanted.has(key)).map(([, computer]) => computer);
  const stay = new Set(sidsOf(undecided));
  const kept = (current?.denied ?? []).filter((sid) => stay.has(sid));
  return [...new Set([...quarantinedSids(hosts), ...sidsOf(hosts.primaryStrangers), ...kept])];
}

/** Also of those that cannot be seen now. */
function quarantinedSids({ quarantined, unseen }: FarmView["hosts"]): readonly string[] {
  return [...sidsOf(quarantined.values()), ...unseen.quarantined];
}

export function planRetrievers(view: FarmView): Plan {
  const { desired, account } = view;
  const nothing: Plan = { changes: [], later: [], blockers: tooMany(view) };
  if (account.kind !== "Own") return nothing;
  const current = account.object.retrievers ?? { principals: [], denied: [], foreign: [] };
  const grant = grantOf(view, current);
  const out = deniedBy(view, current);
  // While it is not decided what the list should say, all that is done to it is to keep out who must not have the right.
  if (!grant && out.length === 0) return nothing;
  // Nor does it let anybody in: an entry that denies stays until then.
  const denied = [...new Set([...out, ...(grant ? [] : current.denied)])].slice(0, PRINCIPALS - 1);
  const kept = grant && isFilled(view) ? [] : inForce(view, current);
  // Groups first: where there are more hosts than the list takes, those that have the right by a group keep it.
  const principals = without([...new Set([...kept, ...(grant?.principals ?? current.principals)])], denied).slice(
    0,
    PRINCIPALS - denied.length,
  );
  if (current.foreign.length === 0 && sameSet(principals, current.principals) && sameSet(denied, current.denied)) return nothing;
  const object = owned(account.object, desired.owner);
  const change: Change = {
    kind: "SetRetrievers",
    object,
    retrievers: principals,
    denied,
    ...difference(view, current, { principals, denied }),
  };
  return { ...nothing, changes: [change] };
}

/** Who must not have the right any more, and nothing else of the list: those who are quarantined, and those whom the farm does not name any more. */
export function planKeepingOut(view: FarmView): Plan {
  const { desired, account, hosts } = view;
  // A list that is not there, or not to be seen, gives nobody anything that could be taken back here.
  if (account.kind !== "Own" || !account.object.retrievers) return NOTHING;
  const current = account.object.retrievers;
  const quarantined = quarantinedSids(hosts);
  const departed = sidsOf(hosts.departed.values());
  const strangers = new Set(sidsOf(hosts.primaryStrangers));
  const out = [...quarantined, ...departed.filter((sid) => strangers.has(sid))];
  const denied = [...new Set([...out, ...current.denied])].slice(0, PRINCIPALS - 1);
  // Of a list of which nothing can be read only the farm's groups are known to belong there: without them all hosts would lose the right.
  const isIllegible = current.principals.length === 0 && current.foreign.length > 0;
  const known = isIllegible ? sidsOf([...ownHostGroups(view), ...externalHostGroups(view)]) : current.principals;
  const principals = without(known, [...quarantined, ...departed]);
  if (sameSet(principals, current.principals) && sameSet(denied, current.denied)) return NOTHING;
  const object = owned(account.object, desired.owner);
  const lists = { principals, denied };
  return {
    ...NOTHING,
    changes: [{ kind: "SetRetrievers", object, retrievers: principals, denied, ...difference(view, current, lists) }],
  };
}

/** What differs, as people read it: computers that are named directly, and all else in words. */
function difference(
  { desired, observed, hosts }: FarmView,
  current: Retrievers,
  { principals, denied }: Grant,
): Pick<Change<"SetRetrievers">, "add" | "remove" | "because"> {
  const computers = new Map(
    observed.computers.flatMap((computer) => (computer.objectSID === undefined ? [] : [[computer.objectSID, computer.distinguishedName]])),
  );
  const named = (sids: readonly string[]): readonly string[] => sids.flatMap((sid) => computers.get(sid) ?? []);
  const [added, removed] = [without(principals, current.principals), without(current.principals, principals)];
  const direct = desired.grant === "Principals";
  const inWords = (sids: readonly string[]): readonly string[] => sids.filter((sid) => !direct || !computers.has(sid));
  const strangers = new Set(without(sidsOf(hosts.primaryStrangers), sidsOf(hosts.quarantined.values())));
  const nameOf = namesIn(observed);
  return {
    add: direct ? named(added) : [],
    remove: direct ? named(removed) : [],
    because: [
      ...inWords(added).map((sid) => `allow ${nameOf(sid)}`),
      ...inWords(removed).map((sid) => `no longer allow ${nameOf(sid)}`),
      ...without(denied, current.denied).map(
        (sid) => `deny ${nameOf(sid)}, which is ${strangers.has(sid) ? "a member by its primary group" : "quarantined"}`,
      ),
      ...without(current.denied, denied).map((sid) => `remove the deny entry for ${nameOf(sid)}`),
      ...current.foreign.map((text) => `remove ${text}`),
    ],
  };
}

/** Whether everybody who should have the right has it by what is wanted, so that nobody loses it when nothing else is named. */
function isFilled(view: FarmView): boolean {
  const { desired, observed, hostGroup } = view;
  const { wanted, undecided } = view.hosts;
  if (undecided.size > 0) return false;
  if (desired.grant === "Principals") return observed.unreadable.length === 0 && wanted.size <= PRINCIPALS;
  if (!("object" in hostGroup)) return false;
  return [...wanted.values()].every(membership(view, hostGroup.object));
}

/** Of the principals that are named now those by which hosts that stay have the right: they stay until the hosts have it otherwise. */
function inForce(view: FarmView, { principals }: Retrievers): readonly string[] {
  const { desired, observed } = view;
  const hosts = new Map([...view.hosts.wanted, ...view.hosts.undecided]);
  const direct = new Set(desired.grant === "Group" ? sidsOf(hosts.values()) : []);
  const groups = observed.objects.filter(
    (object) => object.owner === desired.owner || desired.journal.hostGroups.some(({ objectGUID }) => objectGUID === object.objectGUID),
  );
  const unreadable = new Set(observed.unreadable.map(dnKey));
  const bears = (group: DirectoryObject): boolean =>
    [...hosts.values()].some(membership(view, group)) || group.members.some((member) => unreadable.has(dnKey(member)));
  const bearing = new Set(sidsOf(groups.filter(bears)));
  return principals.filter((sid) => direct.has(sid) || bearing.has(sid));
}

function tooMany({ desired: { grant }, hosts }: FarmView): readonly Blocker[] {
  const [wanted, out] = [hosts.wanted.size, quarantinedSids(hosts).length];
  const messages = [
    ...(grant === "Principals" && wanted > PRINCIPALS
      ? [
          `with hosts.grant: Principals an account can name ${PRINCIPALS} computers, not ${wanted}; the others are left out: use grant: Group.`,
        ]
      : []),
    ...(out >= PRINCIPALS
      ? [
          `hosts.quarantined means ${out} computers, and an account's list can deny ${PRINCIPALS - 1}: the others leave the farm's group, but have no deny entry. Disable or delete quarantined computers in the domain, then remove them from hosts.quarantined.`,
        ]
      : []),
  ];
  return messages.map((message) => ({ reason: "InvalidSpec", part: "Hosts", message }));
}

function sameSet(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && without(a, b).length === 0;
}

/** Both may hold nearly two thousand. */
function without(sids: readonly string[], others: readonly string[]): readonly string[] {
  const set = new Set(others);
  return sids.filter((sid) => !set.has(sid));
}

/** Whoever is named is said by name; a principal that nobody is any more by its SID. */
function namesIn({ objects, computers, primaryMembers, unexplainedPrincipals }: ObservedFarm): (sid: string) => string {
  const names = new Map(
    [...objects, ...computers, ...primaryMembers, ...unexplainedPrincipals].map(({ objectSID, distinguishedName }) => [
      objectSID,
      distinguishedName,
    ]),
  );
  return (sid) => {
    const name = names.get(sid);
    return name === undefined ? `${sid}, which is not an object of this domain` : commonName(name);
  };
}
