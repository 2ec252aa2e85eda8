/**
 * Renders from the chart what is there for those without Helm: deploy/install.yaml, deploy/rbac.yaml, its rights and roles for tenants alone, and deploy/pods-rbac.yaml, what Pods need besides. The chart's copies of the
 * CRDs, the alerts, the dashboard, the rules of the admission policy and its own default values (templates cannot tell these from a user's) are brought up to date first, since Helm reads nothing outside its folder.
 *
 * `npm run render` writes them; with `--check` it writes nothing and exits 1 when one is stale. Needs helm, on the path or in KUBEBUILDER_ASSETS.
 */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { admissionRules } from "./admission.ts";
import { dashboard } from "./dashboard.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const CHART = `${ROOT}/deploy/chart`;
const NAMESPACE = "serverfarm-system";
const NAMESPACE_OBJECT = `apiVersion: v1
kind: Namespace
metadata:
  name: ${NAMESPACE}
  labels:
    pod-security.kubernetes.io/enforce: restricted
`;
/** What a reader puts the image's place for. No image can be called so: where it still stands, the kubelet says InvalidImageName and asks nobody for it. */
const PLACEHOLDER = "<REPOSITORY>";
const HEADER = "# Rendered from deploy/chart by deploy/render.ts (npm run render). Do not edit.\n";
/** kubectl knows nothing of what Helm keeps. */
const WARNING = `# Name your image in it first, in place of ${PLACEHOLDER}: none is published. docs/install.md says how to build it.
# Never "kubectl delete -f" this file while there are farms: their CRDs would go, and with them every farm and what it owns in the directory.
# docs/install.md says how to uninstall.
`;

const POD_RIGHTS = `# What pods.enabled and pods.configMaps of the chart add, for those without Helm. Leave out the rule of configmaps where pods.configMaps stays false.
`;

function helm(...args: readonly string[]): string {
  const assets = process.env["KUBEBUILDER_ASSETS"];
  const command = assets !== undefined && existsSync(`${assets}/helm`) ? `${assets}/helm` : "helm";
  return execFileSync(command, [...args], { encoding: "utf8", maxBuffer: 64 << 20 });
}

/** Without what only Helm's own installations need. */
function render(...args: readonly string[]): string {
  const image = ["--set", "image.repository=placeholder/serverfarm-operator"];
  const text = helm("template", "serverfarm-operator", CHART, "--namespace", NAMESPACE, ...image, ...args);
  return text
    .replaceAll('image: "placeholder/', `image: "${PLACEHOLDER}/`)
    .replaceAll(/^(# Source: .*| +helm\.sh\/chart: .*| +app\.kubernetes\.io\/managed-by: .*)\n/gm, "");
}

const stale: string[] = [];

async function write(file: string, text: string): Promise<void> {
  const before = await readFile(file, "utf8").catch(() => "");
  if (before === text) return;
  stale.push(file.slice(ROOT.length));
  if (!process.argv.includes("--check")) await writeFile(file, text);
}

for (const name of await readdir(`${ROOT}/crds`)) {
  if (name.endsWith(".yaml")) await write(`${CHART}/files/crds/${name}`, await readFile(`${ROOT}/crds/${name}`, "utf8"));
}
for (const file of [`${ROOT}/deploy/monitoring/dashboard.json`, `${CHART}/files/dashboard.json`]) await write(file, dashboard());
await write(`${CHART}/files/values.yaml`, await readFile(`${CHART}/values.yaml`, "utf8"));
await write(`${CHART}/files/alerts.yaml`, await readFile(`${ROOT}/deploy/monitoring/alerts.yaml`, "utf8"));
await write(`${CHART}/files/admission.yaml`, admissionRules());
const rights = ["serviceaccount", "rbac", "tenant-roles"].flatMap((name) => ["--show-only", `templates/${name}.yaml`]);
await write(`${ROOT}/deploy/rbac.yaml`, `${HEADER}${NAMESPACE_OBJECT}${render(...rights)}`);
const pods = ["--show-only", "templates/pods-rbac.yaml", "--set", "pods.enabled=true,pods.configMaps=true"];
await write(`${ROOT}/deploy/pods-rbac.yaml`, `${HEADER}${POD_RIGHTS}${render(...pods)}`);
await write(`${ROOT}/deploy/install.yaml`, `${HEADER}${WARNING}${NAMESPACE_OBJECT}${render()}`);
if (process.argv.includes("--check") && stale.length > 0) {
  process.stderr.write(`stale: ${stale.join(", ")}: run npm run render\n`);
  process.exitCode = 1;
}
