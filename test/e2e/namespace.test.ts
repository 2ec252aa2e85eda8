import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Operator } from "../harness/operator.ts";
import {
  applyDomain,
  cleanUp,
  createNamespace,
  domainReady,
  domainWhere,
  farmOf,
  farmReady,
  kube,
  ownedInDirectory,
  real,
  startOperator,
} from "../harness/world.ts";

const NAMESPACE = "doomed";

describe.skipIf(!real)("deleting what farms live in", () => {
  let operator: Operator;

  beforeAll(async () => {
    await createNamespace(NAMESPACE);
    await applyDomain();
    operator = await startOperator();
    await domainReady();
  });

  afterAll(async () => {
    await cleanUp();
    expect(await operator.stop()).toBe(0);
  });

  test("a domain waits for its farms", async () => {
    await kube.apply(farmOf(NAMESPACE, "last", { hosts: { computers: ["WEB01"] } }));
    await farmReady(NAMESPACE, "last");
    await kube.kubectl("delete", "activedirectorydomain", "contoso", "--wait=false");
    await domainWhere((_, conditions) => conditions.some(({ type, status }) => type === "Connected" && status === "True"));
    expect(await kube.kubectl("get", "activedirectorydomain", "-o", "name")).toContain("contoso");
    await kube.kubectl("delete", "farm", "last", "-n", NAMESPACE, "--timeout=30s");
    await kube.kubectl("wait", "--for=delete", "activedirectorydomain/contoso", "--timeout=30s");
    await applyDomain();
    await domainReady();
  });

  test("kubectl delete namespace with three farms in it ends, and the directory is clean", async () => {
    const names = ["one", "two", "three"];
    await kube.apply(
      ...names.map((name) => farmOf(NAMESPACE, name, { hosts: { computers: ["WEB01"] }, servicePrincipalNames: [`http/${name}`] })),
    );
    for (const name of names) await farmReady(NAMESPACE, name);
    expect(await ownedInDirectory()).toHaveLength(6);
    await kube.kubectl("delete", "namespace", NAMESPACE, "--timeout=60s");
    expect(await ownedInDirectory()).toEqual([]);
  });
});
