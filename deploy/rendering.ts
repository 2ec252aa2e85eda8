/** What is rendered from the chart for those without Helm. */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";

const NAMESPACE = "serverfarm-system";
export const NAMESPACE_OBJECT = `apiVersion: v1
kind: Namespace
metadata:
  name: ${NAMESPACE}
  labels:
    pod-security.kubernetes.io/enforce: restricted
`;
/** Where a reader writes the image's repository. No image can be called so: where it still stands, the kubelet says InvalidImageName and asks nobody for it. */
const PLACEHOLDER = "<REPOSITORY>";
const NAME_THE_IMAGE = `# Name your image in it first, in place of ${PLACEHOLDER}: docs/install.md says how to build it.\n`;
/** kubectl knows nothing of what Helm keeps. */
const WARNING = `# Never "kubectl delete -f" this file while there are farms: their CRDs would go, and with them every farm and what it owns in the directory.
# docs/install.md says how to uninstall.
`;

/** Helm, from KUBEBUILDER_ASSETS or the path. */
export function helm(...args: readonly string[]): string {
  const assets = process.env["KUBEBUILDER_ASSETS"];
  const command = assets !== undefined && existsSync(`${assets}/helm`) ? `${assets}/helm` : "helm";
  return execFileSync(command, [...args], { encoding: "utf8", maxBuffer: 64 << 20 });
}

/** A chart's objects, with a place for the image's repository where none is given, and without what only Helm's own installations need. */
export function render(chart: string, image: string | undefined, ...args: readonly string[]): string {
  const repository = image ?? "placeholder/serverfarm-operator";
  const text = helm("template", "serverfarm-operator", chart, "--namespace", NAMESPACE, "--set", `image.repository=${repository}`, ...args);
  return text
    .replaceAll('image: "placeholder/', `image: "${PLACEHOLDER}/`)
    .replaceAll(/^(# Source: .*| +helm\.sh\/chart: .*| +app\.kubernetes\.io\/managed-by: .*)\n/gm, "");
}

/** The whole chart as one file for kubectl. */
export function renderInstall(chart: string, image: string | undefined): string {
  return `${image === undefined ? NAME_THE_IMAGE : ""}${WARNING}${NAMESPACE_OBJECT}${render(chart, image)}`;
}
