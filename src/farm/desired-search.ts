/** hosts.search of a farm as values: what it asks for, and what is remembered of it. */
import { CONFIRM_CONTAINER, CONFIRM_REMOVAL } from "../api/annotations.ts";
import type { ServerFarm, ServerFarmStatus } from "../api/generated/server-farm.ts";
import { patternOf } from "../names/account-name.ts";
import { DistinguishedNameError, dnKey, resolveDn } from "../names/distinguished-name.ts";

/** What the status says of a search. */
export type SearchRecord = NonNullable<ServerFarmStatus["hostSearch"]>;
/** Hosts that lost the right lately. */
type Removals = NonNullable<SearchRecord["removals"]>;

export interface DesiredSearch {
  readonly farm: { readonly namespace: string; readonly name: string };
  /** The container as the farm names it, as a whole distinguished name. */
  readonly distinguishedName: string;
  /** Why it is no name of a container of the domain. */
  readonly problem: string | undefined;
  /** Patterns, and whether one of them means a name, which is folded and without its $. */
  readonly names: readonly string[];
  readonly matches: (folded: string) => boolean;
  readonly max: number;
  readonly maxRemoval: number;
  /** objectGUID of the container that the farm has meant by this name until now. */
  readonly pinned: string | undefined;
  /** objectGUID of the container that may take its place. */
  readonly accepted: string | undefined;
  /** What the status says of the search. */
  readonly record: SearchRecord | undefined;
  /** objectGUIDs of those who have the right by the search, with their SIDs where these are needed. */
  readonly remembered: ReadonlyMap<string, string | undefined>;
  /** Of the last hour. */
  readonly removals: Removals | undefined;
  /** How many may go, whatever maxRemoval says: as the annotation has it, if it was not used yet. */
  readonly confirmed: { readonly count: number; readonly text: string } | undefined;
  /** The annotation, whether it was used or not. */
  readonly annotated: string | undefined;
  /** Distinguished names of containers that are not to be searched, nor anything that they are in. */
  readonly refused: readonly string[];
  /** Milliseconds since 1970: when the farm is looked at. */
  readonly asOf: number;
}

/** As long (ms) removals are counted together. */
const HOUR = 3_600_000;

/** `now`: milliseconds since 1970. */
export function desiredSearch(
  { metadata, spec, status }: ServerFarm,
  { baseDN, wellKnownContainers }: { readonly baseDN: string; readonly wellKnownContainers: readonly string[] },
  now: number,
): DesiredSearch | undefined {
  const { search } = spec.hosts;
  if (!search) return undefined;
  const { distinguishedName, problem } = resolved(search.container, baseDN);
  const record = status?.hostSearch;
  const isSame = record?.container !== undefined && dnKey(record.container) === dnKey(distinguishedName);
  const { annotations = {}, namespace = "", name } = metadata;
  const confirmation = annotations[CONFIRM_REMOVAL];
  const tests = search.names.map(patternOf);
  return {
    farm: { namespace, name },
    distinguishedName,
    problem,
    names: search.names,
    matches: (folded) => tests.some((test) => test(folded)),
    max: search.max,
    maxRemoval: Number.parseInt(search.maxRemoval, 10),
    pinned: isSame ? record.objectGUID : undefined,
    accepted: annotations[CONFIRM_CONTAINER]?.toLowerCase(),
    record,
    remembered: new Map(record?.hosts?.map(({ objectGUID, objectSID }) => [objectGUID, objectSID])),
    removals: record?.removals && now - Date.parse(record.removals.since) < HOUR ? record.removals : undefined,
    confirmed:
      confirmation !== undefined && /^\d{1,6}$/.test(confirmation) && confirmation !== record?.confirmedRemoval
        ? { count: Number(confirmation), text: confirmation }
        : undefined,
    annotated: confirmation,
    refused: [baseDN, `CN=Computers,${baseDN}`, `OU=Domain Controllers,${baseDN}`, ...wellKnownContainers],
    asOf: now,
  };
}

function resolved(text: string, baseDN: string): Pick<DesiredSearch, "distinguishedName" | "problem"> {
  try {
    return { distinguishedName: resolveDn(text, baseDN), problem: undefined };
  } catch (error) {
    if (!(error instanceof DistinguishedNameError)) throw error;
    return { distinguishedName: text, problem: error.message };
  }
}
