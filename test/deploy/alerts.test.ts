/** The alerts: each fires and stays silent as its tests say, leads to a page, and asks for metrics that there are. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { programMissing, run } from "../harness/process.ts";
import { ROOT } from "../harness/root.ts";

const MONITORING = `${ROOT}/deploy/monitoring`;

const rules = z
  .object({
    groups: z.array(
      z.object({
        rules: z.array(
          z.object({
            alert: z.string(),
            expr: z.string(),
            labels: z.object({ severity: z.enum(["critical", "warning"]) }),
            annotations: z.object({ summary: z.string(), description: z.string(), runbook_url: z.string() }),
          }),
        ),
      }),
    ),
  })
  .transform(({ groups }) => groups.flatMap((group) => group.rules))
  .parse(parse(await readFile(`${MONITORING}/alerts.yaml`, "utf8")));

const tests = z
  .object({
    tests: z.array(z.object({ alert_rule_test: z.array(z.object({ alertname: z.string(), exp_alerts: z.array(z.unknown()) })) })),
  })
  .transform((file) => file.tests.flatMap((entry) => entry.alert_rule_test))
  .parse(parse(await readFile(`${MONITORING}/alerts.test.yaml`, "utf8")));

const missing = await programMissing(["promtool", "--version"]);
if (missing !== undefined && process.env["REQUIRE_REAL"] === "1") throw new Error(missing);

describe("the alerts", () => {
  test.skipIf(missing !== undefined)("fire and stay silent as their tests say", async () => {
    expect(await run("promtool", ["check", "rules", `${MONITORING}/alerts.yaml`])).toContain(`SUCCESS: ${rules.length} rules found`);
    expect(await run("promtool", ["test", "rules", `${MONITORING}/alerts.test.yaml`])).toContain("SUCCESS");
  });

  test("there are some", () => {
    expect(rules.length).toBeGreaterThanOrEqual(12);
  });

  test.each(rules.map(({ alert, ...rule }) => [alert, rule] as const))(
    "%s is tested both ways, and has a page",
    async (alert, { expr, annotations }) => {
      const own = tests.filter(({ alertname }) => alertname === alert);
      expect(
        own.some(({ exp_alerts }) => exp_alerts.length > 0),
        "fires",
      ).toBe(true);
      expect(
        own.some(({ exp_alerts }) => exp_alerts.length === 0),
        "stays silent",
      ).toBe(true);
      expect(annotations.runbook_url).toBe(`docs/runbooks/${alert}.md`);
      expect(existsSync(`${ROOT}/${annotations.runbook_url}`)).toBe(true);
      const page = await readFile(`${ROOT}/${annotations.runbook_url}`, "utf8");
      expect(page).toMatch(/## Look[\s\S]*```[\s\S]*## Do/);
      const metrics = await readFile(`${ROOT}/docs/metrics.md`, "utf8");
      for (const [name] of expr.matchAll(/\b(serverfarm|controller_runtime|workqueue|leader_election)_[a-z_]+/g)) {
        const histogram = name.replace(/_bucket$/, "");
        expect(metrics, name).toContain(histogram === name ? `\`${name}\`` : `\`${histogram}\` | histogram`);
      }
    },
  );
});
