/** `kubectl farm status`: one page for a farm, or a row for each. */
import { farmTable, farmText, pageOf } from "./farm-page.ts";
import { jsonText, styleFor, type Terminal } from "./terminal.ts";
import { type ClusterOptions, getFarm, listFarms, openCluster } from "./user-cluster.ts";

export interface StatusOptions extends ClusterOptions {
  readonly output?: "json";
}

/** The exit code: 0 only if all that is shown is Ready. */
export async function showStatus(name: string | undefined, options: StatusOptions, { out, err }: Terminal): Promise<number> {
  const cluster = openCluster(options);
  const farms = name === undefined ? await listFarms(cluster) : [await getFarm(cluster, name)];
  const pages = farms.map(pageOf);
  if (options.output === "json") {
    out.write(`${jsonText(name === undefined ? { items: pages } : pages[0])}\n`);
  } else if (farms.length === 0) {
    err.write(`There are no ServerFarms in ${cluster.namespace === undefined ? "the cluster" : `the namespace ${cluster.namespace}`}.\n`);
  } else {
    const style = styleFor(out);
    const lines =
      name === undefined
        ? farmTable(farms, cluster.namespace === undefined, new Date(), style)
        : farms.flatMap((farm) => farmText(farm, new Date(), style));
    out.write(`${lines.join("\n")}\n`);
  }
  return pages.every(({ ready }) => ready) ? 0 : 1;
}
