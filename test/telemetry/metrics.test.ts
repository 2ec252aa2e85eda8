import { describe, expect, test } from "vitest";
import { Metrics } from "../../src/telemetry/metrics.ts";
import type { FarmMetrics } from "../../src/telemetry/object-metrics.ts";

const FARM: FarmMetrics = {
  namespace: "web",
  name: "itfarm1",
  domain: "contoso",
  suspended: false,
  conditions: [{ type: "Ready", status: "True", reason: "Reconciled" }],
  hosts: { desired: 3, granted: 3 },
  search: undefined,
  passwordNextChange: 1_800_000_000,
};
const NOT_READY: FarmMetrics = {
  ...FARM,
  conditions: [
    { type: "Ready", status: "False", reason: "HostNotFound" },
    { type: "HostsReady", status: "False", reason: "HostNotFound" },
    { type: "Stalled", status: "True", reason: "HostNotFound" },
    { type: "Reconciling", status: "False", reason: "x" },
  ],
  hosts: { desired: 3, granted: 2 },
};

async function lines(metrics: Metrics, prefix = "serverfarm_farm_"): Promise<readonly string[]> {
  let text = "";
  for await (const part of metrics.expose()) text += part;
  return text
    .split("\n")
    .filter((line) => line.startsWith(prefix))
    .map((line) => line.replace('namespace="web",name="itfarm1"', "itfarm1"))
    .toSorted();
}

test("how long a key waited is told up to 1,000 s, under both names of the queue", async () => {
  const metrics = new Metrics("1", "lease");
  metrics.queue("thing").taken(999_000);
  const text = await metrics.registry.getSingleMetricAsString("workqueue_queue_duration_seconds");
  const at = (le: string): string | undefined => new RegExp(`_bucket{le="${le}",name="thing",controller="thing"} (\\d)`).exec(text)?.[1];
  expect([at("600"), at("1000")]).toEqual(["0", "1"]);
});

test("the metrics of a domain say when it was last asked, and vanish with it", async () => {
  const metrics = new Metrics("1", "lease");
  const domain = { domain: "contoso", conditions: FARM.conditions, pollInterval: 15, lastPoll: undefined, brake: undefined };
  metrics.objects.domain(domain);
  expect(await lines(metrics, "serverfarm_domain_")).toEqual([
    'serverfarm_domain_braked{domain="contoso",brake="Observe"} 0',
    'serverfarm_domain_braked{domain="contoso",brake="Suspend"} 0',
    'serverfarm_domain_deletions_waiting{domain="contoso"} 0',
    'serverfarm_domain_poll_interval_seconds{domain="contoso"} 15',
    'serverfarm_domain_ready{domain="contoso"} 1',
  ]);
  metrics.objects.domain({ ...domain, conditions: [], lastPoll: 1_800_000_000, clockSkew: -12 });
  expect(await lines(metrics, "serverfarm_domain_")).toEqual([
    'serverfarm_domain_braked{domain="contoso",brake="Observe"} 0',
    'serverfarm_domain_braked{domain="contoso",brake="Suspend"} 0',
    'serverfarm_domain_clock_skew_seconds{domain="contoso"} -12',
    'serverfarm_domain_deletions_waiting{domain="contoso"} 0',
    'serverfarm_domain_last_poll_timestamp_seconds{domain="contoso"} 1800000000',
    'serverfarm_domain_poll_interval_seconds{domain="contoso"} 15',
    'serverfarm_domain_ready{domain="contoso"} 0',
  ]);
  metrics.objects.deletionsWaiting("contoso", 20);
  metrics.objects.domain({ ...domain, lastPoll: 1_800_000_000, clockSkew: -12, brake: "Suspend" });
  expect(await lines(metrics, "serverfarm_domain_")).toEqual([
    'serverfarm_domain_braked{domain="contoso",brake="Observe"} 0',
    'serverfarm_domain_braked{domain="contoso",brake="Suspend"} 1',
    'serverfarm_domain_deletions_waiting{domain="contoso"} 20',
    'serverfarm_domain_poll_interval_seconds{domain="contoso"} 15',
  ]);
  metrics.objects.domainGone("contoso");
  expect(await lines(metrics, "serverfarm_domain_")).toEqual([]);
});

describe("the metrics of a farm", () => {
  const ready = [
    'serverfarm_farm_hosts{itfarm1,state="desired"} 3',
    'serverfarm_farm_hosts{itfarm1,state="granted"} 3',
    "serverfarm_farm_password_next_change_timestamp_seconds{itfarm1} 1800000000",
    'serverfarm_farm_ready{itfarm1,domain="contoso"} 1',
  ];

  const farms: FarmMetrics[] = [];
  const metrics = new Metrics("1", "lease");
  metrics.objects.follow(() => farms);
  const of = (farm: FarmMetrics | undefined): Promise<readonly string[]> => {
    farms.splice(0, 1, ...(farm ? [farm] : []));
    return lines(metrics);
  };

  test("follow it, say what is not as wished, and vanish with it", async () => {
    expect(await of(FARM)).toEqual(ready);
    expect(await of(NOT_READY)).toEqual([
      'serverfarm_farm_condition{itfarm1,condition="HostsReady",status="False",reason="HostNotFound"} 1',
      'serverfarm_farm_condition{itfarm1,condition="Ready",status="False",reason="HostNotFound"} 1',
      'serverfarm_farm_condition{itfarm1,condition="Stalled",status="True",reason="HostNotFound"} 1',
      'serverfarm_farm_hosts{itfarm1,state="desired"} 3',
      'serverfarm_farm_hosts{itfarm1,state="granted"} 2',
      "serverfarm_farm_password_next_change_timestamp_seconds{itfarm1} 1800000000",
      'serverfarm_farm_ready{itfarm1,domain="contoso"} 0',
    ]);
    expect(await of(FARM)).toEqual(ready);
    expect(await of({ ...FARM, suspended: true })).toEqual(ready.slice(0, 3));
    expect(await of(undefined)).toEqual([]);
  });

  test("count whom a search finds and whom it holds, where there is one", async () => {
    const states = (await of({ ...FARM, search: { found: 2, held: 0 } })).filter((line) => line.includes("_hosts"));
    expect(states).toEqual([
      'serverfarm_farm_hosts{itfarm1,state="desired"} 3',
      'serverfarm_farm_hosts{itfarm1,state="found"} 2',
      'serverfarm_farm_hosts{itfarm1,state="granted"} 3',
      'serverfarm_farm_hosts{itfarm1,state="held"} 0',
    ]);
  });

  test("escape what a label cannot hold", async () => {
    expect((await of({ ...FARM, domain: 'a"b\\c\nd' })).at(-1)).toBe(String.raw`serverfarm_farm_ready{itfarm1,domain="a\"b\\c\nd"} 1`);
  });

  test("of ten thousand come in pieces, and between them others have their turn", async () => {
    const many = new Metrics("1", "lease");
    many.objects.follow(() => Array.from({ length: 10_000 }, (_, index) => ({ ...FARM, name: `farm${index}` })));
    let turns = 0;
    const timer = setInterval(() => turns++, 0);
    const found = await lines(many);
    clearInterval(timer);
    expect(found).toHaveLength(40_000);
    expect(turns).toBeGreaterThan(10);
  });
});
