/**
 * The kinds of the Prometheus operator, with the fields that the chart writes, as its own CRDs have them. The API server refuses other fields, where it
 * is asked to be strict.
 */

const TEXT = { type: "string" };
const FLAG = { type: "boolean" };
const TEXTS = { type: "object", additionalProperties: TEXT };
const DURATION = {
  type: "string",
  pattern: "^(0|(([0-9]+)y)?(([0-9]+)w)?(([0-9]+)d)?(([0-9]+)h)?(([0-9]+)m)?(([0-9]+)s)?(([0-9]+)ms)?)$",
};
const listOf = (items: object): object => ({ type: "array", items });
const object = (properties: Readonly<Record<string, object>>, ...required: readonly string[]): object => ({
  type: "object",
  properties,
  ...(required.length > 0 && { required }),
});

const ACTIONS = [
  ...["replace", "Replace", "keep", "Keep", "drop", "Drop", "hashmod", "HashMod", "labelmap", "LabelMap", "labeldrop", "LabelDrop"],
  ...["labelkeep", "LabelKeep", "lowercase", "Lowercase", "uppercase", "Uppercase", "keepequal", "KeepEqual", "dropequal", "DropEqual"],
];
const RELABELINGS = listOf(
  object({
    action: { ...TEXT, enum: ACTIONS },
    modulus: { type: "integer", format: "int64" },
    regex: TEXT,
    replacement: TEXT,
    separator: TEXT,
    sourceLabels: listOf(TEXT),
    targetLabel: TEXT,
  }),
);
const SECRET_KEY = object({ name: TEXT, key: TEXT, optional: FLAG }, "key");
const ENDPOINT = {
  port: TEXT,
  honorLabels: FLAG,
  interval: DURATION,
  scrapeTimeout: DURATION,
  scheme: { ...TEXT, enum: ["http", "https", "HTTP", "HTTPS"] },
  tlsConfig: object({ serverName: TEXT, ca: object({ secret: SECRET_KEY }) }),
  authorization: object({ type: TEXT, credentials: SECRET_KEY }),
  relabelings: RELABELINGS,
  metricRelabelings: RELABELINGS,
};
const SELECTOR = object({ matchLabels: TEXTS });
const RULE = object(
  {
    alert: TEXT,
    expr: { "x-kubernetes-int-or-string": true, anyOf: [{ type: "integer" }, TEXT] },
    for: DURATION,
    labels: TEXTS,
    annotations: TEXTS,
  },
  "expr",
);
const GROUPS = {
  ...listOf(object({ name: { ...TEXT, minLength: 1 }, rules: listOf(RULE) }, "name")),
  "x-kubernetes-list-type": "map",
  "x-kubernetes-list-map-keys": ["name"],
};

export const MONITORING_CRDS: readonly object[] = (
  [
    ["PodMonitor", "podmonitors", object({ selector: SELECTOR, podMetricsEndpoints: listOf(object(ENDPOINT)) }, "selector")],
    [
      "ServiceMonitor",
      "servicemonitors",
      // Only this kind may read Prometheus' own token.
      object({ selector: SELECTOR, endpoints: listOf(object({ ...ENDPOINT, bearerTokenFile: TEXT })) }, "selector", "endpoints"),
    ],
    ["PrometheusRule", "prometheusrules", object({ groups: GROUPS })],
  ] as const
).map(([kind, plural, spec]) => ({
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: `${plural}.monitoring.coreos.com` },
  spec: {
    group: "monitoring.coreos.com",
    scope: "Namespaced",
    names: { kind, plural, singular: kind.toLowerCase(), listKind: `${kind}List` },
    versions: [
      {
        name: "v1",
        served: true,
        storage: true,
        schema: { openAPIV3Schema: object({ apiVersion: TEXT, kind: TEXT, metadata: { type: "object" }, spec }, "spec") },
      },
    ],
  },
}));
