/** Looks at what a domain needs before a farm can live in it: docs/guide/prerequisites.md. Writes nothing. */
import { AndFilter, EqualityFilter, PresenceFilter, SubstringFilter } from "ldapts";
import { parseMappings } from "../names/account-name.ts";
import { dnsNameOf, isSharedContainer, resolveDn } from "../names/distinguished-name.ts";
import { ACCOUNT_ATTRIBUTES, ACCOUNT_CLASS, GROUP_CLASS } from "../ad/object.ts";
import type { DomainObservation, KdsRootKey } from "../ad/domain.ts";
import { DirectoryError } from "../ad/error.ts";
import type { MissingRight } from "../ad/right.ts";
import { markersOf, decodeGuid, decodeSid } from "../names/identifier.ts";
import { clockSkew } from "./clock.ts";
import { decodeFiletime } from "./entries.ts";
import { excessiveRights } from "./excess.ts";
import type { LdapSession } from "./session.ts";
import { wellKnownContainers } from "./well-known.ts";

/** What is written on an account after it was created, and on a group. */
const WRITTEN_ON_ACCOUNTS = ["msDS-GroupMSAMembership", "servicePrincipalName", "adminDescription", ...ACCOUNT_ATTRIBUTES];
const DOMAIN_ATTRIBUTES = ["objectSid", "objectGUID", "ms-DS-MachineAccountQuota", "wellKnownObjects"];
const WRITTEN_ON_GROUPS = ["member", "adminDescription", "sAMAccountName"];

export interface Containers {
  readonly accountContainer: string;
  readonly groupContainer: string;
}

/** Rejects with DirectoryError. `cluster` is the UID that the owner markers of this cluster name. */
export async function inspectDomain(
  session: LdapSession,
  { accountContainer, groupContainer }: Containers,
  cluster: string,
): Promise<DomainObservation> {
  const { rootDse } = session;
  const [domain, schema, service, partition, mappings, skew] = await Promise.all([
    session.searchOne({ base: rootDse.defaultNamingContext, scope: "base", attributes: DOMAIN_ATTRIBUTES }),
    session.searchOne({ base: rootDse.schemaNamingContext, scope: "base", attributes: ["objectVersion"] }),
    session.searchOne({ base: rootDse.dsServiceName, scope: "base", attributes: ["invocationId"] }),
    session.searchOne({
      base: `CN=Partitions,${rootDse.configurationNamingContext}`,
      scope: "one",
      filter: new EqualityFilter({ attribute: "nCName", value: rootDse.defaultNamingContext }),
      attributes: ["nETBIOSName"],
    }),
    readMappings(session),
    clockSkew(session),
  ]);
  const [sid, guid] = [domain?.bytes("objectSid"), domain?.bytes("objectGUID")];
  const invocationId = service?.bytes("invocationId");
  const base = rootDse.defaultNamingContext;
  return {
    url: session.url,
    dnsHostName: rootDse.dnsHostName,
    baseDN: base,
    functionalLevel: rootDse.functionalLevel,
    invocationId: invocationId?.length === 16 ? decodeGuid(invocationId) : undefined,
    clockSkew: skew,
    schemaVersion: schema?.number("objectVersion"),
    domainSID: sid ? decodeSid(sid) : undefined,
    objectGUID: guid ? decodeGuid(guid) : undefined,
    forestDNSName: rootDse.rootDomainNamingContext === undefined ? undefined : dnsNameOf(rootDse.rootDomainNamingContext),
    netBIOSName: partition?.text("nETBIOSName"),
    machineAccountQuota: domain?.number("ms-DS-MachineAccountQuota"),
    servicePrincipalNameMappings: parseMappings(mappings),
    wellKnownContainers: wellKnownContainers(domain?.texts("wellKnownObjects") ?? []),
    kdsRootKey: await findKdsRootKey(session),
    account: session.account,
    excessiveRights: await excessiveRights(session, [resolveDn(accountContainer, base), resolveDn(groupContainer, base)]),
    missingRights: [
      ...(await missingRights(session, resolveDn(accountContainer, base), ACCOUNT_CLASS, WRITTEN_ON_ACCOUNTS, cluster)),
      ...(await missingRights(session, resolveDn(groupContainer, base), GROUP_CLASS, WRITTEN_ON_GROUPS, cluster)),
    ],
  };
}

/** The values of sPNMappings; none where they are not there or may not be read. */
async function readMappings(session: LdapSession): Promise<readonly string[]> {
  const base = `CN=Directory Service,CN=Windows NT,CN=Services,${session.rootDse.configurationNamingContext}`;
  try {
    return (await session.searchOne({ base, scope: "base", attributes: ["sPNMappings"] }))?.texts("sPNMappings") ?? [];
  } catch (error) {
    if (error instanceof DirectoryError && error.kind === "AccessDenied") return [];
    throw error;
  }
}

async function findKdsRootKey(session: LdapSession): Promise<KdsRootKey> {
  const { configurationNamingContext, defaultNamingContext } = session.rootDse;
  const keys = await session
    .search({
      base: `CN=Master Root Keys,CN=Group Key Distribution Service,CN=Services,${configurationNamingContext}`,
      scope: "one",
      filter: new EqualityFilter({ attribute: "objectClass", value: "msKds-ProvRootKey" }),
      attributes: ["msKds-UseStartTime"],
    })
    .catch((error: unknown) => {
      if (error instanceof DirectoryError && (error.kind === "NotFound" || error.kind === "AccessDenied")) return [];
      throw error;
    });
  const starts = keys.flatMap((key) => decodeFiletime(key.text("msKds-UseStartTime")) ?? []);
  if (starts.length > 0) return { kind: "Seen", usableFrom: Math.min(...starts) + TEN_HOURS };
  // An ordinary account cannot see the key. An account that has a password proves that there is a working one.
  const [proof] = await session.search({
    base: defaultNamingContext,
    scope: "sub",
    filter: new AndFilter({
      filters: [
        new EqualityFilter({ attribute: "objectClass", value: ACCOUNT_CLASS }),
        new PresenceFilter({ attribute: "msDS-ManagedPasswordId" }),
      ],
    }),
    attributes: ["cn"],
    limit: 1,
  });
  return proof ? { kind: "Proven", by: proof.distinguishedName } : { kind: "NotSeen" };
}

/** The key replicates to every DC before it is used. */
const TEN_HOURS = 36_000_000;

const SAMPLES = 10;

async function missingRights(
  session: LdapSession,
  container: string,
  objectClass: string,
  attributes: readonly string[],
  cluster: string,
): Promise<readonly MissingRight[]> {
  if (isSharedContainer(container)) return [{ kind: "SharedContainer", container }];
  const entry = await session.searchOne({ base: container, scope: "base", attributes: ["allowedChildClassesEffective"] });
  if (!entry) return [{ kind: "NoContainer", container }];
  const missing: MissingRight[] = [];
  if (!entry.names("allowedChildClassesEffective").has(objectClass.toLowerCase()))
    missing.push({ kind: "CreateChild", container, objectClass });
  // What may be written is asked of objects that bear this cluster's marker; before the first there is nothing to ask. What is missing of all
  // of them is missing in the container; of one alone it is that object's own, and its farm says so.
  const samples = await session.search({
    base: container,
    scope: "sub",
    filter: new AndFilter({
      filters: [
        new EqualityFilter({ attribute: "objectClass", value: objectClass }),
        new SubstringFilter({ attribute: "adminDescription", initial: markersOf(cluster) }),
      ],
    }),
    attributes: ["allowedAttributesEffective"],
    limit: SAMPLES,
  });
  const writable = samples.map((sample) => sample.names("allowedAttributesEffective"));
  for (const attribute of attributes) {
    if (writable.length > 0 && writable.every((names) => !names.has(attribute.toLowerCase())))
      missing.push({ kind: "WriteProperty", container, objectClass, attribute });
  }
  return missing;
}
