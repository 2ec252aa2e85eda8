/** Which right a refused write lacked: the directory itself says no more than that one is missing. */
import { DirectoryError } from "../ad/error.ts";
import { describeRight, type MissingRight } from "../ad/right.ts";
import type { MemberGroup, Write } from "../ad/write.ts";
import { parentDn } from "../names/distinguished-name.ts";
import type { LdapSession } from "./session.ts";

/** The same error, with the rights that are missing and how to give them, as far as the directory tells. */
export async function nameMissingRights(session: LdapSession, write: Write, error: DirectoryError): Promise<DirectoryError> {
  const rights = await missingRights(session, write).catch((cause: unknown): readonly MissingRight[] => {
    // It is asked after the fact: that the directory does not answer now takes nothing from what it said before.
    if (cause instanceof DirectoryError) return [];
    throw cause;
  });
  if (rights.length === 0) return error;
  const message = `${error.message}: ${rights.map((right) => describeRight(right, session.account)).join(" ")}`;
  return new DirectoryError(error.kind, message, { answer: error.answer, cause: error });
}

async function missingRights(session: LdapSession, write: Write): Promise<readonly MissingRight[]> {
  switch (write.kind) {
    case "Add": {
      const { objectClass, distinguishedName } = write;
      const container = parentDn(distinguishedName);
      const entry = await session.searchOne({ base: container, scope: "base", attributes: ["allowedChildClassesEffective"] });
      if (!entry || entry.names("allowedChildClassesEffective").has(objectClass.toLowerCase())) return [];
      return [{ kind: "CreateChild", container, objectClass }];
    }
    // Whether something may be deleted no attribute tells, and a protected object is refused alike.
    case "Delete": {
      const { objectClass, object } = write;
      const container = parentDn(object.distinguishedName);
      return [{ kind: "DeleteChild", container, objectClass, object: object.distinguishedName }];
    }
    case "Mark":
      return await missingAttributes(session, write.object, ["adminDescription"]);
    case "Modify":
      return await missingAttributes(session, write.object, [...new Set(write.modifications.map(([, attribute]) => attribute))]);
  }
}

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
  if (!entry) return [];
  const { distinguishedName } = entry;
  const refused = attributes.filter((attribute) => !entry.names("allowedAttributesEffective").has(attribute.toLowerCase()));
  const [container, objectClass = ""] = [parentDn(distinguishedName), entry.texts("objectClass").at(-1)];
  return refused.map((attribute) =>
    owner === undefined ? { kind: "WriteMember", group: distinguishedName } : { kind: "WriteProperty", container, objectClass, attribute },
  );
}
