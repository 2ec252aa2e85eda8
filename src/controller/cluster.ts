/** The cluster as the controllers see it: copies of every kind that they watch. */
import type { ActiveDirectoryDomain } from "../api/generated/active-directory-domain.ts";
import { ACTIVE_DIRECTORY_DOMAIN } from "../api/generated/active-directory-domain.ts";
import { keyOf, type KubernetesObject } from "../api/object.ts";
import { SERVER_FARM, type ServerFarm } from "../api/generated/server-farm.ts";
import type { KubernetesError } from "../kubernetes/api-error.ts";
import type { KubernetesClient } from "../kubernetes/client.ts";
import { Reflector } from "../kubernetes/reflector.ts";
import { hasSpec, isKubernetesObject, type Resource } from "../kubernetes/resource.ts";

/** A Secret or a ConfigMap: the data of the first is base64. */
export interface DataObject extends KubernetesObject {
  readonly data?: Readonly<Record<string, string>>;
}

export const FARMS: Resource<ServerFarm> = { ...SERVER_FARM, is: (value): value is ServerFarm => hasSpec(value) };
export const DOMAINS: Resource<ActiveDirectoryDomain> = {
  ...ACTIVE_DIRECTORY_DOMAIN,
  is: (value): value is ActiveDirectoryDomain => hasSpec(value),
};
const SECRETS: Resource<DataObject> = {
  apiVersion: "v1",
  kind: "Secret",
  plural: "secrets",
  is: (value): value is DataObject => isKubernetesObject(value),
};
const CONFIG_MAPS: Resource<DataObject> = {
  apiVersion: "v1",
  kind: "ConfigMap",
  plural: "configmaps",
  is: (value): value is DataObject => isKubernetesObject(value),
};

export interface ClusterOptions {
  readonly client: KubernetesClient;
  /** Where Secrets and ConfigMaps are read. */
  readonly namespace: string;
  /** Empty: farms of the whole cluster. */
  readonly watchNamespaces: readonly string[];
  readonly onFarm: (key: string, farm: ServerFarm | undefined, previous: ServerFarm | undefined) => void;
  readonly onDomain: (name: string, domain: ActiveDirectoryDomain | undefined, previous: ActiveDirectoryDomain | undefined) => void;
  /** A Secret or ConfigMap changed. */
  readonly onData: (kind: "Secret" | "ConfigMap", name: string) => void;
  readonly onError: (resource: string, error: KubernetesError, failures: number) => void;
  readonly onAlive: (resource: string) => void;
}

export class Cluster {
  readonly #farms: readonly Reflector<ServerFarm>[];
  readonly #domains: Reflector<ActiveDirectoryDomain>;
  readonly #secrets: Reflector<DataObject>;
  readonly #configMaps: Reflector<DataObject>;
  readonly #namespace: string;

  constructor({ client, namespace, watchNamespaces, onFarm, onDomain, onData, onError, onAlive }: ClusterOptions) {
    const watch = <T extends KubernetesObject>(
      resource: Resource<T>,
      where: string | undefined,
      onChange: (key: string, object: T | undefined, previous: T | undefined) => void,
    ): Reflector<T> =>
      new Reflector({
        client,
        resource,
        namespace: where,
        onChange,
        onError: (error, failures) => {
          onError(resource.plural, error, failures);
        },
        onAlive: () => {
          onAlive(resource.plural);
        },
      });
    this.#namespace = namespace;
    this.#farms = (watchNamespaces.length > 0 ? watchNamespaces : [undefined]).map((where) => watch(FARMS, where, onFarm));
    this.#domains = watch(DOMAINS, undefined, onDomain);
    this.#secrets = watch(SECRETS, namespace, (_, object, previous) => {
      onData("Secret", (object ?? previous)?.metadata.name ?? "");
    });
    this.#configMaps = watch(CONFIG_MAPS, namespace, (_, object, previous) => {
      onData("ConfigMap", (object ?? previous)?.metadata.name ?? "");
    });
  }

  farm(key: string): ServerFarm | undefined {
    return this.#farms.map((reflector) => reflector.get(key)).find((farm) => farm !== undefined);
  }

  farms(): readonly { readonly key: string; readonly object: ServerFarm }[] {
    return this.#farms.flatMap((reflector) => reflector.list()).map((object) => ({ key: keyOf(object.metadata), object }));
  }

  farmsOf(domain: string): readonly ServerFarm[] {
    return this.#farms.flatMap((reflector) => reflector.list()).filter(({ spec }) => spec.domainRef.name === domain);
  }

  domain(name: string): ActiveDirectoryDomain | undefined {
    return this.#domains.get(name);
  }

  domains(): readonly ActiveDirectoryDomain[] {
    return this.#domains.list();
  }

  /** The bytes of one key as text; undefined where the object or the key is missing. */
  data(kind: "Secret" | "ConfigMap", name: string, key: string): string | undefined {
    const object = (kind === "Secret" ? this.#secrets : this.#configMaps).get(`${this.#namespace}/${name}`);
    const value = object?.data?.[key];
    return value === undefined || kind === "ConfigMap" ? value : Buffer.from(value, "base64").toString("utf8");
  }

  /** What is not seen now, or not up to date, in words; empty when all is well. */
  troubles(): readonly string[] {
    return this.#all().flatMap((reflector) =>
      reflector.failing ? [reflector.failing.message] : reflector.synced ? [] : ["not yet listed"],
    );
  }

  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#all().map((reflector) => reflector.run(signal)));
  }

  /** Resolves when everything was seen once. */
  async whenSynced(): Promise<void> {
    await Promise.all(this.#all().map((reflector) => reflector.whenSynced()));
  }

  #all(): readonly Pick<Reflector<KubernetesObject>, "run" | "whenSynced" | "failing" | "synced">[] {
    return [...this.#farms, this.#domains, this.#secrets, this.#configMaps];
  }
}
