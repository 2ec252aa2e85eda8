/** Manifests as the API server would have them: defaults, schema and admission by kubectl's own dry run, so that a plan means what an apply would do. */
import { execFile } from "node:child_process";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { z } from "zod";
import type { ServerFarm } from "../api/generated/server-farm.ts";
import { field } from "../kubernetes/resource.ts";
import { UsageError } from "./inputs.ts";
import { readGiven, type Terminal } from "./terminal.ts";
import type { ClusterOptions } from "./user-cluster.ts";

export interface ManifestOptions extends ClusterOptions {
  readonly filename?: readonly string[] | undefined;
  /** As the apply will be: --server-side keeps what other field managers set. */
  readonly serverSide?: boolean | undefined;
}

/** The farms of the files, as they would be once applied. Rejects with a UsageError that has what the API server refuses. */
export async function dryRun(options: ManifestOptions, terminal: Terminal): Promise<readonly ServerFarm[]> {
  const { filename = [] } = options;
  const documents = (await Promise.all(filename.map((file) => readManifests(file, terminal)))).flat();
  const items = documents.filter((one) => field(one, "kind") === "ServerFarm");
  if (items.length === 0) throw new UsageError(`There is no ServerFarm in ${filename.join(", ")}: give a file that has one.`);
  const others = documents.length - items.length;
  if (others > 0) terminal.err.write(`${others} other objects are not part of the plan.\n`);
  return await dryRunOf(items, options);
}

/** The same of manifests that are no file. */
export async function dryRunOf(items: readonly unknown[], options: ManifestOptions): Promise<readonly ServerFarm[]> {
  if (items.length === 0) return [];
  const { serverSide, namespace, kubeconfig, context } = options;
  const found = await kubectlApply(JSON.stringify({ apiVersion: "v1", kind: "List", items }), [
    ...(serverSide === true ? ["--server-side"] : []),
    ...(namespace === undefined ? [] : ["--namespace", namespace]),
    ...(kubeconfig === undefined ? [] : ["--kubeconfig", kubeconfig]),
    ...(context === undefined ? [] : ["--context", context]),
  ]);
  const objects = field(found, "kind") === "List" ? field(found, "items") : [found];
  const farms = Array.isArray(objects) ? objects.filter(isFarm) : [];
  if (farms.length === items.length) return farms;
  throw new UsageError("kubectl apply --dry-run=server printed something else than the farms: is kubectl as new as the cluster?");
}

/** What would be created has no resourceVersion yet. */
const dried = z.looseObject({
  metadata: z.looseObject({ name: z.string(), namespace: z.string(), uid: z.string() }),
  spec: z.looseObject({}),
});
const isFarm = (value: unknown): value is ServerFarm => dried.safeParse(value).success;

/** Of a folder, every file that ends as a manifest does. */
async function readManifests(file: string, terminal: Terminal): Promise<readonly unknown[]> {
  try {
    if (file === "-" || !(await stat(file)).isDirectory()) return parse(file, await readGiven(file, terminal));
    const names = (await readdir(file)).filter((name) => /\.(ya?ml|json)$/.test(name)).toSorted();
    return (await Promise.all(names.map(async (name) => parse(join(file, name), await readGiven(join(file, name), terminal))))).flat();
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

function parse(file: string, text: string): readonly unknown[] {
  return parseAllDocuments(text).flatMap((document): readonly unknown[] => {
    const [error] = document.errors;
    if (error) throw new UsageError(`${file}: ${error.message.replace(/\n[\s\S]*$/, "")}`);
    const value: unknown = document.toJS();
    const items = field(value, "items");
    if (Array.isArray(items)) return items.map((item: unknown) => item);
    return value === null ? [] : [value];
  });
}

function kubectlApply(manifests: string, options: readonly string[]): Promise<unknown> {
  const args = ["apply", "--dry-run=server", "--output=json", "--filename=-", ...options];
  return new Promise((resolve, reject) => {
    const child = execFile("kubectl", args, { maxBuffer: 1 << 30, timeout: 300_000 }, (error, out, err) => {
      if (!error) resolve(JSON.parse(out));
      else if (error.code === "ENOENT") reject(new UsageError("kubectl is not on the PATH: plan -f needs it for the server's dry run."));
      else reject(new UsageError(`The API server does not take the manifests:\n${withoutWarnings(err) || error.message}`));
    });
    // Where kubectl ends early, its exit code says why.
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(manifests);
  });
}

function withoutWarnings(text: string): string {
  return text
    .split("\n")
    .filter((line) => !line.startsWith("Warning: "))
    .join("\n")
    .trim();
}
