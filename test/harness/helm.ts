/** Helm, from KUBEBUILDER_ASSETS, and what it renders from the chart. */
import { parseAllDocuments } from "yaml";
import { z } from "zod";
import { kubeAssets, kubeMissing } from "./kube.ts";
import { SYSTEM } from "./manifests.ts";
import { run } from "./process.ts";
import { ROOT } from "./root.ts";

export const CHART = `${ROOT}/deploy/chart`;
export const RELEASE = "serverfarm-operator";
/** The chart has no image of its own. What comes after this wins, and every `--set`. */
export const IMAGE = ["--set-json", 'image.repository="example.com/serverfarm-operator"'];

/** Undefined where charts can be rendered and installed here; else why not. */
export async function helmMissing(): Promise<string | undefined> {
  try {
    await run(`${kubeAssets()}/helm`, ["version"]);
    return kubeMissing();
  } catch {
    return `helm not found in ${kubeAssets()}`;
  }
}

export const helm = (...args: readonly string[]): Promise<string> => run(`${kubeAssets()}/helm`, args);
export const template = (...args: readonly string[]): Promise<string> =>
  helm("template", RELEASE, CHART, "--namespace", SYSTEM, ...IMAGE, ...args);

const rule = z.object({
  apiGroups: z.array(z.string()).default([]),
  resources: z.array(z.string()).default([]),
  resourceNames: z.array(z.string()).optional(),
  verbs: z.array(z.string()),
});
export const rendered = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({ name: z.string(), namespace: z.string().optional(), labels: z.record(z.string(), z.string()).optional() }),
  rules: z.array(rule).optional(),
});
type Rendered = z.infer<typeof rendered>;

export function parseRendered(text: string): readonly Rendered[] {
  return parseAllDocuments(text).flatMap((document) => {
    const value: unknown = document.toJS({ maxAliasCount: -1 });
    return value === null || value === undefined ? [] : [rendered.parse(value)];
  });
}
