/**
 * The Grafana dashboard, as data: the operator as a whole, one domain, one farm. `npm run render` writes it to deploy/monitoring/dashboard.json and into
 * the chart.
 *
 * `controller_runtime_…` and the like are metrics that other operators have too: they are told apart by the controllers' names, or by standing on a
 * target that also says `serverfarm_build_info`.
 */
import { DashboardBuilder, DatasourceVariableBuilder } from "@grafana/grafana-foundation-sdk/dashboard";
import { addRows, clusters, graph, HALF, IN, list, number, quantiles, RATE, variable } from "./dashboard-panels.ts";
import { SEARCH_AND_PODS } from "./dashboard-search-pods.ts";

const CONTROLLERS = `${IN}, controller=~"serverfarm|activedirectorydomain"`;
const QUEUES = `${IN}, name=~"serverfarm|activedirectorydomain"`;
const HERE = `and on (cluster, job, instance) serverfarm_build_info{${IN}}`;
/** A suspended farm is not in the one, a farm that was never looked at not in the other. */
const ANY_FARM = `__name__=~"serverfarm_farm_(ready|hosts)", ${IN}`;
const DOMAIN_NOW = `${IN}, domain="$domain"`;
const FARM = `${IN}, namespace="$namespace", name="$farm"`;
/** As the alert has it, in seconds. */
const OVERDUE = `(time() - max by (cluster, namespace, name) (serverfarm_farm_password_next_change_timestamp_seconds{${IN}}) > 259200 and on (cluster, namespace, name) serverfarm_farm_ready{${IN}})`;

const OVERVIEW = [
  number("Leads", `min(max by (cluster, namespace, name) (leader_election_master_status{${IN}} ${HERE})) or vector(0)`, {
    bad: { below: 1 },
    description: "1 while a replica holds the Lease: in each cluster and each installation, where several are shown.",
  }),
  number("Replicas", `count(serverfarm_build_info{${IN}})`, {
    description: "Replicas that Prometheus scrapes: the leader, and those that wait.",
  }),
  number("Farms", `count(count by (cluster, namespace, name) ({${ANY_FARM}}))`, {
    description: "All ServerFarms that the operator serves, suspended ones too.",
  }),
  number("Farms not ready", `count(serverfarm_farm_ready{${IN}} == 0) or vector(0)`, {
    bad: { from: 1 },
    description: "Farms of which not everything is in the directory. The list below says which, and why.",
  }),
  number("Domains not ready", `count(serverfarm_domain_ready{${IN}} == 0) or vector(0)`, {
    bad: { from: 1 },
    description: "Domains in which the operator cannot work. Their farms wait; hosts keep what they have.",
  }),
  number(
    "Hosts without the right",
    `sum(serverfarm_farm_hosts{${IN}, state="desired"}) - sum(serverfarm_farm_hosts{${IN}, state="granted"})`,
    {
      bad: { from: 1 },
      description: "Hosts that farms name and that may not retrieve the password: not found, not trusted, or not there yet.",
    },
  ),
  number("Farms without a domain", `count(serverfarm_farm_condition{${IN}, condition="Ready", reason="DomainNotFound"}) or vector(0)`, {
    bad: { from: 1 },
    description: "Farms that name an ActiveDirectoryDomain which does not exist.",
  }),
  number("Passwords overdue", `count(${OVERDUE}) or vector(0)`, {
    bad: { from: 1 },
    description:
      "Accounts whose password no host has asked for since it was due to change, more than three days ago: the old one is still good.",
  }),
  list(
    "Farms that are not ready",
    `serverfarm_farm_condition{${IN}, condition="Ready", status!="True", reason!="Suspended"} == 1`,
    ["cluster", "namespace", "name", "reason", "status"],
    {
      description: "And why. `kubectl describe farm` says what to do.",
    },
  ),
  graph(
    "Farms",
    [
      [`sum(serverfarm_farm_ready{${IN}})`, "ready"],
      [`count(serverfarm_farm_ready{${IN}} == 0) or vector(0)`, "not ready"],
    ],
    { description: "How many farms were ready, and how many were not. Suspended ones are in neither." },
  ),
  graph(
    "Reconciles",
    [[`sum by (controller, result) (rate(controller_runtime_reconcile_total{${CONTROLLERS}}${RATE}))`, "{{controller}} {{result}}"]],
    {
      unit: "reqps",
      description: "How often farms and domains are looked at, and how it ends. Many errors: see the operator's log.",
    },
  ),
  graph("Duration of a reconcile", quantiles("controller_runtime_reconcile_time_seconds", "controller", CONTROLLERS, "{{controller}}"), {
    unit: "s",
    description: "From the look at the directory to the status, in the middle (p50) and of the slowest (p99).",
  }),
  graph("Wait in the queue", quantiles("workqueue_queue_duration_seconds", "name", QUEUES, "{{name}}"), {
    unit: "s",
    description:
      "How long a farm or domain waits until a worker takes it, in the middle (p50) and at the longest (p99). Quarantines go first.",
  }),
  graph(
    "Keys that wait",
    [
      [`sum by (name) (workqueue_depth{${QUEUES}})`, "{{name}}"],
      [`sum by (name) (rate(workqueue_retries_total{${QUEUES}}${RATE}))`, "{{name}} retries/s"],
    ],
    {
      description:
        "Farms and domains that wait for a worker, and those that the operator tries again. If it only grows, the operator does not keep up.",
    },
  ),
  graph("Longest reconcile that runs", [[`max by (name) (workqueue_longest_running_processor_seconds{${QUEUES}})`, "{{name}}"]], {
    unit: "s",
    description: "How long the oldest reconcile has been running. Minutes: it hangs on a domain controller or on the API server.",
  }),
  graph(
    "Requests to the API server",
    [[`sum by (method, code) (rate(rest_client_requests_total{${IN}}${RATE}) ${HERE})`, "{{method}} {{code}}"]],
    {
      unit: "reqps",
      description: "By method and answer. 403: a right is missing; 429: the API server is busy.",
    },
  ),
  graph(
    "Requests to the API server, by host",
    [[`sum by (host, code) (rate(rest_client_requests_total{${IN}}${RATE}) ${HERE})`, "{{host}} {{code}}"]],
    {
      unit: "reqps",
      description: "Where they go, and how it ends. `<error>`: there was no answer.",
    },
  ),
  graph(
    "Since the last sign of a watch",
    [[`time() - serverfarm_watch_last_event_timestamp_seconds{${IN}}`, "{{resource}} {{instance}}"]],
    {
      unit: "s",
      description: "A bookmark comes each minute. More than two: changes in the cluster may be missed.",
    },
  ),
  graph("Memory", [[`process_resident_memory_bytes{${IN}} ${HERE}`, "{{instance}}"]], {
    unit: "bytes",
    description: "Resident memory of each replica. The chart's limit is 384 MiB.",
  }),
  graph("Processor", [[`rate(process_cpu_seconds_total{${IN}}${RATE}) ${HERE}`, "{{instance}}"]], {
    unit: "percentunit",
    description: "Share of one core that each replica takes.",
  }),
  graph(
    "Delay of the event loop",
    [
      [`nodejs_eventloop_lag_p99_seconds{${IN}} ${HERE}`, "{{instance}} p99"],
      [`nodejs_eventloop_lag_max_seconds{${IN}} ${HERE}`, "{{instance}} longest"],
    ],
    { unit: "s", description: "How long the program did nothing but one thing: 50 ms is none, seconds endanger the Lease." },
  ),
  list("Passwords that are overdue", OVERDUE, ["cluster", "namespace", "name"], {
    description: "Farms whose password was due to change more than three days ago: no host asks for it. Empty where all is well.",
  }),
];

const DOMAIN = [
  number("Ready", `min(max by (cluster, namespace, job) (serverfarm_domain_ready{${DOMAIN_NOW}}))`, {
    bad: { below: 1 },
    description: "1 while farms of this domain can be reconciled: in each cluster and each installation, where several are shown.",
  }),
  number("Farms", `count(serverfarm_farm_ready{${DOMAIN_NOW}})`, { description: "Without those that are suspended." }),
  number("Farms not ready", `count(serverfarm_farm_ready{${DOMAIN_NOW}} == 0) or vector(0)`, {
    bad: { from: 1 },
    description: "Farms of this domain of which not everything is in the directory.",
  }),
  graph(
    "Since the last poll",
    [
      [`time() - max by (cluster) (serverfarm_domain_last_poll_timestamp_seconds{${DOMAIN_NOW}})`, "since {{cluster}}"],
      [`max by (cluster) (serverfarm_domain_poll_interval_seconds{${DOMAIN_NOW}})`, "interval {{cluster}}"],
    ],
    { unit: "s", description: "How long ago the directory said what changed, beside how often it is asked. It should not grow." },
  ),
  list("Unhealthy conditions", `serverfarm_domain_condition{${DOMAIN_NOW}} == 1`, ["condition", "status", "reason"], {
    description: "`kubectl describe addomain` says what to do. Empty where all is well.",
  }),
  graph(
    "Requests to the directory",
    [[`sum by (operation) (rate(serverfarm_directory_requests_total{${DOMAIN_NOW}}${RATE}))`, "{{operation}}"]],
    {
      unit: "reqps",
      description: "What the operator asks the domain controller for, by LDAP operation.",
    },
  ),
  graph(
    "Requests that failed",
    [
      [
        `sum by (operation, result) (rate(serverfarm_directory_requests_total{${DOMAIN_NOW}, result!="success"}${RATE}))`,
        "{{operation}} {{result}}",
      ],
    ],
    { unit: "reqps", description: "By operation and the directory's answer. `connect` counts the ways to a server that failed." },
  ),
  graph("Duration of a request", quantiles("serverfarm_directory_request_duration_seconds", "operation", DOMAIN_NOW, "{{operation}}"), {
    unit: "s",
    description: "How long the domain controller takes to answer, in the middle (p50) and at the slowest (p99).",
  }),
  graph("Changes", [[`sum by (change) (increase(serverfarm_directory_changes_total{${DOMAIN_NOW}}${RATE}))`, "{{change}}"]], {
    description: "What the operator wrote to the directory, by kind of change.",
  }),
  graph("Drift corrected", [[`sum by (change) (increase(serverfarm_drift_corrected_total{${DOMAIN_NOW}}${RATE}))`, "{{change}}"]], {
    description: "Changes outside the operator to objects that farms own, reverted. Many: something else manages the same objects.",
  }),
];

const ONE_FARM = [
  number("Ready", `max(serverfarm_farm_ready{${FARM}})`, { bad: { below: 1 }, description: "Nothing while it is suspended." }),
  number("Hosts that it names", `max(serverfarm_farm_hosts{${FARM}, state="desired"})`, {
    description: "Hosts in the manifest that should have the right to retrieve the password.",
  }),
  number("Hosts with the right", `max(serverfarm_farm_hosts{${FARM}, state="granted"})`, {
    description: "Those of them that have it, as the directory says.",
  }),
  number("Next change of the password", `max(serverfarm_farm_password_next_change_timestamp_seconds{${FARM}}) * 1000`, {
    unit: "dateTimeFromNow",
    width: HALF,
    description: "When the domain controllers will change the account's password. In the past: no host has asked for it since.",
  }),
  graph("Clock", [[`max by (cluster) (serverfarm_domain_clock_skew_seconds{${DOMAIN_NOW}})`, "{{cluster}}"]], {
    unit: "s",
    signed: true,
    description: "How far the domain controller's clock is ahead of the operator's. Kerberos refuses hosts beyond five minutes either way.",
  }),
  list("Unhealthy conditions", `serverfarm_farm_condition{${FARM}} == 1`, ["condition", "status", "reason"], {
    description: "`kubectl describe farm` says what to do. Empty where all is well.",
  }),
  graph(
    "Ready, and hosts",
    [
      [`max(serverfarm_farm_ready{${FARM}})`, "ready"],
      [`max by (state) (serverfarm_farm_hosts{${FARM}})`, "hosts {{state}}"],
    ],
    {
      description: "Over time: whether it was ready (1 or 0), how many hosts it named, had found by a search, and how many had the right.",
    },
  ),
];

export function dashboard(): string {
  const builder = new DashboardBuilder("ServerFarm operator")
    .uid("serverfarm-operator")
    .description("Group Managed Service Accounts of Active Directory, kept by serverfarm-operator: the operator, one domain, one farm.")
    .tags(["serverfarm", "active-directory", "gmsa"])
    .editable()
    .refresh("30s")
    .time({ from: "now-6h", to: "now" })
    .withVariable(new DatasourceVariableBuilder("datasource").label("Data source").type("prometheus"))
    .withVariable(clusters())
    .withVariable(variable("domain", "Domain", `label_values(serverfarm_domain_ready{${IN}}, domain)`))
    .withVariable(variable("namespace", "Namespace", `label_values({${ANY_FARM}}, namespace)`))
    .withVariable(variable("farm", "Farm", `label_values({${ANY_FARM}, namespace="$namespace"}, name)`));
  addRows(builder, [
    ["Overview", OVERVIEW],
    ["Domain $domain", DOMAIN],
    ["Farm $namespace/$farm", ONE_FARM],
    ["Hosts by search, Pods", SEARCH_AND_PODS],
  ]);
  return `${JSON.stringify(builder.build(), undefined, 2)}\n`;
}
