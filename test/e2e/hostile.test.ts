/**
 * A hostile tenant beside one who works, in one domain: whatever Beta asks for, everything of Alpha's stays byte for byte, and Beta learns nothing of it.
 * With the names that docs/tenancy.md advises, and with patterns that allow every name.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ATTACKS, type Attack } from "../harness/hostile/attacks.ts";
import {
  A,
  ALPHA_HOSTS,
  asBeta,
  B,
  betaFarm,
  installPolicy,
  leaks,
  OU,
  removePolicy,
  type Patterns,
  retrievals,
  secretsOfAlpha,
  settled,
  setUp,
  snapshot,
  tearDown,
  tenants,
} from "../harness/hostile/stage.ts";
import { z } from "zod";
import { DELEGATED } from "../harness/delegation.ts";
import { BASE } from "../harness/directory.ts";
import { SYSTEM } from "../harness/manifests.ts";
import { applyDomain, available, cluster, condition, directory, type Farm, onApiServer, useOperator } from "../harness/world.ts";

/** Hosts of names that are somebody else's, whatever the class; folded, without the dot of the root. */
const TAKEN = [
  "shop.alp.contoso.com",
  "portal.alp.contoso.com",
  "db.alp.contoso.com",
  "contoso.com",
  "contoso",
  "dc1",
  "dc1.contoso.com",
  "alp-web",
  "alp-web.contoso.com",
].concat(ALPHA_HOSTS.flatMap((name) => [name.toLowerCase(), `${name.toLowerCase()}.contoso.com`]));

const nameOf = (index: number): string => `bet-${index}`;
const isReady = (farm: Farm): boolean => condition(farm, "Ready")?.status === "True";

/** Names that Beta's accounts hold and that speak of what is not Beta's. */
async function stolenNames(): Promise<readonly string[]> {
  const accounts = await directory.search(`(&(adminDescription=serverfarm.dev*farm=${B}/*)(servicePrincipalName=*))`, [
    "servicePrincipalName",
  ]);
  const held = accounts.flatMap(({ servicePrincipalName }) => [servicePrincipalName].flat().map(String));
  return held.filter((name) => TAKEN.includes(/^[^/]*\/([^:/]*?)\.?(?:[:/].*)?$/.exec(name.toLowerCase())?.[1] ?? ""));
}

/** Accounts of Beta's whose password a computer of Alpha's retrieves. */
async function drawnIn(): Promise<readonly string[]> {
  const accounts = await directory.search(`(&(adminDescription=serverfarm.dev*farm=${B}/*)(objectClass=msDS-GroupManagedServiceAccount))`, [
    "cn",
  ]);
  const drawn: string[] = [];
  for (const { dn } of accounts) for (const host of ALPHA_HOSTS) if (await directory.retrieves(host, dn)) drawn.push(`${host} ${dn}`);
  return drawn;
}

interface Taken {
  readonly taken: ReadonlyMap<string, Attack>;
  readonly denied: number;
}

/** What the API server takes of all that Beta writes: by the names of the farms. With the admission policy it refuses (403) besides what is malformed (422). */
async function attack(token: string, admission: boolean): Promise<Taken> {
  const taken = new Map<string, Attack>();
  let denied = 0;
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < ATTACKS.length) {
      const index = next++;
      const attack = ATTACKS[index];
      if (!attack) return;
      const name = nameOf(index);
      const code = await asBeta(token, "POST", cluster.path("ServerFarm", B), betaFarm(name, attack.spec, attack.metadata));
      if (code === 200) taken.set(name, attack);
      else expect(admission ? [403, 422] : [422], attack.what).toContain(code);
      if (code === 403) denied++;
    }
  };
  await Promise.all(Array.from({ length: 5 }, lane));
  return { taken, denied };
}

/** All that Beta can read of a farm: its status, and the Events of it. */
async function said(): Promise<(farm: Farm) => string> {
  const events = await cluster.list("Event", B);
  return ({ metadata, status }) =>
    JSON.stringify([status, events.filter((event) => JSON.stringify(event["involvedObject"]).includes(metadata.uid))]);
}

/** What a farm keeps out is remembered by its GUID and SID, also of a computer that is somebody else's. */
function withoutQuarantine(text: string, { spec }: Attack): string {
  return JSON.stringify(spec).includes("quarantined") ? text.replaceAll(/"resolvedHosts":\[.*?\]/g, "") : text;
}

/** The manifest, and what it implies by itself: the names and places of what it asks for. */
function derived(attack: Attack): string {
  const { account, hosts, accessGroups = [] } = spelled.parse(attack.spec);
  const objects = [account, hosts?.group, ...accessGroups];
  const names = [account?.samAccountName, ...objects.map((object) => object?.name)];
  const made = names.flatMap((name) => [name, `${name}Hosts`].flatMap((one) => [one, `CN=${one},${OU}`]));
  return [JSON.stringify(attack), ...made, ...objects.map((object) => `${object?.container},${BASE}`)].join("\n");
}

const named = z.looseObject({ name: z.string().optional(), container: z.string().optional() });
const spelled = z.looseObject({
  account: named.extend({ samAccountName: z.string().optional() }).optional(),
  hosts: z.looseObject({ group: named.optional() }).optional(),
  accessGroups: z.array(named).optional(),
});

describe.skipIf(!available)("a hostile tenant", () => {
  useOperator(B);
  let token: string;
  let secrets: readonly string[];
  let before: ReadonlyMap<string, unknown>;

  beforeAll(async () => {
    await applyDomain({ account: DELEGATED });
    token = await setUp();
    expect(await retrievals()).toEqual({ "alp-web": ["ALP1", "ALP2"], "alp-db": ["ALP1"], "alp-queue": ["ALP2"], "alp-left": ["ALP1"] });
    secrets = await secretsOfAlpha();
  }, 180_000);

  afterAll(tearDown, 180_000);

  test("has many ways to try", () => {
    expect(ATTACKS.length).toBeGreaterThan(100);
    expect(secrets.length).toBeGreaterThan(40);
    expect(new Set(ATTACKS.map(({ what }) => what)).size).toBe(ATTACKS.length);
  });

  test("may do nothing at the API server but edit farms of its namespace", async () => {
    const own = betaFarm("bet-own", {});
    expect(await asBeta(token, "POST", cluster.path("ServerFarm", B), own)).toBe(200);
    const labels = { metadata: { labels: { team: "alpha" } } };
    const tries: readonly (readonly [method: "GET" | "POST" | "PATCH" | "DELETE", path: string, body?: object])[] = [
      ["GET", cluster.path("ServerFarm", A)],
      ["GET", cluster.path("ServerFarm", A, "alp-web")],
      ["GET", "/apis/serverfarm.dev/v1alpha1/serverfarms"],
      ["GET", "/apis/serverfarm.dev/v1alpha1/serverfarms?watch=true"],
      ["PATCH", cluster.path("ServerFarm", A, "alp-web"), { spec: { hosts: { computers: ["BET1"] } } }],
      ["PATCH", `${cluster.path("ServerFarm", A, "alp-web")}/status`, { status: {} }],
      ["DELETE", cluster.path("ServerFarm", A, "alp-web")],
      ["DELETE", cluster.path("ServerFarm", A)],
      ["POST", cluster.path("ServerFarm", A), { ...own, metadata: { name: "alp-x", namespace: A } }],
      ["PATCH", `${cluster.path("ServerFarm", B, "bet-own")}/status`, { status: { ownedObjects: [] } }],
      ["GET", cluster.path("ActiveDirectoryDomain", undefined, "contoso")],
      ["PATCH", cluster.path("ActiveDirectoryDomain", undefined, "contoso"), { spec: { tenants: null } }],
      ["DELETE", cluster.path("ActiveDirectoryDomain", undefined, "contoso")],
      ["PATCH", cluster.path("Namespace", undefined, B), labels],
      ["GET", cluster.path("Secret", SYSTEM)],
      ["GET", cluster.path("Secret", SYSTEM, "contoso-ldap")],
      ["GET", cluster.path("Event", A)],
      ["GET", cluster.path("Lease", SYSTEM)],
      ["PATCH", cluster.path("ClusterRole", undefined, "serverfarm-operator-edit"), { rules: [] }],
      [
        "POST",
        cluster.path("RoleBinding", A),
        { apiVersion: "rbac.authorization.k8s.io/v1", kind: "RoleBinding", metadata: { name: "x", namespace: A } },
      ],
    ];
    for (const [method, path, body] of tries) expect(await asBeta(token, method, path, body), `${method} ${path}`).toBe(403);
    expect(await asBeta(token, "DELETE", cluster.path("ServerFarm", B, "bet-own"))).toBe(200);
    await cluster.waitGone("ServerFarm", "bet-own", B);
  });

  describe.each<readonly [patterns: Patterns, admission: boolean]>([
    ["narrow", false],
    ["wide", false],
    ...(onApiServer
      ? ([
          ["narrow", true],
          ["wide", true],
        ] as const)
      : []),
  ])("with %s patterns, admission %s", (patterns, admission) => {
    let { taken, denied }: Taken = { taken: new Map(), denied: 0 };
    let farms: readonly Farm[];

    beforeAll(async () => {
      await tenants(patterns);
      if (admission) await installPolicy();
      before = await snapshot();
      ({ taken, denied } = await attack(token, admission));
      farms = await settled(B);
    }, 300_000);

    afterAll(async () => {
      if (admission) await removePolicy();
      await cluster.deleteAll("ServerFarm", B, 120);
    }, 180_000);

    test("gets nothing that is not its own", async () => {
      if (admission) expect(denied, "the policy refuses").toBeGreaterThan(20);
      else expect(taken.size, "the operator is asked").toBeGreaterThan(60);
      const may = (attack: Attack | undefined): boolean => attack?.may === "Harmless" || (attack?.may === "Owner" && patterns === "wide");
      const got = farms.filter((farm) => isReady(farm) && !may(taken.get(farm.metadata.name)));
      expect(got.map(({ metadata }) => taken.get(metadata.name)?.what)).toEqual([]);
      expect(await stolenNames()).toEqual([]);
      expect(await drawnIn()).toEqual([]);
      // Some are of no harm: the operator is at work.
      expect(farms.filter(isReady).length).toBeGreaterThan(1);
    });

    test("changes nothing of what is not its own, neither by asking nor by leaving", async () => {
      expect(await snapshot()).toEqual(before);
      for (const name of taken.keys()) await asBeta(token, "DELETE", cluster.path("ServerFarm", B, name));
      for (const name of taken.keys()) await cluster.waitGone("ServerFarm", name, B, 120);
      expect(await snapshot()).toEqual(before);
      expect(await directory.search(`(adminDescription=serverfarm.dev*farm=${B}/*)`, ["cn"])).toEqual([]);
    });

    test("is told nothing of it; the domain's owner is", async () => {
      const text = await said();
      const told = farms.flatMap((farm) => {
        const attack = taken.get(farm.metadata.name);
        const known = attack ? derived(attack) : "";
        return attack ? leaks(secrets, withoutQuarantine(text(farm), attack), known).map((secret) => `${attack.what}: ${secret}`) : [];
      });
      expect(told).toEqual([]);
      const whole = (await cluster.list("Event", "default")).filter(({ reason }) => reason === "HiddenFromTenant");
      if (patterns === "wide") expect(leaks(secrets, JSON.stringify(whole), "")).not.toEqual([]);
    });
  });
});
