/** What the operator's account may do that no farm needs: as far as the directory tells. Writes nothing. */
import { AndFilter, EqualityFilter, NotFilter, PresenceFilter } from "ldapts";
import { ACCOUNT_CLASS, GROUP_CLASS } from "../ad/object.ts";
import type { ExcessiveRight } from "../ad/right.ts";
import { dnKey } from "../names/distinguished-name.ts";
import { decodeSid } from "../names/identifier.ts";
import type { LdapSession } from "./session.ts";

/** Groups that may do to a domain, or to its controllers, what no farm needs (MS-DTYP 2.4.2.4): they are known by SID, whatever they are called. */
const OF_DOMAIN: Readonly<Record<string, string>> = {
  512: "Domain Admins",
  516: "Domain Controllers",
  518: "Schema Admins",
  519: "Enterprise Admins",
  520: "Group Policy Creator Owners",
  526: "Key Admins",
  527: "Enterprise Key Admins",
};
const BUILT_IN: Readonly<Record<string, string>> = {
  544: "Administrators",
  548: "Account Operators",
  549: "Server Operators",
  550: "Print Operators",
  551: "Backup Operators",
  552: "Replicator",
};

/** Groups outside that are looked at. */
const SAMPLES = 50;
/** So few ordinary groups may each have been given to the operator by themselves, though there are hardly any others. */
const SINGLE = 10;

export async function excessiveRights(session: LdapSession, containers: readonly string[]): Promise<readonly ExcessiveRight[]> {
  return [
    ...(await administrativeGroups(session)),
    ...(await Promise.all([...new Set(containers)].map((container) => otherClasses(session, container)))).flat(),
    ...(await writableGroups(session, containers)),
  ];
}

/** By the token of the connection: groups by nesting and the primary group are in it. */
async function administrativeGroups(session: LdapSession): Promise<readonly ExcessiveRight[]> {
  const root = await session.searchOne({ base: "", scope: "base", attributes: ["tokenGroups"] });
  return (root?.allBytes("tokenGroups") ?? []).flatMap((bytes): readonly ExcessiveRight[] => {
    const sid = decodeSid(bytes);
    const [, builtIn, ofDomain] = /^S-1-5-(?:32-(\d+)|21-\d+-\d+-\d+-(\d+))$/.exec(sid) ?? [];
    const name = builtIn === undefined ? OF_DOMAIN[ofDomain ?? ""] : BUILT_IN[builtIn];
    return name === undefined ? [] : [{ kind: "AdministrativeGroup", name, sid }];
  });
}

async function otherClasses(session: LdapSession, container: string): Promise<readonly ExcessiveRight[]> {
  const entry = await session.searchOne({ base: container, scope: "base", attributes: ["allowedChildClassesEffective"] });
  const needed = new Set([ACCOUNT_CLASS, GROUP_CLASS].map((name) => name.toLowerCase()));
  const classes = (entry?.texts("allowedChildClassesEffective") ?? []).filter((name) => !needed.has(name.toLowerCase())).toSorted();
  return classes.length > 0 ? [{ kind: "CreateOthers", container, classes }] : [];
}

/**
 * A right on single groups is what farms with groups of others need. One that comes from above shows on groups that no farm may ever use, critical ones,
 * or on many ordinary ones: more than half of those that are seen.
 */
async function writableGroups(session: LdapSession, containers: readonly string[]): Promise<readonly ExcessiveRight[]> {
  const group = new EqualityFilter({ attribute: "objectClass", value: GROUP_CLASS });
  const critical = new EqualityFilter({ attribute: "isCriticalSystemObject", value: "TRUE" });
  // AdminSDHolder gives protected ones a list of their own, which says nothing of others.
  const unprotected = new NotFilter({ filter: new PresenceFilter({ attribute: "adminCount" }) });
  const sample = async (...filters: readonly (typeof group | NotFilter)[]): Promise<readonly (readonly [string, boolean])[]> => {
    const found = await session.search({
      base: session.rootDse.defaultNamingContext,
      scope: "sub",
      filter: new AndFilter({ filters: [group, unprotected, ...filters] }),
      attributes: ["allowedAttributesEffective"],
      limit: SAMPLES,
    });
    const outside = found.filter(
      ({ distinguishedName: dn }) => !containers.some((container) => dnKey(dn).endsWith(`,${dnKey(container)}`)),
    );
    return outside.map((entry) => [entry.distinguishedName, entry.names("allowedAttributesEffective").has("member")]);
  };
  const [never, ordinary] = await Promise.all([sample(critical), sample(new NotFilter({ filter: critical }))]);
  const wrong = never.filter(([, writable]) => writable);
  const open = ordinary.filter(([, writable]) => writable);
  const groups = [...wrong, ...(open.length > SINGLE && open.length * 2 > ordinary.length ? open : [])].map(([dn]) => dn);
  return groups.length > 0 ? [{ kind: "WriteMembers", groups }] : [];
}
