/** The installation from a checkout: the operator as a process beside the cluster. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DELEGATED, delegate } from "../harness/delegation.ts";
import { checkoutScript } from "../harness/docs.ts";
import { findKubectl, kubeAssets } from "../harness/kube.ts";
import { Samba } from "../harness/samba.ts";
import { waitFor } from "../harness/process.ts";
import { ROOT } from "../harness/root.ts";
import { available, cleanUp, cluster, directory, startOperator, SYSTEM } from "../harness/world.ts";

// Its commands need kubectl, and the names and ports that a real domain controller has.
const samba = available && (await findKubectl()) !== undefined && directory instanceof Samba ? directory : undefined;

describe.skipIf(!samba)("the installation from a checkout", () => {
  beforeAll(async () => {
    await delegate(directory);
    for (const name of ["contoso-ldap", "contoso-ca"]) await cluster.delete("Secret", name, SYSTEM);
    await cluster.delete("Namespace", "web", undefined, 60);
  });

  afterAll(async () => {
    const operator = await startOperator();
    await cleanUp();
    await operator.stop();
  });

  test("its commands, word for word, lead to a Ready farm", async () => {
    const script = await checkoutScript();
    const env = {
      ...process.env,
      KUBECONFIG: cluster.kubeconfig,
      PASSWORD: DELEGATED.password,
      CA_FILE: samba?.caFile ?? "",
      PATH: `${kubeAssets()}:${process.env["PATH"]}`,
    };
    // The packages are there: they run this test.
    const body = `set -euo pipefail\n${script.replace("npm ci\n", "")}`;
    const child = spawn("bash", ["-c", body], { cwd: ROOT, env, stdio: ["ignore", "pipe", "pipe"], detached: true });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += String(chunk)));
    const [code]: unknown[] = await once(child, "exit");
    // The script leaves the operator running, in the process group of its own.
    if (child.pid !== undefined) process.kill(-child.pid, "SIGTERM");
    await waitFor(
      "the operator to stop",
      () => output,
      (text) => text.includes("stopped"),
    );
    expect(output).toMatch(/itfarm1 +True +Reconciled +ITFarm1\$ +3\/3/);
    expect(output).toMatch(/contoso +True +dc1\.contoso\.com +88 +/);
    expect(code).toBe(0);
    expect(await directory.retrieves("WEB01", "CN=ITFarm1,OU=Farms,DC=contoso,DC=com")).toBe(true);
  });
});
