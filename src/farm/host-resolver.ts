/** Which computers a farm means, by its entries and by its search, and who of them may have the right. */
import { HostIndex, isTrusted, type DirectoryObject } from "../ad/object.ts";
import type { Blocker } from "../api/reasons.ts";
import { dnKey } from "../names/distinguished-name.ts";
import { keysOfHost } from "../names/identifier.ts";
import { allowedHosts, allowedNames } from "./allowed-hosts.ts";
import type { DesiredFarm, HostReference, ResolvedHost } from "./desired-farm.ts";
import {
  hostAmbiguous,
  hostNotAllowed,
  hostNotFound,
  type HostNote,
  hostNotTrusted,
  movedNote,
  primaryNote,
  quarantineNotFound,
} from "./host-messages.ts";
import { asUser, isUser, unfitUser, userMoved, userNotFound, usersAmbiguous, usersNamed } from "./host-account.ts";
import { foundHosts } from "./host-search.ts";
import type { HostRecord, Looked, PrimaryStranger, ResolvedHosts } from "./looked.ts";

/** An entry means the object that it was first resolved to, and not whoever has its name today; quarantined entries go first and win. */
export class HostResolver {
  readonly #looked: Looked;
  readonly #desired: DesiredFarm;
  readonly #index: HostIndex;
  readonly #byId: ReadonlyMap<string, DirectoryObject>;
  readonly #gone: ReadonlySet<string>;
  readonly #wanted = new Map<string, DirectoryObject>();
  readonly #quarantined = new Map<string, DirectoryObject>();
  readonly #undecided = new Map<string, DirectoryObject>();
  readonly #notAllowed = new Set<string>();
  readonly #unseen = { wanted: new Array<string>(), quarantined: new Array<string>() };
  readonly #blockers: Blocker[] = [];
  readonly #notes: HostNote[] = [];
  /** By reference and objectGUID: both lists may have the same entry. */
  readonly #records = new Map<string, HostRecord>();
  /** Entries that nobody gets the right by. */
  #unresolved = 0;

  #searched: ResolvedHosts["search"];

  readonly #isTrusted = (computer: DirectoryObject): boolean => isTrusted(this.#desired, computer);
  readonly #isAllowed: (computer: DirectoryObject) => boolean;
  readonly #isEligible = (computer: DirectoryObject): boolean => this.#isTrusted(computer) && this.#isAllowed(computer);

  constructor(looked: Looked) {
    const { desired, observed } = looked;
    this.#looked = looked;
    this.#desired = desired;
    this.#isAllowed = desired.granted ? allowedHosts(desired.granted) : () => true;
    const isMixed = (observed.users ?? []).length > 0;
    this.#index = new HostIndex(isMixed ? observed.computers.filter((computer) => !isUser(computer)) : observed.computers);
    this.#gone = new Set(observed.gone);
    this.#byId = new Map(observed.computers.map((computer) => [computer.objectGUID, computer]));
  }

  /** Whoever has the name and whoever had it are kept out: too few hosts are safer than one too many. */
  quarantine(reference: HostReference): void {
    const asked = asUser(reference);
    const users = asked ? usersNamed(asked, this.#looked.observed.users ?? []).filter(isUser) : [];
    const found = [...this.#index.find(reference), ...users];
    const remembered = this.#desired.resolved.get(reference.text) ?? [];
    const before = this.#seen(remembered);
    for (const computer of [...found, ...before]) this.#quarantined.set(dnKey(computer.distinguishedName), computer);
    this.#remember(reference, [...remembered, ...found]);
    this.#unseen.quarantined.push(...this.#unseenSids(remembered));
    // A slip of the pen must not leave a compromised host in; one that is deleted needs no keeping out.
    if (found.length === 0 && remembered.length === 0) this.#blockers.push(quarantineNotFound(reference));
    else if (found.length === 0 && before[0]) this.#notes.push(movedNote("hosts.quarantined", reference, before[0]));
  }

  want(reference: HostReference): void {
    const named = this.#index.find(reference);
    // Whoever is not trusted, or not allowed, and took the name does not make it ambiguous, either.
    const found = named.some(this.#isEligible) ? named.filter(this.#isEligible) : named;
    const remembered = (this.#desired.resolved.get(reference.text) ?? []).filter(({ objectGUID }) => !this.#gone.has(objectGUID));
    const [before] = this.#seen(remembered);
    const candidate = found[0] ?? before;
    if (found.length > 1 || !candidate) {
      this.#unresolved++;
      this.#remember(reference, remembered);
      if (candidate) this.#leaveUndecided(reference, found, before);
      else this.#blockers.push(hostNotFound(reference));
      this.#unseen.wanted.push(...this.#unseenSids(remembered));
      return;
    }
    // Whoever has the name today and may not be a host gets nothing; whoever it meant before keeps what it had.
    const accepted = [candidate, before].find((one) => one !== undefined && this.#isEligible(one));
    if (!this.#isAllowed(candidate)) this.#refuse(reference, candidate);
    else if (!this.#isTrusted(candidate)) this.#blockers.push(hostNotTrusted(reference, candidate));
    this.#remember(reference, accepted === candidate ? [candidate] : remembered);
    if (!accepted) this.#unresolved++;
    else if (!this.#quarantined.has(dnKey(accepted.distinguishedName))) this.#wanted.set(dnKey(accepted.distinguishedName), accepted);
    if (found.length === 0 && accepted) this.#notes.push(movedNote("hosts.computers", reference, accepted));
  }

  /** The user of pods.hostAccount, by the same rules: what gets the right is an object. */
  hostAccount(): void {
    const { hostAccount, resolved } = this.#desired;
    if (!hostAccount) return;
    const { reference } = hostAccount;
    const found = hostAccount.user ? usersNamed(hostAccount.user, this.#looked.observed.users ?? []) : [];
    const remembered = (resolved.get(reference) ?? []).filter(({ objectGUID }) => !this.#gone.has(objectGUID));
    const [before] = this.#seen(remembered);
    const candidate = hostAccount.user ? (found[0] ?? before) : undefined;
    const unfit = candidate && unfitUser(hostAccount, candidate);
    if (candidate && !unfit && found.length < 2) {
      this.#remember({ text: reference }, [candidate]);
      const key = dnKey(candidate.distinguishedName);
      if (!this.#quarantined.has(key)) this.#wanted.set(key, candidate);
      if (found.length === 0) this.#notes.push(userMoved(hostAccount, candidate));
      return;
    }
    this.#unresolved++;
    this.#remember({ text: reference }, remembered);
    this.#blockers.push(found.length > 1 ? usersAmbiguous(hostAccount, found) : (unfit ?? userNotFound(hostAccount)));
    // Who had the right keeps it while it cannot be told who is meant; whoever may not have it any more does not.
    if (unfit && found.length < 2) return;
    if (before && !unfitUser(hostAccount, before)) this.#hold(before);
    this.#unseen.wanted.push(...this.#unseenSids(remembered));
  }

  /** After all entries: who is quarantined is so whatever finds it. */
  search(): void {
    if (!this.#desired.search) return;
    const has = (computers: ReadonlyMap<string, DirectoryObject>) => (computer: DirectoryObject) =>
      computers.has(dnKey(computer.distinguishedName));
    const named = new Map([...this.#wanted, ...this.#undecided]);
    const count = this.#wanted.size;
    const { granted } = this.#desired;
    const isCalledSo = granted ? allowedNames(granted) : () => true;
    const found = foundHosts(this.#looked, {
      isQuarantined: has(this.#quarantined),
      isNamed: has(named),
      isAllowed: (computer) => this.#isAllowed(computer) && isCalledSo(computer),
    });
    if (!found) return;
    const { wanted, held, unseen, blockers, notes, record } = found;
    for (const computer of wanted) this.#wanted.set(dnKey(computer.distinguishedName), computer);
    for (const { computer, isHost } of held) {
      const key = dnKey(computer.distinguishedName);
      if (this.#wanted.has(key)) continue;
      this.#undecided.set(key, computer);
      if (!isHost) this.#notAllowed.add(key);
    }
    this.#unseen.wanted.push(...unseen);
    this.#blockers.push(...blockers);
    this.#notes.push(...notes);
    this.#searched = { named: count, record };
  }

  /** Nothing else is said of it. What it has it keeps: a computer that is moved, or a tenant that is allowed less, must not be an outage. */
  #refuse(reference: HostReference, computer: DirectoryObject): void {
    const { granted } = this.#desired;
    if (granted) this.#blockers.push(hostNotAllowed(reference, granted));
    if (this.#isTrusted(computer)) this.#hold(computer);
  }

  #hold(computer: DirectoryObject): void {
    const key = dnKey(computer.distinguishedName);
    this.#undecided.set(key, computer);
    if (!this.#isAllowed(computer)) this.#notAllowed.add(key);
  }

  /** Whom the entry meant before is not taken out either: that others claim its former name takes nothing from it. */
  #leaveUndecided(reference: HostReference, found: readonly DirectoryObject[], before: DirectoryObject | undefined): void {
    this.#blockers.push(hostAmbiguous(reference, found));
    const candidates = before ? [...found, before] : found;
    for (const one of candidates.filter(this.#isTrusted)) this.#hold(one);
  }

  /** `strangersOf`: given who keeps the right, by the keys of their distinguished names, those who have it by a primary group and should not. */
  result(strangersOf: (stays: (key: string) => boolean) => readonly PrimaryStranger[]): ResolvedHosts {
    for (const key of this.#quarantined.keys()) this.#undecided.delete(key);
    const [wanted, quarantined, undecided] = [this.#wanted, this.#quarantined, this.#undecided];
    const invalid = this.#desired.invalid.filter(({ computer }) => computer !== undefined).length;
    const stays = (key: string): boolean => wanted.has(key) || undecided.has(key);
    const strangers = strangersOf(stays);
    return {
      wanted,
      quarantined,
      undecided,
      notAllowed: this.#notAllowed,
      departed: this.#departed(),
      unseen: this.#unseen,
      primaryStrangers: strangers.map(({ object }) => object),
      desired: wanted.size + this.#unresolved + invalid,
      blockers: this.#blockers,
      notes: [...this.#notes, ...strangers.map(({ object, group }) => primaryNote(object, group))],
      records: [...this.#records.values()],
      search: this.#searched,
    };
  }

  #departed(): ReadonlyMap<string, DirectoryObject> {
    const { objectGUIDs, unlessNamed } = this.#desired.departed;
    const computers = objectGUIDs.flatMap((objectGUID) => this.#byId.get(objectGUID) ?? []);
    const entries = computers.map((computer) => [dnKey(computer.distinguishedName), computer] as const);
    const isOut = ([key, computer]: (typeof entries)[number]): boolean =>
      !this.#quarantined.has(key) && !keysOfHost(computer).some((name) => unlessNamed.has(name));
    return new Map(entries.filter(isOut));
  }

  #seen(remembered: readonly ResolvedHost[]): readonly DirectoryObject[] {
    return remembered.flatMap(({ objectGUID }) => this.#byId.get(objectGUID) ?? []);
  }

  #unseenSids(remembered: readonly ResolvedHost[]): readonly string[] {
    const unseen = remembered.filter(({ objectGUID }) => !this.#byId.has(objectGUID) && !this.#gone.has(objectGUID));
    return unseen.flatMap(({ objectSID }) => objectSID ?? []);
  }

  #remember(
    { text }: Pick<HostReference, "text">,
    hosts: readonly { readonly objectGUID: string; readonly objectSID?: string | undefined }[],
  ): void {
    for (const { objectGUID, objectSID } of hosts) {
      this.#records.set(`${text}\n${objectGUID}`, { reference: text, objectGUID, ...(objectSID === undefined ? {} : { objectSID }) });
    }
  }
}
