/** `kubectl farm import`: farms that adopt accounts of every kind as they are, by the lines and manifests that it prints. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname } from "node:path";
import { Attribute, type Client } from "ldapts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { z } from "zod";
import { encodeRetrievers } from "../../src/directory/entries.ts";
import { type Ended, execute, PROGRAM } from "../harness/cli.ts";
import { addContainer, addMany, inDomain, numbered, removeTree } from "../harness/computers.ts";
import { DELEGATED } from "../harness/delegation.ts";
import { addComputer, addUser } from "../harness/directory.ts";
import { findKubectl } from "../harness/kube.ts";
import type { Operator } from "../harness/operator.ts";
import {
  applyDomain,
  available,
  cleanUp,
  cluster,
  createNamespace,
  directory,
  domainReady,
  farmReady,
  farmWhere,
  onApiServer,
  startOperator,
} from "../harness/world.ts";

const NAMESPACE = "import";
const JANE = { username: "jane.import@contoso.com", password: "Just-Looking-4!" };
const [NEW, OLD] = ["OU=Imported,OU=Farms", "OU=Old,OU=Imported,OU=Farms"];
const HOSTS = numbered("IMP", 12);
const manifest = z.looseObject({ metadata: z.object({ name: z.string() }), spec: z.looseObject({}) });

interface Made {
  readonly name: string;
  readonly container?: string;
  readonly attributes?: Readonly<Record<string, string | string[]>>;
  /** Names of groups, computers and users. */
  readonly retrievers?: readonly string[];
  readonly denied?: readonly string[];
}

/** Two lines, and a field of their own, for a reader of YAML that does not know better. */
const hostile = (name: string): string => `no: ${name} #1\u2028  injected:\u2028    yes`;

/** Ten kinds, five of each. */
function madeOf(index: number): Made {
  const name = `old${index}`;
  const host = (offset: number): string => HOSTS[(index + offset) % HOSTS.length] ?? "";
  const usual = { dNSHostName: `${name}.contoso.com`, servicePrincipalName: [`http/${name}`, `http/${name}.contoso.com`] };
  const kinds: readonly Made[] = [
    { name, attributes: usual, retrievers: [`${name}Hosts`] },
    { name, attributes: usual, retrievers: [host(0), host(1), host(2)] },
    { name, attributes: usual, retrievers: ["importShared"] },
    { name, attributes: usual, retrievers: ["importMixed"] },
    {
      name,
      attributes: { ...usual, userAccountControl: "4098", description: hostile(name), displayName: "no" },
      retrievers: [host(0)],
    },
    { name, retrievers: [host(3)] },
    {
      name: `Old Account_${index}`,
      container: OLD,
      attributes: {
        sAMAccountName: `oa${index}$`,
        dNSHostName: `x${index}.fabrikam.com`,
        "msDS-ManagedPasswordInterval": "7",
        "msDS-SupportedEncryptionTypes": "28",
      },
      retrievers: [host(4)],
    },
    { name, attributes: usual, retrievers: [host(5)] },
    { name, attributes: usual, retrievers: [host(6), host(7)], denied: [host(8)] },
    {
      name,
      attributes: { ...usual, servicePrincipalName: [`MSSQLSvc/${name}.contoso.com:1433`, `host/${name}`] },
      retrievers: [`${name}Group`],
    },
  ];
  const made = kinds[index % kinds.length];
  if (!made) throw new Error("no kind");
  return made;
}

describe.skipIf(!available || !onApiServer)("kubectl farm import", () => {
  let operator: Operator;
  let dir: string;
  let path: string;

  const sidOf = async (name: string): Promise<string> => {
    const [entry] = await directory.search(`(|(sAMAccountName=${name})(sAMAccountName=${name}$))`, ["objectSid"]);
    const sid = entry?.["objectSid"];
    if (!Buffer.isBuffer(sid)) throw new Error(`${name} has no SID`);
    return `S-1-5-${[...Array(sid.readUInt8(1)).keys()].map((index) => sid.readUInt32LE(8 + 4 * index)).join("-")}`;
  };
  const make = async (client: Client, { name, container = NEW, attributes = {}, retrievers = [], denied = [] }: Made): Promise<void> => {
    const list = encodeRetrievers(await Promise.all(retrievers.map(sidOf)), await Promise.all(denied.map(sidOf)));
    const values = {
      objectClass: "msDS-GroupManagedServiceAccount",
      sAMAccountName: `${name}$`,
      userAccountControl: "4096",
      "msDS-ManagedPasswordInterval": "30",
      "msDS-SupportedEncryptionTypes": "24",
      ...attributes,
    };
    await client.add(inDomain(`CN=${name},${container}`), [
      ...Object.entries(values).map(([type, value]) => new Attribute({ type, values: [value].flat() })),
      new Attribute({ type: "msDS-GroupMSAMembership", values: [list] }),
    ]);
  };
  const group = (client: Client, name: string, container: string, members: readonly string[]): Promise<void> =>
    client.add(inDomain(`CN=${name},${container}`), { objectClass: "group", sAMAccountName: name, member: [...members] });
  const farm = (...args: readonly string[]): Promise<Ended> =>
    execute(
      process.execPath,
      [
        ...[PROGRAM, "import", ...args, "-n", NAMESPACE, "--kubeconfig", cluster.kubeconfig],
        ...["--username", JANE.username, "--password-file", `${dir}/password`, "--ca-file", `${dir}/ca.pem`],
      ],
      { environment: { PATH: path } },
    );
  /** Everything that people care for, of every account and group there. */
  const snapshot = async (): Promise<readonly string[]> => {
    const found = await directory.search(
      "(|(objectClass=group)(objectClass=msDS-GroupManagedServiceAccount))",
      ["*", "memberOf"],
      {},
      inDomain(NEW),
    );
    const ignored = new Set([
      "adminDescription",
      "uSNChanged",
      "whenChanged",
      "dSCorePropagationData",
      "msDS-ManagedPasswordId",
      "pwdLastSet",
      "logonCount",
      "lastLogon",
      "badPwdCount",
    ]);
    const sorted = (value: unknown): unknown => (Array.isArray(value) ? value.map(String).toSorted() : value);
    const lineOf = (entry: object): string =>
      Object.entries(entry)
        .filter(([name]) => !ignored.has(name))
        .map(([name, value]: [string, unknown]) => `${name}: ${JSON.stringify(sorted(value))}`)
        .toSorted()
        .join("\n");
    return found.map(lineOf).toSorted();
  };
  /** Runs the lines that an administrator is to run. */
  const consent = async (text: string): Promise<void> => {
    const lines = [...text.matchAll(/^# {3}Set-ADObject -Identity '((?:[^']|'')+)' -Replace @\{adminDescription='([^']+)'\}$/gm)];
    for (const [, dn = "", value = ""] of lines) await directory.modify(dn.replaceAll("''", "'"), "replace", "adminDescription", [value]);
  };
  const manifestsOf = (text: string): readonly z.infer<typeof manifest>[] =>
    parseAllDocuments(text).map((document) => manifest.parse(document.toJS()));

  beforeAll(async () => {
    dir = await mkdtemp(`${tmpdir()}/serverfarm-import-`);
    path = `${dirname((await findKubectl()) ?? "")}:${process.env["PATH"] ?? ""}`;
    await writeFile(`${dir}/ca.pem`, directory.ca);
    await writeFile(`${dir}/password`, JANE.password);
    await addContainer(directory, inDomain(NEW), inDomain(OLD));
    await addMany(directory, inDomain("CN=Computers"), HOSTS.slice(1));
    await directory.asAdministrator(async (client) => {
      await addComputer(client, HOSTS[0] ?? "");
      await addUser(client, "jane.import", JANE.password);
      const computers = HOSTS.map((name) => inDomain(`CN=${name},CN=Computers`));
      await group(client, "importShared", NEW, computers.slice(0, 3));
      await group(client, "importMixed", NEW, [...computers.slice(2, 4), inDomain("CN=jane.import,CN=Users")]);
      for (let index = 0; index < 50; index++) {
        if (index % 10 === 0) await group(client, `old${index}Hosts`, NEW, computers.slice(index % 7, (index % 7) + 3));
        if (index % 10 === 9) await group(client, `old${index}Group`, OLD, computers.slice(1, 4));
        await make(client, madeOf(index));
      }
      const readers = [7, 17, 27, 37, 47].map((index) => inDomain(`CN=old${index},${NEW}`));
      await group(client, "importReaders", NEW, readers);
      await make(client, {
        name: "odd",
        attributes: { dNSHostName: "odd.contoso.com" },
        retrievers: ["importShared", "importMixed", "jane.import"],
        denied: ["jane.import"],
      });
    });
    await createNamespace(NAMESPACE);
    await applyDomain({ account: DELEGATED });
    operator = await startOperator();
    await domainReady();
  }, 180_000);
  afterAll(async () => {
    await cleanUp();
    expect(await operator.stop()).toBe(0);
    await removeTree(directory, inDomain(NEW));
    await rm(dir, { recursive: true });
  });

  test("50 accounts of every kind are adopted as they are", async () => {
    const before = await snapshot();
    const names = Array.from({ length: 50 }, (_, index) => madeOf(index).name);
    const { code, out, err } = await farm(...names);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).not.toContain("The farm would change this");
    expect(out).not.toContain("\u2028");
    const manifests = manifestsOf(out);
    expect(manifests).toHaveLength(50);
    await consent(out);
    await writeFile(`${dir}/farms.yaml`, out);
    const kubectl = (await findKubectl()) ?? "";
    expect(await execute(kubectl, ["apply", "-f", `${dir}/farms.yaml`, "--kubeconfig", cluster.kubeconfig])).toMatchObject({ code: 0 });
    // First what the operator itself plans, bound as the account that it is given.
    for (const { metadata } of manifests) {
      const { status } = await farmWhere(NAMESPACE, metadata.name, (one) => one.status?.plan !== undefined, 60);
      const changes = new Set(status?.plan?.map(({ change }) => change));
      expect({ name: metadata.name, changes: [...changes] }).toEqual({ name: metadata.name, changes: ["Adopt"] });
    }
    for (const { metadata } of manifests)
      await cluster.patch("ServerFarm", metadata.name, NAMESPACE, { spec: { managementPolicy: "Enforce" } });
    for (const { metadata } of manifests) await farmReady(NAMESPACE, metadata.name, 60);
    expect(await snapshot()).toEqual(before);
    expect(await directory.retrieves(HOSTS[0] ?? "", inDomain(`CN=old12,${NEW}`))).toBe(true);
    // What belongs to farms is left out from now on.
    const again = await farm("old1", "odd");
    expect(again.err).toContain("is left out: it belongs to the ServerFarm import/old1.");
    expect(manifestsOf(again.out)).toHaveLength(1);
  }, 300_000);

  test("what a manifest cannot say is said as comments, and the exit code is 1", async () => {
    const { code, out } = await farm("odd");
    expect(code).toBe(1);
    for (const text of [
      "# CN=jane.import,CN=Users,DC=contoso,DC=com may retrieve the password, and loses the right",
      "# It has a deny entry for CN=jane.import",
      "# The farm would change this: SetRetrievers",
    ])
      expect(out).toContain(text);
  });

  test("one that the API server does not take is said, and keeps none of the others", async () => {
    // Active Directory takes 19 characters, and a farm 15.
    await directory.asAdministrator(async (client) => {
      await make(client, { name: "toolongforafarm17", container: OLD });
      await make(client, { name: "fitsafarm", container: OLD });
    });
    const { code, out } = await farm("toolongforafarm17", "fitsafarm");
    expect(code).toBe(1);
    expect(out).toMatch(/# The API server does not take the manifests:\n# .*toolongforafarm17.*samAccountName/);
    expect(manifestsOf(out)).toHaveLength(2);
    const [fits = ""] = out.split("---\n");
    expect(fits).toContain("name: fitsafarm");
    expect(fits).not.toContain("does not take");
  });

  test("what is wrong is named, and how to go on", async () => {
    expect(await farm()).toMatchObject({ code: 2, err: expect.stringContaining("Name the accounts to import, or a container") });
    expect(await farm("nobody")).toMatchObject({ code: 2, err: expect.stringContaining("has the name nobody") });
    expect(await farm("--container", "OU=None")).toMatchObject({ code: 2, err: expect.stringContaining("correct --container") });
    expect(await farm("odd", "--domain", "none")).toMatchObject({
      code: 2,
      err: expect.stringContaining("There is no ActiveDirectoryDomain none"),
    });
    const below = await farm("--container", OLD);
    expect(below.err).toContain("is left out");
  });
});
