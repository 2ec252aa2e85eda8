/**
 * The simulated directory, asked as a real one is: it answers what is looked up and nothing else, keeps the bytes of who may retrieve the password, and
 * refuses what Active Directory refuses.
 */
import { DirectoryError } from "../../src/ad/error.ts";
import type { Query } from "../../src/ad/lookup.ts";
import { ACCOUNT_CLASS, type DirectoryObject, GROUP_CLASS } from "../../src/ad/object.ts";
import { decodeRetrievers, encodeRetrievers } from "../../src/directory/entries.ts";
import type { Change } from "../../src/farm/changes/index.ts";
import type { DesiredFarm } from "../../src/farm/desired-farm.ts";
import type { ObservedFarm, Scope } from "../../src/farm/observed.ts";
import { look } from "../../src/farm/queries.ts";
import type { Directory } from "../../src/farm/observed.ts";
import { BASE, directoryObject, SimulatedDirectory } from "./simulation.ts";

/** The RID of Domain Computers. */
export const DOMAIN_COMPUTERS = 515;

const CONTAINER: DirectoryObject = {
  ...directoryObject({ distinguishedName: `OU=Farms,${BASE}`, objectClass: "organizationalUnit" }),
  childClasses: new Set([ACCOUNT_CLASS.toLowerCase(), GROUP_CLASS]),
};

export class AskedDirectory implements Directory {
  readonly simulated: SimulatedDirectory;
  /** Deleted objects. */
  tombstones: readonly DirectoryObject[] = [];
  /** msDS-GroupMSAMembership, by the account's objectGUID. */
  readonly lists = new Map<string, Buffer>();
  /** By what each object can be looked up: objects are values, and asked for very often. */
  readonly #keys = new WeakMap<DirectoryObject, readonly string[]>();

  constructor(objects: readonly DirectoryObject[], computers: readonly DirectoryObject[]) {
    this.simulated = new SimulatedDirectory(objects, computers);
  }

  /** All that is there. */
  get everything(): readonly DirectoryObject[] {
    return [...this.simulated.objects, ...this.simulated.computers];
  }

  lacks(changes: readonly Change[]): Promise<readonly string[]> {
    return this.simulated.lacks(changes);
  }

  observe(desired: DesiredFarm, scope: Scope, _signal: AbortSignal, before?: ObservedFarm): Promise<ObservedFarm> {
    const questions = look(desired, { scope, absenceReliable: true, before });
    let step = questions.next();
    while (step.done !== true) step = questions.next(step.value.map((query) => this.#find(query)));
    return Promise.resolve(step.value);
  }

  made(value: string): Promise<DirectoryObject | undefined> {
    return Promise.resolve(this.#find({ lookups: [{ by: "distinguishedName", value }], among: "Objects", allMembersOf: () => true })[0]);
  }

  #find({ lookups, among, allMembersOf, directMembersOf }: Query): readonly DirectoryObject[] {
    const asked = new Set(lookups.map(({ by, value }) => `${by}=${value.toLowerCase()}`));
    const { simulated, tombstones } = this;
    const all = {
      Objects: () => this.everything,
      Computers: () => simulated.computers,
      Deleted: () => [...this.everything, ...tombstones],
      Containers: () => [CONTAINER],
    };
    const group = simulated.objects.find(({ objectGUID }) => objectGUID === directMembersOf);
    const isMeant = (one: DirectoryObject): boolean =>
      (directMembersOf === undefined || group?.members.includes(one.distinguishedName) === true) &&
      this.#keysOf(one).some((key) => asked.has(key));
    // Members are read of groups only where all of them are asked for.
    return all[among]()
      .filter(isMeant)
      .map((one) => (one.members.length === 0 || allMembersOf?.(one) === true ? one : { ...one, members: [] }));
  }

  #keysOf(object: DirectoryObject): readonly string[] {
    const known = this.#keys.get(object) ?? keysOf(object);
    this.#keys.set(object, known);
    return known;
  }

  async apply(change: Change): Promise<void> {
    this.#refuse(change);
    await this.simulated.apply(change);
    if (change.kind !== "CreateAccount" && change.kind !== "SetRetrievers") return;
    const bytes = encodeRetrievers(change.retrievers, change.denied);
    const account = this.simulated.objects.find(
      "object" in change
        ? ({ objectGUID }) => objectGUID === change.object.objectGUID
        : ({ distinguishedName }) => distinguishedName === change.distinguishedName,
    );
    if (account) this.setList(account, bytes);
  }

  /** Whoever writes the list, the bytes are what counts, and what a reader makes of them is what a farm sees. */
  setList({ objectGUID }: DirectoryObject, bytes: Buffer): void {
    this.lists.set(objectGUID, bytes);
    const { simulated } = this;
    simulated.objects = simulated.objects.map((object) =>
      object.objectGUID === objectGUID ? { ...object, retrievers: decodeRetrievers(bytes) } : object,
    );
  }

  #refuse(change: Change): void {
    const object =
      "object" in change ? this.simulated.objects.find(({ objectGUID }) => objectGUID === change.object.objectGUID) : undefined;
    if ("object" in change && !object) throw new DirectoryError("Stale", `${change.object.distinguishedName} is not there`);
    if ("object" in change && change.kind !== "Adopt" && change.object.owner !== undefined && object?.owner !== change.object.owner)
      throw new DirectoryError("NotOwned", `${change.object.distinguishedName} is somebody else's`);
    // Taking over is guarded by what was there when it was decided.
    if (change.kind === "Adopt" && object?.owner !== change.consent) throw new DirectoryError("Stale", "its adminDescription is another");
    const isMember = ({ distinguishedName }: DirectoryObject): boolean => added(change).includes(distinguishedName);
    const members = this.everything.filter(isMember);
    if (members.length < added(change).length) throw new DirectoryError("NotFound", "a member that is not there");
    if (object && change.kind === "ChangeHosts" && members.some((one) => isPrimary(object, one)))
      throw new DirectoryError("ValueExists", "a member by its primary group");
    if (object && change.kind === "DeleteHostGroup" && this.everything.some((one) => isPrimary(object, one)))
      throw new DirectoryError("Rejected", "it is somebody's primary group");
  }
}

/** Distinguished names of those that the change puts into a group. */
function added(change: Change): readonly string[] {
  if (change.kind === "ChangeHosts") return change.add;
  if (change.kind === "CreateHostGroup") return change.members;
  return change.kind === "JoinAccessGroup" ? [change.member] : [];
}

export function ridOf({ objectSID = "" }: DirectoryObject): number {
  return Number(objectSID.split("-").at(-1));
}

/** Whether the group is the object's primary group. */
export function isPrimary(group: DirectoryObject, { primaryGroupID }: DirectoryObject): boolean {
  return group.objectClass === GROUP_CLASS && primaryGroupID === ridOf(group);
}

/** By what the object can be looked up. */
function keysOf(object: DirectoryObject): readonly string[] {
  const { distinguishedName, objectGUID, objectSID, samAccountName, dnsHostName, owner, primaryGroupID, servicePrincipalNames } = object;
  const values = { distinguishedName, objectGUID, objectSid: objectSID, sAMAccountName: samAccountName, dNSHostName: dnsHostName };
  return [
    ...Object.entries(values).flatMap(([by, value]) => (value === undefined ? [] : `${by}=${value.toLowerCase()}`)),
    ...(owner === undefined ? [] : [`adminDescription=${owner.toLowerCase()}`]),
    ...(primaryGroupID === undefined ? [] : [`primaryGroupID=${primaryGroupID}`]),
    ...servicePrincipalNames.map((name) => `servicePrincipalName=${name.toLowerCase()}`),
  ];
}
