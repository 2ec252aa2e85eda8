/** OperatorConfiguration: one YAML file, every problem in it reported at once, with line and column. */
import { isNode, LineCounter, parseDocument } from "yaml";
import { z } from "zod";
import { parseDuration } from "./base/duration.ts";
import { isDnsServer } from "./base/dns-server.ts";
import { LOG_FORMATS, LOG_LEVELS } from "./telemetry/log.ts";

export interface ConfigProblem {
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

/** No Lease is longer: nobody waits longer for a leader, and a timer of Node takes what is above 24 days for none at all. */
const LONGEST = 3_600_000;

/** Milliseconds. */
const duration = (least: number) =>
  z.string({ error: "write a duration like 15s" }).transform((text, context) => {
    const milliseconds = parseDuration(text);
    if (milliseconds !== undefined && milliseconds >= least && milliseconds <= LONGEST) return milliseconds;
    const problem = milliseconds !== undefined && milliseconds > LONGEST ? "longer than 1h" : `not a duration of at least ${least} ms`;
    context.addIssue({ code: "custom", message: `${JSON.stringify(text)} is ${problem}: write it like 15s` });
    return z.NEVER;
  });

const address = z.string().regex(/^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+):\d{1,5}$/, { error: 'write host:port, like "0.0.0.0:8080"' });
const file = z.string().min(1, { error: "write the path of a file" });
const dnsLabel = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, { error: "write a name of lower-case letters, digits and -, at most 63" });
const dnsName = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/, { error: "write a name of lower-case letters, digits, - and ., at most 253" });

const dnsServer = z.string({ error: "write the address of a DNS server, like 10.0.0.10" }).refine(isDnsServer, {
  error: ({ input }) =>
    `${JSON.stringify(input)} is no address of a DNS server: write it like 10.0.0.10, 10.0.0.10:5353 or "[fd00::10]:53"`,
});

const schema = z.strictObject({
  apiVersion: z.literal("serverfarm.dev/v1alpha1", { error: "apiVersion must be serverfarm.dev/v1alpha1" }),
  kind: z.literal("OperatorConfiguration", { error: "kind must be OperatorConfiguration" }),
  namespace: dnsLabel.optional(),
  watchNamespaces: z.array(dnsLabel).default([]),
  workers: z.int().min(1).max(100).default(32),
  /** GMSACredentialSpecs for Pods, and ConfigMaps with the same: the operator uses rights for them where they are enabled, and only there. */
  pods: z
    .strictObject({ enabled: z.boolean().default(false), configMaps: z.boolean().default(false) })
    .prefault({})
    .refine(({ enabled, configMaps }) => enabled || !configMaps, {
      path: ["configMaps"],
      message: "configMaps needs enabled: set pods.enabled to true",
    }),
  leaderElection: z
    .strictObject({
      enabled: z.boolean().default(true),
      leaseName: dnsName.default("serverfarm-operator"),
      leaseDuration: duration(1000).default(15_000),
      renewDeadline: duration(500).default(10_000),
      retryPeriod: duration(100).default(2000),
    })
    .prefault({})
    .refine((value) => value.leaseDuration > value.renewDeadline, {
      path: ["renewDeadline"],
      message: "renewDeadline must be shorter than leaseDuration",
    })
    .refine((value) => value.renewDeadline > value.retryPeriod, {
      path: ["retryPeriod"],
      message: "retryPeriod must be shorter than renewDeadline",
    }),
  metrics: z
    .strictObject({
      address: address.default("0.0.0.0:8080"),
      tls: z.strictObject({ certFile: file, keyFile: file }).optional(),
      /** Kubernetes: who has a token that the API server knows, and may get the nonResourceURL /metrics. */
      authentication: z.enum(["None", "Kubernetes"]).default("None"),
    })
    .prefault({})
    .refine(({ tls, authentication }) => tls !== undefined || authentication === "None", {
      path: ["authentication"],
      message: "Kubernetes needs metrics.tls: tokens must not be sent in the clear",
    }),
  /** By these spec.discovery of domains finds domain controllers and their addresses; none: the system's. */
  dns: z.strictObject({ servers: z.array(dnsServer).max(8).default([]) }).prefault({}),
  health: z.strictObject({ address: address.default("0.0.0.0:8081") }).prefault({}),
  log: z.strictObject({ level: z.enum(LOG_LEVELS).default("info"), format: z.enum(LOG_FORMATS).default("json") }).prefault({}),
});

/** Times in milliseconds. */
export type OperatorConfiguration = z.infer<typeof schema> & { readonly namespace: string };

export type ConfigResult =
  | { readonly ok: true; readonly config: OperatorConfiguration }
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

/** `podNamespace` is what `namespace` defaults to: POD_NAMESPACE. */
export function parseConfig(text: string, podNamespace: string | undefined): ConfigResult {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number, message: string): ConfigProblem => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1), message };
  };
  if (document.errors.length > 0) return { ok: false, problems: document.errors.map((error) => at(error.pos[0], error.message)) };
  const result = schema.safeParse(document.toJS() ?? {});
  const problems: ConfigProblem[] = [];
  for (const issue of result.error?.issues ?? []) {
    const path = issue.path.map(String);
    const field = path.join(".");
    const unknown = issue.code === "unrecognized_keys" ? issue.keys : undefined;
    for (const key of unknown ?? [])
      problems.push(at(offsetOf(document, [...path, key]), `${[...path, key].join(".")}: there is no such field; remove it`));
    if (!unknown) problems.push(at(offsetOf(document, path), `${field === "" ? "the file" : field}: ${issue.message}`));
  }
  const namespace = result.data?.namespace ?? podNamespace;
  if (result.success && namespace !== undefined && namespace !== "") return { ok: true, config: { ...result.data, namespace } };
  if (result.success)
    problems.push(at(0, "namespace: set it, or the environment variable POD_NAMESPACE; the operator's Secrets and Lease live there"));
  return { ok: false, problems: problems.toSorted((a, b) => a.line - b.line || a.column - b.column) };
}

/** Where a field stands; where it is missing, its nearest parent. */
function offsetOf(document: ReturnType<typeof parseDocument>, path: readonly string[]): number {
  for (let length = path.length; length >= 0; length--) {
    const node: unknown = length === 0 ? document.contents : document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return node.range[0];
  }
  return 0;
}
