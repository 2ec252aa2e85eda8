/**
 * Renders from the chart what is there for those without Helm: deploy/install.yaml, deploy/rbac.yaml, its rights and roles for tenants alone, and deploy/pods-rbac.yaml, what Pods need besides. The chart's copies of the
 * CRDs, the alerts, the dashboard, the rules of the admission policy and its own default values (templates cannot tell these from a user's) are brought up to date first, since Helm reads nothing outside its folder.
 *
 * `npm run render` writes them; with `--check` it writes nothing and exits 1 when one is stale. Needs helm, on the path or in KUBEBUILDER_ASSETS.
 */
import { readdir, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { admissionRules } from "./admission.ts";
import { dashboard } from "./dashboard.ts";
import { NAMESPACE_OBJECT, render, renderInstall } from "./rendering.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const CHART = `${ROOT}/deploy/chart`;
const HEADER = "# Rendered from deploy/chart by deploy/render.ts (npm run render). Do not edit.\n";
const POD_RIGHTS = `# What pods.enabled and pods.configMaps of the chart add, for those without Helm. Leave out the rule of configmaps where pods.configMaps stays false.
`;

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
await write(`${ROOT}/deploy/rbac.yaml`, `${HEADER}${NAMESPACE_OBJECT}${render(CHART, undefined, ...rights)}`);
const pods = ["--show-only", "templates/pods-rbac.yaml", "--set", "pods.enabled=true,pods.configMaps=true"];
await write(`${ROOT}/deploy/pods-rbac.yaml`, `${HEADER}${POD_RIGHTS}${render(CHART, undefined, ...pods)}`);
await write(`${ROOT}/deploy/install.yaml`, `${HEADER}${renderInstall(CHART, undefined)}`);
if (process.argv.includes("--check") && stale.length > 0) {
  process.stderr.write(`stale: ${stale.join(", ")}: run npm run render\n`);
  process.exitCode = 1;
}
