/** Applies writes over LDAP: each reads what it relies on in the same step. */
import { EqualityFilter } from "ldapts";
import { DirectoryError } from "../ad/error.ts";
import { ADMIN_COUNT } from "../ad/object.ts";
import type { Writer } from "../ad/port.ts";
import { clearAdminCount } from "../ad/remedy.ts";
import type { Attributes as Values, AttributeValue, MemberGroup, Modification, OwnedObject, Write } from "../ad/write.ts";
import { decodeGuid, decodeSid, describeOwner, isOwnerMarker } from "../names/identifier.ts";
import { type Attributes, protectionOf, encodeRetrievers } from "./entries.ts";
import { nameChildren } from "./children.ts";
import { nameMissingRights } from "./missing-rights.ts";
import type { LdapSession } from "./session.ts";

type Modify = Extract<Write, { kind: "Modify" }>;

export class LdapWriter implements Writer {
  readonly #session: LdapSession;

  constructor(session: LdapSession) {
    this.#session = session;
  }

  /** One write. Where a right is missing, the error says which and how to give it. */
  async apply(write: Write, signal: AbortSignal): Promise<void> {
    if (signal.aborted) throw new DirectoryError("Aborted", "the operator is stopping");
    try {
      await this.#apply(write);
    } catch (error) {
      if (!(error instanceof DirectoryError) || error.kind !== "AccessDenied") throw error;
      throw await nameMissingRights(this.#session, write, error);
    }
  }

  async #apply(write: Write): Promise<void> {
    switch (write.kind) {
      case "Add":
        return this.#add(write);
      case "Modify":
        return write.expected ? this.#modifyExpected(write, write.expected) : this.#modify(write);
      case "Mark":
        return this.#mark(write.object, write.replaces);
      case "Delete":
        return this.#delete(write.object);
    }
  }

  /**
   * Everything in the one write. Only values that the directory refuses though nobody was seen to hold them (another domain of the forest, somebody who
   * came a moment ago) are left to the next round, which sets each by itself and blames the right one.
   */
  async #add(write: Extract<Write, { kind: "Add" }>): Promise<void> {
    const { attributes, optional } = write;
    try {
      await this.#create(write, attributes);
    } catch (error) {
      if (!(error instanceof DirectoryError) || !mayBeOfName(error) || optional === undefined) throw error;
      const { [optional]: _left, ...others } = attributes;
      await this.#create(write, others);
    }
  }

  /** That an object of ours already stands there is the answer to a try whose own answer was lost. */
  async #create({ distinguishedName, objectClass, owner }: Extract<Write, { kind: "Add" }>, attributes: Values): Promise<void> {
    const entries = Object.entries(attributes).map(([name, values]) => [name, values.map(encode)] as const);
    try {
      await this.#session.add(distinguishedName, { objectClass: [objectClass], ...Object.fromEntries(entries) });
    } catch (error) {
      if (!(error instanceof DirectoryError)) throw error;
      if (error.kind === "NotFound") throw missingParent(distinguishedName, error);
      if (error.kind !== "AlreadyExists") throw error;
      const entry = await this.#session.readForWrite({ base: distinguishedName, scope: "base", attributes: ["adminDescription"] });
      if (entry?.text("adminDescription") !== owner) throw error;
    }
  }

  /**
   * All of it, or nothing. That a value is so already is told in many ways (68, 20, 16, and for members even 53), so it is looked up: where every one
   * is, there is nothing left to do.
   */
  async #modify({ object, modifications }: Modify): Promise<void> {
    try {
      const entry = await this.#check(object);
      if (!entry) throw gone(object);
      // A group that is another farm's by now: nobody but that farm changes its members.
      const marker = entry.text("adminDescription");
      if (object.owner === undefined && isOwnerMarker(marker)) throw notOwned(object, marker);
      await this.#send(object, modifications);
    } catch (error) {
      if (!(error instanceof DirectoryError) || error.fatal || error.kind === "AccessDenied" || error.kind === "NotOwned") throw error;
      if (!(await this.#isSo(object, modifications))) throw error;
    }
  }

  async #modifyExpected({ object, modifications }: Modify, expected: NonNullable<Modify["expected"]>): Promise<void> {
    const entry = await this.#check(
      object,
      modifications.map(([, attribute]) => attribute),
    );
    if (!entry) throw gone(object);
    const open = modifications.filter(([, attribute, [value]]) => entry.text(attribute) !== value);
    const changed = open.map(([, attribute]) => attribute).filter((attribute) => entry.text(attribute) !== expected[attribute]);
    if (changed.length > 0)
      throw new DirectoryError("Stale", `${object.distinguishedName}: ${changed.join(", ")} changed meanwhile; it is looked at again`);
    if (open.length > 0) await this.#send(object, open);
  }

  async #mark(object: OwnedObject, replaces: string | undefined): Promise<void> {
    const { distinguishedName, objectGUID, owner } = object;
    const entry = await this.#check({ distinguishedName, objectGUID, owner: undefined, name: undefined });
    if (!entry) throw gone(object);
    const current = entry.text("adminDescription");
    if (current === owner) return;
    if (current !== replaces) throw notOwned(object, current);
    const consent: readonly Modification[] = replaces === undefined ? [] : [["delete", "adminDescription", [replaces]]];
    await this.#send(object, [...consent, ["add", "adminDescription", [owner]]]);
  }

  async #delete(object: OwnedObject): Promise<void> {
    const entry = await this.#check(object);
    if (!entry) return;
    try {
      await this.#session.delete(entry.distinguishedName);
      this.#session.own.deleted(entry.distinguishedName, object.objectGUID);
    } catch (error) {
      if (!(error instanceof DirectoryError)) throw error;
      if (error.answer?.result === "notAllowedOnNonLeaf") throw await nameChildren(this.#session, entry.distinguishedName, error);
      if (error.kind !== "NotFound") throw error;
    }
  }

  /** By GUID: should the object be moved this very moment, the write follows it. */
  async #send({ objectGUID, distinguishedName }: MemberGroup, modifications: readonly Modification[]): Promise<void> {
    const encoded = modifications.map(([operation, attribute, values]) => [operation, attribute, values.map(encode)] as const);
    await this.#session.modify(`<GUID=${objectGUID}>`, encoded, distinguishedName);
  }

  /** Reads the owner marker in the same step as the write that relies on it; a group of others may bear whatever note it bears. Undefined: the object is gone. */
  async #check(object: MemberGroup, more: readonly string[] = []): Promise<Attributes | undefined> {
    const { distinguishedName, objectGUID, owner } = object;
    const entry = await this.#session.readForWrite({
      base: `<GUID=${objectGUID}>`,
      scope: "base",
      attributes: ["objectGUID", "objectSid", "adminDescription", "adminCount", "isCriticalSystemObject", ...more],
    });
    const guid = entry?.bytes("objectGUID");
    if (!entry || !guid) return undefined;
    const sid = entry.bytes("objectSid");
    const protection = protectionOf(entry, sid ? decodeSid(sid) : undefined);
    const current = entry.text("adminDescription");
    if (protection !== undefined) {
      const remedy =
        protection === ADMIN_COUNT && owner !== undefined && current === owner ? `; ${clearAdminCount(distinguishedName)}` : "";
      throw new DirectoryError("NotOwned", `${distinguishedName} must never be touched: ${protection}${remedy}`);
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

function encode(value: AttributeValue): string | Buffer {
  return typeof value === "string" ? value : encodeRetrievers(value.principals, value.denied);
}

/** Of a HOST name that implies somebody's Samba says no more than that a constraint is violated. What was not of the name fails alike without it. */
function mayBeOfName({ kind, code }: DirectoryError): boolean {
  return kind === "ServicePrincipalNameInUse" || (kind === "ConstraintViolation" && code === 19);
}

function missingParent(dn: string, error: DirectoryError): DirectoryError {
  const message = `${error.message}: its container, or a computer that is to be a member, is not there. Create the container, or correct container or the domain's defaults (${dn}).`;
  return new DirectoryError("ConstraintViolation", message, { answer: error.answer, cause: error });
}

function gone({ distinguishedName }: MemberGroup): DirectoryError {
  return new DirectoryError("Stale", `${distinguishedName} is gone; it is looked for again`);
}

function notOwned({ distinguishedName, owner }: MemberGroup, current: string | undefined): DirectoryError {
  return new DirectoryError("NotOwned", `${distinguishedName} was left as it is: ${describeOwner(current, owner ?? "")}`);
}
