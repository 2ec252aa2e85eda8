/** How an administrator gives a right that is missing: the narrowest grant, and none where it would open more than the problem. */
import { expect, test } from "vitest";
import { describeRight, type MissingRight } from "../../src/ad/right.ts";

const FARMS = "OU=Farms,DC=contoso,DC=com";
const USERS = "CN=Users,DC=contoso,DC=com";
const AN_OU = "create an OU that holds only farms (New-ADOrganizationalUnit Farms)";

test.each<[string, MissingRight, string]>([
  [
    "to create is given together with to delete, of one class, in one container and below",
    { kind: "CreateChild", container: FARMS, objectClass: "group" },
    `the right to create group objects in ${FARMS} is missing: dsacls "${FARMS}" /I:T /G "svc@contoso.com:CCDC;group".`,
  ],
  [
    "to write an attribute is given on the objects of the class alone",
    { kind: "WriteProperty", container: FARMS, objectClass: "group", attribute: "member" },
    `the right to write member of group objects in ${FARMS} is missing: dsacls "${FARMS}" /I:S /G "svc@contoso.com:WP;member;group".`,
  ],
  [
    "to write the members of somebody else's group is given on that group alone",
    { kind: "WriteObject", object: "CN=Shared,DC=contoso,DC=com", attributes: ["member"] },
    'the right to write member of CN=Shared,DC=contoso,DC=com is missing: dsacls "CN=Shared,DC=contoso,DC=com" /G "svc@contoso.com:WP;member".',
  ],
  [
    "to delete what stands elsewhere is given on that object alone",
    { kind: "DeleteObject", object: "CN=old,DC=contoso,DC=com" },
    'either the right to delete CN=old,DC=contoso,DC=com is missing: dsacls "CN=old,DC=contoso,DC=com" /G "svc@contoso.com:SD". Or CN=old,DC=contoso,DC=com is protected from accidental deletion: to delete it, Set-ADObject -Identity \'CN=old,DC=contoso,DC=com\' -ProtectedFromAccidentalDeletion $false; if that is not enough, also remove the entry of its container that denies Everyone the right to delete child objects.',
  ],
  [
    "is not the matter where the container is not there",
    { kind: "NoContainer", container: FARMS },
    `${FARMS} does not exist or cannot be read: create it, or correct the container (the farm's, or the domain's spec.defaults).`,
  ],
  [
    "is not the matter where the container is none",
    { kind: "NotAContainer", container: FARMS },
    `${FARMS} is an account or a group, and nothing is created below one: correct the container.`,
  ],
  [
    "is not given where nothing is to be created",
    { kind: "SharedContainer", container: USERS },
    `the operator does not create objects in the shared container ${USERS}: ${AN_OU}, and name it in spec.defaults.`,
  ],
  [
    "is not given in a container that others' objects are in",
    { kind: "CreateChild", container: USERS, objectClass: "group" },
    `the right to create group objects in ${USERS} is missing: do not grant it in a shared container: ${AN_OU}, grant it there, and move the farms' objects there.`,
  ],
])("a right %s", (_, right, text) => {
  expect(describeRight(right, "svc@contoso.com")).toBe(text);
});
