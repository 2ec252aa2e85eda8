/** What the audit log says, and what an auditor makes of it who has nothing else: the objects, and who may retrieve which password. */
import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { z } from "zod";
import { dnKey } from "../../src/names/distinguished-name.ts";
import { run } from "./process.ts";

const values = z.array(z.string()).optional();
/** What the lines of both kinds of writes have. */
const BOTH = {
  time: z.string(),
  level: z.literal("info"),
  logger: z.literal("audit"),
  reconcileID: z.string().optional(),
  serverFarm: z.object({ namespace: z.string(), name: z.string(), uid: z.string(), generation: z.number() }),
  cause: z.enum(["SpecChange", "Drift", "Quarantine", "Adoption", "Decommission"]),
  operation: z.enum(["Create", "Modify", "Delete"]),
  code: z.number().optional(),
  error: z.string().optional(),
};
const LINE = z.object({
  ...BOTH,
  domain: z.string(),
  server: z.string(),
  account: z.string(),
  objectClass: z.string().optional(),
  directoryObject: z.object({ dn: z.string(), guid: z.string().optional(), sid: z.string().optional() }),
  attributes: z.array(z.strictObject({ attribute: z.string(), before: values, after: values, added: values, removed: values })),
  result: z.enum(["Done", "Refused", "Unknown", "Found", "NotFound"]),
  write: z.string(),
  part: z.number(),
  parts: z.number(),
});
export type AuditLine = z.infer<typeof LINE>;

export function auditLines(log: string): readonly AuditLine[] {
  return linesOf(log, "a write to the directory").map((line) => LINE.parse(line));
}

/** Nothing else than this stands in one. */
const KUBERNETES_LINE = z.strictObject({
  ...BOTH,
  message: z.literal("a write to Kubernetes"),
  kubernetesObject: z.strictObject({
    apiVersion: z.string(),
    kind: z.enum(["GMSACredentialSpec", "Role", "RoleBinding", "ConfigMap"]),
    namespace: z.string().optional(),
    name: z.string(),
    uid: z.string().optional(),
  }),
  attributes: z.array(z.strictObject({ attribute: z.string(), before: values, after: values })),
  result: z.enum(["Done", "Refused", "Unknown"]),
});
export type KubernetesAuditLine = z.infer<typeof KUBERNETES_LINE>;

/** Of what is published for Pods. */
export function kubernetesAuditLines(log: string): readonly KubernetesAuditLine[] {
  return linesOf(log, "a write to Kubernetes").map((line) => KUBERNETES_LINE.parse(line));
}

function linesOf(log: string, message: string): readonly unknown[] {
  return log
    .split("\n")
    .filter((line) => line.includes('"logger":"audit"') && line.includes(`"message":"${message}"`) && line.endsWith("}"))
    .map((line): unknown => JSON.parse(line));
}

/** What a query of a page prints, by tabs, of the operator's log and that of the API server (a file). */
export async function queried(query: string, operatorLog: string, apiServerLog: string): Promise<readonly (readonly string[])[]> {
  const dir = await mkdtemp(`${tmpdir()}/serverfarm-audit-`);
  try {
    await writeFile(`${dir}/operator.log`, operatorLog);
    await copyFile(apiServerLog, `${dir}/apiserver-audit.log`);
    const printed = await run("bash", ["-euo", "pipefail", "-c", `cd ${dir}; ${query}`]);
    return printed.split("\n").map((line) => line.split("\t"));
  } finally {
    await rm(dir, { recursive: true });
  }
}

interface Known {
  readonly dn: string;
  readonly sid: string | undefined;
  /** All of it is known, and not only what was written. */
  readonly made: boolean;
  readonly values: Map<string, readonly string[]>;
  readonly members: Set<string>;
  /** Of an object that was there before: who is certainly not in. */
  readonly out: Set<string>;
}

/** By objectGUID. */
export type Trail = ReadonlyMap<string, Known>;

function unknown(made: boolean): Omit<Known, "dn" | "sid"> {
  return { made, values: new Map(), members: new Set(), out: new Set() };
}

/** Replays what was done. */
export function replay(lines: readonly AuditLine[]): Trail {
  const objects = new Map<string, Known>();
  for (const parts of Map.groupBy(
    lines.filter(({ result }) => result === "Done" || result === "Found"),
    ({ write }) => write,
  ).values()) {
    const [first] = parts;
    if (!first) continue;
    const { operation } = first;
    // Of what is made another line says later who it is.
    const object = (parts.find(({ directoryObject }) => directoryObject.guid) ?? first).directoryObject;
    const guid = object.guid ?? "";
    if (operation === "Delete") {
      const gone = dnKey(objects.get(guid)?.dn ?? object.dn);
      objects.delete(guid);
      for (const { members } of objects.values()) members.delete(gone);
      continue;
    }
    const made = operation === "Create";
    const known: Known = { ...(objects.get(guid) ?? unknown(made)), dn: object.dn, sid: object.sid };
    objects.set(guid, known);
    const all = parts.flatMap(({ attributes }) => attributes);
    for (const [attribute, pieces] of Map.groupBy(all, (one) => one.attribute)) {
      if (attribute !== "member")
        known.values.set(
          attribute,
          pieces.flatMap(({ after = [] }) => after),
        );
      for (const dn of pieces.flatMap(({ removed = [] }) => (attribute === "member" ? removed : []))) {
        known.members.delete(dnKey(dn));
        known.out.add(dnKey(dn));
      }
      for (const dn of pieces.flatMap(({ added = [] }) => (attribute === "member" ? added : []))) {
        known.members.add(dnKey(dn));
        known.out.delete(dnKey(dn));
      }
    }
  }
  return objects;
}

/** Keys of the computers that may retrieve the account's password. `computers`: their SIDs, by those keys. */
export function mayRetrieve(trail: Trail, { values: known }: Known, computers: ReadonlyMap<string, string>): readonly string[] {
  const list = known.get("msDS-GroupMSAMembership") ?? [];
  const named = (word: string): ReadonlySet<string> =>
    new Set(list.filter((entry) => entry.startsWith(`${word} `)).map((entry) => entry.slice(word.length + 1)));
  const [allowed, denied] = [named("allow"), named("deny")];
  const groups = [...trail.values()].filter(({ sid }) => sid !== undefined && allowed.has(sid));
  return [...computers]
    .filter(([key, sid]) => !denied.has(sid) && (allowed.has(sid) || groups.some(({ members }) => members.has(key))))
    .map(([key]) => key)
    .toSorted();
}
