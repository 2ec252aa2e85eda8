/** Which farms have a host, and by which of their own entries. Pure, from the farms alone: the directory is the operator's to ask. */
import type { ServerFarm } from "../api/generated/server-farm.ts";
import { foldName, matchesPattern } from "../names/account-name.ts";
import { UsageError } from "./inputs.ts";

export interface FarmWithHost {
  readonly farm: ServerFarm;
  /** The entry that names the host: the farm's own, as the operator has resolved that to an object. Of a farm that may only find the host, the text that was asked for. */
  readonly entry: string;
  readonly why: "hosts.computers" | "hosts.search";
  readonly isQuarantined: boolean;
}

/**
 * Throws a UsageError where the text may mean more than one computer: of two domains, or two objects of one domain. `domain`: the name of an
 * ActiveDirectoryDomain whose farms alone are looked at.
 */
export function farmsWithHost(all: readonly ServerFarm[], host: string, domain?: string): readonly FarmWithHost[] {
  const farms = all.filter(({ spec }) => domain === undefined || spec.domainRef.name === domain);
  const naming = farms.filter((farm) => entriesOf(farm).some((entry) => mayMean(entry, host)) || mayFind(farm, host));
  const domains = [...new Set(naming.map(({ spec }) => spec.domainRef.name))].toSorted();
  if (domains.length > 1) {
    throw new UsageError(
      `${host} is named by farms of ${domains.length} domains, and is another computer in each: ${domains.join(", ")}. Choose one with --domain.`,
    );
  }
  const meant = objectsMeant(naming, host);
  return farms
    .filter(({ spec }) => spec.domainRef.name === domains[0])
    .flatMap((farm): readonly FarmWithHost[] => {
      const isMeant = (entry: string): boolean => {
        const guid = guidOf(farm, entry);
        return guid === undefined ? mayMean(entry, host) : meant.size > 0 ? meant.has(guid) : mayMean(entry, host);
      };
      const entry = farm.spec.hosts.computers.find(isMeant);
      const quarantined = farm.spec.hosts.quarantined.find(isMeant);
      const found = mayFind(farm, host) || farm.status?.hostSearch?.hosts?.some(({ objectGUID }) => meant.has(objectGUID)) === true;
      if (entry === undefined && quarantined === undefined && !found) return [];
      return [
        {
          farm,
          entry: quarantined ?? entry ?? host,
          why: entry === undefined && found ? "hosts.search" : "hosts.computers",
          isQuarantined: quarantined !== undefined,
        },
      ];
    });
}

/** The objectGUIDs of what the entries were resolved to that name the host. */
function objectsMeant(farms: readonly ServerFarm[], host: string): ReadonlySet<string> {
  const resolved = (isMeant: (entry: string) => boolean): ReadonlyMap<string, string> =>
    new Map(
      farms.flatMap((farm) =>
        entriesOf(farm)
          .filter(isMeant)
          .flatMap((entry): readonly (readonly [string, string])[] => {
            const guid = guidOf(farm, entry);
            return guid === undefined ? [] : [[guid, `${entry} of ${farm.metadata.namespace}/${farm.metadata.name}`]];
          }),
      ),
    );
  const exact = resolved((entry) => foldName(entry) === foldName(host));
  const meant = exact.size > 0 ? exact : resolved((entry) => mayMean(entry, host));
  if (meant.size > 1) {
    const list = [...meant].map(([guid, where]) => `${where} (objectGUID ${guid})`).join(", ");
    throw new UsageError(`${host} may mean ${meant.size} computers: ${list}. Give the host as the farm that you mean has it.`);
  }
  return new Set(meant.keys());
}

function entriesOf({ spec }: ServerFarm): readonly string[] {
  return [...spec.hosts.computers, ...spec.hosts.quarantined];
}

function guidOf({ status }: ServerFarm, entry: string): string | undefined {
  return status?.resolvedHosts?.find(({ reference }) => reference === entry)?.objectGUID;
}

function mayFind({ spec }: ServerFarm, host: string): boolean {
  return spec.hosts.search?.names.some((pattern) => matchesPattern(pattern, shortName(host))) === true;
}

type Form = "sAMAccountName" | "dNSHostName" | "distinguishedName";

function formOf(text: string): Form {
  return text.includes("=") ? "distinguishedName" : text.includes(".") ? "dNSHostName" : "sAMAccountName";
}

/** Texts of one form are compared whole; those of two forms by the name that is in both. */
function mayMean(entry: string, host: string): boolean {
  if (foldName(entry) === foldName(host)) return true;
  const forms = [formOf(entry), formOf(host)];
  return (forms[0] !== forms[1] || forms[0] === "sAMAccountName") && shortName(entry) === shortName(host);
}

/** WEB01 of WEB01$, web01.contoso.com and CN=WEB01,OU=Web. */
function shortName(text: string): string {
  const folded = foldName(text);
  switch (formOf(text)) {
    case "sAMAccountName":
      return folded.replace(/\$$/, "");
    case "dNSHostName":
      return folded.slice(0, folded.indexOf("."));
    case "distinguishedName":
      return /^cn=([^,+]*)/.exec(folded)?.[1]?.trim() ?? folded;
  }
}

/** The field manager of what `kubectl farm quarantine` writes: entries that it owns stay when the owner of the manifest applies it again. */
export const QUARANTINE_MANAGER = "kubectl-farm-quarantine";

/** The entries of hosts.quarantined that a field manager has applied, and the managers that own one of them. */
export function appliedBy(managed: readonly ManagedFields[], manager: string): readonly string[] {
  return managed.filter((entry) => entry.manager === manager && entry.operation === "Apply").flatMap(valuesOf);
}

export function managersOf(managed: readonly ManagedFields[], entry: string): readonly string[] {
  return managed.filter((candidate) => valuesOf(candidate).includes(entry)).map(({ manager }) => manager);
}

export interface ManagedFields {
  readonly manager: string;
  readonly operation: string;
  /** The keys of `f:quarantined`, as server-side apply writes the items of a set: `v:"WEB01"`. Or the field alone, of a list that was written whole. */
  readonly quarantined: readonly string[];
}

function valuesOf({ quarantined }: ManagedFields): readonly string[] {
  return quarantined.flatMap((key) => {
    const text: unknown = key.startsWith("v:") ? JSON.parse(key.slice(2)) : undefined;
    return typeof text === "string" ? [text] : [];
  });
}
