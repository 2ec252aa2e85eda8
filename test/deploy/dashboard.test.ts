/** The dashboard: whoever sees it for the first time reads what each panel shows. That its queries find something test/e2e/monitoring.test.ts says. */
import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { z } from "zod";
import { ROOT } from "../harness/root.ts";

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
