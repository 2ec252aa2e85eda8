import { describe, expect, test } from "vitest";
import {
  applyDomain,
  domainReady,
  domainWhere,
  farmOf,
  farmReady,
  cluster,
  ownedInDirectory,
  available,
  useOperator,
} from "../harness/world.ts";

const NAMESPACE = "doomed";

describe.skipIf(!available)("deleting what farms live in", () => {
  useOperator(NAMESPACE);

  test("a domain waits for its farms", async () => {
    await cluster.apply(farmOf(NAMESPACE, "last", { hosts: { computers: ["WEB01"] } }));
    await farmReady(NAMESPACE, "last");
    await cluster.delete("ActiveDirectoryDomain", "contoso", undefined, 0);
    await domainWhere((_, conditions) => conditions.some(({ type, status }) => type === "Connected" && status === "True"));
    expect(await cluster.find("ActiveDirectoryDomain", "contoso")).toBeDefined();
    await cluster.delete("ServerFarm", "last", NAMESPACE, 30);
    await cluster.waitGone("ActiveDirectoryDomain", "contoso");
    await applyDomain();
    await domainReady();
  });

  test("deleting a namespace with three farms in it ends, and the directory is clean", async () => {
    const names = ["one", "two", "three"];
    await cluster.apply(
      ...names.map((name) => farmOf(NAMESPACE, name, { hosts: { computers: ["WEB01"] }, servicePrincipalNames: [`http/${name}`] })),
    );
    for (const name of names) await farmReady(NAMESPACE, name);
    expect(await ownedInDirectory()).toHaveLength(6);
    await cluster.delete("Namespace", NAMESPACE, undefined, 60);
    expect(await ownedInDirectory()).toEqual([]);
  });
});
