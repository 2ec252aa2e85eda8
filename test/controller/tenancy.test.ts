import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import type { ActiveDirectoryDomain } from "../../src/api/generated/active-directory-domain.ts";
import type { ServerFarm, ServerFarmStatus } from "../../src/api/generated/server-farm.ts";
import { keyOf, type KubernetesObject } from "../../src/api/object.ts";
import type { Permission } from "../../src/api/permission.ts";
import { type Namespaces, Tenancy } from "../../src/controller/tenancy.ts";
import type { Copies } from "../../src/kubernetes/reflector.ts";
import type { TenantSpec } from "../../src/policy/selector.ts";
import { farmOf, type FarmSpec, tenantOf } from "../policy/farms.ts";
import { domainOf } from "../domain/manifests.ts";

/** Copies that the test changes. */
class Kept<T extends KubernetesObject> implements Copies<T> {
  readonly #objects = new Map<string, T>();
  readonly #listeners: Parameters<Copies<T>["subscribe"]>[0][] = [];

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  list(): readonly T[] {
    return [...this.#objects.values()];
  }

  subscribe(listener: Parameters<Copies<T>["subscribe"]>[0]): void {
    this.#listeners.push(listener);
  }

  set(key: string, object: T | undefined): void {
    const previous = this.#objects.get(key);
    if (object) this.#objects.set(key, object);
    else this.#objects.delete(key);
    for (const listener of this.#listeners) listener(key, object, previous);
  }
}

/** Of namespaces, which may be unreadable. */
class KeptNamespaces extends Kept<KubernetesObject> implements Namespaces {
  unknown: string | undefined;
}

class World {
  readonly farms = new Kept<ServerFarm>();
  readonly domains = new Kept<ActiveDirectoryDomain>();
  readonly namespaces = new KeptNamespaces();
  readonly told: string[] = [];
  readonly tenancy: Tenancy;
  #generation = 0;

  constructor() {
    this.tenancy = new Tenancy(this.farms, this.domains, this.namespaces);
    this.tenancy.subscribe((key) => this.told.push(key));
  }

  tenants(...tenants: readonly TenantSpec[]): void {
    this.#domain(tenants);
  }

  open(): void {
    this.#domain(undefined);
  }

  #domain(tenants: readonly TenantSpec[] | undefined): void {
    const defaults = { accountContainer: "OU=Web,OU=Farms", groupContainer: "OU=Web,OU=Farms" };
    this.domains.set("contoso", domainOf({ defaults, ...(tenants ? { tenants } : {}) }));
  }

  label(name: string, labels: Readonly<Record<string, string>> | undefined): void {
    this.namespaces.set(name, labels && { metadata: { name, uid: name, resourceVersion: String(++this.#generation), labels } });
  }

  /** `created`: the second. */
  farm(
    name: string,
    {
      created = 0,
      namespace = "shop",
      status,
      generation,
      ...spec
    }: FarmSpec & { created?: number; namespace?: string; status?: ServerFarmStatus; generation?: number | undefined } = {},
  ): ServerFarm {
    const { metadata, ...rest } = farmOf({ ...spec, name });
    const creationTimestamp = `2026-01-01T00:00:0${created}Z`;
    const farm = {
      ...rest,
      metadata: { ...metadata, namespace, creationTimestamp, generation: generation ?? ++this.#generation },
      ...(status ? { status } : {}),
    };
    this.farms.set(keyOf(farm.metadata), farm);
    return farm;
  }

  generationOf(name: string): number | undefined {
    return this.farms.get(`shop/${name}`)?.metadata.generation;
  }

  remove(name: string): void {
    this.farms.set(`shop/${name}`, undefined);
  }

  of(name: string, namespace = "shop"): Permission | undefined {
    const farm = this.farms.get(`${namespace}/${name}`);
    if (!farm) throw new Error(`no farm ${name}`);
    return this.tenancy.of(farm);
  }

  kinds(...names: readonly string[]): readonly (string | undefined)[] {
    return names.map((name) => this.of(name)?.kind);
  }

  /** The names of whom was told since it was asked last. */
  async news(): Promise<readonly string[]> {
    for (let count = 0; count < 20; count++) await turn();
    return this.told
      .splice(0)
      .map((key) => key.slice(key.indexOf("/") + 1))
      .toSorted();
  }
}

const OWNS: ServerFarmStatus = { observedGeneration: 1, ownedObjects: [{ objectGUID: "g", kind: "Account" }] };

function worldOf(...tenants: readonly TenantSpec[]): World {
  const world = new World();
  world.tenants(...tenants);
  world.label("shop", { team: "web" });
  return world;
}

describe("what tenants say of farms", () => {
  test("nothing where the domain names none, or there is no domain", async () => {
    const world = new World();
    world.farm("web-a");
    expect(world.of("web-a")).toEqual({ kind: "Open" });
    world.open();
    expect(world.of("web-a")).toEqual({ kind: "Open" });
    expect(await world.news()).toEqual([]);
  });

  test("what the policy says, at once and without a turn", () => {
    const world = worldOf(tenantOf());
    world.farm("web-a");
    world.farm("db-a");
    expect(world.of("web-a")).toEqual({
      kind: "Allowed",
      tenant: "web",
      hostContainers: ["OU=Web Servers,OU=Servers,dc=contoso,dc=com"],
      hostNames: ["WEB*"],
    });
    expect(world.of("db-a")).toMatchObject({ kind: "NotAllowed", message: expect.stringContaining('account.name: "db-a"') });
    world.tenants();
    expect(world.kinds("web-a")).toEqual(["NotAllowed"]);
    world.tenants(tenantOf());
    expect(world.kinds("web-a")).toEqual(["Allowed"]);
    world.label("shop", {});
    expect(world.kinds("web-a")).toEqual(["NotAllowed"]);
    world.open();
    expect(world.kinds("web-a")).toEqual(["Open"]);
  });

  test("of a namespace that is not known yet it waits, and is told once it is known", async () => {
    const world = worldOf(tenantOf());
    world.farm("web-a", { namespace: "new" });
    expect(world.of("web-a", "new")).toBeUndefined();
    expect(await world.news()).toEqual([]);
    world.label("new", { team: "web" });
    expect(await world.news()).toEqual(["web-a"]);
    expect(world.of("web-a", "new")?.kind).toBe("Allowed");
  });

  test("where the labels cannot be read that is what is said: neither that it is allowed nor that it is not", () => {
    const world = new World();
    world.tenants(tenantOf());
    world.farm("web-a");
    world.namespaces.unknown = "namespaces is forbidden";
    expect(world.of("web-a")).toMatchObject({ kind: "Unknown", message: expect.stringContaining("(namespaces is forbidden)") });
  });
});

describe("who is told", () => {
  test("nobody of whom the same is said, and nobody of whom nothing was said yet", async () => {
    const world = worldOf(tenantOf());
    for (const name of ["web-a", "web-b", "db-a"]) world.farm(name);
    expect(await world.news()).toEqual([]);
    world.kinds("web-a", "web-b", "db-a");
    world.tenants(tenantOf({ servicePrincipalNames: [], adoption: true }), tenantOf({ name: "other" }));
    world.label("shop", { team: "web", more: "x" });
    world.label("elsewhere", { team: "web" });
    expect(await world.news()).toEqual([]);
  });

  test("those of whom something else is said now", async () => {
    const world = worldOf(tenantOf());
    for (const name of ["web-a", "web-b"]) world.farm(name);
    world.farm("web-c", { namespace: "elsewhere" });
    world.label("elsewhere", { team: "web" });
    world.kinds("web-a", "web-b");
    world.of("web-c", "elsewhere");
    world.tenants(tenantOf({ accounts: { names: ["web-a*"], containers: ["OU=Web,OU=Farms"] } }));
    expect(await world.news()).toEqual(["web-b", "web-c"]);
    world.kinds("web-a", "web-b");
    world.label("shop", { team: "db" });
    expect(await world.news()).toEqual(["web-a", "web-b"]);
    world.kinds("web-a", "web-b");
    world.of("web-c", "elsewhere");
    world.open();
    expect(await world.news()).toEqual(["web-a", "web-b", "web-c"]);
  });

  test("a farm whose hosts may be elsewhere now, or whose group may be shared now", async () => {
    const world = worldOf(tenantOf({ groups: { access: [], hosts: ["shared"] } }));
    world.farm("web-a", { hosts: { group: { name: "shared", existing: true } } });
    world.farm("web-b");
    world.kinds("web-a", "web-b");
    world.tenants(tenantOf({ groups: { access: [], hosts: ["shared", "more"] } }));
    expect(await world.news()).toEqual(["web-a"]);
    world.kinds("web-a", "web-b");
    world.tenants(tenantOf({ groups: { access: [], hosts: ["shared", "more"] }, hosts: { search: false, names: [], containers: [] } }));
    expect(await world.news()).toEqual(["web-a", "web-b"]);
  });

  test("everybody, where a domain names its first tenants, or names none any more", async () => {
    const world = new World();
    world.open();
    world.label("shop", { team: "web" });
    for (const name of ["web-a", "web-b"]) world.farm(name);
    // Of what is open to everybody nobody asks.
    expect(await world.news()).toEqual([]);
    for (let count = 0; count < 2; count++) {
      world.tenants(tenantOf());
      expect(await world.news()).toEqual(["web-a", "web-b"]);
      world.kinds("web-a", "web-b");
      world.open();
      expect(await world.news()).toEqual(["web-a", "web-b"]);
    }
  });

  test("whether what was said still holds", () => {
    const world = worldOf(tenantOf());
    const farm = world.farm("web-a");
    world.kinds("web-a");
    expect(world.tenancy.isSo(farm)).toBe(true);
    world.label("shop", {});
    expect(world.tenancy.isSo(farm)).toBe(false);
  });
});

describe("how many farms a tenant may have", () => {
  const two = tenantOf({ maxFarms: 2 });

  async function settled(world: World): Promise<void> {
    await world.news();
  }

  test("the oldest: a new one takes nobody's place, and gets one that is free", async () => {
    const world = worldOf(two);
    world.farm("web-new", { created: 3 });
    world.farm("web-old", { created: 1 });
    world.farm("web-mid", { created: 2 });
    await settled(world);
    expect(world.kinds("web-old", "web-mid", "web-new")).toEqual(["Allowed", "Allowed", "NotAllowed"]);
    world.remove("web-old");
    expect(await world.news()).toEqual(["web-new"]);
    expect(world.kinds("web-mid", "web-new")).toEqual(["Allowed", "Allowed"]);
    world.farm("web-a", { created: 4 });
    await settled(world);
    expect(world.kinds("web-mid", "web-new", "web-a")).toEqual(["Allowed", "Allowed", "NotAllowed"]);
    world.tenants(tenantOf({ maxFarms: 3 }));
    expect(await world.news()).toEqual(["web-a"]);
    world.tenants(tenantOf({ maxFarms: 1 }));
    expect(await world.news()).toEqual(["web-a", "web-new"]);
  });

  test("nothing is said of one while an older one is not judged", async () => {
    const world = worldOf(tenantOf({ maxFarms: 1 }));
    world.farm("web-old", { created: 1 });
    world.farm("web-new", { created: 2 });
    expect(world.kinds("web-new")).toEqual([undefined]);
    expect(await world.news()).toEqual(["web-new"]);
    expect(world.kinds("web-old", "web-new")).toEqual(["Allowed", "NotAllowed"]);
    // Nor of one that was judged long ago.
    world.farm("web-older", { created: 0 });
    expect(world.kinds("web-new")).toEqual([undefined]);
    expect(await world.news()).toContain("web-new");
    // What is not of the tenants is nothing to judge.
    world.tenants(tenantOf({ maxFarms: 1 }));
    expect(world.kinds("web-new")).toEqual(["NotAllowed"]);
  });

  test("those that are refused do not count, unless they own something: then for each tenant of their namespace", async () => {
    const world = worldOf(
      tenantOf({ maxFarms: 1 }),
      tenantOf({ name: "twin", accounts: { names: ["twin-*"], containers: ["OU=Web,OU=Farms"] }, maxFarms: 1 }),
    );
    world.farm("db-a", { created: 1 });
    world.farm("web-a", { created: 2 });
    world.farm("twin-a", { created: 2 });
    await settled(world);
    expect(world.kinds("db-a", "web-a", "twin-a")).toEqual(["NotAllowed", "Allowed", "Allowed"]);
    // Its status changes, and nothing else of it.
    world.farm("db-a", { created: 1, status: OWNS, generation: world.generationOf("db-a") });
    await settled(world);
    expect(world.kinds("db-a", "web-a", "twin-a")).toEqual(["NotAllowed", "NotAllowed", "NotAllowed"]);
  });

  test("a farm that two tenants allow counts for the first", async () => {
    const world = worldOf(tenantOf({ maxFarms: 1 }), tenantOf({ name: "twin", maxFarms: 1 }));
    world.farm("web-a", { created: 1 });
    world.farm("web-b", { created: 2 });
    await settled(world);
    expect(world.kinds("web-a", "web-b")).toEqual(["Allowed", "NotAllowed"]);
  });

  test("one that goes to another domain gives its place back", async () => {
    const world = worldOf(tenantOf({ maxFarms: 1 }));
    world.farm("web-a", { created: 1 });
    world.farm("web-b", { created: 2 });
    await settled(world);
    world.kinds("web-a", "web-b");
    world.farm("web-a", { created: 1, domainRef: { name: "elsewhere" } });
    expect(await world.news()).toEqual(["web-a", "web-b"]);
    expect(world.kinds("web-a", "web-b")).toEqual(["Open", "Allowed"]);
  });

  test("ten thousand farms are judged in turns, and one is asked for in no time", async () => {
    const world = worldOf(tenantOf({ maxFarms: 9999 }));
    for (let index = 0; index < 10_000; index++) world.farm(`web-${index}`, { created: index % 10 });
    let turns = 0;
    while (world.of("web-0") === undefined && turns < 1000) {
      turns++;
      await turn();
    }
    expect(turns).toBeGreaterThan(2);
    world.farms.list().forEach((farm) => world.tenancy.of(farm));
    await settled(world);
    world.tenants(tenantOf({ maxFarms: 9998 }));
    world.told.length = 0;
    for (let count = 0; count < 1000 && world.told.length < 2; count++) await turn();
    // The youngest is told that there is one place less, too.
    expect(await world.news()).toEqual(["web-999", "web-9999"]);
  });
});
