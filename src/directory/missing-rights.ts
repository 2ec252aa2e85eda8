/** Which right a refused write lacked: the directory itself says no more than that one is missing. */
import type { Change, MemberGroup } from "../farm/changes/index.ts";
import { parentDn } from "../names/distinguished-name.ts";
import { DirectoryError } from "../ad/error.ts";
import { describeRight, type MissingRight } from "../ad/right.ts";
import { ACCOUNT_CLASS, GROUP_CLASS } from "../ad/object.ts";
import type { Attributes } from "./entries.ts";
import type { LdapSession } from "./session.ts";

/** What the write needed: a class of objects to create or delete, or attributes to write of an object. */
type Need =
  | { readonly kind: "CreateChild" | "DeleteChild"; readonly objectClass: string; readonly distinguishedName: string }
  | { readonly kind: "Write"; readonly object: MemberGroup; readonly attributes: readonly string[] };

/** The same error, with the rights that are missing and how to give them, as far as the directory tells. */
export async function nameMissingRights(session: LdapSession, change: Change, error: DirectoryError): Promise<DirectoryError> {
  const rights = await missingRights(session, needOf(change)).catch((cause: unknown): readonly MissingRight[] => {
    // It is asked after the fact: that the directory does not answer now takes nothing from what it said before.
    if (cause instanceof DirectoryError) return [];
    throw cause;
  });
  if (rights.length === 0) return error;
  const message = `${error.message}: ${rights.map((right) => describeRight(right, session.account)).join(" ")}`;
  return new DirectoryError(error.kind, message, { code: error.code, cause: error });
}

async function missingRights(session: LdapSession, need: Need): Promise<readonly MissingRight[]> {
  if (need.kind === "Write") {
    const { objectGUID, owner } = need.object;
    const entry = await session.searchOne({
      base: `<GUID=${objectGUID}>`,
      scope: "base",
      attributes: ["objectClass", "allowedAttributesEffective"],
    });
    if (!entry) return [];
    const { distinguishedName } = entry;
    const refused = need.attributes.filter((attribute) => !effective(entry, "allowedAttributesEffective").has(attribute.toLowerCase()));
    const [container, objectClass = ""] = [parentDn(distinguishedName), entry.texts("objectClass").at(-1)];
    return refused.map((attribute) =>
      owner === undefined
        ? { kind: "WriteMember", group: distinguishedName }
        : { kind: "WriteProperty", container, objectClass, attribute },
    );
  }
  const { kind, objectClass, distinguishedName } = need;
  const container = parentDn(distinguishedName);
  // Whether something may be deleted no attribute tells, and a protected object is refused alike.
  if (kind === "DeleteChild") return [{ kind, container, objectClass }];
  const entry = await session.searchOne({ base: container, scope: "base", attributes: ["allowedChildClassesEffective"] });
  if (!entry) return [];
  return effective(entry, "allowedChildClassesEffective").has(objectClass.toLowerCase()) ? [] : [{ kind, container, objectClass }];
}

/** What the account may create below an object, or write of it, in lower case: computed by the directory for whoever asks. */
export function effective(
  entry: Attributes | undefined,
  attribute: "allowedChildClassesEffective" | "allowedAttributesEffective",
): ReadonlySet<string> {
  return new Set(entry?.texts(attribute).map((name) => name.toLowerCase()));
}

function needOf(change: Change): Need {
  switch (change.kind) {
    case "CreateHostGroup":
    case "CreateAccessGroup":
      return { kind: "CreateChild", objectClass: GROUP_CLASS, distinguishedName: change.distinguishedName };
    case "CreateAccount":
      return { kind: "CreateChild", objectClass: ACCOUNT_CLASS, distinguishedName: change.distinguishedName };
    case "DeleteAccount":
      return { kind: "DeleteChild", objectClass: ACCOUNT_CLASS, distinguishedName: change.object.distinguishedName };
    case "DeleteHostGroup":
    case "DeleteAccessGroup":
      return { kind: "DeleteChild", objectClass: GROUP_CLASS, distinguishedName: change.object.distinguishedName };
    case "UpdateAccount":
      return { kind: "Write", object: change.object, attributes: Object.keys(change.properties) };
    case "SetRetrievers":
      return { kind: "Write", object: change.object, attributes: ["msDS-GroupMSAMembership"] };
    case "ChangeServicePrincipalNames":
      return { kind: "Write", object: change.object, attributes: ["servicePrincipalName"] };
    case "ChangeHosts":
    case "JoinAccessGroup":
    case "LeaveAccessGroup":
      return { kind: "Write", object: change.object, attributes: ["member"] };
    case "RenameHostGroup":
      return { kind: "Write", object: change.object, attributes: ["sAMAccountName"] };
    case "Adopt":
    case "Release":
      return { kind: "Write", object: change.object, attributes: ["adminDescription"] };
  }
}
