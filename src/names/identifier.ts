/**
 * What tells an object from others. GUIDs: xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx, of which Active Directory keeps the first three fields little-endian.
 * Security identifiers: S-1-5-21-… (MS-DTYP 2.4.2.2). The owner marker, the value of adminDescription: the farm that it belongs to. And the keys by which
 * objects are looked up, and by which farms are woken.
 */
import { distinctServicePrincipalNames, type DomainNames, foldName, impliedNames, implyingNames, namesOfComputer } from "./account-name.ts";
import { dnKey } from "./distinguished-name.ts";

/** Throws RangeError unless there are 16 bytes. */
export function decodeGuid(bytes: Buffer): string {
  if (bytes.length !== 16) throw new RangeError(`a GUID has 16 bytes, not ${bytes.length}`);
  const hex = swap(bytes).toString("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/** Throws RangeError where the text is no GUID. */
export function encodeGuid(guid: string): Buffer {
  if (!/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(guid)) throw new RangeError(`${guid} is not a GUID`);
  return swap(Buffer.from(guid.replaceAll("-", ""), "hex"));
}

function swap(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  copy.subarray(0, 4).reverse();
  copy.subarray(4, 6).reverse();
  copy.subarray(6, 8).reverse();
  return copy;
}

export function sidLength(bytes: Buffer, offset = 0): number {
  const subAuthorities = bytes[offset + 1];
  if (bytes[offset] !== 1 || subAuthorities === undefined || subAuthorities > 15) throw new RangeError("not a security identifier");
  const length = 8 + 4 * subAuthorities;
  if (offset + length > bytes.length) throw new RangeError("a security identifier that ends too early");
  return length;
}

/** Throws RangeError where the bytes are no SID. Bytes after it are not looked at. */
export function decodeSid(bytes: Buffer, offset = 0): string {
  const length = sidLength(bytes, offset);
  const authority = bytes.readUIntBE(offset + 2, 6);
  const parts = Array.from({ length: (length - 8) / 4 }, (_, index) => bytes.readUInt32LE(offset + 8 + 4 * index));
  return ["S-1", authority, ...parts].join("-");
}

/** Throws RangeError where the text is no SID. */
export function encodeSid(sid: string): Buffer {
  if (!/^S-1-\d{1,15}(-\d{1,10}){0,15}$/.test(sid)) throw new RangeError(`${sid} is not a security identifier`);
  const [authority = 0, ...parts] = sid.split("-").slice(2).map(Number);
  const bytes = Buffer.alloc(8 + 4 * parts.length);
  bytes.writeUInt8(1, 0);
  bytes.writeUInt8(parts.length, 1);
  bytes.writeUIntBE(authority, 2, 6);
  parts.forEach((part, index) => bytes.writeUInt32LE(part, 8 + 4 * index));
  return bytes;
}

/** The relative identifier: the last number of a SID. Those below 1000 are Windows' own. */
export function relativeId(sid: string): number {
  return Number(sid.slice(sid.lastIndexOf("-") + 1));
}

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
  return text?.startsWith(PREFIX) === true && !text.startsWith(CONSENT);
}

const CONSENT = `${PREFIX}adopt=`;

/** What an administrator writes into the adminDescription of an object that the farm may take over. */
export function adoptionConsent(farm: { readonly namespace: string; readonly name: string }): string {
  return `${CONSENT}${farm.namespace}/${farm.name}`;
}

/** Whether it is the marker of a farm of the same namespace and cluster. */
export function isOfNamespace(owner: string | undefined, own: string): boolean {
  return isOwnerMarker(owner) && owner.slice(0, owner.lastIndexOf("/")) === own.slice(0, own.lastIndexOf("/"));
}

/** The owner of an object that has the farm's marker and is not its own: somebody copied the marker. */
export function copied(owner: string): string {
  return `${owner} (copied)`;
}

/** Who owns an object with this adminDescription, in words for a message, which never quotes a note. `own` is the asking farm's marker. */
export function describeOwner(owner: string | undefined, own: string): string {
  if (owner === undefined || owner === "") return "it has no owner marker";
  if (owner === copied(own)) return "it has this farm's owner marker, but the farm has no record of it and does not create objects there";
  const match = /^cluster=(\S+) farm=(\S+)$/.exec(isOwnerMarker(owner) ? owner.slice(PREFIX.length) : "");
  if (!match)
    return owner.startsWith(CONSENT)
      ? `its adminDescription gives consent to ${own.endsWith(` farm=${owner.slice(CONSENT.length)}`) ? "this farm" : "another farm"}`
      : "its adminDescription holds something other than an owner marker";
  const [, cluster = "", farm] = match;
  const sameCluster = own.startsWith(markersOf(cluster));
  return sameCluster ? `it belongs to the ServerFarm ${farm}` : `it belongs to the ServerFarm ${farm} of another cluster (${cluster})`;
}

/**
 * By what an object is looked up. An object answers to the keys that `keysOfObject` gives, and whoever asks for one of them by `lookupKey` means it.
 */
export type LookupAttribute =
  | "sAMAccountName"
  | "dNSHostName"
  | "distinguishedName"
  | "servicePrincipalName"
  | "objectGUID"
  | "objectSid"
  | "primaryGroupID"
  | "adminDescription";

export function lookupKey(by: LookupAttribute, value: string): string {
  return by === "distinguishedName" ? dnKey(value) : foldName(value);
}

/** By what farms are woken that search a container; `container`: the key of its distinguished name. */
export function keyBelow(container: string): string {
  return `below ${container}`;
}

interface NameLookup<By extends LookupAttribute> {
  readonly by: By;
  readonly value: string;
}

/** By what those are found who hold a name that implies one of these. */
export function implyingLookups(names: readonly string[], domain: DomainNames): readonly NameLookup<"servicePrincipalName">[] {
  return nameLookups(names.flatMap((name) => implyingNames(name, domain.servicePrincipalNameMappings)));
}

/** By what those are found who hold a name that one of these implies. */
export function impliedLookups(names: readonly string[], domain: DomainNames): readonly NameLookup<"servicePrincipalName">[] {
  return nameLookups(names.flatMap((name) => impliedNames(name, domain.servicePrincipalNameMappings)));
}

/** Each once: http/x and cifs/x ask for the same host/x. */
function nameLookups(names: readonly string[]): readonly NameLookup<"servicePrincipalName">[] {
  return distinctServicePrincipalNames(names).map((value) => ({ by: "servicePrincipalName", value }));
}

/** By what computers are found that bear these hosts' names, as far as their sAMAccountNames do not tell. */
export function dnsNameLookups(hosts: readonly string[], domain: Pick<DomainNames, "dnsName">): readonly NameLookup<"dNSHostName">[] {
  const names = new Set(hosts.map((host) => namesOfComputer(host, domain).dnsHostName));
  return [...names].map((value) => ({ by: "dNSHostName", value }));
}

/** What of an object it can be looked up by. */
export interface Named {
  readonly distinguishedName: string;
  readonly objectGUID: string;
  readonly samAccountName: string | undefined;
  readonly dnsHostName: string | undefined;
  readonly servicePrincipalNames: readonly string[];
}

/** Every key that the object answers to, but for its owner marker and its SID. */
export function keysOfObject(object: Named): readonly string[] {
  return [
    lookupKey("objectGUID", object.objectGUID),
    ...keysOfHost(object),
    ...object.servicePrincipalNames.map((name) => lookupKey("servicePrincipalName", name)),
  ];
}

/** Those of them by which a farm names a host. */
export function keysOfHost({
  samAccountName,
  dnsHostName,
  distinguishedName,
}: Pick<Named, "samAccountName" | "dnsHostName" | "distinguishedName">): readonly string[] {
  return [
    ...(samAccountName === undefined ? [] : [lookupKey("sAMAccountName", samAccountName)]),
    ...(dnsHostName === undefined ? [] : [lookupKey("dNSHostName", dnsHostName)]),
    lookupKey("distinguishedName", distinguishedName),
  ];
}

/** The first 48 bits of an objectGUID. They are random, so they tell the objects of one farm apart. NaN where it is none. */
export function numberOfGuid(objectGUID: string): number {
  return Number(`0x${objectGUID.slice(0, 8)}${objectGUID.slice(9, 13)}`);
}

/** Of each process another, so that it is hard to choose keys that meet. */
const [FACTOR = 0] = crypto.getRandomValues(new Uint32Array(1));

/** One number above 0 for each of very many, which have at most 31 bits. Each takes 11 to 32 bytes; in a Map, 56. */
export class NumberTable {
  /** Keys and their values by turns. The value is 0 where nothing ever was, and -1 where it was deleted. */
  #pairs = new Int32Array(32);
  #live = 0;
  /** With those that were deleted. */
  #used = 0;

  get(key: number): number | undefined {
    const value = this.#pairs[this.#find(key) + 1] ?? 0;
    return value > 0 ? value : undefined;
  }

  set(key: number, value: number): void {
    // Where it is fuller, what is not there is looked for too long.
    if (this.#used > (this.#pairs.length / 2) * 0.7) this.#rebuild();
    if (this.get(key) === undefined) this.#live++;
    if (this.#put(key, value) === 0) this.#used++;
  }

  delete(key: number): void {
    if (this.get(key) !== undefined && this.#put(key, -1) > 0) this.#live--;
  }

  /** Returns what was there. */
  #put(key: number, value: number): number {
    const place = this.#find(key);
    const before = this.#pairs[place + 1] ?? 0;
    this.#pairs[place] = key;
    this.#pairs[place + 1] = value;
    return before;
  }

  /** Where the key is, or else is put: from the highest bits of a product on, of which every bit of the key has a part. */
  #find(key: number): number {
    const mask = this.#pairs.length - 1;
    let place = 2 * (Math.imul(key, FACTOR | 1) >>> (Math.clz32(mask) + 1));
    while (this.#pairs[place + 1] !== 0 && this.#pairs[place] !== key) place = (place + 2) & mask;
    return place;
  }

  /** Without what was deleted; half is free then. */
  #rebuild(): void {
    const before = this.#pairs;
    this.#pairs = new Int32Array(Math.max(32, 2 ** Math.ceil(Math.log2(4 * this.#live))));
    this.#used = this.#live;
    for (let index = 1; index < before.length; index += 2) {
      const value = before[index] ?? 0;
      if (value > 0) this.#put(before[index - 1] ?? 0, value);
    }
  }
}
