/**
 * `npm run demo`: a farm's life on this machine, with nothing but Node. A directory and an API server that behave as Active Directory and
 * Kubernetes do, and the operator as a process of its own. After the tour everything stays up to be played with; `-- --once` ends instead.
 */
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Client } from "ldapts";
import type { Manifest } from "../harness/cluster.ts";
import { delegate, DELEGATED } from "../harness/delegation.ts";
import { addComputer, addUser, ADMINISTRATOR, BASE, change } from "../harness/directory.ts";
import { install, manifests } from "../harness/install.ts";
import { findKubectl } from "../harness/kube.ts";
import { domainSecrets, namespaceOf, SYSTEM } from "../harness/manifests.ts";
import { Operator } from "../harness/operator.ts";
import { waitFor } from "../harness/process.ts";
import { ROOT } from "../harness/root.ts";
import { SandboxCluster } from "../harness/sandbox-cluster.ts";
import { SandboxDirectory } from "../harness/sandbox-directory.ts";
import { DirectoryChanges } from "./directory-changes.ts";
import { type Condition, conditionsOf, FarmView } from "./farm-view.ts";
import { askAsPods, enablePods } from "./pods.ts";
import { act, heading, line, seen, showChange, title } from "./screen.ts";

const { values } = parseArgs({ options: { once: { type: "boolean", default: false } } });
const NAMESPACE = "web";
const FARM = "itfarm1";
const SPEC = `${NAMESPACE}.${FARM}`;
const ACCOUNT = `CN=ITFarm1,OU=Farms,${BASE}`;

/** One after the other, so that lines come in the order in which things happened. */
class Demo {
  readonly #directory: SandboxDirectory;
  readonly #cluster: SandboxCluster;
  readonly #client: Client;
  readonly #changes: DirectoryChanges;
  readonly #farm: FarmView;

  constructor(directory: SandboxDirectory, cluster: SandboxCluster, client: Client) {
    this.#directory = directory;
    this.#cluster = cluster;
    this.#client = client;
    this.#changes = new DirectoryChanges(client);
    this.#farm = new FarmView(cluster, NAMESPACE, FARM);
  }

  /** Shows what has happened since the last call. */
  async show(): Promise<void> {
    for (const change of await this.#changes.next()) showChange(change);
    for (const { where, text, format } of await this.#farm.next()) seen(where, text, format);
  }

  /** How things are now is no news. */
  async start(): Promise<void> {
    await this.#changes.next();
    await this.#farm.next();
  }

  /** Shows what happens until the farm is as it should be, and gives a reader time. */
  async until(what: string, reached: (farm: Manifest | undefined) => boolean | Promise<boolean>): Promise<void> {
    await waitFor(what, async () => {
      await this.show();
      return await reached(await this.#cluster.find("ServerFarm", FARM, NAMESPACE));
    });
    await this.show();
    if (!values.once) await sleep(2500);
  }

  async tour(): Promise<void> {
    heading("Deploy a farm: one identity for three hosts");
    act("you", "$ kubectl apply -f deploy/samples/itfarm1.yaml");
    await this.#cluster.apply(namespaceOf(NAMESPACE), ...(await manifests(`${ROOT}/deploy/samples/itfarm1.yaml`)));
    await this.until("the farm to be ready", isReady);
    await this.#ask("WEB01", "WEB02", "WEB04");

    heading("Add a host, and one that has not joined the domain yet");
    await this.#patch({ hosts: { computers: ["WEB01", "WEB02", "WEB03", "WEB04", "WEB07"] } });
    await this.until("the missing host to be told", hasReason("HostNotFound"));
    act("an admin", "joins WEB07 to the domain");
    await addComputer(this.#client, "WEB07");
    await this.until("the host to be granted", isReady);

    heading("Ask for a service principal name that another account holds");
    await this.#patch({ servicePrincipalNames: ["http/itfarm1.contoso.com", "http/shop.contoso.com"] });
    await this.until("the conflict to be told", hasReason("ServicePrincipalNameInUse"));
    act("an admin", "PS> setspn -D http/shop.contoso.com svc-oldshop");
    await this.#directory.modify(`CN=svc-oldshop,CN=Users,${BASE}`, "delete", "servicePrincipalName", ["http/shop.contoso.com"]);
    await this.until("the name to be taken", isReady);

    heading("An administrator adds a computer that the farm does not list");
    act("an admin", "PS> Add-ADGroupMember ITFarm1Hosts KIOSK9$");
    const kiosk = `CN=KIOSK9,CN=Computers,${BASE}`;
    await this.#client.modify(`CN=ITFarm1Hosts,OU=Farms,${BASE}`, change("add", "member", [kiosk]));
    await this.until(
      "that computer to be removed",
      async () => !(await this.#directory.members("ITFarm1Hosts")).includes("KIOSK9$") && this.#farm.saw("DriftCorrected"),
    );

    heading("A host is compromised");
    await this.#patch({ hosts: { quarantined: ["CN=WEB02,CN=Computers"] } });
    await this.until("the host to be out", isReady);
    await this.#ask("WEB01", "WEB02");
    const exposure = await this.#hosts();
    seen("farm", exposure.replace(/^.*(?=Quarantined)/, ""), "yellow");
    act("an admin", "moves WEB02 to another OU");
    await this.#client.modifyDN(`CN=WEB02,CN=Computers,${BASE}`, `CN=WEB02,OU=Farms,${BASE}`);
    await this.until(
      "the new place to be told",
      async () => (await this.#hosts()).includes("was moved or renamed and stays out") && this.#farm.saw("HostMoved"),
    );
    await this.#ask("WEB02");

    heading("Let Windows Pods run as the account: those of one ServiceAccount");
    await this.#patch({ pods: { serviceAccounts: ["web"] } });
    await this.until("the credential spec to be published", (farm) => isReady(farm) && this.#farm.saw("CredentialSpecPublished"));
    await askAsPods(this.#cluster, NAMESPACE, SPEC, "web", "guest");

    heading("The farm is not needed any more");
    act("you", `$ kubectl -n ${NAMESPACE} delete farm ${FARM}`);
    await this.#cluster.delete("ServerFarm", FARM, NAMESPACE, 0);
    await this.until("the farm to be gone", (farm) => farm === undefined);
    await askAsPods(this.#cluster, NAMESPACE, SPEC, "web");
    const left = await this.#directory.search("(adminDescription=serverfarm.dev*)");
    seen(
      "directory",
      left.length === 0 ? "nothing of it is left; nothing else was touched" : `left: ${left.map(({ dn }) => dn).join("; ")}`,
    );
  }

  /** What the condition HostsReady says. */
  async #hosts(): Promise<string> {
    const farm = await this.#cluster.find("ServerFarm", FARM, NAMESPACE);
    return conditionsOf(farm).find(({ type }) => type === "HostsReady")?.message ?? "";
  }

  async #patch(spec: object): Promise<void> {
    act("you", `$ kubectl -n ${NAMESPACE} patch farm ${FARM} --type=merge -p '${JSON.stringify({ spec })}'`);
    await this.#cluster.patch("ServerFarm", FARM, NAMESPACE, { spec });
  }

  /** The host asks for the password as it does when it starts the service. */
  async #ask(...computers: readonly string[]): Promise<void> {
    for (const computer of computers) {
      const given = await this.#directory.retrieves(computer, ACCOUNT);
      seen(
        computer,
        given ? "asks for the password of ITFarm1$ and gets it" : "asks for the password of ITFarm1$ and is refused",
        given ? "green" : "red",
      );
    }
  }
}

function isReady(farm: Manifest | undefined): boolean {
  return readyOf(farm)?.status === "True" && isObserved(farm);
}

function hasReason(reason: string): (farm: Manifest | undefined) => boolean {
  return (farm) => readyOf(farm)?.reason === reason && isObserved(farm);
}

function readyOf(farm: Manifest | undefined): Condition | undefined {
  return conditionsOf(farm).find(({ type }) => type === "Ready");
}

/** Whether what the farm says is about its present manifest. */
function isObserved(farm: Manifest | undefined): boolean {
  const status = farm?.["status"];
  return (
    typeof status === "object" &&
    status !== null &&
    "observedGeneration" in status &&
    status.observedGeneration === farm?.metadata["generation"]
  );
}

/** A small company: what an administrator has set up, and what others have. */
async function fill(directory: SandboxDirectory, client: Client): Promise<void> {
  await delegate(directory);
  await addComputer(client, "KIOSK9");
  const old = await addUser(client, "svc-oldshop", crypto.randomUUID());
  await directory.modify(old, "add", "servicePrincipalName", ["http/shop.contoso.com"]);
}

async function installOperator(cluster: SandboxCluster, directory: SandboxDirectory): Promise<string> {
  await install(cluster);
  await enablePods(cluster);
  await cluster.apply(...domainSecrets(DELEGATED, directory.ca));
  for (const domain of await manifests(`${ROOT}/deploy/samples/domain.yaml`)) {
    const { spec } = Object(domain);
    // Its name leads nowhere on this machine; and nobody who watches wants to wait 15 s.
    await cluster.apply({ ...domain, spec: { ...spec, servers: [directory.url], poll: "1s" } });
  }
  return await cluster.serviceAccountKubeconfig(SYSTEM, "serverfarm-operator");
}

async function tellHowToPlay(dir: string, cluster: SandboxCluster, directory: SandboxDirectory, operator: Operator): Promise<void> {
  await writeFile(`${dir}/ca.pem`, directory.ca);
  const kubectl = (await findKubectl()) ?? "kubectl";
  // For localhost, OpenLDAP wants the name of the machine in the certificate.
  const url = directory.url.replace("localhost", "127.0.0.1");
  line();
  title("It is all yours now.", "Directory, API server and operator stay up until Ctrl-C. In another terminal, in this folder:");
  line();
  for (const text of [
    `export KUBECONFIG=${cluster.kubeconfig}`,
    `${kubectl} apply -f deploy/samples/itfarm1.yaml`,
    `${kubectl} -n ${NAMESPACE} get farm`,
    `${kubectl} -n ${NAMESPACE} describe farm ${FARM}`,
    `LDAPTLS_CACERT=${dir}/ca.pem ldapsearch -LLL -H ${url} -D ${ADMINISTRATOR.username} -w '${ADMINISTRATOR.password}' -b OU=Farms,${BASE} sAMAccountName member servicePrincipalName`,
    `curl -s ${operator.metricsUrl} | grep ^serverfarm_`,
  ])
    line(`  ${text}`);
  line();
}

const dir = await mkdtemp(`${tmpdir()}/serverfarm-demo-`);
const stopping: (() => Promise<unknown>)[] = [() => rm(dir, { recursive: true, force: true })];
const interrupted = Promise.race([once(process, "SIGINT"), once(process, "SIGTERM")]).then(() => "interrupted" as const);
// Waiting for a signal alone would not keep the program.
const alive = setInterval(() => undefined, 60_000);

async function demo(): Promise<void> {
  title("serverfarm-operator", "Active Directory service identities, run the Kubernetes way.");
  line("The directory and the API server here behave as Active Directory and Kubernetes do; the operator is the real one.");
  const [directory, cluster] = await Promise.all([
    // OpenLDAP's tools compare "localhost" with the machine's own name, so the printed commands use the address.
    SandboxDirectory.create({ alsoNamed: ["127.0.0.1"] }),
    SandboxCluster.create(`${dir}/kubernetes`),
  ]);
  stopping.push(() => Promise.all([directory.stop(), cluster.stopApiServer()]));
  const client = new Client({ url: directory.url, tlsOptions: { ca: directory.ca } });
  await client.bind(ADMINISTRATOR.username, ADMINISTRATOR.password);
  stopping.push(() => client.unbind());
  await fill(directory, client);
  const tour = new Demo(directory, cluster, client);
  await tour.start();
  const kubeconfig = await installOperator(cluster, directory);
  const operator = await Operator.start({ kubeconfig, leaderElection: true, pods: { enabled: true }, level: "info" });
  stopping.push(() => operator.stop());
  await tour.tour();
  if (values.once) return;
  await tellHowToPlay(dir, cluster, directory, operator);
  await interrupted;
}

try {
  await Promise.race([demo(), interrupted]);
} finally {
  clearInterval(alive);
  for (const stop of stopping.toReversed()) await stop();
}
