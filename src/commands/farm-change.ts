/** `kubectl farm reconcile`, `suspend` and `resume`: what is one field or annotation of a farm. */
import { setTimeout as sleep } from "node:timers/promises";
import { RECONCILE_REQUESTED } from "../api/annotations.ts";
import { farmName, farmPath, explain, getFarm, openCluster, type ClusterOptions, type UserCluster } from "./user-cluster.ts";
import { pageOf } from "./farm-page.ts";
import { printable, type Terminal } from "./terminal.ts";

export interface ReconcileOptions extends ClusterOptions {
  /** Seconds; 0 does not wait. */
  readonly timeout: number;
}

const MERGE = "application/merge-patch+json";
/** How often the farm is read while the command waits (ms). */
const EVERY = 500;

/** The exit code: 0 once the operator has looked at the farm and it is Ready. */
export async function requestReconcile(name: string, options: ReconcileOptions, { out, err }: Terminal): Promise<number> {
  const cluster = openCluster(options);
  const farm = await getFarm(cluster, name);
  if (farm.spec.suspend) err.write(`${farmName(farm)} is suspended: nothing is done for it until you run kubectl farm resume ${name}.\n`);
  const requested = new Date().toISOString();
  await patch(cluster, farmPath(farm), { metadata: { annotations: { [RECONCILE_REQUESTED]: requested } } });
  if (options.timeout === 0) {
    out.write(`${farmName(farm)}: asked for a reconcile.\n`);
    return 0;
  }
  const end = performance.now() + options.timeout * 1000;
  while (performance.now() < end) {
    const now = await getFarm(cluster, name);
    if (now.status?.lastHandledReconcileRequest === requested) {
      const { ready, reason, message } = pageOf(now);
      out.write(`${printable(`${farmName(now)}: ${reason}: ${message}`)}\n`);
      return ready ? 0 : 1;
    }
    await sleep(EVERY);
  }
  err.write(
    `${farmName(farm)}: the operator did not answer within ${options.timeout} s. Check that it runs (kubectl get pods -n serverfarm-system) and that it watches this namespace, or give a longer --timeout.\n`,
  );
  return 1;
}

export async function setSuspended(name: string, suspend: boolean, options: ClusterOptions, { out }: Terminal): Promise<number> {
  const cluster = openCluster(options);
  const farm = await getFarm(cluster, name);
  if (farm.spec.suspend === suspend) {
    out.write(`${farmName(farm)} is ${suspend ? "suspended already" : "not suspended"}.\n`);
    return 0;
  }
  await patch(cluster, farmPath(farm), { spec: { suspend } });
  const what = suspend
    ? "suspended. Nothing is read or written for it, quarantines and deletion included, until you run kubectl farm resume"
    : "resumed. A manifest that still says suspend: true suspends it again when it is applied";
  out.write(`${farmName(farm)} is ${what}${suspend ? ` ${name}` : ""}.\n`);
  return 0;
}

async function patch({ client }: UserCluster, path: string, body: object): Promise<void> {
  await client.request("PATCH", path, { body, contentType: MERGE }).catch(explain);
}
