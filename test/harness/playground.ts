/** `npm run playground`: a real Active Directory and a real Kubernetes control plane on this machine, to try the operator on. */
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delegate, DELEGATED } from "./delegation.ts";
import { Kube, kubeAssets, kubeMissing } from "./kube.ts";
import { COMPUTERS } from "./directory.ts";
import { Samba, sambaMissing } from "./samba.ts";

const missing = [await sambaMissing(), kubeMissing()].filter((text) => text !== undefined);
if (missing.length > 0) {
  process.stderr.write(`The playground cannot start: ${missing.join("; ")}.\n`);
  process.exit(2);
}
const dir = await mkdtemp(`${tmpdir()}/serverfarm-playground-`);
const [samba, kube] = [new Samba(`${dir}/samba`), new Kube(`${dir}/kube`)];
// Ctrl-C while the servers start must stop them too.
const interrupted = Promise.race([once(process, "SIGINT"), once(process, "SIGTERM")]);
// Waiting for a signal alone would not keep the program: it would end at once and leave the servers behind.
const alive = setInterval(() => undefined, 60_000);
try {
  process.stdout.write("Starting a domain controller (Samba) and a control plane …\n");
  await Promise.all([samba.up(), kube.up()]);
  await delegate(samba);
  process.stdout.write(`
The domain contoso.com has the OU Farms, the operator's account svc-farms with rights there, and the computers
${COMPUTERS.join(", ")}. In another terminal, in this folder:

  export KUBECONFIG=${kube.kubeconfig}
  export PATH=${kubeAssets()}:$PATH
  export PASSWORD='${DELEGATED.password}' CA_FILE=${samba.caFile}

and then the commands of docs/install.md, "As a process of your own", from "kubectl apply" on. Ctrl-C here stops everything.
`);
  await interrupted;
} finally {
  clearInterval(alive);
  await Promise.all([samba.down(), kube.down()]);
  await rm(dir, { recursive: true, force: true });
}
