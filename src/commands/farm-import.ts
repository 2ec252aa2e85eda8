/** `kubectl farm import`: manifests for accounts that exist, so that to adopt them changes nothing else; with what an administrator has to consent to. */
import { setImmediate } from "node:timers/promises";
import { type DirectoryObject, isComputer, isGroup } from "../ad/object.ts";
import { quoteForPowerShell } from "../ad/remedy.ts";
import type { Reader } from "../ad/port.ts";
import type { ServerFarm } from "../api/generated/server-farm.ts";
import { factsOf } from "../controller/domain-access.ts";
import { listAccounts } from "../directory/accounts.ts";
import { ContainerSearches } from "../directory/container-searches.ts";
import { inspectDomain } from "../directory/inspection.ts";
import { LdapReader } from "../directory/reader.ts";
import { LdapWriter } from "../directory/writer.ts";
import type { LdapSession } from "../directory/session.ts";
import { ADOPTED_MEMBERS } from "../farm/adoption.ts";
import type { Directory } from "../farm/observed.ts";
import { sameName } from "../names/account-name.ts";
import { commonName, dnKey, resolveDn } from "../names/distinguished-name.ts";
import { adoptionConsent, describeOwner, isOwnerMarker, markersOf } from "../names/identifier.ts";
import { directoryOf } from "../reconciler/farm.ts";
import { type FoundAccount, farmNameOf, type ImportContext, type Imported, importedFarm } from "./import-manifest.ts";
import { UsageError } from "./inputs.ts";
import { planFarm, type Planning } from "./plan-farm.ts";
import { dryRunOf, type ManifestOptions } from "./plan-manifests.ts";
import { listDomains, readWorld } from "./plan-world.ts";
import { printable, type Terminal, yamlText } from "./terminal.ts";
import { explain, openCluster, type UserCluster } from "./user-cluster.ts";
import { type DirectoryOptions, directoryProblem, openDirectory, readCredentials, serversOf } from "./user-directory.ts";

export interface ImportOptions extends ManifestOptions, DirectoryOptions {
  readonly domain?: string | undefined;
  readonly container?: string | undefined;
  readonly clusterId?: string | undefined;
}

/** The exit code: 1 where an account cannot be imported without a change. */
export async function importAccounts(names: readonly string[], options: ImportOptions, terminal: Terminal): Promise<number> {
  if (names.length === 0 && options.container === undefined)
    throw new UsageError("Name the accounts to import, or a container with --container: OU=Farms, or a whole distinguished name.");
  const cluster = openCluster(options);
  const { client, namespace = "default" } = cluster;
  const domain = await chooseDomain(cluster, options.domain);
  const world = await readWorld(client, domain, [], options.clusterId, namespace);
  const session = await openDirectory(await serversOf(options, world.domain), await readCredentials(options, terminal));
  try {
    const observation = await inspectDomain(session, world.domain.spec.defaults, world.cluster);
    const facts = factsOf(world.domain, { ...observation, account: "<operator's account>" }, false);
    const reader = new LdapReader(session);
    const all = await listAccounts(session, facts.baseDN);
    const chosen = chooseAccounts(all, names, options.container, facts.baseDN);
    const context: ImportContext = { namespace, domain, facts };
    const taken = new Set(world.farms.list().flatMap(({ metadata }) => (metadata.namespace === namespace ? [metadata.name] : [])));
    const farms: Imported[] = [];
    for (const account of chosen.filter(({ owner }) => !isOwnerMarker(owner))) {
      const name = freeName(farmNameOf(commonName(account.distinguishedName)), taken);
      taken.add(name);
      farms.push(importedFarm(name, await lookAt(reader, account, all), context));
      await setImmediate();
    }
    const owned = chosen.filter(({ owner }) => isOwnerMarker(owner));
    for (const { distinguishedName, owner } of owned)
      terminal.err.write(`${printable(`${distinguishedName} is left out: ${describeOwner(owner, markersOf(world.cluster))}.`)}\n`);
    const { planned, refused } = await dryRunEach(farms, options);
    const planning: Planning = {
      world: await readWorld(client, domain, planned, world.cluster),
      facts,
      directory: consented(session, reader, planned, farms),
    };
    const comments = new Map<string, readonly string[]>(refused);
    for (const farm of planned) comments.set(farm.metadata.name, await leftToDo(farm, planning));
    const isWhole = farms.every(({ name }) => comments.get(name)?.length === 0);
    terminal.out.write(farms.map((farm) => textOf(farm, comments.get(farm.name) ?? [], context)).join("---\n"));
    return isWhole ? 0 : 1;
  } catch (error) {
    throw directoryProblem(error);
  } finally {
    session.close();
  }
}

/** All at once; where the API server does not take one of them, each by itself, with what is said of those that it does not take. */
async function dryRunEach(
  farms: readonly Imported[],
  options: ImportOptions,
): Promise<{ readonly planned: readonly ServerFarm[]; readonly refused: ReadonlyMap<string, readonly string[]> }> {
  const manifests = farms.map(({ manifest }) => manifest);
  const refused = new Map<string, readonly string[]>();
  try {
    return { planned: await dryRunOf(manifests, options), refused };
  } catch (error) {
    if (!(error instanceof UsageError) || farms.length === 1) throw error;
    const planned: ServerFarm[] = [];
    for (const { name, manifest } of farms) {
      try {
        planned.push(...(await dryRunOf([manifest], options)));
      } catch (cause) {
        if (!(cause instanceof UsageError)) throw cause;
        refused.set(name, cause.message.split("\n"));
      }
    }
    if (planned.length === 0) throw error;
    return { planned, refused };
  }
}

/** A farm of this name may be there, and is another one. */
function freeName(name: string, taken: ReadonlySet<string>): string {
  if (!taken.has(name)) return name;
  for (let number = 2; ; number++) if (!taken.has(`${name}-${number}`)) return `${name}-${number}`;
}

async function chooseDomain({ client }: UserCluster, name: string | undefined): Promise<string> {
  if (name !== undefined) return name;
  const domains = await listDomains(client).catch(explain);
  const [only] = domains;
  if (only && domains.length === 1) return only.metadata.name;
  throw new UsageError(
    `The cluster has ${domains.length} ActiveDirectoryDomains (${domains.map(({ metadata }) => metadata.name).join(", ")}): choose one with --domain.`,
  );
}

/** In the order of their names. Throws a UsageError for a name that no account has. */
function chooseAccounts(
  all: readonly DirectoryObject[],
  names: readonly string[],
  container: string | undefined,
  baseDN: string,
): readonly DirectoryObject[] {
  const suffix = container === undefined ? undefined : `,${dnKey(resolveDn(container, baseDN))}`;
  const inContainer = suffix === undefined ? all : all.filter(({ distinguishedName }) => dnKey(distinguishedName).endsWith(suffix));
  const isNamed = (name: string, account: DirectoryObject): boolean =>
    [
      account.distinguishedName,
      commonName(account.distinguishedName),
      account.samAccountName,
      account.samAccountName?.replace(/\$$/, ""),
    ].some((one) => sameName(one, name));
  const unknown = names.filter((name) => !inContainer.some((account) => isNamed(name, account)));
  if (unknown.length > 0)
    throw new UsageError(
      `No gMSA that you can see has the name ${unknown.join(", ")}${container === undefined ? "" : ` below ${container}`}: correct it (Get-ADServiceAccount -Filter *).`,
    );
  const chosen = names.length === 0 ? inContainer : inContainer.filter((account) => names.some((name) => isNamed(name, account)));
  if (chosen.length === 0) throw new UsageError(`There is no gMSA that you can see below ${container ?? ""}: correct --container.`);
  return chosen.toSorted((one, other) => (one.distinguishedName < other.distinguishedName ? -1 : 1));
}

/** What the account's list and its memberships mean. */
async function lookAt(reader: Reader, listed: DirectoryObject, all: readonly DirectoryObject[]): Promise<FoundAccount> {
  const { signal } = new AbortController();
  const [account = listed] = await reader.find(
    { lookups: [{ by: "objectGUID", value: listed.objectGUID }], among: "Objects", groups: true },
    signal,
  );
  const { principals: allowed = [], denied = [] } = account.retrievers ?? {};
  const lookups = [...new Set([...allowed, ...denied])].map((value) => ({ by: "objectSid", value }) as const);
  const found = await reader.find({ lookups, among: "Objects" }, signal);
  const principals = new Map(found.flatMap((object) => (object.objectSID === undefined ? [] : [[object.objectSID, object]])));
  const groups = allowed.flatMap((sid) => principals.get(sid) ?? []).filter(isGroup);
  const [only] = groups.length === 1 ? groups : [];
  const memberOf = await reader.find(
    { lookups: account.memberOf.map((value) => ({ by: "distinguishedName", value }) as const), among: "Objects" },
    signal,
  );
  const isShared = all.some(
    ({ objectGUID, retrievers }) => objectGUID !== account.objectGUID && retrievers?.principals.includes(only?.objectSID ?? ""),
  );
  const seen = new Set(memberOf.map(({ distinguishedName }) => dnKey(distinguishedName)));
  const unseen = account.memberOf.filter((group) => !seen.has(dnKey(group)));
  return { account, principals, group: only && (await lookAtGroup(reader, only, signal)), isShared, memberOf, unseen };
}

async function lookAtGroup(reader: Reader, { objectGUID }: DirectoryObject, signal: AbortSignal): Promise<FoundAccount["group"]> {
  const query = { lookups: [{ by: "objectGUID" as const, value: objectGUID }], among: "Objects" as const };
  const [object] = await reader.find({ ...query, allMembersOf: () => true, membersAtMost: ADOPTED_MEMBERS + 1 }, signal);
  if (!object) return undefined;
  const { members } = object;
  const lookups = members.slice(0, ADOPTED_MEMBERS).map((value) => ({ by: "distinguishedName", value }) as const);
  const computers = (await reader.find({ lookups, among: "Computers" }, signal)).filter(isComputer);
  return { object, computers, members: members.length };
}

/** The directory as it will be once an administrator has consented. */
function consented(
  session: LdapSession,
  reader: Reader,
  planned: readonly ServerFarm[],
  farms: readonly Imported[],
): Pick<Directory, "observe" | "made"> {
  const consents = new Map<string, string>(
    farms.flatMap(({ name, adopts }) => {
      const farm = planned.find(({ metadata }) => metadata.name === name);
      const consent = adoptionConsent({ namespace: farm?.metadata.namespace ?? "", name });
      return adopts.map(({ objectGUID }) => [objectGUID, consent] as const);
    }),
  );
  const asConsented: Reader = {
    find: async (query, signal) =>
      (await reader.find(query, signal)).map((object) => {
        const consent = consents.get(object.objectGUID);
        return consent === undefined ? object : { ...object, owner: consent };
      }),
  };
  return directoryOf(asConsented, new LdapWriter(session), undefined, new ContainerSearches(session));
}

/** What the farm would change besides adopting, and what keeps it from that. */
async function leftToDo(farm: ServerFarm, planning: Planning): Promise<readonly string[]> {
  const { changes, problems } = await planFarm(farm, planning);
  return [
    ...changes
      .filter(({ change }) => change !== "Adopt")
      .map(({ change, object, value }) => `The farm would change this: ${change} ${object}${value === undefined ? "" : ` ${value}`}`),
    ...problems.map(({ reason, message }) => `${reason}: ${message}`),
  ];
}

function textOf({ name, manifest, notes, adopts }: Imported, left: readonly string[], { namespace, facts }: ImportContext): string {
  const consent = quoteForPowerShell(adoptionConsent({ namespace, name }));
  const isNeeded = ({ owner }: DirectoryObject): boolean => facts.adoption === "Consent" || (owner !== undefined && owner !== "");
  const lines = [
    ...(facts.adoption === "Never" ? ["The domain allows no adoption (spec.adoption: Never): its owner has to change that first."] : []),
    ...(adopts.some(isNeeded) ? ["An administrator of the directory consents with these lines:"] : []),
    ...adopts
      .filter(isNeeded)
      .map(
        ({ distinguishedName }) =>
          `  Set-ADObject -Identity ${quoteForPowerShell(distinguishedName)} -Replace @{adminDescription=${consent}}`,
      ),
    ...notes,
    ...left,
  ];
  return `${lines.map((line) => `# ${printable(line)}\n`).join("")}${yamlText(manifest)}`;
}
