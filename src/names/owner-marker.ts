/** The owner marker: the value of adminDescription by which an object belongs to a farm. */

/** Whose it is. `cluster` is the UID of the namespace kube-system. */
export function ownerMarker(cluster: string, farm: { readonly namespace: string; readonly name: string }): string {
  return `${markersOf(cluster)}farm=${farm.namespace}/${farm.name}`;
}

/** What all markers of a cluster begin with. */
export function markersOf(cluster: string): string {
  return `${PREFIX}cluster=${cluster} `;
}

const PREFIX = "serverfarm.dev ";

/** Whether it is a marker, of whatever farm and cluster. */
export function isOwnerMarker(text: string | undefined): text is string {
  return text?.startsWith(PREFIX) === true;
}

/** Who owns an object with this adminDescription, in words for a message. `own` is the asking farm's marker. */
export function describeOwner(owner: string | undefined, own: string): string {
  if (owner === undefined || owner === "") return "it bears no owner marker";
  const match = /^cluster=(\S+) farm=(\S+)$/.exec(isOwnerMarker(owner) ? owner.slice(PREFIX.length) : "");
  if (!match) return `its adminDescription is ${JSON.stringify(owner)}`;
  const [, cluster = "", farm] = match;
  const sameCluster = own.startsWith(markersOf(cluster));
  return sameCluster ? `it belongs to the ServerFarm ${farm}` : `it belongs to the ServerFarm ${farm} of another cluster (${cluster})`;
}
