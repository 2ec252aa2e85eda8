/** Which right a refused write lacked: the directory itself says no more than that one is missing. */
import { DirectoryError } from "../ad/error.ts";
import { describeRight, type MissingRight } from "../ad/right.ts";
import type { MemberGroup, Write } from "../ad/write.ts";
import { parentDn } from "../names/distinguished-name.ts";
import type { LdapSession } from "./session.ts";

/** As many objects are looked at before a first write. */
const LOOKED_AT = 20;

/** The same error, with the rights that are missing and how to give them, as far as the directory tells. */
export async function nameMissingRights(session: LdapSession, write: Write, error: DirectoryError): Promise<DirectoryError> {
  const asked = write.kind === "Delete" ? deletionOf(session, write) : missingRights(session, [write]);
  const rights = await asked.catch((cause: unknown): readonly MissingRight[] => {
    // It is asked after the fact: that the directory does not answer now takes nothing from what it said before.
    if (cause instanceof DirectoryError) return [];
    throw cause;
  });
  if (rights.length === 0) return error;
  const message = `${error.message}: ${rights.map((right) => describeRight(right, session.account)).join(" ")}`;
  return new DirectoryError(error.kind, message, { answer: error.answer, cause: error });
}

/** Whether something may be deleted no attribute tells, and a protected object is refused alike. */
async function deletionOf(
  session: LdapSession,
  { objectClass, object: { distinguishedName: object } }: Extract<Write, { kind: "Delete" }>,
): Promise<readonly MissingRight[]> {
  const container = parentDn(object);
  const isOfFarms = (await mayCreate(session, container, objectClass)) === true;
  return [isOfFarms ? { kind: "DeleteChild", container, objectClass, object } : { kind: "DeleteObject", object }];
}

/** What the account lacks for the writes, as far as attributes of the directory tell: nothing of deletions. */
export async function missingRights(session: LdapSession, writes: readonly Write[]): Promise<readonly MissingRight[]> {
  const missing: MissingRight[] = [];
  for (const write of writes) {
    if (write.kind !== "Add") continue;
    const { objectClass, distinguishedName } = write;
    const container = parentDn(distinguishedName);
    if ((await mayCreate(session, container, objectClass)) === false) missing.push({ kind: "CreateChild", container, objectClass });
  }
  const changes = writes.filter((write) => write.kind === "Modify" || write.kind === "Mark");
  for (const own of [...Map.groupBy(changes, ({ object }) => object.objectGUID).values()].slice(0, LOOKED_AT)) {
    const attributes = own.flatMap((write) =>
      write.kind === "Mark" ? ["adminDescription"] : write.modifications.map(([, attribute]) => attribute),
    );
    const [first] = own;
    if (first) missing.push(...(await missingAttributes(session, first.object, [...new Set(attributes)])));
  }
  return missing;
}

/** Undefined: the container is not to be seen. */
async function mayCreate(session: LdapSession, container: string, objectClass: string): Promise<boolean | undefined> {
  const entry = await session.searchOne({ base: container, scope: "base", attributes: ["allowedChildClassesEffective"] });
  return entry?.names("allowedChildClassesEffective").has(objectClass.toLowerCase());
}

/** Where farms are made, the right is given for all of them; elsewhere on the one object, so that it opens nothing else. */
async function missingAttributes(
  session: LdapSession,
  { objectGUID, owner }: MemberGroup,
  attributes: readonly string[],
): Promise<readonly MissingRight[]> {
  const entry = await session.searchOne({
    base: `<GUID=${objectGUID}>`,
    scope: "base",
    attributes: ["objectClass", "allowedAttributesEffective"],
  });
  const allowed = entry?.names("allowedAttributesEffective");
  const refused = attributes.filter((attribute) => allowed?.has(attribute.toLowerCase()) === false);
  if (!entry || refused.length === 0) return [];
  const { distinguishedName } = entry;
  const [container, objectClass = ""] = [parentDn(distinguishedName), entry.texts("objectClass").at(-1)];
  if (owner !== undefined && (await mayCreate(session, container, objectClass)) === true)
    return refused.map((attribute) => ({ kind: "WriteProperty", container, objectClass, attribute }));
  return [{ kind: "WriteObject", object: distinguishedName, attributes: refused }];
}

/** Of an object that cannot be created, since something that it names is not there. */
export function missingParent(dn: string, error: DirectoryError): DirectoryError {
  const message = `${error.message}: its container, or a computer to add as a member, does not exist. Create the container, or correct container or the domain's defaults (${dn}).`;
  return new DirectoryError("ConstraintViolation", message, { answer: error.answer, cause: error });
}
