/** The commands of the guide, as they stand there, against a farm as it stands there. */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { commandsOf } from "../harness/docs.ts";
import { findKubectl } from "../harness/kube.ts";
import { run } from "../harness/process.ts";
import { BASE } from "../harness/directory.ts";
import { available, cluster, condition, directory, farmReady, farmWhere, getFarm, useOperator } from "../harness/world.ts";

const kubectl = available ? await findKubectl() : undefined;
const GUIDE = fileURLToPath(new URL("../../docs/guide/", import.meta.url));

async function manifestOf(page: string): Promise<string> {
  const text = /```yaml\n([\s\S]*?)```/.exec(await readFile(`${GUIDE}${page}.md`, "utf8"))?.[1];
  if (text === undefined) throw new Error(`${page} has no manifest`);
  return text;
}

describe.skipIf(kubectl === undefined)("the guide", () => {
  useOperator("web");
  const shell = (command: string, input = ""): Promise<string> =>
    run("bash", ["-c", command.replace(/^kubectl/, kubectl ?? "")], { env: { KUBECONFIG: cluster.kubeconfig }, input });
  const runPage = async (page: string): Promise<string> => {
    const commands = await commandsOf(`docs/guide/${page}.md`);
    expect(commands.length, page).toBeGreaterThan(0);
    let said = "";
    for (const command of commands) said += await shell(command);
    return said;
  };

  const objectGUID = async (): Promise<string> => (await getFarm("web", "itfarm1")).status?.account?.["objectGUID"] ?? "";

  beforeAll(async () => {
    await directory.asAdministrator((client) =>
      client.add(`CN=SqlReaders,CN=Users,${BASE}`, { objectClass: "group", sAMAccountName: "SqlReaders" }),
    );
  });

  afterAll(async () => {
    await directory.asAdministrator((client) => client.del(`CN=SqlReaders,CN=Users,${BASE}`));
  });

  test("chapter by chapter leads where it says", { timeout: 120_000 }, async () => {
    expect(await runPage("prerequisites")).toContain("KdsRootKeyReady");
    await shell("kubectl apply -f -", await manifestOf("deploy"));
    await farmReady("web", "itfarm1");
    await runPage("add-hosts");
    await farmReady("web", "itfarm1");
    expect(await directory.members("ITFarm1Hosts")).toEqual(["WEB01$", "WEB02$", "WEB03$", "WEB04$"]);
    await runPage("update");
    await farmReady("web", "itfarm1");
    expect(await directory.find("ITFarm1$")).toMatchObject({ description: "The web shop", "msDS-SupportedEncryptionTypes": "16" });
    await runPage("remove-hosts");
    await farmReady("web", "itfarm1");
    expect(await directory.members("ITFarm1Hosts")).toEqual(["WEB01$", "WEB02$", "WEB04$"]);
    await runPage("compromised-host");
    await farmReady("web", "itfarm1");
    expect(await directory.members("ITFarm1Hosts")).toEqual(["WEB01$", "WEB04$"]);
    const before = await objectGUID();
    for (const command of await commandsOf("docs/guide/recreate.md")) await shell(command.replace("OBJECTGUID", before));
    await farmWhere(
      "web",
      "itfarm1",
      (farm) => farm.status?.account?.["objectGUID"] !== before && condition(farm, "Ready")?.status === "True",
    );
    expect(await directory.find("ITFarm1$")).toMatchObject({ "msDS-ManagedPasswordInterval": "7", description: "The web shop" });
    const [remove = "", abandon = ""] = await commandsOf("docs/guide/decommission.md");
    expect(await shell(`${abandon} --dry-run=server`)).toContain("annotated");
    await shell(remove);
    await cluster.waitGone("ServerFarm", "itfarm1", "web");
    expect(await directory.find("ITFarm1$")).toBeUndefined();
  });

  test("an existing farm is brought under management as it says", { timeout: 120_000 }, async () => {
    const head = "apiVersion: serverfarm.dev/v1alpha1\nkind: ServerFarm\nmetadata: {name: itfarm1, namespace: web}\n";
    const manifest = head + (await manifestOf("adopt"));
    await directory.asAdministrator(async (client) =>
      client.add(`CN=ITFarm1Hosts,OU=Farms,${BASE}`, {
        objectClass: "group",
        sAMAccountName: "ITFarm1Hosts",
        adminDescription: /adminDescription='(serverfarm[^']+)'/.exec(await readFile(`${GUIDE}adopt.md`, "utf8"))?.[1] ?? "",
        member: ["WEB01", "WEB02", "WEB04"].map((name) => `CN=${name},CN=Computers,${BASE}`),
      }),
    );
    await shell("kubectl apply -f -", manifest);
    await farmWhere("web", "itfarm1", (farm) => condition(farm, "Ready")?.reason === "ChangesPending");
    const [look = "", enforce = ""] = await commandsOf("docs/guide/adopt.md");
    const plan = await shell(look);
    expect(plan).toContain(`Adopt CN=ITFarm1Hosts,OU=Farms,${BASE}`);
    expect(plan).toContain(`RemoveHost CN=ITFarm1Hosts,OU=Farms,${BASE} 1 member that the farm does not name`);
    await shell(enforce);
    await farmReady("web", "itfarm1");
    expect(await directory.members("ITFarm1Hosts")).toEqual(["WEB01$", "WEB02$", "WEB03$"]);
    await cluster.delete("ServerFarm", "itfarm1", "web");
    await directory.asAdministrator(async (client) => {
      for (const name of ["ITFarm1$", "ITFarm1Hosts"]) await client.del((await directory.find(name))?.dn ?? "");
    });
  });
});
