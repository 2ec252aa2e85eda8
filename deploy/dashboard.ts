/**
 * The Grafana dashboard, as data: the operator as a whole, one domain, one farm. `npm run render` writes it to deploy/monitoring/dashboard.json and into
 * the chart.
 *
 * `controller_runtime_…` and the like are metrics that other operators have too: they are told apart by the controllers' names, or by standing on a
 * target that also says `serverfarm_build_info`.
 */
import * as common from "@grafana/grafana-foundation-sdk/common";
import {
  DashboardBuilder,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  RowBuilder,
  ThresholdsConfigBuilder,
  ThresholdsMode,
  VariableRefresh,
  VariableSort,
} from "@grafana/grafana-foundation-sdk/dashboard";
import { DataqueryBuilder, PromQueryFormat } from "@grafana/grafana-foundation-sdk/prometheus";
import * as stat from "@grafana/grafana-foundation-sdk/stat";
import * as table from "@grafana/grafana-foundation-sdk/table";
import * as timeseries from "@grafana/grafana-foundation-sdk/timeseries";

const SOURCE: common.DataSourceRef = { type: "prometheus", uid: "${datasource}" };
const RATE = "[$__rate_interval]";
const CONTROLLERS = 'controller=~"serverfarm|activedirectorydomain"';
const QUEUES = 'name=~"serverfarm|activedirectorydomain"';
const HERE = "and on (job, instance) serverfarm_build_info";
/** A suspended farm is not in the one, a farm that was never looked at not in the other. */
const ANY_FARM = '{__name__=~"serverfarm_farm_(ready|hosts)"}';
const FARM = 'namespace="$namespace", name="$farm"';

/** Half of the width of a table; grids have 24 columns. */
const HALF = 12;
const STAT = { width: 4, height: 4 };
const GRAPH = { width: HALF, height: 8 };

type Query = readonly [expr: string, legend: string];
interface Look {
  readonly unit?: string;
  readonly width?: number;
  /** What it shows, for whoever sees it for the first time; and what to do where it is bad. */
  readonly description: string;
  /** From which value on it is red, or below which. */
  readonly bad?: { readonly from: number } | { readonly below: number };
}

function target([expr, legend]: Query, index: number): DataqueryBuilder {
  return new DataqueryBuilder()
    .refId(String.fromCharCode(65 + index))
    .datasource(SOURCE)
    .expr(expr)
    .legendFormat(legend);
}

function thresholds(bad: Look["bad"]): ThresholdsConfigBuilder {
  const steps =
    bad === undefined
      ? [{ value: null, color: "blue" }]
      : "from" in bad
        ? [
            { value: null, color: "green" },
            { value: bad.from, color: "red" },
          ]
        : [
            { value: null, color: "red" },
            { value: bad.below, color: "green" },
          ];
  return new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps(steps);
}

/** One number: what it is now. */
function number(title: string, expr: string, { unit = "short", width = STAT.width, description, bad }: Look): stat.PanelBuilder {
  return new stat.PanelBuilder()
    .title(title)
    .description(description)
    .datasource(SOURCE)
    .span(width)
    .height(STAT.height)
    .unit(unit)
    .thresholds(thresholds(bad))
    .graphMode(common.BigValueGraphMode.None)
    .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(["lastNotNull"]))
    .withTarget(target([expr, ""], 0).instant());
}

function graph(
  title: string,
  queries: readonly Query[],
  { unit = "short", width = GRAPH.width, description }: Look,
): timeseries.PanelBuilder {
  const panel = new timeseries.PanelBuilder()
    .title(title)
    .description(description)
    .datasource(SOURCE)
    .span(width)
    .height(GRAPH.height)
    .unit(unit)
    .min(0)
    .showPoints(common.VisibilityMode.Never)
    .legend(
      new common.VizLegendOptionsBuilder()
        .showLegend(true)
        .displayMode(common.LegendDisplayMode.List)
        .placement(common.LegendPlacement.Bottom),
    )
    .tooltip(new common.VizTooltipOptionsBuilder().mode(common.TooltipDisplayMode.Multi))
    .fillOpacity(10);
  for (const [index, query] of queries.entries()) panel.withTarget(target(query, index));
  return panel;
}

/** The labels of what the query finds, as columns in this order. */
function list(title: string, expr: string, columns: readonly string[], { width = HALF, description }: Look): table.PanelBuilder {
  const hidden = ["Time", "Value", "__name__", "job", "instance", "endpoint", "container", "pod", "service", "prometheus"];
  return new table.PanelBuilder()
    .title(title)
    .description(description)
    .datasource(SOURCE)
    .span(width)
    .height(GRAPH.height)
    .filterable(true)
    .withTarget(target([expr, ""], 0).instant().format(PromQueryFormat.Table))
    .withTransformation({
      id: "organize",
      options: {
        excludeByName: Object.fromEntries(hidden.map((name) => [name, true])),
        indexByName: Object.fromEntries(columns.map((name, index) => [name, index])),
      },
    });
}

function quantiles(metric: string, by: string, filter: string, legend: string): readonly Query[] {
  return [0.5, 0.99].map((quantile) => [
    `histogram_quantile(${quantile}, sum by (le, ${by}) (rate(${metric}_bucket{${filter}}${RATE})))`,
    `${legend} p${quantile * 100}`,
  ]);
}

function variable(name: string, label: string, query: string): QueryVariableBuilder {
  return new QueryVariableBuilder(name)
    .label(label)
    .datasource(SOURCE)
    .query(query)
    .definition(query)
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.AlphabeticalAsc);
}

const OVERVIEW = [
  number("Leads", `max(leader_election_master_status ${HERE}) or vector(0)`, {
    bad: { below: 1 },
    description: "1 while a replica holds the Lease.",
  }),
  number("Replicas", "count(serverfarm_build_info)", { description: "Replicas that Prometheus scrapes: the leader, and those that wait." }),
  number("Farms", `count(count by (namespace, name) (${ANY_FARM}))`, {
    description: "All ServerFarms that the operator serves, suspended ones too.",
  }),
  number("Farms not ready", "count(serverfarm_farm_ready == 0) or vector(0)", {
    bad: { from: 1 },
    description: "Farms of which not everything is in the directory. The list below says which, and why.",
  }),
  number("Domains not ready", "count(serverfarm_domain_ready == 0) or vector(0)", {
    bad: { from: 1 },
    description: "Domains in which the operator cannot work. Their farms wait; hosts keep what they have.",
  }),
  number("Hosts without the right", 'sum(serverfarm_farm_hosts{state="desired"}) - sum(serverfarm_farm_hosts{state="granted"})', {
    bad: { from: 1 },
    description: "Hosts that farms name and that may not retrieve the password: not found, not trusted, or not there yet.",
  }),
  list(
    "Farms that are not ready",
    'serverfarm_farm_condition{condition="Ready", status!="True", reason!="Suspended"} == 1',
    ["namespace", "name", "reason", "status"],
    {
      description: "And why. `kubectl describe farm` says what to do.",
    },
  ),
  graph(
    "Farms",
    [
      ["sum(serverfarm_farm_ready)", "ready"],
      ["count(serverfarm_farm_ready == 0) or vector(0)", "not ready"],
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
  graph(
    "Keys that wait",
    [
      [`sum by (name) (workqueue_depth{${QUEUES}})`, "{{name}}"],
      [`sum by (name) (rate(workqueue_retries_total{${QUEUES}}${RATE}))`, "{{name}} retries/s"],
    ],
    {
      description:
        "Farms and domains that wait for a worker, and those that are tried again. If it only grows, the operator does not keep up.",
    },
  ),
  graph("Longest reconcile that runs", [[`max by (name) (workqueue_longest_running_processor_seconds{${QUEUES}})`, "{{name}}"]], {
    unit: "s",
    description: "How long the oldest reconcile has been running. Minutes: it hangs on a domain controller or on the API server.",
  }),
  graph(
    "Requests to the API server",
    [[`sum by (method, code) (rate(rest_client_requests_total${RATE}) ${HERE})`, "{{method}} {{code}}"]],
    {
      unit: "reqps",
      description: "By method and answer. 403: a right is missing; 429: the API server is busy.",
    },
  ),
  graph("Since the last sign of a watch", [["time() - serverfarm_watch_last_event_timestamp_seconds", "{{resource}} {{instance}}"]], {
    unit: "s",
    description: "A bookmark comes each minute. More than two: changes in the cluster may be missed.",
  }),
  graph("Memory", [[`process_resident_memory_bytes ${HERE}`, "{{instance}}"]], {
    unit: "bytes",
    description: "Resident memory of each replica. The chart's limit is 384 MiB.",
  }),
  graph("Processor", [[`rate(process_cpu_seconds_total${RATE}) ${HERE}`, "{{instance}}"]], {
    unit: "percentunit",
    description: "Share of one core that each replica takes.",
  }),
];

const DOMAIN = [
  number("Ready", 'max(serverfarm_domain_ready{domain="$domain"})', {
    bad: { below: 1 },
    description: "1 while farms of this domain can be reconciled.",
  }),
  number("Farms", 'count(serverfarm_farm_ready{domain="$domain"})', { description: "Without those that are suspended." }),
  number("Farms not ready", 'count(serverfarm_farm_ready{domain="$domain"} == 0) or vector(0)', {
    bad: { from: 1 },
    description: "Farms of this domain of which not everything is in the directory.",
  }),
  list("What is not as wished", 'serverfarm_domain_condition{domain="$domain"} == 1', ["condition", "status", "reason"], {
    description: "`kubectl describe addomain` says what to do. Empty where all is well.",
  }),
  graph(
    "Requests to the directory",
    [[`sum by (operation) (rate(serverfarm_directory_requests_total{domain="$domain"}${RATE}))`, "{{operation}}"]],
    {
      unit: "reqps",
      description: "What the operator asks the domain controller for, by LDAP operation.",
    },
  ),
  graph(
    "Requests that failed",
    [
      [
        `sum by (operation, result) (rate(serverfarm_directory_requests_total{domain="$domain", result!="success"}${RATE}))`,
        "{{operation}} {{result}}",
      ],
    ],
    { unit: "reqps", description: "By operation and the directory's answer. `connect` counts the ways to a server that failed." },
  ),
  graph(
    "Duration of a request",
    quantiles("serverfarm_directory_request_duration_seconds", "operation", 'domain="$domain"', "{{operation}}"),
    {
      unit: "s",
      description: "How long the domain controller takes to answer, in the middle (p50) and at the slowest (p99).",
    },
  ),
  graph("Changes", [[`sum by (change) (increase(serverfarm_directory_changes_total{domain="$domain"}${RATE}))`, "{{change}}"]], {
    description: "What the operator wrote to the directory, by kind of change.",
  }),
  graph("Drift put right", [[`sum by (change) (increase(serverfarm_drift_corrected_total{domain="$domain"}${RATE}))`, "{{change}}"]], {
    description: "Changes by others to what farms own, taken back. Many: somebody else manages the same objects.",
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
  list("What is not as wished", `serverfarm_farm_condition{${FARM}} == 1`, ["condition", "status", "reason"], {
    description: "`kubectl describe farm` says what to do. Empty where all is well.",
  }),
  graph(
    "Ready, and hosts",
    [
      [`max(serverfarm_farm_ready{${FARM}})`, "ready"],
      [`max by (state) (serverfarm_farm_hosts{${FARM}})`, "hosts {{state}}"],
    ],
    { description: "Over time: whether it was ready (1 or 0), and how many hosts it named and how many had the right." },
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
    .withVariable(variable("domain", "Domain", "label_values(serverfarm_domain_ready, domain)"))
    .withVariable(variable("namespace", "Namespace", `label_values(${ANY_FARM}, namespace)`))
    .withVariable(variable("farm", "Farm", 'label_values({__name__=~"serverfarm_farm_(ready|hosts)", namespace="$namespace"}, name)'));
  const rows = [
    ["Overview", OVERVIEW],
    ["Domain $domain", DOMAIN],
    ["Farm $namespace/$farm", ONE_FARM],
  ] as const;
  let id = 1;
  for (const [title, panels] of rows) {
    builder.withRow(new RowBuilder(title).id(id++));
    for (const panel of panels) builder.withPanel(panel.id(id++));
  }
  return `${JSON.stringify(builder.build(), undefined, 2)}\n`;
}
