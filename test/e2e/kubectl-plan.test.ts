/** `kubectl farm plan`: it says what the operator then does, for farms of every kind, by the bind of somebody who may only read. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { edited, type FarmSpec, HOSTS, manifestOf, NAMESPACE, newFarm, READERS, SHARED, STRANGERS } from "../bench/soak/farms.ts";
import { type Ended, execute, PROGRAM } from "../harness/cli.ts";
import type { Manifest } from "../harness/cluster.ts";
import { addContainer, addMany, inDomain, removeTree } from "../harness/computers.ts";
import { DELEGATED } from "../harness/delegation.ts";
import { addUser } from "../harness/directory.ts";
import { findKubectl } from "../harness/kube.ts";
import type { Operator } from "../harness/operator.ts";
import { randomOf } from "../faults/schedule.ts";
import {
  applyDomain,
  available,
  cleanUp,
  cluster,
  createNamespace,
  directory,
  domainReady,
  farmOf,
  farmReady,
  farmWhere,
  getFarm,
  onApiServer,
  ownedInDirectory,
  startOperator,
} from "../harness/world.ts";

const [FARMS, MADE] = [200, 50];
const READER = { username: "jane@contoso.com", password: "Just-Looking-4!" };
const changes = z.array(z.object({ change: z.string(), object: z.string(), value: z.string().optional() }));
const plans = z.object({
  items: z.array(z.object({ name: z.string(), changes, problems: z.array(z.object({ reason: z.string(), message: z.string() })) })),
});
const observedFarm = z.object({ metadata: z.object({ name: z.string() }), status: z.object({ plan: changes }) });
type Plans = z.infer<typeof plans>["items"];

// The dry run is the API server's own.
describe.skipIf(!available || !onApiServer)("kubectl farm plan", () => {
  let operator: Operator;
  let dir: string;
  let path: string;

  const file = async (name: string, ...manifests: readonly Manifest[]): Promise<string> => {
    const text = manifests.map((manifest) => JSON.stringify(manifest)).join("\n---\n");
    await writeFile(`${dir}/${name}`, text);
    return `${dir}/${name}`;
  };
  const farm = (...args: readonly string[]): Promise<Ended> =>
    execute(process.execPath, [PROGRAM, ...args, "--kubeconfig", cluster.kubeconfig], { environment: { PATH: path } });
  const plan = (...args: readonly string[]): Promise<Ended> =>
    farm("plan", ...args, "--username", READER.username, "--password-file", `${dir}/password`, "--ca-file", `${dir}/ca.pem`);
  const planned = async (...args: readonly string[]): Promise<Plans> => {
    const { out, err } = await plan(...args, "-o", "json");
    expect({ args, err }).toEqual({ args, err: "" });
    return plans.parse(JSON.parse(out)).items;
  };

  beforeAll(async () => {
    dir = await mkdtemp(`${tmpdir()}/serverfarm-plan-`);
    path = `${dirname((await findKubectl()) ?? "")}:${process.env["PATH"] ?? ""}`;
    await writeFile(`${dir}/ca.pem`, directory.ca);
    await writeFile(`${dir}/password`, `${READER.password}\n`);
    await addMany(directory, inDomain("CN=Computers"), [...HOSTS, ...STRANGERS]);
    await directory.asAdministrator(async (client) => {
      await addUser(client, "jane", READER.password);
      for (const name of [...SHARED, READERS])
        await client.add(inDomain(`CN=${name},OU=Farms`), {
          objectClass: "group",
          sAMAccountName: name,
          member: [inDomain("CN=STRANGER1,CN=Computers")],
        });
    });
    await createNamespace(NAMESPACE);
    await applyDomain({ account: DELEGATED, spec: { deletionBudget: { farms: 1000, per: "1h" } } });
    operator = await startOperator();
    await domainReady();
  }, 180_000);
  afterAll(async () => {
    await cleanUp();
    expect(await operator.stop()).toBe(0);
    await rm(dir, { recursive: true });
  });

  test("of 200 random farms it says what the operator says; of those that are made also once they are changed, and then nothing", async () => {
    const seed = Math.floor(Math.random() * 1e9);
    const random = randomOf(seed);
    const specs = new Map<string, FarmSpec>(Array.from({ length: FARMS }, (_, index) => [`r${index}`, newFarm(random, `r${index}`)]));
    const manifests = (managementPolicy: string): readonly Manifest[] =>
      [...specs].map(([name, spec]) => {
        const manifest = manifestOf(name, spec);
        return { ...manifest, spec: { ...(typeof manifest["spec"] === "object" ? manifest["spec"] : {}), managementPolicy } };
      });
    const observed = async (): Promise<readonly z.infer<typeof observedFarm>[]> => {
      for (const name of specs.keys()) await farmWhere(NAMESPACE, name, ({ status }) => status?.plan !== undefined, 120);
      return (await cluster.list("ServerFarm", NAMESPACE)).map((one) => observedFarm.parse(one));
    };
    // As people do: what kubectl applies next depends on what it applied before.
    const apply = async (managementPolicy: string): Promise<void> => {
      const name = await file(`${managementPolicy}.yaml`, ...manifests(managementPolicy));
      const { code, err } = await execute("kubectl", ["apply", "-f", name, "--kubeconfig", cluster.kubeconfig], {
        environment: { PATH: path },
      });
      expect({ code, err }).toEqual({ code: 0, err: "" });
    };
    const agreed = async (before: Plans): Promise<number> => {
      await apply("Observe");
      const operators = new Map((await observed()).map(({ metadata, status }) => [metadata.name, status.plan]));
      expect(before.map(({ name, changes }) => ({ seed, name, changes }))).toEqual(
        before.map(({ name }) => ({ seed, name, changes: operators.get(name) })),
      );
      return before.reduce((sum, { changes }) => sum + changes.length, 0);
    };
    const done = async (): Promise<void> => {
      await apply("Enforce");
      for (const name of specs.keys()) await farmReady(NAMESPACE, name, 120);
    };

    expect(await agreed(await planned("-f", await file("new.yaml", ...manifests("Observe"))))).toBeGreaterThan(FARMS * 1.5);
    expect(await ownedInDirectory()).toEqual([]);
    // What is made of them, and changed, takes its time.
    for (const name of [...specs.keys()].slice(MADE)) {
      specs.delete(name);
      await cluster.delete("ServerFarm", name, NAMESPACE, 0);
    }
    await done();
    for (const [name, spec] of specs) specs.set(name, edited(random, name, edited(random, name, spec)));
    expect(await agreed(await planned("-f", await file("edited.yaml", ...manifests("Observe"))))).toBeGreaterThan(MADE / 2);
    await done();
    const after = await plan("-f", await file("after.yaml", ...manifests("Enforce")));
    expect({ seed, ...after }).toEqual({ seed, code: 0, out: `Plan: ${MADE} farms, 0 changes, 0 problems.\n`, err: "" });
    // Each ends by its own plan.
    const ends = await planned("-f", await file("end.yaml", ...manifests("Enforce")), "--delete");
    const owned = ends.flatMap(({ changes }) => changes.filter(({ change }) => change.startsWith("Delete")).map(({ object }) => object));
    expect(owned.toSorted()).toEqual(await ownedInDirectory());
    await cluster.deleteAll("ServerFarm", NAMESPACE);
    expect(await ownedInDirectory()).toEqual([]);
  }, 600_000);

  test("a plan reads like a diff, and its exit code tells a pull request's check", async () => {
    const manifest = farmOf(NAMESPACE, "shop", {
      servicePrincipalNames: ["http/shop.contoso.com"],
      hosts: { computers: ["WEB01", "WEB99"] },
    });
    const name = await file("shop.yaml", manifest, { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "x" } });
    const before = await plan("-f", name);
    expect(before).toMatchObject({ code: 2, err: "1 other objects are not part of the plan.\n" });
    expect(before.out).toMatch(
      /^soak\/shop\n {2}\+ CreateHostGroup +CN=shopHosts,OU=Farms,\S+ +WEB01\n {2}\+ CreateAccount +CN=shop,OU=Farms,/,
    );
    expect(before.out).toMatch(/\n {2}! HostNotFound: .*WEB99/);
    expect(before.out).toMatch(/\nPlan: 1 farm, 2 changes, 1 problem\.\n$/);
    await cluster.apply(manifest);
    await farmWhere(NAMESPACE, "shop", ({ status }) => status?.hosts?.summary === "1/2");
    expect(await plan("-f", name)).toMatchObject({ code: 1, out: expect.stringContaining("Plan: 1 farm, 0 changes, 1 problem.") });
    // The same without the directory: what the operator said last.
    expect(await farm("plan", "shop", "-n", NAMESPACE)).toMatchObject({ code: 1, out: expect.stringContaining("! HostNotFound: ") });
    const end = await plan("shop", "-n", NAMESPACE, "--delete");
    expect(end.out).toMatch(/- DeleteAccount +CN=shop,OU=Farms,[\s\S]*- DeleteHostGroup +CN=shopHosts/);
    expect((await getFarm(NAMESPACE, "shop")).metadata.generation).toBe(1);
    await cluster.delete("ServerFarm", "shop", NAMESPACE);
  });

  test("hosts that a search finds are in the plan", async () => {
    const container = "OU=Racks";
    await addContainer(directory, inDomain(container));
    await addMany(directory, inDomain(container), ["RACK1", "RACK2"]);
    const racks = farmOf(NAMESPACE, "racks", { hosts: { search: { container, names: ["RACK*"] } } });
    const { out, err } = await plan("-f", await file("racks.yaml", racks));
    expect(err).toBe("");
    expect(out).toMatch(/\+ CreateHostGroup .*RACK\d, RACK\d\n/);
    await removeTree(directory, inDomain(container));
  });

  test("what tenants do not allow is no plan", async () => {
    const tenants = [
      {
        name: "soak",
        namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": NAMESPACE } },
        accounts: { names: ["soak-*"], containers: ["OU=Farms"] },
        servicePrincipalNames: [],
        dnsHostNames: ["*"],
        hosts: { names: ["WEB*"], containers: ["CN=Computers"] },
        maxFarms: 1,
      },
    ];
    await cluster.patch("ActiveDirectoryDomain", "contoso", undefined, { spec: { tenants } });
    const alien = await plan("-f", await file("alien.yaml", farmOf(NAMESPACE, "alien", { hosts: { computers: ["WEB01"] } })));
    expect(alien).toMatchObject({ code: 1, out: expect.stringContaining("! NotAllowed: ") });
    const [one, two] = ["soak-one", "soak-two"].map((name) => farmOf(NAMESPACE, name, { hosts: { computers: ["WEB01"] } }));
    if (!one || !two) throw new Error("two farms");
    expect(await plan("-f", await file("one.yaml", one))).toMatchObject({
      code: 2,
      out: expect.stringContaining("Plan: 1 farm, 2 changes, 0 problems."),
    });
    const both = await planned("-f", await file("both.yaml", one, two));
    expect(both.filter(({ problems }) => problems.some(({ message }) => message.includes("maxFarms")))).toHaveLength(1);
    await cluster.patch("ActiveDirectoryDomain", "contoso", undefined, { spec: { tenants: null } });
  });

  test("a plan says that the domain is suspended", async () => {
    await cluster.patch("ActiveDirectoryDomain", "contoso", undefined, { spec: { suspend: true } });
    try {
      const { code, out } = await plan("-f", await file("held.yaml", farmOf(NAMESPACE, "held", { hosts: { computers: [HOSTS[0]] } })));
      expect(code).toBe(2);
      expect(out).toContain("The domain is suspended: nothing is done until spec.suspend of the ActiveDirectoryDomain is false.");
    } finally {
      await cluster.patch("ActiveDirectoryDomain", "contoso", undefined, { spec: { suspend: false } });
      await domainReady();
    }
  });

  test("what kubectl reads of a file is planned, whatever an editor shows", async () => {
    const text = JSON.stringify(farmOf(NAMESPACE, "lines", { hosts: { computers: [HOSTS[0]] } }));
    const { spec } = z.object({ spec: z.looseObject({}) }).parse(JSON.parse(text));
    const lines = [
      "apiVersion: serverfarm.dev/v1alpha1",
      "kind: ServerFarm",
      `metadata: {name: lines, namespace: ${NAMESPACE}}`,
      "spec:",
      ...Object.entries(spec).map(([name, value]) => `  ${name}: ${JSON.stringify(value)}`),
      // kubectl ends a line there, and with it the comment.
      "  # a note\u2028  account: {name: hidden}\u2028  # of the author",
    ];
    await writeFile(`${dir}/lines.yaml`, `${lines.join("\n")}\n`);
    const [first] = await planned("-f", `${dir}/lines.yaml`);
    expect(JSON.stringify(first?.changes)).toContain("CN=hidden,");
  });

  test("what is wrong is named, and how to go on; none of it passes for changes", async () => {
    const wrong = await file("wrong.yaml", farmOf(NAMESPACE, "wrong", { hosts: { computers: [1] } }));
    const good = await file("good.yaml", farmOf(NAMESPACE, "good"));
    await writeFile(`${dir}/wrong`, "Wrong-1234");
    await writeFile(`${dir}/empty`, "");
    const bind = ["--username", READER.username, "--password-file", `${dir}/password`, "--ca-file", `${dir}/ca.pem`];
    const cases: readonly (readonly [args: readonly string[], message: string])[] = [
      [["-f", wrong, ...bind], "spec.hosts.computers[0]"],
      [["-f", `${dir}/none.yaml`, ...bind], 'none.yaml" does not exist'],
      [["-f", `${dir}/ca.pem`, ...bind], "ca.pem"],
      [["-f", good, "none", ...bind], "one of the two"],
      [["-f", good], "give --username"],
      [["-f", good, "--username", READER.username], "There is no terminal to ask for the password"],
      [["-f", good, ...bind, "--password-file", `${dir}/wrong`], "Correct --username or the password"],
      [["-f", good, ...bind, "--password-file", `${dir}/empty`], "is empty"],
      [["-f", good, ...bind, "--ca-file", good], "no certificate in PEM form"],
      [["-f", good, ...bind.slice(0, 4)], "Nothing was sent"],
      [["-f", good, ...bind, "--server", "http://dc1"], "--server http://dc1 is not a domain controller"],
      [["-f", good, ...bind, "--server", "ldaps://127.0.0.1:1"], "Check --server"],
      [["none", "-n", NAMESPACE, ...bind], "There is no ServerFarm none"],
      [
        ["-f", await file("nowhere.yaml", farmOf(NAMESPACE, "nowhere", { domainRef: { name: "fabrikam" } })), ...bind],
        "There is no ActiveDirectoryDomain fabrikam",
      ],
      [["--frobnicate"], "unknown option"],
    ];
    for (const [args, message] of cases) {
      const { code, err } = await farm("plan", ...args);
      expect({ args, code, err }).toEqual({ args, code: 1, err: expect.stringContaining(message) });
      expect(err).not.toContain(READER.password);
    }
    const piped = await execute(
      process.execPath,
      [PROGRAM, "plan", "-f", good, ...bind, "--password-file", "-", "--kubeconfig", cluster.kubeconfig],
      { environment: { PATH: path }, input: READER.password },
    );
    expect(piped.code).toBe(2);
  });
});
