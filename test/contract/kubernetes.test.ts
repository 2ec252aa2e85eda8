import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { once } from "node:events";
import { createServer } from "node:https";
import type { ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Cluster } from "../../src/controller/cluster.ts";
import { DOMAINS } from "../../src/controller/domain.ts";
import { FARMS } from "../../src/controller/farm.ts";
import { Leadership } from "../../src/controller/leadership.ts";
import { assertLeading } from "../../src/directory/session.ts";
import type { KubernetesObject } from "../../src/api/object.ts";
import { KubernetesClient } from "../../src/kubernetes/client.ts";
import { EventRecorder } from "../../src/kubernetes/events.ts";
import { Lease } from "../../src/kubernetes/lease.ts";
import { Reflector, TIMES } from "../../src/kubernetes/reflector.ts";
import {
  addFinalizer,
  getObject,
  isKubernetesObject,
  removeFinalizer,
  type Resource,
  StatusWriter,
} from "../../src/kubernetes/resource.ts";
import { createLog } from "../../src/telemetry/log.ts";
import { Metrics } from "../../src/telemetry/metrics.ts";
import { Authority } from "../harness/certificates.ts";
import { textOf } from "../harness/cluster.ts";
import { waitFor } from "../harness/process.ts";
import { cleanUp, createNamespace, domainOf, farmOf, cluster, available } from "../harness/world.ts";

const NAMESPACE = "contract";
const CONFIG_MAPS: Resource<KubernetesObject> = { apiVersion: "v1", kind: "ConfigMap", plural: "configmaps", is: isKubernetesObject };
const NAMESPACES: Resource<KubernetesObject> = { apiVersion: "v1", kind: "Namespace", plural: "namespaces", is: isKubernetesObject };
const configMap = (name: string, data: Readonly<Record<string, string>> = {}) => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace: NAMESPACE },
  data,
});

/** A running reflector, what it saw, and what went wrong. */
function reflect(
  client: KubernetesClient,
  times = TIMES,
  namespace = NAMESPACE,
): {
  reflector: Reflector<KubernetesObject>;
  seen: string[];
  errors: string[];
  /** Of life. */
  signs: string[];
  stop: () => Promise<void>;
} {
  const [seen, errors, signs]: [string[], string[], string[]] = [[], [], []];
  const reflector = new Reflector({
    client,
    resource: CONFIG_MAPS,
    namespace,
    onError: (error) => errors.push(error.kind),
    onAlive: () => signs.push("alive"),
    times,
  });
  reflector.subscribe((key, object, previous) => seen.push(`${object ? (previous ? "changed" : "new") : "gone"} ${key}`));
  const ending = new AbortController();
  const running = reflector.run(ending.signal);
  return {
    reflector,
    seen,
    errors,
    signs,
    stop: async () => {
      ending.abort();
      await running;
    },
  };
}

describe.skipIf(!available)("the API server's contract", () => {
  let client: KubernetesClient;
  let statuses: StatusWriter;

  beforeAll(async () => {
    await createNamespace(NAMESPACE);
    client = KubernetesClient.load({ kubeconfig: cluster.kubeconfig });
    statuses = new StatusWriter(client);
  });

  afterAll(() => cleanUp());

  test("a reflector keeps up with what is made, changed and deleted", async () => {
    await cluster.apply(configMap("early"));
    const { reflector, seen, stop } = reflect(client);
    await reflector.whenSynced();
    expect(reflector.get(`${NAMESPACE}/early`)?.metadata).not.toHaveProperty("managedFields");
    await cluster.apply(configMap("late", { a: "1" }));
    await cluster.apply(configMap("late", { a: "2" }));
    await cluster.delete("ConfigMap", "late", NAMESPACE);
    await waitFor(
      "the events",
      () => seen.filter((text) => text.includes("late")),
      (events) => events.length === 3,
    );
    expect(seen.filter((text) => text.includes("late"))).toEqual(["new contract/late", "changed contract/late", "gone contract/late"]);
    await stop();
  });

  test("copies of several namespaces are one, and of no other; the cluster is not ready before it was seen", async () => {
    for (const name of ["contract-a", "contract-b", "contract-c"]) {
      await createNamespace(name);
      await cluster.apply({ ...configMap("copied"), metadata: { name: "copied", namespace: name } });
    }
    const watched = new Cluster({
      client,
      namespace: NAMESPACE,
      watchNamespaces: ["contract-a", "contract-b"],
      metrics: new Metrics("0", "lease"),
      log: createLog("error", "json", () => undefined),
    });
    const copies = watched.watch(CONFIG_MAPS, "Watched");
    const ending = new AbortController();
    const running = watched.run(ending.signal);
    expect(watched.unreadyReasons()[0]).toContain("starting");
    expect(await watched.see(ending.signal)).toBe((await getObject(client, NAMESPACES, { name: "kube-system" }))?.metadata.uid);
    expect(watched.unreadyReasons()).toEqual([]);
    expect(
      copies
        .list()
        .map(({ metadata }) => `${metadata.namespace}/${metadata.name}`)
        .filter((key) => key.endsWith("/copied")),
    ).toEqual(["contract-a/copied", "contract-b/copied"]);
    expect(["a", "b", "c"].map((name) => copies.get(`contract-${name}/copied`)?.metadata.namespace)).toEqual([
      "contract-a",
      "contract-b",
      undefined,
    ]);
    const gone: string[] = [];
    copies.subscribe((key, object) => gone.push(`${key} ${object ? "changed" : "gone"}`));
    for (const name of ["contract-a", "contract-b", "contract-c"]) await cluster.delete("ConfigMap", "copied", name);
    await waitFor("both deletions", () => gone.filter((text) => text.includes("copied")).length === 2);
    expect(gone.filter((text) => text.includes("copied")).toSorted()).toEqual(["contract-a/copied gone", "contract-b/copied gone"]);
    ending.abort();
    await running;
  });

  test("a mistake in what follows a copy is logged with the place where it was, and the copies go on", async () => {
    await cluster.apply(configMap("mistaken"));
    const lines: string[] = [];
    const log = createLog("error", "json", (line) => lines.push(line));
    const watched = new Cluster({ client, namespace: NAMESPACE, watchNamespaces: [NAMESPACE], metrics: new Metrics("0", "lease"), log });
    const copies = watched.watch(CONFIG_MAPS, "Watched");
    let isBroken = true;
    copies.subscribe(() => {
      if (isBroken) throw new TypeError("broken");
    });
    const ending = new AbortController();
    const running = watched.run(ending.signal);
    await waitFor("the log", () => lines.length > 0);
    isBroken = false;
    await watched.see(ending.signal);
    expect(copies.get(`${NAMESPACE}/mistaken`)).toBeDefined();
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({
      resource: "configmaps",
      error: "TypeError: broken",
      stack: expect.stringContaining("kubernetes.test.ts"),
    });
    ending.abort();
    await running;
  });

  test("a status is written once, only where it differs, and never over a newer object", async () => {
    await cluster.apply(farmOf(NAMESPACE, "status"));
    const key = { namespace: NAMESPACE, name: "status" };
    const before = await getObject(client, FARMS, key);
    if (!before) throw new Error("no farm");
    const status = {
      observedGeneration: 1,
      hosts: { desired: 1, granted: 0, summary: "0/1" },
      hostIssues: [{ computer: "A", reason: "HostNotFound", message: "m" }],
    };
    expect(await statuses.write(FARMS, before, status)).toBeDefined();
    await expect(statuses.write(FARMS, before, { observedGeneration: 2 })).rejects.toMatchObject({ kind: "Conflict" });
    const after = await getObject(client, FARMS, key);
    if (!after) throw new Error("no farm");
    expect(after.status).toEqual(status);
    expect(
      await statuses.write(FARMS, after, {
        hosts: { summary: "0/1", granted: 0, desired: 1 },
        hostIssues: status.hostIssues,
        observedGeneration: 1,
      }),
    ).toBeUndefined();
    expect(await statuses.write(FARMS, after, { observedGeneration: 1 })).toBeDefined();
    expect((await getObject(client, FARMS, key))?.status).toEqual({ observedGeneration: 1 });
  });

  test("a view on whose ground a status was written is never taken for what is there", async () => {
    await cluster.apply(farmOf(NAMESPACE, "outdated"));
    const key = { namespace: NAMESPACE, name: "outdated" };
    const before = await getObject(client, FARMS, key);
    if (!before) throw new Error("no farm");
    expect(await statuses.write(FARMS, before, { ...before.status, observedGeneration: 7 })).toBeDefined();
    // The old view shows this very status; the API server does not.
    await expect(statuses.write(FARMS, before, { ...before.status })).rejects.toMatchObject({ kind: "Conflict" });
    expect((await getObject(client, FARMS, key))?.status?.observedGeneration).toBe(7);
  });

  test("finalizers are added and removed beside those of others, and never by an old view", async () => {
    await cluster.apply({ ...domainOf({}), metadata: { name: "guarded", finalizers: ["example.com/theirs"] } });
    const read = async () => {
      const object = await getObject(client, DOMAINS, { name: "guarded" });
      if (!object) throw new Error("no domain");
      return object;
    };
    const first = await read();
    await addFinalizer(client, DOMAINS, first, "serverfarm.dev/in-use");
    await expect(addFinalizer(client, DOMAINS, first, "serverfarm.dev/in-use")).rejects.toMatchObject({ kind: "Conflict" });
    const second = await read();
    expect(second.metadata.finalizers).toEqual(["example.com/theirs", "serverfarm.dev/in-use"]);
    await cluster.patch("ActiveDirectoryDomain", "guarded", undefined, [{ op: "remove", path: "/metadata/finalizers/0" }]);
    await expect(removeFinalizer(client, DOMAINS, second, "serverfarm.dev/in-use")).rejects.toMatchObject({ kind: "Conflict" });
    await removeFinalizer(client, DOMAINS, await read(), "serverfarm.dev/in-use");
    const last = await read();
    expect(last.metadata.finalizers).toBeUndefined();
    await addFinalizer(client, DOMAINS, last, "serverfarm.dev/in-use");
    const other = {
      ...last,
      metadata: { ...last.metadata, uid: "00000000-0000-0000-0000-000000000000", finalizers: ["serverfarm.dev/in-use"] },
    };
    await expect(removeFinalizer(client, DOMAINS, other, "serverfarm.dev/in-use")).rejects.toMatchObject({ kind: "Conflict" });
    await removeFinalizer(client, DOMAINS, await read(), "serverfarm.dev/in-use");
    await cluster.delete("ActiveDirectoryDomain", "guarded");
    await removeFinalizer(
      client,
      DOMAINS,
      { ...last, metadata: { ...last.metadata, finalizers: ["serverfarm.dev/in-use"] } },
      "serverfarm.dev/in-use",
    );
  });

  test("a repeated Event is one with a count, a flood is cut, and one of a cluster-scoped object is accepted", async () => {
    await cluster.apply(configMap("noisy"), { ...domainOf({}), metadata: { name: "loud" } });
    const errors: string[] = [];
    let now = 0;
    let wall = Date.now();
    const recorder = new EventRecorder({
      client,
      component: "test",
      instance: "test-1",
      onError: (error) => errors.push(error.message),
      clocks: { wall: () => wall, monotonic: () => now },
    });
    const noisy = await getObject(client, CONFIG_MAPS, { namespace: NAMESPACE, name: "noisy" });
    const loud = await getObject(client, DOMAINS, { name: "loud" });
    if (!noisy || !loud) throw new Error("no objects");
    for (let index = 0; index < 3; index++) recorder.record(CONFIG_MAPS, noisy, { type: "Normal", reason: "Same", message: "again" });
    for (let index = 0; index < 40; index++)
      recorder.record(CONFIG_MAPS, noisy, { type: "Normal", reason: "Flood", message: String(index) });
    recorder.record(CONFIG_MAPS, noisy, { type: "Normal", reason: "Other", message: "of another share" }, "web");
    recorder.record(DOMAINS, loud, { type: "Warning", reason: "Loud", message: "x".repeat(5000) });
    expect(await recorder.flush(30_000)).toBe(0);
    expect(errors).toEqual([]);
    const of = async (name: string): Promise<string> => {
      const all = (await cluster.list("Event")).filter(({ involvedObject }) => textOf(involvedObject, "name") === name);
      return all.map((event) => `${textOf(event, "reason") ?? ""}=${String(event["count"])}`).join("\n");
    };
    const lines = (await of("noisy")).trim().split("\n");
    expect(lines.filter((line) => line.startsWith("Same"))).toEqual(["Same=3"]);
    expect(lines.filter((line) => line.startsWith("Flood"))).toHaveLength(22);
    expect(lines.filter((line) => line.startsWith("Other"))).toEqual(["Other=1"]);
    expect((await of("loud")).trim()).toBe("Loud=1");
    now += 300_000;
    // The time of day goes back by a day meanwhile: nothing is counted by it.
    wall -= 86_400_000;
    recorder.record(CONFIG_MAPS, noisy, { type: "Normal", reason: "Later", message: "one more" });
    recorder.record(CONFIG_MAPS, noisy, { type: "Normal", reason: "Later", message: "one too many" });
    expect(await recorder.flush(30_000)).toBe(0);
    expect((await of("noisy")).match(/Later/g)).toHaveLength(1);
    await cluster.delete("ActiveDirectoryDomain", "loud");
  });

  test("one of two leads; the other follows when the first gives up, or is silent for the length of the Lease", async () => {
    const log = createLog("error", "text", () => undefined);
    const contender = (identity: string) =>
      new Leadership({
        lease: new Lease({ client, namespace: NAMESPACE, name: "contest", identity, durationSeconds: 2 }),
        renewDeadline: 1500,
        retryPeriod: 100,
        log,
      });
    const [first, second, third] = [contender("first"), contender("second"), contender("third")];
    await first.acquire(AbortSignal.timeout(5000));
    expect(() => assertLeading(first.fence)).not.toThrow();
    expect(() => assertLeading(second.fence)).toThrow("the Lease is lost");
    // Holding renews: it still leads long after the first deadline.
    expect(await first.hold(AbortSignal.timeout(2500))).toBe(true);
    expect(first.leads).toBe(true);
    await expect(second.acquire(AbortSignal.timeout(1000))).rejects.toThrow(/abort/i);
    await first.release();
    expect(() => assertLeading(first.fence)).toThrow("the Lease is lost");
    const started = performance.now();
    await second.acquire(AbortSignal.timeout(5000));
    expect(performance.now() - started).toBeLessThan(1000);
    // It falls silent: it may write for 1.5 s more, and nobody else leads before 2 s.
    const silent = performance.now();
    await third.acquire(AbortSignal.timeout(10_000));
    expect(performance.now() - silent).toBeGreaterThan(1900);
    expect(second.leads).toBe(false);
    expect(await second.hold(new AbortController().signal)).toBe(false);
  });
});

/** An API server that misbehaves as it is told: one answer for each list, one for each watch, the last for ever. */
describe.skipIf(!available)("a reflector survives", () => {
  let dir: string;
  const lists: ((response: ServerResponse) => void)[] = [];
  const watches: ((response: ServerResponse) => void)[] = [];
  /** Lists of one, for their version alone. */
  const checks: ((response: ServerResponse) => void)[] = [];
  let asked: string[] = [];
  /** In the path of what a test asks: the last request of the one before may still be on its way. */
  let turn = 0;
  const start = (times = TIMES, client = KubernetesClient.load({ kubeconfig: `${dir}/kubeconfig` })) =>
    reflect(client, times, `turn-${turn}`);

  const object = (name: string, resourceVersion: string) => ({
    metadata: { name, namespace: NAMESPACE, uid: `uid-${name}`, resourceVersion },
  });
  const json = (status: number, body: unknown) => (response: ServerResponse) => {
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  };
  const list = (version: string, ...items: readonly object[]) => json(200, { metadata: { resourceVersion: version }, items });
  const events =
    (...lines: readonly (object | string)[]) =>
    (response: ServerResponse) => {
      response.writeHead(200);
      response.flushHeaders();
      for (const line of lines) response.write(`${typeof line === "string" ? line : JSON.stringify(line)}\n`);
    };
  const ended =
    (...lines: readonly object[]) =>
    (response: ServerResponse) => {
      events(...lines)(response);
      response.end();
    };
  const reset = (response: ServerResponse): void => {
    response.socket?.destroy();
  };
  const added = (name: string, version: string) => ({ type: "ADDED", object: object(name, version) });

  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "", "https://x");
    if (!url.pathname.includes(`/turn-${turn}/`)) return;
    const watch = url.searchParams.has("watch");
    const check = url.searchParams.get("limit") === "1";
    asked.push(watch ? `watch ${url.searchParams.get("resourceVersion")}` : check ? "check" : "list");
    const script = watch ? watches : check ? checks : lists;
    (script.length > 1 ? script.shift() : script[0])?.(response);
  });

  beforeAll(async () => {
    dir = await mkdtemp(`${tmpdir()}/serverfarm-script-`);
    const authority = await Authority.create("ca");
    await writeFile(`${dir}/ca.pem`, authority.cert);
    server.setSecureContext({ ...(await authority.certify(["127.0.0.1"])) });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address: AddressInfo | string | null = server.address();
    if (typeof address !== "object" || address === null) throw new Error("no address");
    const cluster = { server: `https://127.0.0.1:${address.port}`, "certificate-authority": `${dir}/ca.pem` };
    const config = {
      clusters: [{ name: "a", cluster }],
      users: [{ name: "a", user: { token: "t" } }],
      contexts: [{ name: "a", context: { cluster: "a", user: "a" } }],
      "current-context": "a",
    };
    await writeFile(`${dir}/kubeconfig`, JSON.stringify(config));
  });

  afterAll(async () => {
    server.closeAllConnections();
    server.close();
    await rm(dir, { recursive: true });
  });

  beforeEach(() => {
    lists.length = 0;
    watches.length = 0;
    checks.length = 0;
    asked = [];
    turn++;
  });

  const quiet = events();

  test.each<[string, (response: ServerResponse) => void]>([
    ["500", json(500, { kind: "Status", message: "no" })],
    ["401", json(401, { kind: "Status", message: "no" })],
    ["403", json(403, { kind: "Status", message: "no" })],
    ["429", json(429, { kind: "Status", message: "slow down" })],
    ["a reset", reset],
    ["garbage", events("}{")],
    ["an answer that is no event", events("{}")],
    ["an error event", events({ type: "ERROR", object: { kind: "Status", code: 500, message: "etcd" } })],
    ["410 as an answer", json(410, { kind: "Status", message: "too old" })],
    ["410 as an event", events({ type: "ERROR", object: { kind: "Status", code: 410, message: "too old" } })],
    ["silence", events()],
  ])("a watch that is answered with %s: everything is listed again", async (_, answer) => {
    lists.push(list("5", object("a", "1")), list("7", object("a", "1"), object("b", "6")));
    watches.push(answer, quiet);
    const { reflector, seen, errors, stop } = start({ ...TIMES, silence: 1000 });
    await waitFor("b", () => reflector.get(`${NAMESPACE}/b`));
    expect(errors.length).toBe(1);
    expect(reflector.failing).toBeUndefined();
    expect(asked.slice(0, 3)).toEqual(["list", "watch 5", "list"]);
    expect(seen.slice(0, 1)).toEqual(["new contract/a"]);
    await stop();
  });

  test.each<[string, (response: ServerResponse) => void]>([
    ["500", json(500, { message: "no" })],
    ["403", json(403, { message: "no" })],
    ["a reset", reset],
    ["HTML", (response) => response.writeHead(200).end("<html>")],
    ["no list", json(200, {})],
  ])("a list that is answered with %s: it is not synced before a whole one", async (_, answer) => {
    lists.push(answer, list("5", object("a", "1")));
    watches.push(quiet);
    const { reflector, errors, stop } = start();
    await waitFor("an error", () => errors.length > 0);
    expect([reflector.synced, reflector.failing === undefined]).toEqual([false, false]);
    await reflector.whenSynced();
    expect(reflector.list()).toHaveLength(1);
    await stop();
  });

  test("what a list that is read again holds unchanged is not kept twice, and is no news", async () => {
    lists.push(list("5", object("a", "1"), object("b", "2")), list("9", object("a", "1"), object("b", "8")));
    watches.push(json(410, {}), quiet);
    const { reflector, seen, stop } = start();
    await reflector.whenSynced();
    const [a, b] = ["a", "b"].map((name) => reflector.get(`${NAMESPACE}/${name}`));
    await waitFor("the newer b", () => reflector.get(`${NAMESPACE}/b`) !== b);
    expect(reflector.get(`${NAMESPACE}/a`)).toBe(a);
    expect(seen).toEqual(["new contract/a", "new contract/b", "changed contract/b"]);
    await stop();
  });

  test("a watch that ends in good order goes on from its last bookmark, and what vanished between lists is gone", async () => {
    lists.push(list("5", object("a", "1"), object("b", "2")), list("9", object("b", "2")));
    checks.push(list("8"));
    watches.push(ended({ type: "BOOKMARK", object: { metadata: { resourceVersion: "7" } } }), json(410, {}), quiet);
    const { reflector, seen, stop } = start();
    await waitFor("a to go", () => reflector.synced && reflector.get(`${NAMESPACE}/a`) === undefined);
    expect(asked.slice(0, 5)).toEqual(["list", "watch 5", "check", "watch 7", "list"]);
    expect(seen).toEqual(["new contract/a", "new contract/b", "gone contract/a"]);
    await stop();
  });

  test("an older database behind watches that say nothing: it is found by the version of the collection, and listed", async () => {
    lists.push(list("50", object("a", "40"), object("b", "41")), list("30", object("a", "20")));
    checks.push(list("51"), list("30"), list("31"));
    watches.push(ended());
    const { reflector, errors, stop } = start();
    await waitFor("b to go", () => reflector.synced && reflector.get(`${NAMESPACE}/b`) === undefined);
    await waitFor("it to be watched", () => asked.length > 6);
    expect(asked.slice(0, 7)).toEqual(["list", "watch 50", "check", "watch 50", "check", "list", "watch 30"]);
    expect([errors, reflector.get(`${NAMESPACE}/a`)?.metadata.resourceVersion]).toEqual([[], "20"]);
    await stop();
  });

  test("a watch is doubted when another connection is lost, and goes on from where it was", async () => {
    lists.push(list("5", object("a", "1")));
    checks.push(list("6"));
    watches.push(quiet, events(added("b", "6")));
    const client = KubernetesClient.load({ kubeconfig: `${dir}/kubeconfig` });
    const { reflector, errors, stop } = start({ ...TIMES, young: 0 }, client);
    await waitFor("the watch", () => asked.length === 2);
    // As long as it is this young it may be the one that came after the loss.
    await sleep(50);
    await expect(client.request("GET", "/lost", { timeout: 1 })).rejects.toMatchObject({ kind: "Unavailable" });
    await waitFor("b", () => reflector.get(`${NAMESPACE}/b`));
    expect(asked.filter((what) => what !== "list")).toEqual(["watch 5", "check", "watch 5"]);
    expect(errors).toEqual([]);
    await stop();
  });

  test("a watch that is only opened is no sign of life", async () => {
    lists.push(list("5", object("a", "1")));
    watches.push(quiet);
    const { signs, stop } = start();
    await waitFor("the watch", () => asked.length === 2);
    await sleep(100);
    expect(signs).toEqual(["alive"]);
    await stop();
  });
});
