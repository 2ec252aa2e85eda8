/**
 * What this program writes in a domain: each write is told to the audit log; and it is remembered what it made and deleted of late, where nothing else tells.
 *
 * Made, and not seen since: the answer was lost, or the server before anybody could look. No farm's record names such an object, as nobody knows its
 * objectGUID. Another server that does not show it may not have heard of it: made there again it would be there twice.
 *
 * Deleted: an ordinary account does not see what is deleted. On a server that took over, what is not to be seen may be on its way there; this is not.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { FLAG_NAMES } from "../ad/account-flags.ts";
import type { BrakeState } from "../ad/domain.ts";
import { DirectoryError } from "../ad/error.ts";
import type { DirectoryObject } from "../ad/object.ts";
import type { Asker, Audit, AuditedAttribute, AuditLine, AuditResult } from "../ad/port.ts";
import type { Attributes as Values, AttributeValue, Modification, Write } from "../ad/write.ts";
import { dnKey } from "../names/distinguished-name.ts";
import { decodeGuid, decodeSid } from "../names/identifier.ts";
import { type Attributes, decodeRetrievers } from "./entries.ts";

/** Throws DirectoryError Aborted where the domain's brake keeps this from being sent. */
export function assertReleased(brake: BrakeState | undefined, operation: "Read" | "Write"): void {
  const holds = brake?.holds;
  if (holds === undefined || (holds === "Observe" && operation === "Read")) return;
  throw new DirectoryError(
    "Aborted",
    `the domain's ${holds === "Observe" ? "managementPolicy is Observe" : "suspend is true"}: nothing is sent`,
  );
}

interface Creation {
  readonly server: string;
  /** On the monotonic clock. */
  readonly at: number;
  /** Tells who it is, once it is seen: no answer to a write says that. */
  tell?: (object: Seen) => void;
}

type Seen = Pick<DirectoryObject, "distinguishedName" | "objectGUID" | "objectSID" | "owner">;

/** A write as it is told: `Mark` is one that changes the marker. */
export type Told = Pick<AuditLine, "serverFarm" | "cause" | "operation" | "objectClass" | "directoryObject" | "attributes" | "write">;

/** Where it was sent. */
export type SentTo = Pick<AuditLine, "server" | "account"> & {
  /** The domain controller's own name in the directory. */ readonly service: string;
};

/** A write whose answer was lost. */
interface Unsettled {
  readonly told: Told;
  readonly to: SentTo;
  /** On the monotonic clock. */
  readonly at: number;
}

export class OwnWrites {
  /** Writes that may have been done or not, by `write`. */
  readonly unsettled = new Map<string, Unsettled>();
  /** By distinguished name, the oldest first. */
  readonly #made = new Map<string, Creation>();
  /** objectGUIDs, with when they were deleted; the oldest first. */
  readonly #deleted = new Map<string, number>();
  readonly #replicated: number;
  readonly #audit: Audit;

  /** `replicated`: after so long (ms) every server has heard of it, or will not. */
  constructor(replicated: number, audit: Audit = () => undefined) {
    this.#replicated = replicated;
    this.#audit = audit;
  }

  /** Tells how a write ended. What was never sent is not told, unless the operator refuses it by itself. */
  tell(told: Told, to: SentTo, end: DirectoryError | Exclude<AuditResult, "Refused" | "Unknown">): void {
    const error = end instanceof DirectoryError ? end : undefined;
    if (error && error.code === undefined && error.kind !== "OutcomeUnknown" && error.kind !== "NotOwned") return;
    const result = end instanceof DirectoryError ? (end.kind === "OutcomeUnknown" ? "Unknown" : "Refused") : end;
    if (result === "Unknown") this.unsettled.set(told.write, { told, to, at: performance.now() });
    else this.unsettled.delete(told.write);
    const { server, account } = to;
    const ended = { ...told, server, account, result, code: error?.code, error: error?.message.slice(0, LONGEST_TEXT) } as const;
    const parts = inParts(told.attributes);
    for (const [index, attributes] of parts.entries()) this.#audit({ ...ended, attributes, part: index + 1, parts: parts.length });
  }

  /** Whether every server has heard by now of what was done then, or will not. */
  isReplicated(at: number): boolean {
    return performance.now() - at >= this.#replicated;
  }

  /** Right before it is made. Returns what was known of it until then. Throws DirectoryError where it may be on its way from another server. */
  beginCreation(dn: string, server: string): Creation | undefined {
    for (const [key, { at }] of this.#made) {
      if (!this.isReplicated(at)) break;
      this.#made.delete(key);
    }
    const known = this.#made.get(dnKey(dn));
    if (this.isOnItsWay(dn, server)) {
      throw new DirectoryError(
        "Unavailable",
        `${dn} may exist on another domain controller and not be replicated yet, as the operator failed over to this one less than an hour ago: it is not created again until the hour is over`,
      );
    }
    this.#made.delete(dnKey(dn));
    this.#made.set(dnKey(dn), { server, at: performance.now() });
    return known;
  }

  /** Whether it may have been made on another server and not be replicated to this one yet. */
  isOnItsWay(dn: string, server: string): boolean {
    const made = this.#made.get(dnKey(dn));
    return made !== undefined && made.server !== server && !this.isReplicated(made.at);
  }

  /** It was certainly not made. */
  undoCreation(dn: string, before: Creation | undefined): void {
    if (before) this.#made.set(dnKey(dn), before);
    else this.#made.delete(dnKey(dn));
  }

  /** The directory said that it was made. */
  created(told: Told, to: SentTo): void {
    this.tell(told, to, "Done");
    const creation = this.#made.get(dnKey(told.directoryObject.dn));
    if (!creation) return;
    const marker = told.attributes.find(({ attribute }) => attribute === "adminDescription")?.after?.[0];
    // In the reconcile that made it, whoever sees it first.
    const inContext = AsyncLocalStorage.snapshot();
    creation.tell = ({ distinguishedName, objectGUID, objectSID, owner }) => {
      if (owner !== marker) return;
      const directoryObject = { dn: distinguishedName, guid: objectGUID, sid: objectSID };
      inContext(() => {
        this.tell({ ...told, directoryObject, attributes: [] }, to, "Found");
      });
    };
  }

  seen(object: Seen): void {
    if (this.#made.size === 0) return;
    this.#made.get(dnKey(object.distinguishedName))?.tell?.(object);
    this.#made.delete(dnKey(object.distinguishedName));
  }

  /** The server said that it was. */
  deleted(dn: string, objectGUID: string): void {
    const now = performance.now();
    for (const [key, at] of this.#deleted) {
      if (now - at < this.#replicated) break;
      this.#deleted.delete(key);
    }
    this.#deleted.set(objectGUID, now);
    this.#made.delete(dnKey(dn));
  }

  isDeleted(objectGUID: string): boolean {
    return this.#deleted.has(objectGUID);
  }
}

/** Bytes of the values in one line: collectors of logs cut a line at 16 KiB. */
const LINE = 12_000;
const LONGEST_TEXT = 1000;

/** `entry`: the object as it was right before, with the attributes that are written. */
export function toldOf(write: Exclude<Write, { kind: "Mark" }>, asker: Partial<Asker> | undefined, entry?: Attributes): Told {
  const [guid, sid] = [entry?.bytes("objectGUID"), entry?.bytes("objectSid")];
  const dn = entry?.distinguishedName ?? ("object" in write ? write.object.distinguishedName : write.distinguishedName);
  const known = "object" in write ? write.object.objectGUID : undefined;
  const told = {
    ...{ write: crypto.randomUUID(), serverFarm: asker?.farm, cause: asker?.cause },
    objectClass: "objectClass" in write ? write.objectClass : undefined,
    directoryObject: { dn, guid: guid ? decodeGuid(guid) : known, sid: sid ? decodeSid(sid) : undefined },
  };
  switch (write.kind) {
    case "Add":
      return { ...told, operation: "Create", attributes: Object.entries(write.attributes).map(([name, values]) => madeWith(name, values)) };
    case "Modify": {
      const names = [...new Set(write.modifications.map(([, attribute]) => attribute))];
      return { ...told, operation: "Modify", attributes: names.map((name) => changedIn(name, write.modifications, entry)) };
    }
    case "Delete":
      return { ...told, operation: "Delete", attributes: [] };
  }
}

function madeWith(attribute: string, values: Values[string]): AuditedAttribute {
  const texts = values.flatMap((value) => inWords(attribute, value));
  return attribute === "member" ? { attribute, added: texts, removed: [] } : { attribute, before: [], after: texts };
}

function changedIn(attribute: string, modifications: readonly Modification[], entry: Attributes | undefined): AuditedAttribute {
  const of = (wanted: Modification[0]): readonly string[] =>
    modifications.flatMap(([operation, name, values]) =>
      operation === wanted && name === attribute ? values.flatMap((value) => inWords(attribute, value)) : [],
    );
  const [added, removed] = [of("add"), of("delete")];
  if (attribute === "member") return { attribute, added, removed };
  if (modifications.some(([operation, name]) => operation === "replace" && name === attribute))
    return { attribute, before: entry && valuesOf(attribute, entry), after: of("replace") };
  if (!entry) return { attribute, added, removed };
  const before = valuesOf(attribute, entry);
  const gone = new Set(removed.map((text) => text.toLowerCase()));
  return { attribute, before, after: [...before.filter((text) => !gone.has(text.toLowerCase())), ...added] };
}

/** The values of an attribute as they are told. */
export function valuesOf(attribute: string, entry: Attributes): readonly string[] {
  if (attribute !== "msDS-GroupMSAMembership") return entry.texts(attribute).flatMap((text) => inWords(attribute, text));
  const bytes = entry.bytes(attribute);
  if (!bytes) return [];
  const { foreign, ...retrievers } = decodeRetrievers(bytes);
  return [...inWords(attribute, retrievers), ...foreign.map((text) => `other: ${text}`)];
}

/** SIDs and bits for people to read. */
function inWords(attribute: string, value: AttributeValue): readonly string[] {
  if (typeof value !== "string") return [...value.denied.map((sid) => `deny ${sid}`), ...value.principals.map((sid) => `allow ${sid}`)];
  const flags = Object.entries(FLAG_NAMES[attribute] ?? {}).filter(([, bit]) => (Number(value) & bit) !== 0);
  return [flags.length > 0 ? `${value} (${flags.map(([name]) => name).join(", ")})` : value];
}

const SIDES = ["before", "after", "added", "removed"] as const;

/** All values, in order, in as many parts as it takes: each side of an attribute that is in several goes on where it stopped. */
function inParts(attributes: readonly AuditedAttribute[]): readonly (readonly AuditedAttribute[])[] {
  type Piece = readonly [attribute: string, side: string, values: readonly string[]];
  const pieces = attributes.flatMap((one) =>
    SIDES.flatMap((side): readonly Piece[] => {
      const values = one[side];
      if (values?.length === 0) return [[one.attribute, side, []]];
      return (values ?? []).map((value): Piece => [one.attribute, side, [value]]);
    }),
  );
  const parts: Piece[][] = [[]];
  let size = 0;
  for (const piece of pieces) {
    const bytes = Buffer.byteLength(JSON.stringify(piece[2]));
    if (size > 0 && size + bytes > LINE) {
      parts.push([]);
      size = 0;
    }
    size += bytes;
    parts.at(-1)?.push(piece);
  }
  return parts.map((part) =>
    [...Map.groupBy(part, ([attribute]) => attribute)].map(([attribute, own]) => {
      const sides = [...Map.groupBy(own, ([, side]) => side)].map(([side, values]) => [side, values.flatMap(([, , all]) => all)] as const);
      return { attribute, ...Object.fromEntries(sides) };
    }),
  );
}
