/** Many farms of many tenants: what is said as before costs nothing but the judgement. `npm run bench:tenants` does the same with 10,000 farms. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { hostAt, Tenancies } from "../bench/tenancies.ts";
import { DELEGATED } from "../harness/delegation.ts";
import { addComputer, BASE } from "../harness/directory.ts";
import { applyDomain, available, cleanUp, directory, domainReady, onSandbox, startOperator } from "../harness/world.ts";
import type { Operator } from "../harness/operator.ts";
import { cluster } from "../harness/world.ts";

// A real domain controller makes some 20 farms a second.
const [FARMS, TENANTS] = onSandbox ? [300, 30] : [60, 6];
const OWN = FARMS / TENANTS;

const tenancies = new Tenancies(cluster, TENANTS, FARMS);
let operator: Operator;

beforeAll(async () => {
  if (!available) return;
  await directory.asAdministrator(async (client) => {
    for (let tenant = 0; tenant < TENANTS; tenant++) await addComputer(client, hostAt(tenant));
  });
  await applyDomain({ account: DELEGATED });
  operator = await startOperator({ level: "info" });
  await domainReady();
});

afterAll(async () => {
  if (!available) return;
  await tenancies.remove();
  await cleanUp();
  await operator.stop();
  await directory.asAdministrator(async (client) => {
    for (let tenant = 0; tenant < TENANTS; tenant++) await client.del(`CN=${hostAt(tenant)},CN=Computers,${BASE}`);
  });
}, 180_000);

test.runIf(available)(
  `${FARMS} farms of ${TENANTS} tenants: a change looks at those alone of which something else is said`,
  { timeout: 300_000 },
  async () => {
    await tenancies.make(operator);
    for (const [what, act, farms] of tenancies.changes) {
      const { searches, polls, patches, reconciles } = await tenancies.cost(operator, act);
      const concerned = farms === "Nobody's" ? 0 : OWN;
      // The farm that tells that all are judged, and the watch that brings its status.
      expect(reconciles, what).toBeLessThan(concerned * 3 + 4);
      expect(reconciles, what).toBeGreaterThan(concerned);
      // Status of the domain and of these farms.
      expect(patches, what).toBeLessThan(concerned * 2 + 12);
      // Two for each poll; the domain's own rights, now and then; and a few for all farms of a tenant together.
      expect(searches - 2 * polls, what).toBeLessThan(30);
    }
  },
);
