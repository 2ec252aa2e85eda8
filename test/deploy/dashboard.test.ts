/** The dashboard: whoever sees it for the first time reads what each panel shows. That its queries find something test/e2e/monitoring.test.ts says. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { expect, test } from "vitest";
import { z } from "zod";
import { programMissing, run } from "../harness/process.ts";
import { ROOT } from "../harness/root.ts";

const missing = await programMissing(["promtool", "--version"]);
if (missing !== undefined && process.env["REQUIRE_REAL"] === "1") throw new Error(missing);

const dashboard = z
  .object({
    templating: z.object({
      list: z.array(
        z.object({ name: z.string(), query: z.string().optional(), includeAll: z.boolean().optional(), allValue: z.string().optional() }),
      ),
    }),
    panels: z.array(
      z.object({
        title: z.string(),
        type: z.string(),
        description: z.string().optional(),
        targets: z.array(z.object({ expr: z.string() })).optional(),
        fieldConfig: z.object({ defaults: z.object({ min: z.number().optional() }) }).optional(),
      }),
    ),
  })
  .parse(JSON.parse(await readFile(`${ROOT}/deploy/monitoring/dashboard.json`, "utf8")));
const shown = dashboard.panels.filter(({ type }) => type !== "row");

test("every panel says what it shows, in a sentence", () => {
  expect(shown.length).toBeGreaterThan(30);
  for (const { title, description } of shown) expect(description, title).toMatch(/^\S.{20,}\.$/);
});

test("every metric is of the cluster that is chosen, or of all where none is told apart", () => {
  const [variable] = dashboard.templating.list.filter(({ name }) => name === "cluster");
  // What has no such label has an empty one, which this matches.
  expect(variable).toMatchObject({ query: "label_values(serverfarm_build_info, cluster)", includeAll: true, allValue: ".*" });
  const queries = [
    ...shown.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => [title, expr] as const)),
    ...dashboard.templating.list
      .filter(({ name }) => !["datasource", "cluster"].includes(name))
      .map(({ name, query = "" }) => [name, query] as const),
  ];
  let count = 0;
  for (const [title, text] of queries) {
    const query = text.replace(/__name__=~"[^"]*"/, "__name__");
    const names =
      query.match(/\b(serverfarm|controller_runtime|workqueue|leader_election|rest_client|process|nodejs)_[a-z0-9_]+|__name__/g) ?? [];
    const selectors = query.match(/\{[^}]*\}/g) ?? [];
    expect(selectors, `${title}: ${query}`).toHaveLength(names.length);
    for (const selector of selectors) expect(selector, `${title}: ${query}`).toContain('cluster=~"$cluster"');
    count += selectors.length;
  }
  expect(count).toBeGreaterThan(50);
});

test("every graph begins at zero, but the clock's, which may be behind", () => {
  const graphs = shown.filter(({ type }) => type === "timeseries");
  expect(graphs.length).toBeGreaterThan(15);
  for (const { title, fieldConfig } of graphs) expect(fieldConfig?.defaults.min, title).toBe(title === "Clock" ? undefined : 0);
});

/** What two installations say of themselves: one is ill, the other well, whichever of its replicas leads. */
const READINGS: readonly (readonly [row: string, title: string, series: Readonly<Record<string, number>>])[] = [
  [
    "Overview",
    "Leads",
    {
      'leader_election_master_status{name="ill",namespace="one",job="ill",instance="a"}': 0,
      'leader_election_master_status{name="well",namespace="two",job="well",instance="b"}': 0,
      'leader_election_master_status{name="well",namespace="two",job="well",instance="c"}': 1,
      'serverfarm_build_info{namespace="one",job="ill",instance="a"}': 1,
      'serverfarm_build_info{namespace="two",job="well",instance="b"}': 1,
      'serverfarm_build_info{namespace="two",job="well",instance="c"}': 1,
    },
  ],
  [
    "Domain $domain",
    "Ready",
    {
      'serverfarm_domain_ready{domain="contoso",namespace="one",job="ill",instance="a"}': 0,
      'serverfarm_domain_ready{domain="contoso",namespace="one",job="well",instance="b"}': 1,
      'serverfarm_domain_ready{domain="other",namespace="one",job="well",instance="b"}': 1,
    },
  ],
];

test.skipIf(missing !== undefined).each(READINGS)("of two installations %s/%s shows the one that is ill", async (row, title, series) => {
  const from = dashboard.panels.findIndex((panel) => panel.type === "row" && panel.title === row);
  const panel = dashboard.panels.slice(from).find((one) => one.title === title);
  const expr = (panel?.targets?.[0]?.expr ?? "").replaceAll("$cluster", ".*").replaceAll("$domain", "contoso");
  const reads = (values: Readonly<Record<string, number>>, value: number): object => ({
    input_series: Object.entries(values).map(([name, of]) => ({ series: name, values: String(of) })),
    promql_expr_test: [{ expr, eval_time: "0", exp_samples: [{ labels: "{}", value }] }],
  });
  const healthy = Object.fromEntries(Object.entries(series).filter(([name]) => !name.includes('job="ill"')));
  const folder = await mkdtemp(`${tmpdir()}/serverfarm-dashboard-`);
  try {
    await writeFile(`${folder}/test.yaml`, JSON.stringify({ evaluation_interval: "1m", tests: [reads(series, 0), reads(healthy, 1)] }));
    expect(await run("promtool", ["test", "rules", `${folder}/test.yaml`])).toContain("SUCCESS");
  } finally {
    await rm(folder, { recursive: true });
  }
});
