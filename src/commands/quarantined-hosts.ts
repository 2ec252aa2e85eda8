/** Which farms have a host, and by which of their own entries. Pure, from the farms alone: the directory is the operator's to ask. */
import type { ServerFarm } from "../api/generated/server-farm.ts";
import { foldName, matchesPattern } from "../names/account-name.ts";
import { UsageError } from "./inputs.ts";

/** A host as somebody typed it, and what that means. */
export interface MeantHost {
  readonly text: string;
  /** The ActiveDirectoryDomain whose farms have it; undefined: no farm has. */
  readonly domain: string | undefined;
  /** objectGUIDs: a computer that was re-imaged has its old one, too. */
  readonly objects: ReadonlySet<string>;
}

export interface FarmWithHost {
  readonly farm: ServerFarm;
  readonly why: "hosts.computers" | "hosts.search";
  /** The entries of hosts.quarantined that keep the host out: spelled as an entry that names it, or resolved to it. */
  readonly quarantinedBy: readonly string[];
  /** What is missing in hosts.quarantined: the farm's own entries for the host, or the text that was asked for where the farm only finds the host. */
  readonly missing: readonly string[];
  /** The entries of hosts.quarantined that mean the host, or may: what a release removes. */
  readonly releasable: readonly string[];
}

/**
 * Throws a UsageError where the text may mean more than one computer: of two domains, or two objects of one domain. `domain`: the name of an
 * ActiveDirectoryDomain whose farms alone are looked at.
 */
export function meantHost(all: readonly ServerFarm[], text: string, domain?: string): MeantHost {
  const farms = all.filter(({ spec }) => domain === undefined || spec.domainRef.name === domain);
  const naming = farms.filter((farm) => entriesOf(farm).some((entry) => mayMean(entry, text)) || mayFind(farm, text));
  const domains = [...new Set(naming.map(({ spec }) => spec.domainRef.name))].toSorted();
  if (domains.length > 1) {
    throw new UsageError(
      `${text} is named by farms of ${domains.length} domains, and is another computer in each: ${domains.join(", ")}. Choose one with --domain.`,
    );
  }
  return { text, domain: domains[0], objects: objectsMeant(naming, text) };
}

/** Undefined: the farm does not have the host. */
export function farmWithHost(farm: ServerFarm, host: MeantHost): FarmWithHost | undefined {
  const { domainRef, hosts } = farm.spec;
  if (domainRef.name !== host.domain) return undefined;
  const named = hosts.computers.filter((entry) => means(farm, entry, host));
  const releasable = hosts.quarantined.filter((entry) => means(farm, entry, host));
  const isFound =
    mayFind(farm, host.text) || farm.status?.hostSearch?.hosts?.some(({ objectGUID }) => host.objects.has(objectGUID)) === true;
  if (named.length === 0 && releasable.length === 0 && !isFound) return undefined;
  const quarantinedBy = hosts.quarantined.filter(
    (entry) =>
      [host.text, ...named].some((text) => sameSpelling(entry, text)) || objectsOf(farm, entry).some((object) => host.objects.has(object)),
  );
  // An entry that no object is known of does not keep out what a search finds.
  const isNamed = named.length > 0 && (!isFound || named.some((entry) => objectsOf(farm, entry).length > 0));
  const wanted = isNamed ? named : [...named.filter((entry) => !sameSpelling(entry, host.text)), host.text];
  const out = new Set(quarantinedBy.flatMap((entry) => objectsOf(farm, entry)));
  return {
    farm,
    why: named.length === 0 && isFound ? "hosts.search" : "hosts.computers",
    quarantinedBy,
    missing: wanted.filter((entry) => {
      if (quarantinedBy.some((text) => sameSpelling(text, entry))) return false;
      const objects = isNamed || entry !== host.text ? objectsOf(farm, entry) : [...host.objects];
      if (objects.length > 0) return !objects.every((object) => out.has(object));
      return !quarantinedBy.some((text) => sameSpelling(text, host.text));
    }),
    releasable,
  };
}

/** Whether an entry of a farm means the host: by the objects that it was resolved to, or by its text where it was resolved to none. */
function means(farm: ServerFarm, entry: string, { text, objects }: MeantHost): boolean {
  if (foldName(entry) === foldName(text)) return true;
  const resolved = objectsOf(farm, entry);
  return resolved.length > 0 && objects.size > 0 ? resolved.some((object) => objects.has(object)) : mayMean(entry, text);
}

/** What one or several spellings were resolved to, in all farms together. */
interface Computer {
  readonly objects: ReadonlySet<string>;
  /** Whether one of the entries is the very text that was asked for. */
  readonly isExact: boolean;
  readonly where: string;
}

/** The objectGUIDs that the host was resolved to. One spelling is one computer, whatever was made of it since; so are spellings that share an object. */
function objectsMeant(farms: readonly ServerFarm[], host: string): ReadonlySet<string> {
  const entries = farms.flatMap((farm) =>
    entriesOf(farm)
      .filter((entry) => mayMean(entry, host))
      .map((entry) => ({ entry, objects: objectsOf(farm, entry), where: `${entry} of ${farm.metadata.namespace}/${farm.metadata.name}` })),
  );
  const computers = [...Map.groupBy(entries, ({ entry }) => spellingOf(entry)).values()].reduce<readonly Computer[]>((known, same) => {
    const objects = new Set(same.flatMap((one) => one.objects));
    const first = same.find((one) => one.objects.length > 0);
    if (!first) return known;
    const isShared = (one: Computer): boolean => !one.objects.isDisjointFrom(objects);
    const merged = [
      ...known.filter(isShared),
      { objects, where: first.where, isExact: same.some(({ entry }) => foldName(entry) === foldName(host)) },
    ];
    return [
      ...known.filter((one) => !isShared(one)),
      {
        objects: new Set(merged.flatMap((one) => [...one.objects])),
        where: merged[0]?.where ?? first.where,
        isExact: merged.some(({ isExact }) => isExact),
      },
    ];
  }, []);
  const exact = computers.filter(({ isExact }) => isExact);
  const meant = exact.length > 0 ? exact : computers;
  if (meant.length > 1) {
    const list = meant.map(({ objects, where }) => `${where} (objectGUID ${[...objects].join(", ")})`).join(", ");
    throw new UsageError(`${host} may mean ${meant.length} computers: ${list}. Give the host as the farm that you mean has it.`);
  }
  return meant[0]?.objects ?? new Set();
}

function entriesOf({ spec }: ServerFarm): readonly string[] {
  return [...spec.hosts.computers, ...spec.hosts.quarantined];
}

/** Several where the computer was re-imaged. */
export function objectsOf({ status }: ServerFarm, entry: string): readonly string[] {
  return (status?.resolvedHosts ?? []).filter(({ reference }) => reference === entry).map(({ objectGUID }) => objectGUID);
}

function mayFind({ spec }: ServerFarm, host: string): boolean {
  return spec.hosts.search?.names.some((pattern) => matchesPattern(pattern, shortName(host))) === true;
}

type Form = "sAMAccountName" | "dNSHostName" | "distinguishedName";

function formOf(text: string): Form {
  return text.includes("=") ? "distinguishedName" : text.includes(".") ? "dNSHostName" : "sAMAccountName";
}

/** WEB01 and WEB01$ are one spelling, as they are to the operator. */
function spellingOf(text: string): string {
  return formOf(text) === "sAMAccountName" ? shortName(text) : foldName(text);
}

function sameSpelling(a: string, b: string): boolean {
  return spellingOf(a) === spellingOf(b);
}

/** Texts of one form are compared whole; those of two forms by the name that is in both. */
function mayMean(entry: string, host: string): boolean {
  if (sameSpelling(entry, host)) return true;
  const forms = [formOf(entry), formOf(host)];
  return forms[0] !== forms[1] && shortName(entry) === shortName(host);
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
