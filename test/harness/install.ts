/** What `kubectl apply -f crds/ -f deploy/rbac.yaml` does. */
import { readdir, readFile } from "node:fs/promises";
import { parseAllDocuments } from "yaml";
import type { Cluster } from "./cluster.ts";
import { waitFor } from "./process.ts";
import { ROOT } from "./root.ts";

/** The objects of a file with YAML documents. */
export async function manifests(file: string): Promise<readonly object[]> {
  return parseAllDocuments(await readFile(file, "utf8")).flatMap((document): object[] => {
    const value: unknown = document.toJS({ maxAliasCount: -1 });
    return typeof value === "object" && value !== null ? [value] : [];
  });
}

export async function install(cluster: Cluster): Promise<void> {
  const crds = (await readdir(`${ROOT}/crds`)).filter((name) => name.endsWith(".yaml")).map((name) => `${ROOT}/crds/${name}`);
  for (const file of [...crds, `${ROOT}/deploy/rbac.yaml`]) await cluster.apply(...(await manifests(file)));
  for (const kind of ["ServerFarm", "ActiveDirectoryDomain"])
    await waitFor(`the API of ${kind}`, async () => (await cluster.list(kind)).length >= 0);
}
