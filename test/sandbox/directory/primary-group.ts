/** Membership that is no `member` value: primaryGroupID (MS-SAMR 3.1.1.8.2, 3.1.1.8.9). Throws LdapFailure. */
import { relativeId } from "../../../src/names/identifier.ts";
import type { Entry } from "./database.ts";
import type { Directory } from "./directory.ts";

const DOMAIN_LOCAL = 4;

/** The account becomes a member by its primary group, and an ordinary one of the group that was it before. */
export function setPrimaryGroup(directory: Directory, account: Entry, rid: string): void {
  const { database } = directory;
  const [before, after] = [String(account.first("primaryGroupID")), rid].map((id) => directory.groupOf(id));
  if (!after || after === before) return;
  database.setMembers(
    after,
    [...after.members].filter((member) => member !== account),
  );
  if (before) database.setMembers(before, [...before.members, account]);
}

/** Only a group that the account is already in, by a value of its own. */
export function verifyPrimaryGroup(directory: Directory, account: Entry, rid: string | undefined): void {
  if (rid === undefined) throw directory.refuse("PrimaryGroupNeeded", account.dn);
  if (rid === String(account.first("primaryGroupID"))) return;
  const group = directory.groupOf(rid);
  if (!group || !account.memberOf.has(group)) throw directory.refuse("NotInPrimaryGroup");
  if ((Number(group.first("groupType")) & DOMAIN_LOCAL) !== 0) throw directory.refuse("ResourceGroup");
}

export function verifyNewMember(directory: Directory, group: Entry, member: Entry): void {
  // A group within a group has none.
  const rid = member.first("primaryGroupID");
  if (rid !== undefined && directory.groupOf(String(rid)) === group) throw directory.refuse("PrimaryMember", member.dn, String(rid));
}

export function verifyNobodysPrimaryGroup(directory: Directory, group: Entry): void {
  const sid = directory.sidOf(group);
  if (sid === undefined || !group.is("group")) return;
  const accounts = directory.database.lookUp("primaryGroupID", String(relativeId(sid))) ?? new Set<Entry>();
  const alive = [...accounts].filter(({ deleted }) => !deleted);
  if (alive.length > 0) throw directory.refuse("PrimaryGroupInUse", group.dn, String(alive.length));
}
