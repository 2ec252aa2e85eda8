/** What the dashboard is made of: panels and variables, as this one has them. */
import * as common from "@grafana/grafana-foundation-sdk/common";
import {
  type DashboardBuilder,
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
/** Of the cluster that is chosen. Where Prometheus does not tell clusters apart, the label is empty, and All has it. */
export const IN = 'cluster=~"$cluster"';
export const RATE = "[$__rate_interval]";

/** Half of the width of a table; grids have 24 columns. */
export const HALF = 12;
const STAT = { width: 3, height: 4 };
const GRAPH = { width: HALF, height: 8 };

type Query = readonly [expr: string, legend: string];
interface Look {
  readonly unit?: string;
  readonly width?: number;
  /** What it shows, for whoever sees it for the first time; and what to do where it is bad. */
  readonly description: string;
  /** From which value on it is red, or below which. */
  readonly bad?: { readonly from: number } | { readonly below: number };
  /** That it may be below zero: a graph begins at zero otherwise. */
  readonly signed?: boolean;
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
export function number(title: string, expr: string, { unit = "short", width = STAT.width, description, bad }: Look): stat.PanelBuilder {
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

export function graph(
  title: string,
  queries: readonly Query[],
  { unit = "short", width = GRAPH.width, description, signed = false }: Look,
): timeseries.PanelBuilder {
  const panel = new timeseries.PanelBuilder()
    .title(title)
    .description(description)
    .datasource(SOURCE)
    .span(width)
    .height(GRAPH.height)
    .unit(unit)
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
  return signed ? panel : panel.min(0);
}

/** The labels of what the query finds, as columns in this order. */
export function list(title: string, expr: string, columns: readonly string[], { width = HALF, description }: Look): table.PanelBuilder {
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

export function quantiles(metric: string, by: string, filter: string, legend: string): readonly Query[] {
  return [0.5, 0.99].map((quantile) => [
    `histogram_quantile(${quantile}, sum by (le, ${by}) (rate(${metric}_bucket{${filter}}${RATE})))`,
    `${legend} p${quantile * 100}`,
  ]);
}

export function variable(name: string, label: string, query: string): QueryVariableBuilder {
  return new QueryVariableBuilder(name)
    .label(label)
    .datasource(SOURCE)
    .query(query)
    .definition(query)
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.AlphabeticalAsc);
}

export function clusters(): QueryVariableBuilder {
  return variable("cluster", "Cluster", "label_values(serverfarm_build_info, cluster)")
    .includeAll(true)
    .allValue(".*")
    .current({ text: "All", value: "$__all" });
}

type Panel = stat.PanelBuilder | timeseries.PanelBuilder | table.PanelBuilder;

/** Numbered from 1, so that links to a panel stay. */
export function addRows(builder: DashboardBuilder, rows: readonly (readonly [title: string, panels: readonly Panel[]])[]): void {
  let id = 1;
  for (const [title, panels] of rows) {
    builder.withRow(new RowBuilder(title).id(id++));
    for (const panel of panels) builder.withPanel(panel.id(id++));
  }
}
