/** What GitOps tools make of every state of a farm and of a domain: Argo CD by Lua, Flux by CEL, and whoever knows kstatus (Helm 4, kubectl-based tools). */
import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import type { ActiveDirectoryDomain } from "../../src/api/generated/active-directory-domain.ts";
import type { DomainObservation } from "../../src/ad/domain.ts";
import { plan } from "../../src/farm/plan/index.ts";
import type { ServerFarm, ServerFarmStatus } from "../../src/api/generated/server-farm.ts";
import { domainFindings, domainStatus, type DomainProblem, type DomainView } from "../../src/domain/findings.ts";
import { suspendedStatus, unknownStatus } from "../../src/farm/status/not-looked.ts";
import { outcome } from "../../src/farm/status/outcome.ts";
import { reconcile } from "../../src/reconciler/farm.ts";
import { domainOf } from "../domain/manifests.ts";
import { BASE, computer, desired, directoryObject, farm, SimulatedDirectory } from "../farm/simulation.ts";
import { programMissing, run } from "../harness/process.ts";
import { ROOT } from "../harness/root.ts";
import { evaluateWith } from "../sandbox/kubernetes/cel.ts";

const NOW = new Date("2026-11-25T00:00:00Z");
type Spec = NonNullable<Parameters<typeof farm>[0]>;

async function after(spec: Spec): Promise<ServerFarmStatus> {
  const wanted = desired(spec);
  const holder = directoryObject({ distinguishedName: `CN=DB,CN=Computers,${BASE}`, servicePrincipalNames: ["http/taken"] });
  const report = await reconcile(
    wanted,
    new SimulatedDirectory([holder], ["WEB01"].map(computer)),
    {
      scope: "Names",
      plan,
      assertFresh: spec.managementPolicy === "Observe" ? undefined : () => Promise.resolve(),
      ordered: false,
    },
    new AbortController().signal,
  );
  return outcome(farm(spec), wanted, report, NOW).status;
}

const READY = { hosts: { computers: ["WEB01"] } };
const deleted = (): ServerFarm => {
  const value = farm(READY);
  return { ...value, metadata: { ...value.metadata, deletionTimestamp: NOW.toISOString() } };
};

type State<T> = readonly [state: string, object: () => Promise<T> | T, kstatus: string, argo: string, flux: string];

/** Every state that a farm can be in, and what each tool should say of it. */
const STATES: readonly State<ServerFarm>[] = [
  ["just applied", () => ({ ...farm(READY), status: { observedGeneration: -1 } }), "InProgress", "Progressing", "inProgress"],
  ["ready", async () => ({ ...farm(READY), status: await after(READY) }), "Current", "Healthy", "current"],
  [
    "changed, and not looked at yet",
    async () => ({ ...farm(READY, undefined, 2), status: await after(READY) }),
    "InProgress",
    "Progressing",
    "inProgress",
  ],
  [
    "a host has not joined the domain yet",
    async () => ({ ...farm(READY), status: await after({ hosts: { computers: ["WEB01", "NEW01"] } }) }),
    "InProgress",
    "Progressing",
    "inProgress",
  ],
  [
    "another account holds an SPN",
    async () => ({ ...farm(READY), status: await after({ servicePrincipalNames: ["http/taken"] }) }),
    "Failed",
    "Degraded",
    "failed",
  ],
  [
    "the domain is not ready",
    () => ({ ...farm(READY), status: unknownStatus(farm(READY), "DomainNotReady", "down", NOW) }),
    "InProgress",
    "Progressing",
    "inProgress",
  ],
  [
    "only observed, with changes to be done",
    async () => ({ ...farm(READY), status: await after({ ...READY, managementPolicy: "Observe" }) }),
    "InProgress",
    "Progressing",
    "inProgress",
  ],
  ["suspended", () => ({ ...farm(READY), status: suspendedStatus(farm(READY), NOW) }), "InProgress", "Suspended", "current"],
  [
    "being deleted",
    () => ({ ...deleted(), status: unknownStatus(deleted(), "Deleting", "…", NOW) }),
    "Terminating",
    "Progressing",
    "inProgress",
  ],
  [
    "deleted, and somebody has to act",
    () => ({ ...deleted(), status: unknownStatus(deleted(), "DeletionBlocked", "…", NOW, { stalled: true }) }),
    "Terminating",
    "Degraded",
    "failed",
  ],
];

const DOMAIN = domainOf();

const OBSERVED: DomainObservation = {
  url: "ldaps://dc1.contoso.com",
  dnsHostName: "dc1.contoso.com",
  baseDN: BASE,
  functionalLevel: 7,
  invocationId: undefined,
  schemaVersion: 88,
  domainSID: undefined,
  objectGUID: undefined,
  forestDNSName: undefined,
  netBIOSName: "CONTOSO",
  machineAccountQuota: 10,
  wellKnownContainers: [],
  servicePrincipalNameMappings: new Map(),
  account: "svc-farms@contoso.com",
  kdsRootKey: { kind: "NotSeen" },
  missingRights: [],
};

/** As the operator writes it. */
function domainAs(view: DomainView): ActiveDirectoryDomain {
  return { ...DOMAIN, status: domainStatus(DOMAIN, view, domainFindings(view, NOW), 0, NOW) };
}
const connected = (what: Partial<DomainObservation>): ActiveDirectoryDomain =>
  domainAs({ kind: "Connected", observation: { ...OBSERVED, ...what }, tookOverAt: undefined });
const problem = (reason: DomainProblem["reason"]): ActiveDirectoryDomain =>
  domainAs({ kind: "Problem", problem: { reason, message: "…" } });

/** The same for domains. */
const DOMAIN_STATES: readonly State<ActiveDirectoryDomain>[] = [
  ["just applied", () => ({ ...DOMAIN, status: { observedGeneration: -1 } }), "InProgress", "Progressing", "inProgress"],
  ["being connected", () => domainAs({ kind: "Connecting" }), "InProgress", "Progressing", "inProgress"],
  ["ready, its KDS root key not visible", () => connected({}), "Current", "Healthy", "current"],
  [
    "ready, with a right missing",
    () => connected({ missingRights: [{ kind: "CreateChild", container: BASE, objectClass: "group" }] }),
    "Current",
    "Healthy",
    "current",
  ],
  [
    "waiting for its KDS root key",
    () => connected({ kdsRootKey: { kind: "Seen", usableFrom: NOW.getTime() + 1000 } }),
    "InProgress",
    "Progressing",
    "inProgress",
  ],
  ["too old in its schema", () => connected({ schemaVersion: 47 }), "Failed", "Degraded", "failed"],
  ["not to be reached", () => problem("DirectoryUnavailable"), "InProgress", "Progressing", "inProgress"],
  ["refusing the credentials", () => problem("CredentialsRejected"), "Failed", "Degraded", "failed"],
  ["of another CA", () => problem("CertificateUntrusted"), "Failed", "Degraded", "failed"],
];

/** The rules of kstatus (sigs.k8s.io/cli-utils/pkg/kstatus) for objects with these conditions. */
function kstatusOf({ metadata, status }: ServerFarm | ActiveDirectoryDomain): string {
  const is = (type: string): boolean =>
    status?.conditions?.some((condition) => condition.type === type && condition.status === "True") ?? false;
  if (metadata.deletionTimestamp !== undefined) return "Terminating";
  if (status?.observedGeneration !== metadata.generation) return "InProgress";
  if (is("Stalled")) return "Failed";
  if (is("Reconciling")) return "InProgress";
  const ready = status?.conditions?.find(({ type }) => type === "Ready");
  return ready === undefined || ready.status === "True" ? "Current" : "InProgress";
}

/** As a Lua table. */
function toLua(value: unknown): string {
  if (Array.isArray(value)) return `{${value.map(toLua).join(",")}}`;
  if (typeof value === "object" && value !== null)
    return `{${Object.entries(value)
      .map(([key, item]) => `[${JSON.stringify(key)}]=${toLua(item)}`)
      .join(",")}}`;
  return JSON.stringify(value ?? null).replace(/^null$/, "nil");
}

const missing = await programMissing(["lua5.1", "-v"]);
if (missing !== undefined && process.env["REQUIRE_REAL"] === "1") throw new Error(missing);

const flux = z
  .array(z.object({ kind: z.string(), current: z.string(), failed: z.string(), inProgress: z.string() }))
  .parse(parse(await readFile(`${ROOT}/deploy/gitops/flux-health.yaml`, "utf8")));

const ALL: readonly { readonly kind: string; readonly state: State<ServerFarm | ActiveDirectoryDomain> }[] = [
  ...STATES.map((state) => ({ kind: "ServerFarm", state })),
  ...DOMAIN_STATES.map((state) => ({ kind: "ActiveDirectoryDomain", state })),
];

describe.each(ALL)("a $kind that is: $state.0", ({ kind, state: [, object, kstatus, argo, fluxState] }) => {
  test("kstatus", async () => {
    expect(kstatusOf(await object())).toBe(kstatus);
  });

  test.skipIf(missing !== undefined)("Argo CD", async () => {
    const script = await readFile(`${ROOT}/deploy/gitops/argocd-health.lua`, "utf8");
    const said = await run("lua5.1", ["-"], {
      input: `obj = ${toLua(await object())}\nlocal health = (function() ${script} end)()\nprint(health.status)`,
    });
    expect(said.trim()).toBe(argo);
  });

  test("Flux", async () => {
    const found = flux.find((expressions) => expressions.kind === kind);
    if (!found) throw new Error(`no expressions for ${kind}`);
    const { metadata, status } = z.object({ metadata: z.json(), status: z.json() }).parse(JSON.parse(JSON.stringify(await object())));
    // As Flux does: failed goes before current.
    const states = (["failed", "current", "inProgress"] as const).filter(
      (name) => evaluateWith(found[name], { metadata, status }) === true,
    );
    expect(states[0]).toBe(fluxState);
  });
});

test("the page says the same", async () => {
  const page = await readFile(`${ROOT}/docs/gitops.md`, "utf8");
  for (const {
    state: [name, , kstatus, argo, fluxState],
  } of ALL)
    expect(page).toContain(`| ${name} | ${kstatus} | ${argo} | ${fluxState} |`);
});
