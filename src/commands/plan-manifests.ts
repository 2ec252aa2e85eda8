/** Manifests as the API server would have them: defaults, schema and admission by kubectl's own dry run, so that a plan means what an apply would do. */
import { execFile } from "node:child_process";
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
  const documents = await readManifests(filename, terminal);
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
  const args = [
    ...["apply", "--dry-run=server", "--output=json", "--filename=-"],
    ...(serverSide === true ? ["--server-side"] : []),
    ...(namespace === undefined ? [] : ["--namespace", namespace]),
    ...(kubeconfig === undefined ? [] : ["--kubeconfig", kubeconfig]),
    ...(context === undefined ? [] : ["--context", context]),
  ];
  const list = JSON.stringify({ apiVersion: "v1", kind: "List", items });
  const found: unknown = JSON.parse(await kubectl(args, list, (message) => `The API server does not take the manifests:\n${message}`));
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

/**
 * What the files have, read by kubectl itself, for its YAML is not that of other programs: to the one a line ends, or a text is a truth value, where to the
 * other it does not. Nothing is sent to the cluster.
 */
async function readManifests(files: readonly string[], terminal: Terminal): Promise<readonly unknown[]> {
  const input = files.includes("-") ? await readGiven("-", terminal) : "";
  // It takes away an annotation that nobody has.
  const args = ["annotate", "--local", "--output=json", ...files.map((file) => `--filename=${file}`), "serverfarm.dev/none-"];
  const printed = await kubectl(args, input, (message) => `The files cannot be read: ${message}`);
  // One object after the other, indented.
  const objects = printed.split(/^(?<=^\}\n)/m).filter((text) => text.trim() !== "");
  return objects.map((text): unknown => JSON.parse(text));
}

function kubectl(args: readonly string[], input: string, failed: (message: string) => string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile("kubectl", args, { maxBuffer: 1 << 30, timeout: 300_000 }, (error, out, err) => {
      if (!error) resolve(out);
      else if (error.code === "ENOENT")
        reject(new UsageError("kubectl is not on the PATH: plan -f and import need it for the server's dry run."));
      else reject(new UsageError(failed(withoutWarnings(err) || error.message)));
    });
    // Where kubectl ends early, its exit code says why.
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(input);
  });
}

function withoutWarnings(text: string): string {
  return text
    .split("\n")
    .filter((line) => !line.startsWith("Warning: "))
    .join("\n")
    .trim();
}
