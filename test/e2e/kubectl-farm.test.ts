/** The command line as people use it: the program itself, with a kubeconfig, beside an operator that acts on what it asks. */
import { mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { accessTo } from "../../src/commands/farm-quarantine.ts";
import { QUARANTINE_MANAGER } from "../../src/commands/quarantine-entries.ts";
import { openCluster } from "../../src/commands/user-cluster.ts";
import { type Ended, execute, PROGRAM } from "../harness/cli.ts";
import { DELEGATED } from "../harness/delegation.ts";
import { BASE } from "../harness/directory.ts";
import { commandsOf } from "../harness/docs.ts";
import { findKubectl } from "../harness/kube.ts";
import type { Operator } from "../harness/operator.ts";
import { waitFor } from "../harness/process.ts";
import { ROOT } from "../harness/root.ts";
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
  startOperator,
} from "../harness/world.ts";

const [TEAM, OTHER, MANY] = ["cli", "cli-other", "cli-many"];
const mayRetrieve = (name: string, host: string): Promise<boolean> => directory.retrieves(host, `CN=${name},OU=Farms,${BASE}`);

/** With an administrator's kubeconfig. */
function farm(...args: readonly string[]): Promise<Ended> {
  return execute(process.execPath, [PROGRAM, ...args, "--kubeconfig", cluster.kubeconfig]);
}

describe.skipIf(!available)("kubectl farm", () => {
  let operator: Operator;

  beforeAll(async () => {
    for (const namespace of [TEAM, OTHER]) await createNamespace(namespace);
    await applyDomain({ account: DELEGATED });
    operator = await startOperator();
    await domainReady();
    await cluster.apply(
      farmOf(TEAM, "shop", { servicePrincipalNames: ["http/shop.contoso.com"], hosts: { computers: ["WEB01", "WEB02"] } }),
      farmOf(TEAM, "till", { hosts: { computers: ["web01.contoso.com", "WEB03"] } }),
      farmOf(OTHER, "lost", { hosts: { computers: ["WEB01", "WEB99"] } }),
    );
    await farmReady(TEAM, "shop");
    await farmReady(TEAM, "till");
    await farmWhere(OTHER, "lost", ({ status }) => status?.hosts?.summary === "1/2");
  }, 120_000);
  afterAll(async () => {
    await cleanUp();
    expect(await operator.stop()).toBe(0);
  });

  test("status shows a farm on a page, and its exit code says whether it is Ready", async () => {
    const good = await farm("status", "shop", "-n", TEAM);
    expect(good).toMatchObject({ code: 0, err: "" });
    expect(good.out).toContain(`${TEAM}/shop   Ready: True   Reconciled`);
    expect(good.out).toMatch(/Hosts: 2\/2 may retrieve the password\n {2}WEB01 +may retrieve\n {2}WEB02 +may retrieve\n/);
    const bad = await farm("status", "lost", "-n", OTHER);
    expect(bad.code).toBe(1);
    expect(bad.out).toMatch(/WEB01 +may retrieve\n {2}WEB99 +HostNotFound +\S/);
    const all = await farm("status", "-A");
    expect(all.code).toBe(1);
    expect(all.out).toMatch(/^NAMESPACE +NAME +READY +REASON/);
    const team = await farm("status", "-n", TEAM, "-o", "json");
    expect(team.code).toBe(0);
    expect(JSON.parse(team.out)).toMatchObject({
      items: [
        { name: "shop", ready: true },
        { name: "till", hosts: { summary: "2/2" } },
      ],
    });
  });

  test("tree shows what a farm is made of", async () => {
    const { code, out } = await farm("tree", "shop", "-n", TEAM);
    expect(code).toBe(0);
    expect(out.split("\n")).toEqual([
      `ServerFarm ${TEAM}/shop: Ready`,
      "├─ ActiveDirectoryDomain contoso: Reconciled",
      `├─ Account shop$  CN=shop,OU=Farms,${BASE}`,
      "│  └─ Service principal name http/shop.contoso.com",
      `└─ Host group CN=shopHosts,OU=Farms,${BASE}`,
      "   ├─ Host WEB01: may retrieve the password",
      "   └─ Host WEB02: may retrieve the password",
      "",
    ]);
  });

  test("events are told, the oldest first", async () => {
    const { code, out } = await farm("events", "shop", "-n", TEAM);
    expect(code).toBe(0);
    expect(out).toMatch(/^LAST SEEN +TYPE +REASON +MESSAGE\n/);
    expect(out.indexOf("AccountCreated")).toBeGreaterThan(0);
  });

  test("suspend stops the work on a farm, and resume goes on with it", async () => {
    expect((await farm("suspend", "till", "-n", TEAM)).out).toContain("is suspended. Nothing is read or written for it");
    expect((await getFarm(TEAM, "till")).metadata.generation).toBe(2);
    expect((await farm("suspend", "till", "-n", TEAM)).out).toContain("suspended already");
    const asked = await farm("reconcile", "till", "-n", TEAM, "--timeout", "1");
    expect(asked.err).toContain("is suspended: nothing is done for it until you run kubectl farm resume till");
    expect((await farm("resume", "till", "-n", TEAM)).code).toBe(0);
    await farmReady(TEAM, "till");
  });

  test("reconcile waits until the operator has looked at the farm", async () => {
    expect(await farm("reconcile", "shop", "-n", TEAM)).toMatchObject({
      code: 0,
      out: expect.stringContaining(`${TEAM}/shop: Reconciled: `),
    });
    expect((await farm("reconcile", "lost", "-n", OTHER)).code).toBe(1);
  });

  test.runIf(onApiServer)(
    "quarantine takes the right from a host in every farm that has it, and the owner's manifest keeps that",
    async () => {
      const shown = await farm("quarantine", "WEB01", "-A", "--dry-run");
      expect(shown.code).toBe(0);
      expect(shown.out.match(/^\S+ +\S+ +hosts\.computers +no/gm)).toHaveLength(3);
      const unasked = await farm("quarantine", "WEB01", "-A");
      expect(unasked).toMatchObject({ code: 2, err: "Nothing was changed. Without a terminal, give --yes.\n" });
      expect(await mayRetrieve("shop", "WEB01")).toBe(true);

      const done = await farm("quarantine", "WEB01", "-A", "--yes");
      expect(done.err).toBe("");
      expect(done.out).toContain(`${TEAM}/till: web01.contoso.com is quarantined. Reconciled: `);
      for (const name of ["shop", "till", "lost"]) expect(await mayRetrieve(name, "WEB01")).toBe(false);
      expect(await mayRetrieve("shop", "WEB02")).toBe(true);
      expect(done.code).toBe(0);

      const manifest = { hosts: { computers: ["WEB01", "WEB02"], quarantined: [] } };
      await cluster.call("PATCH", `/apis/serverfarm.dev/v1alpha1/namespaces/${TEAM}/serverfarms/shop`, {
        body: { ...farmOf(TEAM, "shop", { servicePrincipalNames: ["http/shop.contoso.com"], ...manifest }) },
        contentType: "application/apply-patch+yaml",
        query: { fieldManager: "gitops", force: "true" },
      });
      await farmReady(TEAM, "shop");
      expect(await mayRetrieve("shop", "WEB01")).toBe(false);

      // One after the other: what was quarantined before stays so.
      expect((await farm("quarantine", "WEB02", "-n", TEAM, "--yes")).code).toBe(0);
      expect(await Promise.all(["WEB01", "WEB02"].map((host) => mayRetrieve("shop", host)))).toEqual([false, false]);

      const released = await farm("quarantine", "WEB01", "-A", "--release", "--yes");
      expect(released).toMatchObject({ code: 0, err: "" });
      for (const name of ["shop", "till", "lost"]) {
        await waitFor(`WEB01 in ${name}`, () => mayRetrieve(name, "WEB01"));
      }
      expect(await mayRetrieve("shop", "WEB02")).toBe(false);
      expect((await farm("quarantine", "WEB02", "-A", "--release", "--yes")).code).toBe(0);
      expect((await farm("quarantine", "WEB01", "-A", "--release", "--yes")).out).toContain("WEB01 is not quarantined anywhere");
    },
  );

  test.runIf(onApiServer)("what an owner quarantined only the owner releases", async () => {
    await cluster.patch("ServerFarm", "till", TEAM, { spec: { hosts: { quarantined: ["WEB03"] } } });
    await farmReady(TEAM, "till");
    const { code, out } = await farm("quarantine", "WEB03", "-n", TEAM, "--release", "--yes");
    expect(code).toBe(1);
    expect(out).toContain("WEB03 stays quarantined, as its entry is owned by");
    expect(await mayRetrieve("till", "WEB03")).toBe(false);
  });

  test.runIf(onApiServer)("runs at once keep each other's hosts out, and every entry for a host counts", async () => {
    const hosts = ["WEB01", "WEB02", "WEB03", "WEB04"];
    const nowhere = "CN=WEB01,OU=Nowhere,DC=contoso,DC=com";
    await cluster.apply(farmOf(TEAM, "race", { hosts: { computers: [nowhere, ...hosts], quarantined: ["web02.nowhere.example"] } }));
    await farmWhere(TEAM, "race", ({ status }) => status?.resolvedHosts?.length === hosts.length);
    for (const host of hosts) await waitFor(`${host} in race`, () => mayRetrieve("race", host));
    // What the API server says to a run that another one has overtaken.
    const user = openCluster({ kubeconfig: cluster.kubeconfig, namespace: TEAM }, QUARANTINE_MANAGER);
    const access = accessTo(user, { name: "race", namespace: TEAM });
    const seen = await access.read();
    await cluster.patch("ServerFarm", "race", TEAM, { metadata: { annotations: { overtaken: "yes" } } });
    await expect(access.apply(seen, ["WEB05"])).rejects.toMatchObject({ kind: "Conflict" });

    const ended = await Promise.all(hosts.map((host) => farm("quarantine", host, "-n", TEAM, "--yes")));
    expect(ended.map(({ err }) => err)).toEqual(hosts.map(() => ""));
    expect(await Promise.all(hosts.map((host) => mayRetrieve("race", host)))).toEqual(hosts.map(() => false));
    const written = { spec: { hosts: { quarantined: expect.arrayContaining([nowhere, ...hosts]) } } };
    expect(await cluster.get("ServerFarm", "race", TEAM)).toMatchObject(written);
    for (const { out } of ended) expect(out).toContain(`Only the namespace ${TEAM} was looked at: -A looks in all of them.\n`);
    // The entry for an OU that is not there keeps nobody out, and neither does web02.nowhere.example: both are told, a second time as well.
    for (const _ of [1, 2]) {
      const { code, out } = await farm("quarantine", "WEB01", "-n", TEAM, "--yes");
      expect(code).toBe(1);
      expect(out).toContain(`${TEAM}/race: ${nowhere}, WEB01 is in hosts.quarantined, and may still have the right. QuarantineNotFound: `);
    }
    for (const host of hosts) await farm("quarantine", host, "-n", TEAM, "--release", "--yes");
    for (const host of hosts) await waitFor(`${host} in race`, () => mayRetrieve("race", host));
    await cluster.delete("ServerFarm", "race", TEAM);
  });

  test.runIf(onApiServer)("a quarantine is done only once the operator has acted on it", async () => {
    await cluster.apply(farmOf(OTHER, "asleep", { suspend: true, hosts: { computers: ["DB01"] } }));
    await farmWhere(OTHER, "asleep", () => true);
    for (const known of ["is written", "quarantined in every one of them already"]) {
      const { code, out } = await farm("quarantine", "DB01", "-A", "--yes");
      expect(code).toBe(1);
      expect(out).toContain(known);
      expect(out).toContain(`as the farm is suspended. Resume it: kubectl farm resume asleep -n ${OTHER}\n`);
      expect(out).not.toContain("Only the namespace");
    }
    await cluster.delete("ServerFarm", "asleep", OTHER);
  });

  test.runIf(onApiServer)("all farms are quarantined before any of them is waited for", async () => {
    await createNamespace(MANY);
    const names = Array.from({ length: 12 }, (_, index) => `many${index}`);
    const hosts = { computers: ["WEB05"] };
    await cluster.apply(...names.map((name) => farmOf(MANY, name, { managementPolicy: "Observe", hosts })));
    for (const name of names) await farmWhere(MANY, name, ({ status }) => status?.plan !== undefined);
    const { code, out } = await farm("quarantine", "WEB05", "-n", MANY, "--yes");
    expect(code).toBe(1);
    const told = out.split("\n").filter((line) => /^cli-many\/many\d+: /.test(line));
    const written = (line: string): boolean => line.endsWith(": hosts.quarantined is written.");
    expect(told.map(written)).toEqual([...names.map(() => true), ...names.map(() => false)]);
    await cluster.deleteAll("ServerFarm", MANY);
  });

  test("a farm cannot write into the terminal of who looks at it", async () => {
    const entry = "db02.\u001B[1A\u001B[2K";
    await cluster.apply(farmOf(TEAM, "evil", { hosts: { computers: [entry] } }));
    await farmWhere(TEAM, "evil", () => true);
    const looks = [
      ["quarantine", "DB02", "--dry-run"],
      ["status", "evil"],
      ["tree", "evil"],
      ["events", "evil"],
      ["reconcile", "evil"],
    ];
    for (const words of looks) {
      const { out, err } = await farm(...words, "-n", TEAM);
      expect(out, words[0]).toContain(words[0] === "events" ? "MESSAGE" : String.raw`db02.\x1b[1A\x1b[2K`);
      expect(out + err, words[0]).not.toContain("\u001B");
    }
    expect((await farm("status", entry, "-n", TEAM)).err).toContain(String.raw`There is no ServerFarm db02.\x1b[1A\x1b[2K in`);
    await cluster.delete("ServerFarm", "evil", TEAM);
  });

  test("what is wrong is named, and how to go on", async () => {
    expect(await farm("status", "none", "-n", TEAM)).toMatchObject({
      code: 2,
      err: `There is no ServerFarm none in the namespace ${TEAM}: see kubectl get serverfarms -A, or give --namespace.\n`,
    });
    expect((await farm("status", "-n", TEAM, "-A")).err).toContain("exclude each other");
    expect(await farm("quarantine", "DB07", "-n", TEAM)).toMatchObject({
      code: 2,
      err: `No farm has the host DB07 in the namespace ${TEAM}: -A looks in all of them.\n`,
    });
    expect((await farm("status", "--context", "none")).err).toContain("the kubeconfig has no context none");
    expect((await farm("reconcile", "shop", "--timeout", "soon")).err).toContain("Give a number of seconds");
    expect(await execute(process.execPath, [PROGRAM, "status", "--kubeconfig", "/none"])).toMatchObject({ code: 2, out: "" });
    expect((await execute(process.execPath, [PROGRAM, "frobnicate"])).code).toBe(2);
  });

  test("the shell completes the names of farms and hosts", async () => {
    const complete = async (...words: readonly string[]): Promise<readonly string[]> =>
      (
        await execute(process.execPath, [
          PROGRAM,
          "__complete",
          ...words.slice(0, -1),
          "--kubeconfig",
          cluster.kubeconfig,
          words.at(-1) ?? "",
        ])
      ).out
        .trim()
        .split("\n");
    expect(await complete("status", "-n", TEAM, "s")).toEqual(["shop\tServerFarm in contoso", ":4"]);
    expect(await complete("quarantine", "-A", "WEB0")).toEqual(["WEB01", "WEB02", "WEB03", ":4"]);
  });

  test("the commands of its page run, as a plugin of kubectl that is one file", async () => {
    const commands = await commandsOf("docs/kubectl-farm.md");
    // Those that bind in the directory, or look at all of the cluster, are run by the tests of their commands.
    const unbound = commands.filter((line) => line.startsWith("kubectl farm ") && !/--username|farm check/.test(line));
    expect(unbound).toHaveLength(12);
    const bin = await mkdtemp(`${tmpdir()}/serverfarm-plugin-`);
    try {
      expect(await execute(process.execPath, [`${ROOT}deploy/bundle.ts`, `${bin}/kubectl-farm`])).toMatchObject({ code: 0 });
      await symlink(process.execPath, `${bin}/node`);
      await createNamespace("web");
      await cluster.apply(farmOf("web", "itfarm1", { hosts: { computers: ["WEB01", "WEB02"] } }));
      await farmReady("web", "itfarm1");
      const kubectl = onApiServer ? await findKubectl() : undefined;
      for (const line of [...unbound, "kubectl farm completion kubectl", "kubectl farm completion bash"]) {
        const words = line.split(" ");
        if (!onApiServer && words[2] === "quarantine") continue;
        const env = { KUBECONFIG: cluster.kubeconfig, PATH: `${bin}:${process.env["PATH"] ?? ""}` };
        const [command, args] = kubectl === undefined ? [`${bin}/kubectl-farm`, words.slice(2)] : [kubectl, words.slice(1)];
        const { code, out, err } = await execute(command, args, { environment: env });
        expect({ line, code, err }).toEqual({ line, code: 0, err: "" });
        expect(out).not.toBe("");
      }
      if (onApiServer) expect(await mayRetrieve("itfarm1", "WEB02")).toBe(true);
    } finally {
      await rm(bin, { recursive: true });
    }
  });
});
