import { expect, test } from "vitest";
import { parseConfig } from "../src/config.ts";

const HEAD = "apiVersion: serverfarm.dev/v1alpha1\nkind: OperatorConfiguration\n";

test("the shortest file has the defaults of the API", () => {
  expect(parseConfig(HEAD, "pod-ns")).toEqual({
    ok: true,
    config: {
      apiVersion: "serverfarm.dev/v1alpha1",
      kind: "OperatorConfiguration",
      namespace: "pod-ns",
      watchNamespaces: [],
      workers: 32,
      pods: { enabled: false, configMaps: false },
      leaderElection: { enabled: true, leaseName: "serverfarm-operator", leaseDuration: 15_000, renewDeadline: 10_000, retryPeriod: 2000 },
      metrics: { address: "0.0.0.0:8080", authentication: "None" },
      dns: { servers: [] },
      health: { address: "0.0.0.0:8081" },
      log: { level: "info", format: "json" },
    },
  });
});

test("every problem is reported at once, with line and column", () => {
  const text = `${HEAD}namespace: Not_A_Name
workers: 0
watchNamespace: [a]
leaderElection:
  leaseDuration: soon
  retryPeriod: 20s
metrics: {address: "8080"}
log:
  level: chatty
`;
  const result = parseConfig(text, undefined);
  expect(result.ok ? [] : result.problems.map(({ line, column, message }) => `${line}:${column}: ${message}`)).toEqual([
    "3:12: namespace: write a name of lower-case letters, digits and -, at most 63",
    "4:10: workers: Too small: expected number to be >=1",
    "5:17: watchNamespace: there is no such field; remove it",
    '7:18: leaderElection.leaseDuration: "soon" is not a duration of at least 1000 ms: write it like 15s',
    '9:20: metrics.address: write host:port, like "0.0.0.0:8080"',
    '11:10: log.level: Invalid option: expected one of "debug"|"info"|"warn"|"error"',
  ]);
});

test.each([
  ["no namespace anywhere", HEAD, "namespace: set it, or the environment variable POD_NAMESPACE"],
  ["an empty file", "", "apiVersion must be serverfarm.dev/v1alpha1"],
  ["another kind", "apiVersion: serverfarm.dev/v1alpha1\nkind: ServerFarm", "kind must be OperatorConfiguration"],
  ["YAML that is none", "a: [", "Flow sequence"],
  [
    "a deadline longer than the Lease",
    `${HEAD}leaderElection: {leaseDuration: 5s, renewDeadline: 6s}`,
    "renewDeadline must be shorter than leaseDuration",
  ],
  [
    "metrics that ask for tokens in the clear",
    `${HEAD}metrics: {authentication: Kubernetes}`,
    "metrics.authentication: Kubernetes needs metrics.tls: tokens must not be sent in the clear",
  ],
  ["a certificate without its key", `${HEAD}metrics: {tls: {certFile: a}}`, "metrics.tls.keyFile: "],
  ["a Lease without end", `${HEAD}leaderElection: {leaseDuration: 999999999h}`, '"999999999h" is longer than 1h'],
  ["ConfigMaps without Pods", `${HEAD}pods: {configMaps: true}`, "pods.configMaps: configMaps needs enabled"],
  [
    "a DNS server by its name",
    `${HEAD}dns: {servers: [10.0.0.10, dns1.contoso.com]}`,
    'dns.servers.1: "dns1.contoso.com" is no address of a DNS server',
  ],
  ["a DNS server on a port that is none", `${HEAD}dns: {servers: ["10.0.0.10:0"]}`, 'dns.servers.0: "10.0.0.10:0" is no address'],
  ["a DNS server that is a number", `${HEAD}dns: {servers: [10]}`, "dns.servers.0: write the address of a DNS server"],
  ["a list", "- a", "the file: "],
])("%s", (_, text, message) => {
  const result = parseConfig(text, undefined);
  expect(result.ok ? "" : result.problems.map((problem) => problem.message).join("\n")).toContain(message);
});

test("metrics over TLS, for whom the API server lets read them", () => {
  const metrics = { address: "[::]:8443", tls: { certFile: "/a.crt", keyFile: "/a.key" }, authentication: "Kubernetes" };
  expect(parseConfig(`${HEAD}namespace: x\nmetrics: ${JSON.stringify(metrics)}`, undefined)).toMatchObject({
    ok: true,
    config: { metrics },
  });
});

test.each(["10.0.0.10", "10.0.0.10:5353", "fd00::10", "[fd00::10]", "[fd00::10]:5353"])("%s is the address of a DNS server", (server) => {
  expect(parseConfig(`${HEAD}namespace: x\ndns: {servers: ["${server}"]}`, undefined)).toMatchObject({
    ok: true,
    config: { dns: { servers: [server] } },
  });
});

test.each(["0.0.0.0:8080", "[::]:8080", "[fd00::1]:0", "localhost:80"])("%s is an address", (address) => {
  expect(parseConfig(`${HEAD}namespace: x\nhealth: {address: "${address}"}`, undefined)).toMatchObject({
    ok: true,
    config: { health: { address } },
  });
});
