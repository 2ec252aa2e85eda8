/** Windows Pods in the demo: the sandbox has none, and answers one that would be created as the webhook of windows-gmsa does. */
import type { Cluster } from "../harness/cluster.ts";
import { admit, giveRights, installKind, podOf } from "../harness/pods.ts";
import { act, seen } from "./screen.ts";

/** What an administrator installs once: the kind, and the operator's right to it. */
export async function enablePods(cluster: Cluster): Promise<void> {
  await installKind(cluster);
  await giveRights(cluster);
}

export async function askAsPods(cluster: Cluster, namespace: string, spec: string, ...accounts: readonly string[]): Promise<void> {
  act("sandbox", "answers Pods as the webhook of windows-gmsa does");
  for (const account of accounts) {
    const answer = await admit(cluster, namespace, podOf(account, spec));
    const given = !("refused" in answer);
    seen("Pod", `of ServiceAccount ${account} asks for ${spec} and ${given ? "gets it" : "is refused"}`, given ? "green" : "red");
  }
}
