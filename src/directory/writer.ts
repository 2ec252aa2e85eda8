/** Applies writes over LDAP: each reads what it relies on in the same step. */
import { EqualityFilter } from "ldapts";
import { abortable, Gate } from "../base/turns.ts";
import { brokenOff, DirectoryError } from "../ad/error.ts";
import { ADMIN_COUNT } from "../ad/object.ts";
import type { Asker, Writer } from "../ad/port.ts";
import { clearAdminCount } from "../ad/remedy.ts";
import { describeRight } from "../ad/right.ts";
import type { AttributeValue, MemberGroup, Modification, Write } from "../ad/write.ts";
import { decodeGuid, decodeSid, describeOwner, isOwnerMarker } from "../names/identifier.ts";
import { type Attributes, protectionOf, encodeRetrievers } from "./entries.ts";
import { nameChildren } from "./children.ts";
import { missingParent, missingRights, nameMissingRights } from "./missing-rights.ts";
import { type OwnWrites, type SentTo, type Told, toldOf } from "./own-writes.ts";
import type { LdapSession } from "./session.ts";
import { settle } from "./settle.ts";

type Add = Extract<Write, { kind: "Add" }>;
type Modify = Extract<Write, { kind: "Modify" }>;
type Delete = Extract<Write, { kind: "Delete" }>;

/** Writes at once: a domain controller does those of one connection one after the other, so that each waits for all that were sent before it. */
const WRITES = 4;
const URGENT: ReadonlySet<Asker["cause"] | undefined> = new Set(["Quarantine", "Decommission"]);

export class LdapWriter implements Writer {
  readonly #session: LdapSession;
  readonly #gate = new Gate(WRITES);

  constructor(session: LdapSession) {
    this.#session = session;
  }

  /** One write, with a line in the audit log. Where a right is missing, the error says which and how to give it. */
  async apply(write: Write, signal: AbortSignal, asker?: Partial<Asker>): Promise<void> {
    if (signal.aborted) throw brokenOff();
    // Before anything else is done to the same object: a write whose answer was lost was done, or was not.
    if (this.#session.own.unsettled.size > 0) await settle(this.#session);
    try {
      const [tenant, priority] = [asker?.farm?.namespace ?? "", URGENT.has(asker?.cause) ? "Urgent" : "Change"] as const;
      await abortable(signal, brokenOff, (stay) => this.#gate.pass(tenant, priority, () => stay(() => this.#apply(write, asker))));
    } catch (error) {
      if (!(error instanceof DirectoryError)) throw error;
      if (error.kind === "NotOwned") this.#tell(toldOf(write.kind === "Mark" ? markingOf(write) : write, asker), error);
      if (error.kind !== "AccessDenied") throw error;
      throw await nameMissingRights(this.#session, write, error);
    }
  }

  async lacks(writes: readonly Write[], signal: AbortSignal): Promise<readonly string[]> {
    if (signal.aborted) throw brokenOff();
    return (await missingRights(this.#session, writes)).map((right) => describeRight(right, this.#session.account));
  }

  async #apply(write: Write, asker: Partial<Asker> | undefined): Promise<void> {
    switch (write.kind) {
      case "Add":
        return this.#add(write, asker);
      case "Modify":
        return write.expected ? this.#modifyExpected(write, write.expected, asker) : this.#modify(write, asker);
      case "Mark":
        return this.#mark(write, asker);
      case "Delete":
        return this.#delete(write, asker);
    }
  }

  /**
   * Everything in the one write. Only values that the directory refuses though nobody was seen to hold them (another domain of the forest, somebody who
   * came a moment ago) are left to the next round, which sets each by itself and blames the right one.
   */
  async #add(write: Add, asker: Partial<Asker> | undefined): Promise<void> {
    const { attributes, optional } = write;
    try {
      await this.#create(write, asker);
    } catch (error) {
      if (!(error instanceof DirectoryError) || !mayBeOfName(error) || optional === undefined) throw error;
      const { [optional]: _left, ...others } = attributes;
      await this.#create({ ...write, attributes: others }, asker);
    }
  }

  /** That an object of ours already stands there is the answer to a try whose own answer was lost. */
  async #create(write: Add, asker: Partial<Asker> | undefined): Promise<void> {
    const { distinguishedName, objectClass, attributes, owner } = write;
    const entries = Object.entries(attributes).map(([name, values]) => [name, values.map(encode)] as const);
    try {
      await this.#session.add(distinguishedName, { objectClass: [objectClass], ...Object.fromEntries(entries) }, asker);
    } catch (error) {
      if (!(error instanceof DirectoryError)) throw error;
      this.#tell(toldOf(write, asker), error);
      if (error.kind === "NotFound") throw missingParent(distinguishedName, error);
      if (error.kind !== "AlreadyExists") throw error;
      const attributes = ["adminDescription", "objectGUID", "objectSid"];
      const entry = await this.#session.readForWrite({ base: distinguishedName, scope: "base", attributes });
      if (entry?.text("adminDescription") !== owner) throw error;
      return this.#tell(toldOf(write, asker, entry), "Found");
    }
    this.#session.own.created(toldOf(write, asker), this.#here);
  }

  /**
   * All of it, or nothing. That a value is so already is told in many ways (68, 20, 16, and for members even 53), so it is looked up: where every one
   * is, there is nothing left to do.
   */
  async #modify(write: Modify, asker: Partial<Asker> | undefined): Promise<void> {
    const { object, modifications } = write;
    try {
      // Of a group nobody but the farm's own hosts is read.
      const entry = await this.#check(object, attributesOf(write));
      if (!entry) throw gone(object);
      // A group that is another farm's by now: nobody but that farm changes its members.
      const marker = entry.text("adminDescription");
      if (object.owner === undefined && isOwnerMarker(marker)) throw notOwned(object, marker);
      await this.#send(write, asker, entry);
    } catch (error) {
      if (!(error instanceof DirectoryError) || error.fatal || error.kind === "AccessDenied" || error.kind === "NotOwned") throw error;
      if (!(await this.#isSo(object, modifications))) throw error;
      this.#tell(toldOf(write, asker), "Found");
    }
  }

  async #modifyExpected(write: Modify, expected: NonNullable<Modify["expected"]>, asker: Partial<Asker> | undefined): Promise<void> {
    const { object, modifications } = write;
    const entry = await this.#check(object, attributesOf(write));
    if (!entry) throw gone(object);
    const open = modifications.filter(([, attribute, [value]]) => entry.text(attribute) !== value);
    const changed = open.map(([, attribute]) => attribute).filter((attribute) => entry.text(attribute) !== expected[attribute]);
    if (changed.length > 0)
      throw new DirectoryError("Stale", `${object.distinguishedName}: ${changed.join(", ")} changed in the meantime; it is read again`);
    if (open.length > 0) await this.#send({ ...write, modifications: open }, asker, entry);
    else this.#tell(toldOf(write, asker, entry), "Found");
  }

  async #mark(write: Extract<Write, { kind: "Mark" }>, asker: Partial<Asker> | undefined): Promise<void> {
    const { object, replaces } = write;
    const { distinguishedName, objectGUID, owner } = object;
    const entry = await this.#check({ distinguishedName, objectGUID, owner: undefined, name: undefined });
    if (!entry) throw gone(object);
    const current = entry.text("adminDescription");
    if (current === owner) return this.#tell(toldOf(markingOf(write), asker, entry), "Found");
    if (current !== replaces) throw notOwned(object, current);
    await this.#send(markingOf(write), asker, entry);
  }

  async #delete(write: Delete, asker: Partial<Asker> | undefined): Promise<void> {
    const { object } = write;
    const entry = await this.#check(object);
    if (!entry) return this.#tell(toldOf(write, asker), "Found");
    const told = toldOf(write, asker, entry);
    try {
      await this.#session.delete(entry.distinguishedName, asker);
      this.#session.own.deleted(entry.distinguishedName, object.objectGUID);
      this.#tell(told, "Done");
    } catch (error) {
      if (!(error instanceof DirectoryError)) throw error;
      this.#tell(told, error);
      if (error.answer?.result === "notAllowedOnNonLeaf") throw await nameChildren(this.#session, entry.distinguishedName, error);
      if (error.kind !== "NotFound") throw error;
    }
  }

  /** By GUID: should the object be moved this very moment, the write follows it. */
  async #send(write: Modify, asker: Partial<Asker> | undefined, entry: Attributes): Promise<void> {
    const { object, modifications } = write;
    const { objectGUID, distinguishedName } = object;
    const encoded = modifications.map(([operation, attribute, values]) => [operation, attribute, values.map(encode)] as const);
    const told = toldOf(write, asker, entry);
    try {
      await this.#session.modify(`<GUID=${objectGUID}>`, encoded, distinguishedName, asker);
    } catch (error) {
      if (error instanceof DirectoryError) this.#tell(told, error);
      throw error;
    }
    this.#tell(told, "Done");
  }

  #tell(told: Told, end: Parameters<OwnWrites["tell"]>[2]): void {
    this.#session.own.tell(told, this.#here, end);
  }

  get #here(): SentTo {
    const { url: server, account, rootDse } = this.#session;
    return { server, account, service: rootDse.dsServiceName };
  }

  /** Reads the owner marker in the same step as the write that relies on it; a group of others may bear whatever note it bears. Undefined: the object is gone. */
  async #check(object: MemberGroup, more: readonly string[] = []): Promise<Attributes | undefined> {
    const { distinguishedName, objectGUID, owner } = object;
    const entry = await this.#session.readForWrite({
      base: `<GUID=${objectGUID}>`,
      scope: "base",
      attributes: [...new Set(["objectGUID", "objectSid", "adminDescription", "adminCount", "isCriticalSystemObject", ...more])],
    });
    const guid = entry?.bytes("objectGUID");
    if (!entry || !guid) return undefined;
    const sid = entry.bytes("objectSid");
    const protection = protectionOf(entry, sid ? decodeSid(sid) : undefined);
    const current = entry.text("adminDescription");
    if (protection !== undefined) {
      const remedy =
        protection === ADMIN_COUNT && owner !== undefined && current === owner ? `; ${clearAdminCount(distinguishedName)}` : "";
      throw new DirectoryError("NotOwned", `${distinguishedName} must never be changed or deleted: ${protection}${remedy}`);
    }
    if ((owner !== undefined && current !== owner) || decodeGuid(guid) !== objectGUID) throw notOwned(object, current);
    return entry;
  }

  /** Whether values that are added or deleted are there, or gone; what is replaced is never so by itself. */
  async #isSo({ objectGUID }: MemberGroup, modifications: readonly Modification[]): Promise<boolean> {
    for (const [operation, attribute, values] of modifications) {
      if (operation === "replace") return false;
      for (const value of values) {
        const filter = new EqualityFilter({ attribute, value: encode(value) });
        const held = await this.#session.readForWrite({ base: `<GUID=${objectGUID}>`, scope: "base", filter, attributes: ["objectGUID"] });
        if ((held !== undefined) !== (operation === "add")) return false;
      }
    }
    return true;
  }
}

/** What is read before it is changed: of members never all. */
function attributesOf({ modifications }: Modify): readonly string[] {
  return modifications.map(([, attribute]) => attribute).filter((attribute) => attribute !== "member");
}

function markingOf({ object, replaces }: Extract<Write, { kind: "Mark" }>): Modify {
  const consent: readonly Modification[] = replaces === undefined ? [] : [["delete", "adminDescription", [replaces]]];
  return { kind: "Modify", object, modifications: [...consent, ["add", "adminDescription", [object.owner]]] };
}

function encode(value: AttributeValue): string | Buffer {
  return typeof value === "string" ? value : encodeRetrievers(value.principals, value.denied);
}

/** Of a HOST name that implies somebody's Samba says no more than that a constraint is violated. What was not of the name fails alike without it. */
function mayBeOfName({ kind, code }: DirectoryError): boolean {
  return kind === "ServicePrincipalNameInUse" || (kind === "ConstraintViolation" && code === 19);
}

function gone({ distinguishedName }: MemberGroup): DirectoryError {
  return new DirectoryError("Stale", `${distinguishedName} is gone; the operator looks for it again`);
}

function notOwned({ distinguishedName, owner }: MemberGroup, current: string | undefined): DirectoryError {
  return new DirectoryError("NotOwned", `${distinguishedName} was left as it is: ${describeOwner(current, owner ?? "")}`);
}
