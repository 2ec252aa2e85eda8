/** A directory made of values: what Active Directory does with each change, for tests of what is pure. */
import type { Change, Plan } from "../../src/farm/changes/index.ts";
import { parseMappings } from "../../src/names/account-name.ts";
import { dnKey } from "../../src/names/distinguished-name.ts";
import { DirectoryError } from "../../src/ad/error.ts";
import type { MissingRight } from "../../src/ad/right.ts";
import { ACCOUNT_CLASS, type DirectoryObject, GROUP_CLASS } from "../../src/ad/object.ts";
import type { DesiredFarm } from "../../src/farm/desired-farm.ts";
import { desiredFarm } from "../../src/farm/desired.ts";
import type { DomainFacts } from "../../src/farm/desired-farm.ts";
import type { SharingFarm } from "../../src/farm/desired-farm.ts";
import { isAdopted } from "../../src/farm/name-queries.ts";
import { planDecommission, type DecommissionPolicy } from "../../src/farm/plan/decommission.ts";
import { plan } from "../../src/farm/plan/index.ts";
import type { ObservedFarm } from "../../src/farm/observed.ts";
import { viewOf } from "../../src/farm/view.ts";
import type { Directory } from "../../src/farm/observed.ts";
import type { ServerFarm, ServerFarmSpec } from "../../src/api/generated/server-farm.ts";

export const BASE = "DC=contoso,DC=com";
export const CLUSTER = "8a1f";
/** What an administrator writes for the farm web/itfarm1. */
export const CONSENT = "serverfarm.dev adopt=web/itfarm1";
export const FACTS: DomainFacts = {
  dnsName: "contoso.com",
  trustSelfJoined: false,
  observed: false,
  netBIOSName: "CONTOSO",
  servicePrincipalNameMappings: parseMappings([]),
  baseDN: BASE,
  wellKnownContainers: [],
  podHostAccounts: [],
  accountContainer: "OU=Farms",
  groupContainer: "OU=Farms",
  adoption: "Consent",
  operator: "svc-farms@contoso.com",
};

let next = 1;

export function directoryObject(fields: Partial<DirectoryObject> & { readonly distinguishedName: string }): DirectoryObject {
  const number = next++;
  return {
    objectGUID: `00000000-0000-0000-0000-${String(number).padStart(12, "0")}`,
    objectSID: `S-1-5-21-1-2-3-${1100 + number}`,
    objectClass: "computer",
    samAccountName: undefined,
    owner: undefined,
    protection: undefined,
    dnsHostName: undefined,
    description: undefined,
    displayName: undefined,
    userAccountControl: undefined,
    servicePrincipalNames: [],
    supportedEncryptionTypes: undefined,
    passwordIntervalDays: undefined,
    passwordLastSet: undefined,
    passwordKey: undefined,
    retrievers: undefined,
    members: [],
    memberOf: [],
    primaryGroupID: undefined,
    creatorSID: undefined,
    usn: undefined,
    securityEnabled: true,
    ...fields,
  };
}

export function computer(name: string): DirectoryObject {
  return directoryObject({
    distinguishedName: `CN=${name},CN=Computers,${BASE}`,
    samAccountName: `${name}$`,
    dnsHostName: `${name.toLowerCase()}.contoso.com`,
  });
}

type Spec = { readonly [K in keyof ServerFarmSpec]?: Partial<ServerFarmSpec[K]> };

/** A farm as the API server would hand it out: defaults filled in. */
export function farm(spec: Spec = {}, status?: ServerFarm["status"], generation = 1): ServerFarm {
  return {
    metadata: { name: "itfarm1", namespace: "web", uid: "u1", resourceVersion: "1", generation },
    spec: {
      domainRef: { name: "contoso" },
      accessGroups: [],
      managementPolicy: "Enforce",
      adoptionPolicy: "Never",
      deletionPolicy: "Delete",
      suspend: false,
      selfRegisteredServicePrincipalNames: [],
      ...pick(spec, [
        "managementPolicy",
        "adoptionPolicy",
        "deletionPolicy",
        "suspend",
        "servicePrincipalNames",
        "selfRegisteredServicePrincipalNames",
        "accessGroups",
      ]),
      account: { outboundOnly: false, passwordIntervalDays: 30, encryptionTypes: ["AES128", "AES256"], enabled: true, ...spec.account },
      hosts: { grant: "Group", computers: [], quarantined: [], ...spec.hosts },
    },
    ...(status ? { status } : {}),
  };
}

function pick(spec: Spec, names: readonly string[]): object {
  return Object.fromEntries(Object.entries(spec).filter(([name]) => names.includes(name)));
}

export function desired(spec: Spec = {}, status?: ServerFarm["status"], sharing: readonly SharingFarm[] = []): DesiredFarm {
  return desiredFarm(farm(spec, status), FACTS, CLUSTER, sharing).desired;
}

/** What is planned for a farm where the directory is so. */
export function planOf(wanted: DesiredFarm, observed: ObservedFarm): Plan {
  return plan(viewOf(wanted, observed instanceof SimulatedDirectory ? observed.seenBy(wanted) : observed));
}

export function planEndOf(wanted: DesiredFarm, observed: ObservedFarm, policy: DecommissionPolicy): Plan {
  return planDecommission(viewOf(wanted, observed), policy);
}

export class SimulatedDirectory implements Directory {
  objects: readonly DirectoryObject[];
  computers: readonly DirectoryObject[];
  missing: readonly string[] = [];
  unreadable: readonly string[] = [];
  /** By distinguished name, what keeps an object from being made. */
  uncreatable: ReadonlyMap<string, MissingRight> = new Map();
  readonly unexplainedPrincipals: readonly DirectoryObject[] = [];
  primaryMembers: readonly DirectoryObject[] = [];
  gone: readonly string[] = [];
  writes = 0;
  /** Called after each write. */
  onWrite: (change: Change) => void = () => undefined;
  /** Throws in place of a change. */
  refuse: (change: Change) => DirectoryError | undefined = () => undefined;

  /** What the account lacks for a change. */
  lacking: (change: Change) => readonly string[] = () => [];

  constructor(objects: readonly DirectoryObject[] = [], computers: readonly DirectoryObject[] = []) {
    this.objects = linked(objects);
    this.computers = computers;
  }

  lacks(changes: readonly Change[]): Promise<readonly string[]> {
    return Promise.resolve(changes.flatMap((change) => this.lacking(change)));
  }

  /** The one group that nobody owns: its members that are computers. */
  get adopted(): ObservedFarm["adopted"] {
    const group = this.objects.find(({ objectClass, owner }) => objectClass === GROUP_CLASS && (owner === undefined || owner === CONSENT));
    const computers = new Set(this.computers.map(({ distinguishedName }) => dnKey(distinguishedName)));
    return group && { group, computers: new Set(group.members.map(dnKey).filter((key) => computers.has(key))) };
  }

  observe(desired: DesiredFarm): Promise<ObservedFarm> {
    return Promise.resolve(this.seenBy(desired));
  }

  made(distinguishedName: string): Promise<DirectoryObject | undefined> {
    return Promise.resolve(this.objects.find((object) => dnKey(object.distinguishedName) === dnKey(distinguishedName)));
  }

  /** As it is now: what is written later is not in it. */
  seenBy(desired: DesiredFarm): ObservedFarm {
    const { computers, membersAmong, unexplainedPrincipals, primaryMembers, gone, missing, unreadable, uncreatable, adopted } = this;
    // Of groups of others no member is read, but of one that is to be taken over.
    const isRead = (object: DirectoryObject): boolean => object.owner === desired.owner || isAdopted(desired, object);
    const objects = this.objects.map((object) => (object.members.length === 0 || isRead(object) ? object : { ...object, members: [] }));
    return { objects, computers, membersAmong, unexplainedPrincipals, primaryMembers, gone, missing, unreadable, uncreatable, adopted };
  }

  get membersAmong(): ReadonlyMap<string, ReadonlySet<string>> {
    const guids = new Map(this.computers.map(({ distinguishedName, objectGUID }) => [dnKey(distinguishedName), objectGUID]));
    return new Map(
      this.objects
        .filter(({ objectClass }) => objectClass === GROUP_CLASS)
        .map(({ objectGUID, members }) => [objectGUID, new Set(members.flatMap((member) => guids.get(dnKey(member)) ?? []))]),
    );
  }

  apply(change: Change): Promise<void> {
    const error = this.refuse(change);
    if (error) return Promise.reject(error);
    this.writes++;
    this.#apply(change);
    this.objects = linked(this.objects);
    this.onWrite(change);
    return Promise.resolve();
  }

  #apply(change: Change): void {
    switch (change.kind) {
      case "CreateHostGroup":
      case "CreateAccessGroup":
      case "CreateAccount":
        if (this.objects.some(({ distinguishedName }) => dnKey(distinguishedName) === dnKey(change.distinguishedName))) {
          throw new DirectoryError("AlreadyExists", "exists");
        }
        this.objects = [...this.objects, created(change)];
        return;
      case "DeleteAccount":
      case "DeleteHostGroup":
      case "DeleteAccessGroup":
        // A link ends with the object that it leads to.
        this.objects = this.objects
          .filter(({ objectGUID }) => objectGUID !== change.object.objectGUID)
          .map((one) => {
            const members = one.members.filter((dn) => dnKey(dn) !== dnKey(change.object.distinguishedName));
            return members.length < one.members.length ? { ...one, members } : one;
          });
        return;
      case "UpdateAccount":
      case "SetRetrievers":
      case "RenameHostGroup":
      case "ChangeServicePrincipalNames":
      case "ChangeHosts":
      case "JoinAccessGroup":
      case "LeaveAccessGroup":
      case "Adopt":
      case "Release":
        this.objects = this.objects.map((object) => (object.objectGUID === change.object.objectGUID ? changed(object, change) : object));
    }
  }
}

/** memberOf as the groups' members have it. */
function linked(objects: readonly DirectoryObject[]): readonly DirectoryObject[] {
  const groups = objects.filter(({ members }) => members.length > 0);
  return objects.map((object) => {
    const key = dnKey(object.distinguishedName);
    const memberOf = groups
      .filter(({ members }) => members.some((member) => dnKey(member) === key))
      .map(({ distinguishedName }) => distinguishedName);
    return memberOf.join() === object.memberOf.join() ? object : { ...object, memberOf };
  });
}

function created(change: Extract<Change, { kind: `Create${string}` }>): DirectoryObject {
  const { distinguishedName, samAccountName, owner } = change;
  if (change.kind !== "CreateAccount")
    return directoryObject({ distinguishedName, samAccountName, owner, objectClass: GROUP_CLASS, members: change.members });
  const blank = directoryObject({
    distinguishedName,
    samAccountName,
    owner,
    objectClass: ACCOUNT_CLASS,
    passwordIntervalDays: change.passwordIntervalDays,
    passwordLastSet: Date.UTC(2026, 10, 22),
    servicePrincipalNames: change.servicePrincipalNames,
    retrievers: { principals: change.retrievers, denied: change.denied, foreign: [] },
  });
  return withProperties(blank, change.properties);
}

function withProperties(object: DirectoryObject, properties: Readonly<Record<string, string | undefined>> | object): DirectoryObject {
  const values = new Map<string, string | undefined>(Object.entries(properties));
  const number = (name: string, before: number | undefined): number | undefined => (values.has(name) ? Number(values.get(name)) : before);
  return {
    ...object,
    dnsHostName: values.has("dNSHostName") ? values.get("dNSHostName") : object.dnsHostName,
    description: values.has("description") ? values.get("description") : object.description,
    displayName: values.has("displayName") ? values.get("displayName") : object.displayName,
    userAccountControl: number("userAccountControl", object.userAccountControl),
    supportedEncryptionTypes: number("msDS-SupportedEncryptionTypes", object.supportedEncryptionTypes),
  };
}

function changed(object: DirectoryObject, change: Exclude<Change, { kind: `Create${string}` | `Delete${string}` }>): DirectoryObject {
  const without = (values: readonly string[], remove: readonly string[], add: readonly string[]): readonly string[] => [
    ...values.filter((value) => !remove.includes(value)),
    ...add,
  ];
  switch (change.kind) {
    case "UpdateAccount":
      return withProperties(object, change.properties);
    case "SetRetrievers":
      return { ...object, retrievers: { principals: change.retrievers, denied: change.denied, foreign: [] } };
    case "ChangeServicePrincipalNames":
      return { ...object, servicePrincipalNames: without(object.servicePrincipalNames, change.remove, change.add) };
    case "ChangeHosts":
      return { ...object, members: without(object.members, change.remove, change.add) };
    case "RenameHostGroup":
      return { ...object, samAccountName: change.samAccountName };
    case "JoinAccessGroup":
      return { ...object, members: [...object.members, change.member] };
    case "LeaveAccessGroup":
      return { ...object, members: without(object.members, [change.member], []) };
    case "Adopt":
      return { ...object, owner: change.object.owner };
    case "Release":
      return { ...object, owner: undefined };
  }
}
