/** Pods that are really created: an API server that asks a webhook, as windows-gmsa has it, lets exactly those have the identity who are listed. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import type { Manifest } from "../harness/cluster.ts";
import { createPod, PodWebhook, serviceAccount } from "../harness/pod-webhook.ts";
import { admit, giveRights, installKind, type PodLevel, podOf, removeKind, takeRights } from "../harness/pods.ts";
import { waitFor } from "../harness/process.ts";
import { available, cluster, createNamespace, farmOf, farmReady, onApiServer, patchFarm, useOperator } from "../harness/world.ts";

const [NAMESPACE, OTHER] = ["pods-webhook", "pods-webhook-other"];
const ACCOUNTS = ["web", "worker", "default"];
const SPEC = `${NAMESPACE}.hooked`;

const context = z.looseObject({
  securityContext: z.looseObject({ windowsOptions: z.looseObject({ gmsaCredentialSpec: z.string().optional() }).optional() }).optional(),
});
const podSpec = context.extend({
  containers: z.array(context),
  initContainers: z.array(context).default([]),
});

/** What a Pod got, at each place where it can get something. */
function inlined(pod: Manifest): Readonly<Record<PodLevel, unknown>> {
  const spec = podSpec.parse(pod["spec"]);
  const of = ({ securityContext }: z.infer<typeof context> = {}): unknown => {
    const text = securityContext?.windowsOptions?.gmsaCredentialSpec;
    return text === undefined ? undefined : JSON.parse(text);
  };
  return { Pod: of(spec), Container: of(spec.containers[0]), InitContainer: of(spec.initContainers[0]) };
}

describe.skipIf(!available || !onApiServer)("an API server that asks the webhook about Pods", () => {
  let webhook: PodWebhook;

  beforeAll(async () => {
    await installKind(cluster);
    await giveRights(cluster);
    for (const namespace of [NAMESPACE, OTHER]) {
      await createNamespace(namespace);
      // Not every control plane makes these by itself.
      await cluster.apply(...ACCOUNTS.map((name) => serviceAccount(namespace, name)));
    }
    webhook = await PodWebhook.start(cluster);
  });
  afterAll(async () => {
    for (const namespace of [NAMESPACE, OTHER]) await cluster.deleteAll("Pod", namespace);
    await webhook.stop();
    await removeKind(cluster);
    await takeRights(cluster);
  });
  useOperator(NAMESPACE, { pods: { enabled: true } });

  /** Why the API server refuses such a Pod, at each level, once it knows of the right what the stand-in is told of it. */
  async function refusals(namespace: string, account: string): Promise<readonly unknown[]> {
    const found: unknown[] = [];
    for (const level of ["Pod", "Container", "InitContainer"] as const) {
      const pod = podOf(account, SPEC, level);
      const said = await waitFor(
        `${namespace}/${account} to have no right`,
        () => admit(cluster, namespace, pod),
        (one) => "refused" in one,
      );
      found.push([said, await createPod(cluster, namespace, "refused", pod)]);
    }
    return found;
  }

  const refusedAs = (account: string): readonly unknown[] => {
    const refused = expect.stringContaining(`service account "${account}" is not authorized to \`use\` GMSA cred spec "${SPEC}"`);
    return Array.from({ length: 3 }, () => [{ refused }, { refused, code: 403 }]);
  };

  async function created(account: string, name: string, level: PodLevel = "Pod"): Promise<Manifest> {
    const pod = podOf(account, SPEC, level);
    await waitFor(
      `${account} to have the right`,
      () => admit(cluster, NAMESPACE, pod),
      (one) => !("refused" in one),
    );
    const made = await createPod(cluster, NAMESPACE, name, pod);
    if ("refused" in made) throw new Error(made.refused);
    return made.pod;
  }

  test.each(["Pod", "Container", "InitContainer"] as const)("a ServiceAccount that is listed gets the contents: %s", async (level) => {
    await cluster.apply(farmOf(NAMESPACE, "hooked", { account: { name: "Hooked" }, pods: { serviceAccounts: ["web"] } }));
    await farmReady(NAMESPACE, "hooked");
    const pod = await created("web", `with-${level.toLowerCase()}`, level);
    const contents = (await cluster.get("GMSACredentialSpec", SPEC))["credspec"];
    expect(contents).toMatchObject({ DomainJoinConfig: { MachineAccountName: "Hooked", DnsName: "contoso.com" } });
    const nowhere = { Pod: undefined, Container: undefined, InitContainer: undefined };
    expect(inlined(pod)).toEqual({ ...nowhere, [level]: contents });
  });

  test.each([
    ["another ServiceAccount", NAMESPACE, "worker"],
    ["one that nobody named", NAMESPACE, "default"],
    ["one of that name in another namespace", OTHER, "web"],
  ])("%s is refused", async (_, namespace, account) => {
    expect(await refusals(namespace, account)).toEqual(refusedAs(account));
    expect(await cluster.find("Pod", "refused", namespace)).toBeUndefined();
  });

  test("a Pod that asks for no identity is none of its business", async () => {
    const plain = { spec: { serviceAccountName: "worker", containers: [{ name: "web", image: "web" }] } };
    expect(await createPod(cluster, OTHER, "plain", plain)).toMatchObject({
      pod: { metadata: { name: "plain" }, spec: { serviceAccountName: "worker" } },
    });
  });

  test("who is taken off the list is refused, and who is put on it is not", async () => {
    await patchFarm(NAMESPACE, "hooked", { pods: { serviceAccounts: ["worker"] } });
    await farmReady(NAMESPACE, "hooked");
    expect(await refusals(NAMESPACE, "web")).toEqual(refusedAs("web"));
    expect(inlined(await created("worker", "later"))).toHaveProperty("Pod.DomainJoinConfig");
  });

  test("after the farm is deleted everybody is refused; a Pod that runs keeps its copy", async () => {
    await cluster.delete("ServerFarm", "hooked", NAMESPACE);
    for (const account of ACCOUNTS) expect(await refusals(NAMESPACE, account)).toEqual(refusedAs(account));
    expect(inlined(await cluster.get("Pod", "later", NAMESPACE))).toHaveProperty("Pod.DomainJoinConfig");
  });
});
