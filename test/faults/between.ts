/** The operator with a proxy on each side: what passes between it and the servers can be told to go wrong. */
import { expect } from "vitest";
import { Operator, type OperatorOptions } from "../harness/operator.ts";
import { applyDomain, cluster, directory, farmOf, farmReady, patchFarm, SYSTEM } from "../harness/world.ts";
import { HttpProxy } from "./http-proxy.ts";
import { LdapProxy } from "./ldap-proxy.ts";
import { type Fault, Schedule } from "./schedule.ts";

export interface Between {
  readonly ldap: LdapProxy;
  readonly http: HttpProxy;
  /** Of the operator's service account, through the proxy. */
  readonly kubeconfig: string;
  start(options?: Partial<OperatorOptions>): Promise<Operator>;
  stop(): Promise<void>;
}

/** Both proxies, and the domain contoso behind one of them. `seed` for faults that come at random. */
export async function between(seed = 1): Promise<Between> {
  const ldap = await LdapProxy.start({ url: directory.url, ca: directory.ca }, new Schedule([], seed));
  const http = await HttpProxy.start({ server: cluster.server, ca: cluster.ca }, new Schedule([], seed + 1));
  await applyDomain({ ca: ldap.ca, spec: { servers: [ldap.url] } });
  const kubeconfig = await cluster.serviceAccountKubeconfig(SYSTEM, "serverfarm-operator", { server: http.server, ca: http.ca });
  return {
    ldap,
    http,
    kubeconfig,
    start: (options = {}) => Operator.start({ kubeconfig, ...options }),
    stop: async () => {
      await ldap.stop();
      await http.stop();
    },
  };
}

const PUBLISHED = /\/(gmsacredentialspecs|roles|rolebindings|configmaps)(\/[^?]+)?(?:\?|$)/;

/** What the operator has asked about single objects of what is published for Pods: method and plural. */
export function podRequests({ http }: Between): readonly string[] {
  return http.schedule.seen.flatMap(({ protocol, operation, path }) => {
    const [, plural, name] = PUBLISHED.exec(path) ?? [];
    // Without a name it is a list or a watch of all.
    return protocol === "http" && plural !== undefined && (operation !== "GET" || name !== undefined) ? [`${operation} ${plural}`] : [];
  });
}

/** Of these, what changes something. */
export function podWrites(middle: Between): readonly string[] {
  return podRequests(middle).filter((request) => !request.startsWith("GET "));
}

/** A farm's whole life with one fault in it: made, changed, deleted; after each step the directory is exactly as it should be. */
export async function liveThrough(
  schedule: Schedule,
  fault: Fault,
  namespace: string,
  name: string,
  seconds = 30,
  domain = "contoso",
): Promise<void> {
  schedule.done.length = 0;
  schedule.set(fault);
  const objects = async (): Promise<readonly string[]> => {
    const found = await directory.search(`(|(sAMAccountName=${name}$)(sAMAccountName=${name}Hosts)(servicePrincipalName=http/${name}*))`);
    return found.map((entry) => String(entry["sAMAccountName"])).toSorted();
  };
  const spec = { domainRef: { name: domain }, hosts: { computers: ["WEB01", "WEB02"] }, servicePrincipalNames: [`http/${name}`] };
  await cluster.apply(farmOf(namespace, name, spec));
  await farmReady(namespace, name, seconds);
  expect(await objects()).toEqual([`${name}$`, `${name}Hosts`]);
  expect(await directory.members(`${name}Hosts`)).toEqual(["WEB01$", "WEB02$"]);
  const changed = { hosts: { computers: ["WEB02", "WEB03"] }, servicePrincipalNames: [`http/${name}-b`], account: { description: "new" } };
  await patchFarm(namespace, name, changed);
  await farmReady(namespace, name, seconds);
  expect(await directory.members(`${name}Hosts`)).toEqual(["WEB02$", "WEB03$"]);
  expect(await directory.find(`${name}$`)).toMatchObject({ servicePrincipalName: `http/${name}-b`, description: "new" });
  await cluster.delete("ServerFarm", name, namespace, seconds);
  expect(await objects()).toEqual([]);
  expect(schedule.done, "the fault happened").toHaveLength(1);
}
