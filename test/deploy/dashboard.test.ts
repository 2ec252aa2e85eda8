/** The dashboard: whoever sees it for the first time reads what each panel shows. That its queries find something test/e2e/monitoring.test.ts says. */
import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { z } from "zod";
import { ROOT } from "../harness/root.ts";

test("every panel says what it shows, in a sentence", async () => {
  const { panels } = z
    .object({ panels: z.array(z.object({ title: z.string(), type: z.string(), description: z.string().optional() })) })
    .parse(JSON.parse(await readFile(`${ROOT}/deploy/monitoring/dashboard.json`, "utf8")));
  const shown = panels.filter(({ type }) => type !== "row");
  expect(shown.length).toBeGreaterThan(25);
  for (const { title, description } of shown) expect(description, title).toMatch(/^\S.{20,}\.$/);
});
