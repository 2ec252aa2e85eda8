/** What the farms of the soak are to be: specs that change at random, and what the directory must hold for them. */
import type { Manifest } from "../../harness/cluster.ts";
import { farmOf } from "../../harness/manifests.ts";

export const NAMESPACE = "soak";
/** Computers that farms name as hosts; the strangers are named by none. */
export const HOSTS = Array.from({ length: 40 }, (_, index) => `NODE${String(index + 1).padStart(2, "0")}`);
export const STRANGERS = ["STRANGER1", "STRANGER2", "STRANGER3"];
/** Groups of somebody else that farms may use as host groups. Each has one stranger for a member. */
export const SHARED: readonly SharedGroup[] = ["SharedA", "SharedB", "SharedC"];
/** Of somebody else too: what accounts may be members of. */
export const READERS = "Readers";

type SharedGroup = "SharedA" | "SharedB" | "SharedC";

export interface FarmSpec {
  /** The group of its own, each host by name, or a group of somebody else. */
  readonly way: "Own" | "Principals" | SharedGroup;
  readonly computers: readonly string[];
  readonly quarantined: readonly string[];
  readonly servicePrincipalNames: readonly string[];
  readonly description: string;
  readonly reads: boolean;
}

/** From 0 to 1. */
export type Random = () => number;

export const below = (random: Random, count: number): number => Math.floor(random() * count);

export function oneOf<T>(random: Random, values: readonly T[]): T {
  const value = values[below(random, values.length)];
  if (value === undefined) throw new Error("there is nothing to choose from");
  return value;
}

function some(random: Random, values: readonly string[], most: number): readonly string[] {
  const chosen = Array.from({ length: below(random, most + 1) }, () => oneOf(random, values));
  return [...new Set(chosen)].toSorted();
}

const namesOf = (random: Random, name: string): readonly string[] =>
  [`http/${name}`, `http/${name}.contoso.com`, `http/${name}-${below(random, 100)}`, `MSSQLSvc/${name}.contoso.com:1433`].filter(
    () => random() < 0.6,
  );

export function newFarm(random: Random, name: string): FarmSpec {
  return {
    way: random() < 0.1 ? oneOf(random, SHARED) : random() < 0.2 ? "Principals" : "Own",
    computers: some(random, HOSTS, 6),
    quarantined: [],
    servicePrincipalNames: namesOf(random, name),
    description: `made ${below(random, 1000)}`,
    reads: random() < 0.2,
  };
}

/** The farm with one thing changed. */
export function edited(random: Random, name: string, farm: FarmSpec): FarmSpec {
  const dice = random();
  if (dice < 0.45) return { ...farm, computers: some(random, HOSTS, 6) };
  if (dice < 0.6) return { ...farm, servicePrincipalNames: namesOf(random, name) };
  // A farm that shares a group answers for its own hosts there, not for whom others put in.
  if (dice < 0.75) return sharedGroup(farm) ? farm : { ...farm, quarantined: some(random, farm.computers.concat(STRANGERS), 2) };
  if (dice < 0.85) return { ...farm, description: `changed ${below(random, 1000)}` };
  if (dice < 0.92) return { ...farm, reads: !farm.reads };
  return { ...farm, way: oneOf(random, ["Own", "Principals", ...SHARED]), quarantined: [] };
}

const sharedGroup = ({ way }: FarmSpec): SharedGroup | undefined => SHARED.find((group) => group === way);

export function manifestOf(name: string, farm: FarmSpec): Manifest {
  const { way, computers, quarantined, servicePrincipalNames, description, reads } = farm;
  const group = sharedGroup(farm);
  return farmOf(NAMESPACE, name, {
    account: { description },
    servicePrincipalNames,
    hosts: {
      grant: way === "Principals" ? "Principals" : "Group",
      ...(group === undefined ? {} : { group: { name: group, existing: true } }),
      computers,
      quarantined,
    },
    ...(reads ? { accessGroups: [{ name: READERS }] } : {}),
  });
}

/** What is to be found in the directory: a line for each thing, and its values, sorted. */
export type Facts = ReadonlyMap<string, readonly string[]>;

export const facts = {
  account: (name: string): string => `the account ${name}: description`,
  names: (name: string): string => `the account ${name}: SPNs`,
  members: (group: string): string => `the group ${group}: members`,
  retrievers: (name: string): string => `the account ${name}: who retrieves its password`,
  other: (name: string): string => `${name}, which is no farm's: description`,
};

/** What the manifests ask for, said anew and with nothing of the product's; with the description of each object that is no farm's business. */
export function wantedFacts(farms: ReadonlyMap<string, FarmSpec>, others: ReadonlyMap<string, string>): Facts {
  const wanted = new Map<string, readonly string[]>();
  const set = (fact: string, values: Iterable<string>): void => {
    wanted.set(fact, [...new Set(values)].toSorted());
  };
  const hostsOf = ({ computers, quarantined }: FarmSpec): string[] =>
    computers.filter((name) => !quarantined.includes(name)).map((name) => `${name}$`);
  const shared = new Map<FarmSpec["way"], string[]>(
    SHARED.map((group, index) => {
      const using = [...farms.values()].filter(({ way }) => way === group);
      return [group, [`${STRANGERS[index]}$`, ...using.flatMap(hostsOf)]];
    }),
  );
  for (const [group, members] of shared) set(facts.members(group), members);
  for (const [name, farm] of farms) {
    set(facts.account(name), [farm.description]);
    set(facts.names(name), farm.servicePrincipalNames);
    if (farm.way === "Own") set(facts.members(`${name}Hosts`), hostsOf(farm));
    set(facts.retrievers(name), shared.get(farm.way) ?? hostsOf(farm));
  }
  const readers = [...farms].flatMap(([name, { reads }]) => (reads ? [`${name}$`] : []));
  set(facts.members(READERS), [`${STRANGERS[0]}$`, ...readers]);
  for (const [name, description] of others) set(facts.other(name), [description]);
  return wanted;
}

/** What is not as it is to be, in words. */
export function differences(wanted: Facts, found: Facts): readonly string[] {
  const show = (values: readonly string[] | undefined): string => (values === undefined ? "nothing of the kind" : `[${values.join(", ")}]`);
  return [...new Set([...wanted.keys(), ...found.keys()])]
    .filter((fact) => wanted.get(fact)?.join("\n") !== found.get(fact)?.join("\n"))
    .map((fact) => `${fact}: ${show(found.get(fact))} in place of ${show(wanted.get(fact))}`)
    .toSorted();
}
