/** A farm in a random life: what its record says, whom its entries mean, and what it did to groups of others; and requests of it that fail. */
import { DirectoryError } from "../../src/ad/error.ts";
import { isAccount, type DirectoryObject } from "../../src/ad/object.ts";
import { RECREATE_ACCOUNT } from "../../src/api/annotations.ts";
import type { ServerFarm, ServerFarmStatus } from "../../src/api/generated/server-farm.ts";
import { desiredFarm } from "../../src/farm/desired.ts";
import { sharingFarm } from "../../src/farm/sharing.ts";
import type { reconcileFarm } from "../../src/reconciler/farm.ts";
import type { FarmPorts } from "../../src/reconciler/work.ts";
import { type AskedDirectory, isPrimary } from "../farm/asked-directory.ts";
import { named } from "../farm/directory-events.ts";
import { BASE, CLUSTER, FACTS, farm } from "../farm/simulation.ts";
import { Entries, type Meant } from "./meant-hosts.ts";
import { whoCanRetrieve } from "./tokens.ts";

/** What one farm is to be. */
export interface Manifest {
  readonly way: "Group" | "Principals" | "Shared" | "Other";
  readonly computers: readonly string[];
  readonly quarantined: readonly string[];
  /** Whether the account is to be in the access group Readers, which is somebody else's. */
  readonly reads: boolean;
  /** Whether it may take over what bears consent. */
  readonly adopts: boolean;
  /** Whether the account that it has when it is applied is to be deleted and created again. */
  readonly recreates: boolean;
}

/** A request of a reconcile that fails: which of its kind, counted from the first. */
export interface Fault {
  readonly what: (typeof FAULTS)[number];
  readonly at: number;
}

export const FAULTS = [
  "a look fails",
  "a write is refused",
  "a write is not allowed",
  "a write does not arrive",
  "the answer to a write is lost",
  "the record is not taken",
  "the program is killed before a write",
  "the program is killed after a write",
] as const;

/** The program is not there any more. */
class Killed extends Error {}

const signal = new AbortController().signal;
const NOTHING: Meant = { wanted: new Set(), quarantined: new Set(), undecided: new Set() };

export class LivedFarm {
  readonly namespace: string;
  readonly name: string;
  readonly owner: string;
  manifest: Manifest | undefined;
  meant: Meant = NOTHING;
  /** The directory before all that was done in this round. */
  before: Before;
  readonly puts = new Puts();
  readonly #entries = new Entries();
  readonly #directory: AskedDirectory;
  #status: ServerFarmStatus | undefined;
  #created = "";
  #recreate: string | undefined;

  constructor(key: string, directory: AskedDirectory) {
    [this.namespace = "", this.name = ""] = key.split("/");
    this.owner = `serverfarm.dev cluster=${CLUSTER} farm=${key}`;
    this.#directory = directory;
    this.before = new Before(directory, this);
  }

  apply(manifest: Manifest, turn: number): void {
    if (!this.manifest) this.#created = `2026-11-25T00:00:${String(turn).padStart(2, "0")}Z`;
    this.manifest = manifest;
    this.#recreate = manifest.recreates ? this.account?.objectGUID : undefined;
  }

  get status(): ServerFarmStatus | undefined {
    return this.#status;
  }

  /** The account that has its name, whoever's it is. */
  get account(): DirectoryObject | undefined {
    const found = named(this.#directory, this.name);
    return found && isAccount(found) ? found : undefined;
  }

  get resource(): ServerFarm {
    const { namespace, name, manifest } = this;
    const whole = farm(manifest && specOf(manifest), this.#status);
    const annotations = this.#recreate === undefined ? {} : { [RECREATE_ACCOUNT]: this.#recreate };
    return {
      ...whole,
      metadata: { ...whole.metadata, namespace, name, uid: `uid-${name}`, creationTimestamp: this.#created, annotations },
    };
  }

  /** A round begins: whom its entries mean now. */
  look(): void {
    this.before = new Before(this.#directory, this);
    const { computers = [], quarantined = [] } = this.manifest ?? {};
    this.meant = this.#entries.mean(this.#directory.simulated.computers, computers, quarantined);
  }

  /** Whether it did what is to be done. Of a program that was killed only what it had recorded is left. */
  async reconcile(run: typeof reconcileFarm, others: readonly LivedFarm[], fault?: Fault): Promise<"Done" | "Failed"> {
    const { resource } = this;
    const sharing = others.flatMap((other) => sharingFarm(other.resource, BASE) ?? []);
    const { desired, problems } = desiredFarm(resource, FACTS, CLUSTER, sharing);
    if (problems.length > 0) throw new Error(`the manifest is wrong: ${problems[0]?.message}`);
    try {
      const { end, report } = await run(resource, desired, this.#ports(fault), signal);
      if (end.kind === "Unrecorded") return "Failed";
      if (end.kind !== "Looked") throw new Error(`it ended otherwise: ${end.kind}`);
      if (report.error && !fault) throw report.error;
      this.#status = end.status;
      return report.error || fault ? "Failed" : "Done";
    } catch (error) {
      if (error instanceof Killed) return "Failed";
      throw error;
    }
  }

  #ports(fault: Fault | undefined): FarmPorts {
    const directory = this.#directory;
    const counts = new Map<string, number>();
    /** Whether this is the request that fails. */
    const fails = (...whats: readonly Fault["what"][]): boolean => {
      if (!fault || !whats.includes(fault.what)) return false;
      const count = counts.get(whats[0] ?? "") ?? 0;
      counts.set(whats[0] ?? "", count + 1);
      return count === fault.at;
    };
    return {
      directory: {
        observe: (desired, scope, aborted, before) =>
          fails("a look fails")
            ? Promise.reject(new DirectoryError("Unavailable", "no server answers"))
            : directory.observe(desired, scope, aborted, before),
        lacks: (changes) => directory.lacks(changes),
        made: (dn) => (fails("a look fails") ? Promise.reject(new DirectoryError("Unavailable", "no server answers")) : directory.made(dn)),
        apply: async (change) => {
          if (fails("a write is refused")) throw new DirectoryError("Unwilling", "it would not");
          if (fails("a write is not allowed")) throw new DirectoryError("AccessDenied", "a right is missing");
          if (fails("a write does not arrive")) throw new DirectoryError("OutcomeUnknown", "the connection was lost");
          if (fails("the program is killed before a write")) throw new Killed();
          await directory.apply(change);
          if (fails("the answer to a write is lost")) throw new DirectoryError("OutcomeUnknown", "the connection was lost");
          if (fails("the program is killed after a write")) throw new Killed();
        },
      },
      assertFresh: () => Promise.resolve(),
      record: (object, recorded) => {
        if (fails("the record is not taken")) return Promise.reject(new Error("the API server is away"));
        this.#status = recorded;
        return Promise.resolve({ ...object, status: recorded });
      },
      now: () => new Date("2026-11-26T00:00:00Z"),
    };
  }
}

function specOf({ way, computers, quarantined, reads, adopts }: Manifest): NonNullable<Parameters<typeof farm>[0]> {
  const existing = way === "Shared" || way === "Other";
  return {
    adoptionPolicy: adopts ? "Unowned" : "Never",
    hosts: {
      grant: way === "Principals" ? "Principals" : "Group",
      ...(existing ? { group: { name: way, existing } } : {}),
      computers,
      quarantined,
    },
    accessGroups: reads ? [{ name: "Readers", existing: true }] : [],
  };
}

/** The directory as it was for a farm. */
export class Before {
  readonly objects: readonly DirectoryObject[];
  readonly everything: readonly DirectoryObject[];
  /** What bears the names of the account and of the host group. */
  readonly account: DirectoryObject | undefined;
  readonly group: DirectoryObject | undefined;
  readonly able: ReadonlySet<string>;

  constructor(directory: AskedDirectory, { name }: { readonly name: string }) {
    this.objects = directory.simulated.objects;
    this.everything = directory.everything;
    this.account = named(directory, name);
    this.group = named(directory, `${name}Hosts`);
    this.able = whoCanRetrieve(directory, this.account);
  }

  members(objectGUID: string): readonly string[] {
    return this.objects.find((one) => one.objectGUID === objectGUID)?.members ?? [];
  }
}

/** Which members of others' groups the farm put there, or answers for since another farm of its namespace put them there. */
export class Puts {
  #puts: ReadonlySet<string> = new Set();

  has(group: DirectoryObject, member: DirectoryObject | undefined): boolean {
    return this.#puts.has(keyOf(group, member));
  }

  hasAny({ objectGUID }: DirectoryObject): boolean {
    return [...this.#puts].some((key) => key.startsWith(`${objectGUID} `));
  }

  /**
   * One that somebody took out and put back between two reconciles is still the farm's: nobody can tell. By design, and of a group whose primary member
   * somebody was meanwhile, too. `isNew`: whom it put in now; absent, nobody.
   */
  update(directory: AskedDirectory, isNew?: (group: DirectoryObject, member: DirectoryObject) => boolean): void {
    if (!isNew && this.#puts.size === 0) return;
    const next = new Set<string>();
    for (const group of directory.simulated.objects) {
      for (const member of directory.everything) {
        const isMember = group.members.includes(member.distinguishedName);
        // By primary group it has no member value for now, and gets it back with another primary group.
        if ((isMember && isNew?.(group, member) === true) || ((isMember || isPrimary(group, member)) && this.has(group, member)))
          next.add(keyOf(group, member));
      }
    }
    this.#puts = next;
  }
}

function keyOf(group: DirectoryObject, member: DirectoryObject | undefined): string {
  return `${group.objectGUID} ${member?.objectGUID}`;
}
